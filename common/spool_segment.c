/* spool_segment.c: one file of records: its making, its index, checking and finding records. */
#include "common/spool_internal.h"

#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SEGMENT_VERSION 1

uint64_t spool_checksum(struct spool *spool, uint64_t number, const struct bytes *parts,
                        size_t count) {
    uint8_t head[12];
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    spool_put(head, number, 8);
    spool_put(head + 8, length, 4);
    XXH3_64bits_reset_withSeed(spool->hash, spool->salt);
    XXH3_64bits_update(spool->hash, head, sizeof head);
    for (size_t i = 0; i < count; i++)
        XXH3_64bits_update(spool->hash, parts[i].data, parts[i].length);
    return XXH3_64bits_digest(spool->hash);
}

void spool_record_encode(uint8_t out[SPOOL_RECORD_HEAD], uint64_t number, uint32_t length,
                         uint64_t checksum) {
    spool_put(out, SPOOL_RECORD_MAGIC, 4);
    spool_put(out + 4, length, 4);
    spool_put(out + 8, number, 8);
    spool_put(out + 16, checksum, 8);
}

bool spool_record_decode(const uint8_t head[SPOOL_RECORD_HEAD], struct spool_record *ret_record) {
    struct spool_record record = {
        .number = spool_get(head + 8, 8),
        .length = (uint32_t)spool_get(head + 4, 4),
        .checksum = spool_get(head + 16, 8),
    };
    if (spool_get(head, 4) != SPOOL_RECORD_MAGIC || record.length == 0 ||
        record.length > SPOOL_RECORD_MAX)
        return false;
    *ret_record = record;
    return true;
}

bool spool_record_at(struct spool *spool, struct spool_view *view, int64_t offset,
                     struct spool_record *ret_record) {
    struct spool_record record;
    const uint8_t *head = spool_view_at(view, offset, SPOOL_RECORD_HEAD);
    if (head == NULL || !spool_record_decode(head, &record))
        return false;
    const uint8_t *whole = spool_view_at(view, offset, SPOOL_RECORD_HEAD + record.length);
    if (whole == NULL)
        return false;
    record.data = whole + SPOOL_RECORD_HEAD;
    const struct bytes body = {record.data, record.length};
    if (spool_checksum(spool, record.number, &body, 1) != record.checksum)
        return false;
    *ret_record = record;
    return true;
}

bool spool_record_find(struct spool *spool, struct spool_view *view, int64_t offset, uint64_t from,
                       uint64_t to, int64_t *ret_offset) {
    /* Bytes that only look like heads may cost this much checking, then the search gives up. */
    int64_t budget = 4 * view->size + INT64_C(16) * SPOOL_RECORD_MAX;
    for (int64_t at = (offset + 7) & ~(int64_t)7; budget > 0; at += 8) {
        const uint8_t *head = spool_view_at(view, at, SPOOL_RECORD_HEAD);
        if (head == NULL)
            return false;
        struct spool_record record;
        if (!spool_record_decode(head, &record) || record.number < from || record.number > to)
            continue;
        if (spool_record_at(spool, view, at, &record)) {
            *ret_offset = at;
            return true;
        }
        budget -= record.length;
    }
    return false;
}

/* Puts an index entry at its place; the entries before it that were never noted are damaged. */
static void index_put(struct spool_segment *segment, size_t entry, uint32_t value) {
    if (entry >= segment->index_capacity) {
        size_t capacity = segment->index_capacity == 0 ? 64 : segment->index_capacity * 2;
        while (capacity <= entry)
            capacity *= 2;
        segment->index = realloc(segment->index, capacity * sizeof *segment->index);
        if (segment->index == NULL)
            abort();
        segment->index_capacity = capacity;
    }
    while (segment->index_count <= entry)
        segment->index[segment->index_count++] = 0;
    segment->index[entry] = value;
}

void spool_segment_note(struct spool_segment *segment, int64_t offset, uint32_t length) {
    uint64_t place = segment->next - segment->first;
    if (place % SPOOL_INDEX_STRIDE == 0)
        index_put(segment, place / SPOOL_INDEX_STRIDE, (uint32_t)(offset / 8));
    segment->next++;
    segment->end = offset + spool_record_size(length);
}

/* Joins a gap to its neighbour, when there is no place for one more: what lies between is lost too.
 */
static void gap_join(struct spool_gap *neighbour, struct spool_gap gap) {
    if (gap.from < neighbour->from)
        neighbour->from = gap.from;
    if (gap.to > neighbour->to) {
        neighbour->to = gap.to;
        neighbour->resume = gap.resume;
    }
}

void spool_segment_note_gap(struct spool_segment *segment, struct spool_gap gap) {
    if (segment->gaps == NULL)
        segment->gaps = calloc(SPOOL_GAPS_MAX, sizeof *segment->gaps);
    if (segment->gaps == NULL)
        abort();
    size_t place = 0;
    while (place < segment->gap_count && segment->gaps[place].from < gap.from)
        place++;
    if (segment->gap_count == SPOOL_GAPS_MAX) {
        gap_join(&segment->gaps[place > 0 ? place - 1 : 0], gap);
        return;
    }
    memmove(segment->gaps + place + 1, segment->gaps + place,
            (segment->gap_count - place) * sizeof gap);
    segment->gaps[place] = gap;
    segment->gap_count++;
}

const struct spool_gap *spool_segment_gap(const struct spool_segment *segment, uint64_t number) {
    const struct spool_gap *found = NULL;
    for (size_t i = 0; i < segment->gap_count && segment->gaps[i].from <= number; i++)
        found = &segment->gaps[i];
    return found;
}

void spool_segment_fini(struct spool_segment *segment) {
    free(segment->index);
    free(segment->gaps);
    *segment = (struct spool_segment){0};
}

struct spool_segment *spool_segment_add(struct spool *spool, uint64_t first) {
    if (spool->segment_count == spool->segment_capacity) {
        size_t capacity = spool->segment_capacity == 0 ? 16 : spool->segment_capacity * 2;
        spool->segments = realloc(spool->segments, capacity * sizeof *spool->segments);
        if (spool->segments == NULL)
            abort();
        spool->segment_capacity = capacity;
    }
    struct spool_segment *segment = &spool->segments[spool->segment_count++];
    *segment = (struct spool_segment){
        .first = first, .next = first, .end = SPOOL_SEGMENT_HEAD, .touched = clock_wall()};
    return segment;
}

static const char *segment_name(uint64_t first, char out[SPOOL_NAME_SIZE]) {
    snprintf(out, SPOOL_NAME_SIZE, "%016" PRIx64 ".spool", first);
    return out;
}

int spool_segment_open(const struct spool *spool, uint64_t first, int flags) {
    char name[SPOOL_NAME_SIZE];
    return openat(spool->directory_fd, segment_name(first, name), flags | O_CLOEXEC, 0600);
}

void spool_segment_head_encode(const struct spool *spool, uint64_t first,
                               uint8_t out[SPOOL_SEGMENT_HEAD]) {
    spool_put(out, SPOOL_SEGMENT_MAGIC, 4);
    spool_put(out + 4, SEGMENT_VERSION, 4);
    spool_put(out + 8, spool->salt, 8);
    spool_put(out + 16, first, 8);
    spool_put(out + 24, XXH3_64bits(out, 24), 8);
}

bool spool_segment_head_decode(const uint8_t head[SPOOL_SEGMENT_HEAD], uint64_t *ret_salt,
                               uint32_t *ret_version) {
    if (spool_get(head, 4) != SPOOL_SEGMENT_MAGIC ||
        spool_get(head + 24, 8) != XXH3_64bits(head, 24))
        return false;
    *ret_version = (uint32_t)spool_get(head + 4, 4);
    *ret_salt = spool_get(head + 8, 8);
    return true;
}

bool spool_segment_allocate(int fd, int64_t bytes) {
    if (fallocate(fd, 0, 0, bytes) == 0)
        return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return false;
    return ftruncate(fd, bytes) == 0; /* the file system cannot promise the room; writes may fail */
}

/* True when the disk would keep its reserve after another segment. */
static bool disk_has_room(const struct spool *spool, int64_t bytes) {
    struct statvfs disk;
    if (fstatvfs(spool->directory_fd, &disk) != 0)
        return false;
    double available = (double)disk.f_bavail * (double)disk.f_frsize;
    return available >= (double)bytes + (double)spool->options.reserve_bytes;
}

/* Makes room by deleting what is committed and only kept for healing; false when there is no more.
 */
static bool make_room(struct spool *spool) {
    int64_t bytes = spool->options.segment_bytes;
    while (spool_bytes(spool) + bytes > spool->options.max_bytes || !disk_has_room(spool, bytes)) {
        if (spool->segment_count < 2 || spool->segments[1].first > spool->floor)
            return false;
        spool_segment_delete_oldest(spool);
    }
    return true;
}

/* Writes and syncs an empty segment's file; false with errno. */
static bool write_empty(struct spool *spool, int fd, uint64_t first) {
    uint8_t head[SPOOL_SEGMENT_HEAD];
    spool_segment_head_encode(spool, first, head);
    return spool_segment_allocate(fd, spool->options.segment_bytes) &&
           pwrite(fd, head, sizeof head, 0) == (ssize_t)sizeof head && fsync(fd) == 0 &&
           fsync(spool->directory_fd) == 0;
}

enum status spool_segment_create(struct spool *spool, uint64_t first) {
    if (!make_room(spool))
        return STATUS_DISK_FULL;
    int fd = spool_segment_open(spool, first, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0 || !write_empty(spool, fd, first)) {
        int error = errno;
        char name[SPOOL_NAME_SIZE];
        if (fd >= 0) {
            close(fd);
            unlinkat(spool->directory_fd, segment_name(first, name), 0);
        }
        bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
        log_error("no new spool segment", LOG_STRING("error", strerror(error)));
        spool->failed = spool->failed || !full;
        return full ? STATUS_DISK_FULL : STATUS_IO_ERROR;
    }
    if (spool->write_fd >= 0)
        close(spool->write_fd);
    spool->write_fd = fd;
    struct spool_segment *segment = spool_segment_add(spool, first);
    segment->bytes = spool->options.segment_bytes;
    return STATUS_OK;
}

void spool_segment_delete_oldest(struct spool *spool) {
    assert(spool->segment_count > 1);
    if (spool->view.fd >= 0 && spool->view_first == spool->segments[0].first) {
        close(spool->view.fd); /* an open file would keep its blocks */
        spool->view.fd = -1;
    }
    char name[SPOOL_NAME_SIZE];
    if (unlinkat(spool->directory_fd, segment_name(spool->segments[0].first, name), 0) != 0)
        log_warning("a spool segment cannot be deleted", LOG_STRING("error", strerror(errno)));
    spool_segment_fini(&spool->segments[0]);
    spool->segment_count--;
    memmove(spool->segments, spool->segments + 1, spool->segment_count * sizeof *spool->segments);
}
