/* spool.c: the journal's opening and releasing; spool_append.c writes, spool_read.c reads.
 *
 * Byte layout, little endian:
 *
 *   DIRECTORY/
 *     lock                     flock'ed while a process has the spool open
 *     meta                     magic "spm1" u32, epoch u32, producer u64, salt u64, checksum u64
 *     floor                    number u64, checksum u64: a hint, not synced
 *     0000000000000000.spool   segments, named by the number of their first record (hexadecimal)
 *     damaged-NAME-OFFSET.bin  bytes that were no record when they should have been
 *
 *   segment   magic "spo1" u32, version u32 (1), salt u64, first number u64, XXH3 of these 24 bytes
 * u64, records, zeros up to the preallocated size record    magic "spo|" u32, length u32, number
 * u64, checksum u64, bytes, zeros up to a multiple of 8
 *
 *   The checksum is XXH3-64, seeded with the salt, of number u64, length u32 and the bytes. The
 * salt is random and never leaves the directory: after a damage the next record is looked for at
 * every multiple of 8, and nobody can put bytes into an event that would pass for a record there.
 */
#include "common/spool_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_CHUNK 8192

/* Segments must hold the largest record; two of them must fit. */
static void check_options(struct spool *spool) {
    const int64_t least = SPOOL_SEGMENT_HEAD + SPOOL_RECORD_HEAD + SPOOL_RECORD_MAX;
    assert(spool->options.segment_bytes <= INT64_C(1) << 34); /* an index entry has 32 bits */
    if (spool->options.segment_bytes < least)
        spool->options.segment_bytes = least;
    spool->options.segment_bytes = (spool->options.segment_bytes + 4095) & ~INT64_C(4095);
}

static struct spool *spool_new(const struct spool_options *options) {
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL || (spool->directory = strdup(options->directory)) == NULL)
        abort();
    spool->options = *options;
    spool->options.directory = spool->directory;
    spool->directory_fd = spool->lock_fd = spool->write_fd = -1;
    spool_view_init(&spool->view, -1, 0, READ_CHUNK);
    spool->hash = XXH3_createState();
    if (spool->hash == NULL)
        abort();
    spool->damaged_records =
        counter_new("siem_spool_damaged_records_total", NULL,
                    "Spool records that failed their checksum and were set aside");
    spool->damaged_bytes =
        counter_new("siem_spool_damaged_bytes_total", NULL, "Spool bytes set aside as damaged");
    check_options(spool);
    return spool;
}

struct spool *spool_open(const struct spool_options *options) {
    struct spool *spool = spool_new(options);
    if (spool_meta_lock(spool) != STATUS_OK || spool_meta_start(spool) != STATUS_OK ||
        spool_recover(spool) != STATUS_OK)
        spool_destroy(&spool);
    return spool;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void spool_destroy(struct spool **spool) {
    struct spool *self = *spool;
    if (self == NULL)
        return;
    if (self->segment_count > 0)
        spool_meta_save_floor(self);
    for (size_t i = 0; i < self->segment_count; i++)
        spool_segment_fini(&self->segments[i]);
    free(self->segments);
    close_fd(&self->view.fd);
    spool_view_fini(&self->view);
    close_fd(&self->write_fd);
    close_fd(&self->lock_fd);
    close_fd(&self->directory_fd);
    XXH3_freeState(self->hash);
    free(self->directory);
    free(self);
    *spool = NULL;
}

uint64_t spool_producer(const struct spool *spool) {
    return spool->producer;
}

uint32_t spool_epoch(const struct spool *spool) {
    return spool->epoch;
}

uint64_t spool_first(const struct spool *spool) {
    return spool->segments[0].first;
}

uint64_t spool_next(const struct spool *spool) {
    return spool->segments[spool->segment_count - 1].next;
}

uint64_t spool_floor(const struct spool *spool) {
    return spool->floor;
}

int64_t spool_bytes(const struct spool *spool) {
    int64_t bytes = 0;
    for (size_t i = 0; i < spool->segment_count; i++)
        bytes += spool->segments[i].bytes;
    return bytes;
}

/* True when the oldest segment's (committed) records have been kept long enough, or cost too much.
 */
static bool is_oldest_expired(const struct spool *spool, int64_t committed_bytes,
                              struct wall_time now) {
    return now.ms - spool->segments[0].touched.ms >= spool->options.retain_ms ||
           committed_bytes > spool->options.retain_bytes;
}

void spool_release(struct spool *spool, uint64_t floor, struct wall_time now) {
    spool->floor = floor;
    int64_t committed_bytes = 0;
    for (size_t i = 0; i + 1 < spool->segment_count && spool->segments[i + 1].first <= floor; i++)
        committed_bytes += spool->segments[i].bytes;
    /* The segment with the last record stays, even when an empty one follows. */
    while (spool->segment_count > 1 && spool->segments[1].first <= floor &&
           spool->segments[1].first < spool_next(spool) &&
           is_oldest_expired(spool, committed_bytes, now)) {
        committed_bytes -= spool->segments[0].bytes;
        spool_segment_delete_oldest(spool);
    }
    spool_meta_save_floor(spool);
}
