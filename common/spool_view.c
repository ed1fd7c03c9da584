/* spool_view.c: reads a file in pieces through one buffer; pages the disk cannot give come as
 * zeros. */
#include "common/spool_internal.h"

#include <stdlib.h>
#include <unistd.h>

#define PAGE 4096

void spool_view_init(struct spool_view *view, int fd, int64_t size, size_t chunk) {
    view->fd = fd;
    view->size = size;
    view->chunk = chunk;
    spool_view_forget(view);
}

void spool_view_fini(struct spool_view *view) {
    free(view->data);
    *view = (struct spool_view){.fd = -1};
}

void spool_view_forget(struct spool_view *view) {
    view->start = 0;
    view->length = 0;
}

/* Reads a bad stretch page by page, so that one bad sector costs its page and not the stretch. */
static size_t read_pages(const struct spool_view *view, int64_t offset, size_t length) {
    size_t done = 0;
    while (done < length) {
        int64_t at = offset + (int64_t)done;
        size_t piece = PAGE - (size_t)(at % PAGE);
        if (piece > length - done)
            piece = length - done;
        memset(view->data + done, 0, piece);
        if (pread(view->fd, view->data + done, piece, at) == 0)
            break;
        done += piece;
    }
    return done;
}

/* Fills the buffer from `offset`; what the file gives. */
static size_t fill(struct spool_view *view, int64_t offset, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(view->fd, view->data + done, length - done, offset + (int64_t)done);
        if (got < 0)
            return read_pages(view, offset, length);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return done;
}

const uint8_t *spool_view_at(struct spool_view *view, int64_t offset, size_t length) {
    if (offset < 0 || offset > view->size || (int64_t)length > view->size - offset)
        return NULL;
    if (offset >= view->start && offset + (int64_t)length <= view->start + (int64_t)view->length)
        return view->data + (offset - view->start);
    size_t wanted = length > view->chunk ? length : view->chunk;
    if ((int64_t)wanted > view->size - offset)
        wanted = (size_t)(view->size - offset);
    if (wanted > view->capacity) {
        free(view->data);
        view->data = malloc(wanted);
        if (view->data == NULL)
            abort();
        view->capacity = wanted;
    }
    view->start = offset;
    view->length = fill(view, offset, wanted);
    return view->length >= length ? view->data : NULL;
}
