/* spool.h: an append-only journal of records in a directory, durable when it is synced.
 *
 * Segments `%016x.spool` hold records one behind the other: magic u32, length u32, number u64,
 * checksum u64 (seeded XXH3 of the number, the length and the bytes), bytes, padding to 8; little
 * endian. The byte layout stands on top of spool.c. Numbers are the spool's own, gapless from 0
 * over all segments.
 * Owner: open/destroy. Threads: one. Units: bytes.
 * Errors: spool_sync's IO_ERROR is final: after a failed fsync the page cache says nothing about
 * the disk, so the caller must stop the process (so is spool_append's). DISK_FULL when appending
 * would leave less than the reserve free or exceed max_bytes; nothing was written then. A torn tail
 * is cut at open; a damaged record elsewhere is copied to `damaged-*.bin`, counted and skipped.
 * Limits: a record of 1 MiB; those of spool_internal.h.
 * Source: SQLite's WAL; fsync(2); "Can applications recover from fsync failures?" (Rebello et al.
 * 2020).
 */
#ifndef SIEM_COMMON_SPOOL_H
#define SIEM_COMMON_SPOOL_H

#include "common/bytes.h"
#include "common/clock.h"
#include "common/status.h"

struct spool;

struct spool_options {
    const char *directory; /* made when absent, mode 0700; locked: two processes never share it */
    int64_t segment_bytes; /* preallocated size of a segment */
    int64_t max_bytes;     /* all segments together */
    int64_t reserve_bytes; /* free space to leave on the disk */
    int64_t retain_ms;     /* keep segments below the floor this long ... */
    int64_t retain_bytes;  /* ... or until they hold this much */
};

/* Opens or makes a spool, cuts a torn tail, sets bad records aside. On failure logs the remedy
 * (another process, permissions, disk) and returns NULL. */
struct spool *spool_open(const struct spool_options *options);

/* Closes it; unsynced appends may be lost. */
void spool_destroy(struct spool **spool);

/* 64 random bits made once per directory, synced. */
uint64_t spool_producer(const struct spool *spool);

/* The number of this start (1 at the first), synced. */
uint32_t spool_epoch(const struct spool *spool);

/* Appends one record made of the parts (so a head and a body need no copy). Gives its number. */
MUST_CHECK enum status spool_append(struct spool *spool, const struct bytes *parts, size_t count,
                                    uint64_t *ret_number);

/* Makes everything appended durable (fdatasync of the segments written). */
MUST_CHECK enum status spool_sync(struct spool *spool);

/* Reads a record by its number; the bytes are borrowed until the next call. NOT_FOUND outside
 * first..next, CORRUPT when its checksum fails (counted and set aside). */
MUST_CHECK enum status spool_read(struct spool *spool, uint64_t number, struct bytes *ret_record);

/* The lowest number still stored. */
uint64_t spool_first(const struct spool *spool);

/* The number the next append gets. */
uint64_t spool_next(const struct spool *spool);

/* Tells that everything below `floor` is committed; deletes segments that are wholly below it and
 * past the retention; room that an append needs goes before the retention. The segment with the
 * last record always stays. */
void spool_release(struct spool *spool, uint64_t floor, struct wall_time now);

/* The floor last told to spool_release, also by earlier processes; a hint that may be old. */
uint64_t spool_floor(const struct spool *spool);

/* Bytes in segments. */
int64_t spool_bytes(const struct spool *spool);

#endif
