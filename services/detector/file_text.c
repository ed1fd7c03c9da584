/* file_text.c: a whole file into a buffer. */
#include "services/detector/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_SIZE 65536u

/* Reads up to the end, or to the buffer's bound; false on an error. */
static bool read_all(int descriptor, struct buffer *out) {
    for (;;) {
        size_t left = out->limit - out->length;
        size_t room = left < READ_SIZE ? left : READ_SIZE;
        ssize_t got = room == 0 ? 0 : read(descriptor, buffer_reserve(out, room), room);
        if (got < 0 && errno != EINTR)
            return false;
        if (got == 0)
            return true;
        out->length += got > 0 ? (size_t)got : 0;
    }
}

enum status file_text_read(const char *path, struct buffer *out) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return STATUS_IO_ERROR;
    bool is_read = read_all(descriptor, out);
    int error = errno;
    close(descriptor);
    errno = error;
    if (!is_read)
        return STATUS_IO_ERROR;
    return out->length == out->limit ? STATUS_TOO_LARGE : STATUS_OK;
}
