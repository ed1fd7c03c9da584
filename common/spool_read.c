/* spool_read.c: reading a record by its number: from the sparse index over a few heads to its
 * place. */
#include "common/spool_internal.h"

#include "common/log.h"

#include <fcntl.h>
#include <unistd.h>

/* The segment a stored number is in. */
static struct spool_segment *segment_of(struct spool *spool, uint64_t number) {
    size_t low = 0;
    size_t high = spool->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (spool->segments[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    return &spool->segments[low];
}

/* Points the view at a segment. */
static enum status view_segment(struct spool *spool, const struct spool_segment *segment) {
    if (spool->view.fd < 0 || spool->view_first != segment->first) {
        int fd = spool_segment_open(spool, segment->first, O_RDONLY);
        if (fd < 0)
            return STATUS_IO_ERROR;
        if (spool->view.fd >= 0)
            close(spool->view.fd);
        spool_view_init(&spool->view, fd, segment->end, spool->view.chunk);
        spool->view_first = segment->first;
        spool->cursor_number = segment->first;
        spool->cursor_offset = SPOOL_SEGMENT_HEAD;
    }
    spool->view.size = segment->end;
    return STATUS_OK;
}

/* The nearest known place at or below `number`, into the cursor. False: the number is damaged. */
static bool start_near(struct spool *spool, const struct spool_segment *segment, uint64_t number) {
    if (spool->cursor_number > number) {
        spool->cursor_number = segment->first;
        spool->cursor_offset = SPOOL_SEGMENT_HEAD;
    }
    size_t entry = (number - segment->first) / SPOOL_INDEX_STRIDE;
    uint64_t indexed = segment->first + entry * SPOOL_INDEX_STRIDE;
    if (entry < segment->index_count && segment->index[entry] != 0 &&
        indexed > spool->cursor_number) {
        spool->cursor_number = indexed;
        spool->cursor_offset = (int64_t)segment->index[entry] * 8;
    }
    const struct spool_gap *gap = spool_segment_gap(segment, number);
    if (gap != NULL && number < gap->to)
        return false;
    if (gap != NULL && gap->to > spool->cursor_number) {
        spool->cursor_number = gap->to;
        spool->cursor_offset = gap->resume;
    }
    return true;
}

/* Sets aside what stands where the cursor's record should be, up to the next whole record. */
static void note_damage(struct spool *spool, struct spool_segment *segment) {
    struct spool_gap gap = {spool->cursor_number, segment->next, segment->end};
    int64_t resume;
    if (spool_record_find(spool, &spool->view, spool->cursor_offset + 8, gap.from + 1,
                          segment->next - 1, &resume)) {
        gap.resume = resume;
        gap.to = spool_get(spool_view_at(&spool->view, resume, SPOOL_RECORD_HEAD) + 8, 8);
    }
    log_error("damaged spool records are set aside", LOG_INT("from", gap.from),
              LOG_INT("to", gap.to - 1));
    counter_add(spool->damaged_records, gap.to - gap.from);
    spool_set_aside(spool, &spool->view, segment->first, spool->cursor_offset, gap.resume);
    spool_segment_note_gap(segment, gap);
}

/* Moves the cursor over one record's head. False: no record's head stands there. */
static bool step(struct spool *spool) {
    struct spool_record record;
    const uint8_t *head = spool_view_at(&spool->view, spool->cursor_offset, SPOOL_RECORD_HEAD);
    if (head == NULL || !spool_record_decode(head, &record) ||
        record.number != spool->cursor_number)
        return false;
    spool->cursor_number++;
    spool->cursor_offset += spool_record_size(record.length);
    return true;
}

enum status spool_read(struct spool *spool, uint64_t number, struct bytes *ret_record) {
    if (number < spool_first(spool) || number >= spool_next(spool))
        return STATUS_NOT_FOUND;
    struct spool_segment *segment = segment_of(spool, number);
    enum status status = view_segment(spool, segment);
    if (status != STATUS_OK)
        return status;
    while (start_near(spool, segment, number)) {
        if (spool->cursor_number < number) {
            if (!step(spool))
                note_damage(spool, segment);
            continue;
        }
        struct spool_record record;
        if (spool_record_at(spool, &spool->view, spool->cursor_offset, &record) &&
            record.number == number) {
            *ret_record = (struct bytes){record.data, record.length};
            return STATUS_OK;
        }
        note_damage(spool, segment);
    }
    return STATUS_CORRUPT;
}
