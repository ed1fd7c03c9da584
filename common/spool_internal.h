/* spool_internal.h: what the spool's own files share: the layout's constants, a segment, the
 * reader.
 *
 * Owner: struct spool owns everything here. Threads: one. Units: bytes; offsets count from the
 * start of a segment's file. The byte layout stands on top of spool.c. Limits: SPOOL_RECORD_MAX a
 * record; an index entry (4 bytes) every SPOOL_INDEX_STRIDE records, so 64 MiB of records of 100
 * bytes cost 42 KiB of memory; SPOOL_GAPS_MAX damages a segment (after more, its rest is one
 * damage); SPOOL_DAMAGED_FILES_MAX and SPOOL_DAMAGED_BYTES_MAX set aside (the rest is counted
 * only).
 */
#ifndef SIEM_COMMON_SPOOL_INTERNAL_H
#define SIEM_COMMON_SPOOL_INTERNAL_H

#include "common/counters.h"
#include "common/spool.h"

#include <xxhash.h>

#define SPOOL_RECORD_MAX 1048576
#define SPOOL_RECORD_MAGIC 0x7c6f7073u  /* "spo|" */
#define SPOOL_SEGMENT_MAGIC 0x316f7073u /* "spo1" */
#define SPOOL_SEGMENT_HEAD 32
#define SPOOL_RECORD_HEAD 24
#define SPOOL_INDEX_STRIDE 64
#define SPOOL_GAPS_MAX 64
#define SPOOL_DAMAGED_FILES_MAX 64
#define SPOOL_DAMAGED_BYTES_MAX 1048576
#define SPOOL_PARTS_MAX 512
#define SPOOL_NAME_SIZE 40

/* Numbers that cannot be read: from..to, `to` not included; `resume` is where record `to` stands,
 * or the segment's end when nothing follows. */
struct spool_gap {
    uint64_t from;
    uint64_t to;
    int64_t resume;
};

/* One file of records. */
struct spool_segment {
    uint64_t first;           /* number of its first record, and its name */
    uint64_t next;            /* number behind its last record */
    int64_t end;              /* offset behind its last record */
    int64_t bytes;            /* what the file takes on the disk */
    int64_t zeroed;           /* everything from `end` to here is known to be written and zero */
    struct wall_time touched; /* last append, for the retention */
    uint32_t *index; /* offset / 8 of every SPOOL_INDEX_STRIDE-th record, 0 when it is damaged */
    size_t index_count, index_capacity;
    struct spool_gap *gaps; /* ascending */
    size_t gap_count;
};

/* A piece of a file in memory. */
struct spool_view {
    int fd;
    int64_t size;  /* nothing is read from here on */
    int64_t start; /* offset of data[0] */
    size_t length;
    size_t chunk; /* bytes read at a time, when that is more than asked for */
    uint8_t *data;
    size_t capacity;
};

/* A record's head, and the bytes behind it when they were checked. */
struct spool_record {
    uint64_t number;
    uint32_t length;
    uint64_t checksum;
    const uint8_t *data;
};

struct spool {
    struct spool_options options; /* `directory` is our copy */
    char *directory;
    int directory_fd;
    int lock_fd;
    uint64_t producer;
    uint64_t salt; /* seed of the checksums, so that nobody can write a record into an event */
    uint32_t epoch;
    struct spool_segment *segments; /* ascending; the last one is written to */
    size_t segment_count, segment_capacity;
    int write_fd;   /* of the last segment */
    bool dirty;     /* appended and not synced */
    bool failed;    /* an fsync or a write failed: nothing is promised any more */
    uint64_t floor; /* the highest number told to spool_release */
    uint64_t floor_saved;
    struct spool_view view; /* of the segment last read */
    uint64_t view_first;    /* that segment's first */
    uint64_t cursor_number; /* a record whose place is known, in that segment */
    int64_t cursor_offset;
    XXH3_state_t *hash;
    size_t damaged_files;
    struct counter *damaged_records;
    struct counter *damaged_bytes;
};

/* Bytes a record of that length takes. */
static inline int64_t spool_record_size(uint32_t length) {
    return SPOOL_RECORD_HEAD + (((int64_t)length + 7) & ~(int64_t)7);
}

/* ---- spool_view.c: reading a file in pieces; unreadable pages come as zeros. ---- */

/* Starts a view of a file; `fd` stays the caller's. */
void spool_view_init(struct spool_view *view, int fd, int64_t size, size_t chunk);

/* Frees what was read; the file stays open. */
void spool_view_fini(struct spool_view *view);

/* Forgets what was read, since the file has changed. */
void spool_view_forget(struct spool_view *view);

/* The bytes at `offset`, or NULL when the file ends before; borrowed until the next call. */
const uint8_t *spool_view_at(struct spool_view *view, int64_t offset, size_t length);

/* ---- spool_segment.c: one file of records. ---- */

/* Checksum of a record's number, length and parts. */
uint64_t spool_checksum(struct spool *spool, uint64_t number, const struct bytes *parts,
                        size_t count);

/* Writes a record's head. */
void spool_record_encode(uint8_t out[SPOOL_RECORD_HEAD], uint64_t number, uint32_t length,
                         uint64_t checksum);

/* Reads a head; false when it cannot be one. Says nothing about the bytes behind it. */
bool spool_record_decode(const uint8_t head[SPOOL_RECORD_HEAD], struct spool_record *ret_record);

/* Reads the record at `offset` with its bytes and checks it; false when there is none. */
bool spool_record_at(struct spool *spool, struct spool_view *view, int64_t offset,
                     struct spool_record *ret_record);

/* Looks from `offset` on for the next whole record with a number in from..to (both included); true
 * and its offset when there is one before the view's end. */
bool spool_record_find(struct spool *spool, struct spool_view *view, int64_t offset, uint64_t from,
                       uint64_t to, int64_t *ret_offset);

/* Notes where the segment's next record stands; its number is segment->next, which moves up. */
void spool_segment_note(struct spool_segment *segment, int64_t offset, uint32_t length);

/* Notes that numbers from..to-1 are lost and record `to` stands at `resume`. */
void spool_segment_note_gap(struct spool_segment *segment, struct spool_gap gap);

/* The last gap that starts at or below `number`, or NULL. */
const struct spool_gap *spool_segment_gap(const struct spool_segment *segment, uint64_t number);

/* Frees a segment's memory. */
void spool_segment_fini(struct spool_segment *segment);

/* Adds a place for a segment at the end of the list. */
struct spool_segment *spool_segment_add(struct spool *spool, uint64_t first);

/* Makes a new segment's file, preallocated, its head and name on disk, and makes it the last one.
 * DISK_FULL leaves everything as it was. */
MUST_CHECK enum status spool_segment_create(struct spool *spool, uint64_t first);

/* Opens a segment's file; -1 when that fails. */
int spool_segment_open(const struct spool *spool, uint64_t first, int flags);

/* The head of a segment's file. */
void spool_segment_head_encode(const struct spool *spool, uint64_t first,
                               uint8_t out[SPOOL_SEGMENT_HEAD]);

/* Gives the disk's blocks to the file's whole length; false when there is no room. */
bool spool_segment_allocate(int fd, int64_t bytes);

/* Deletes the oldest segment's file and forgets it. */
void spool_segment_delete_oldest(struct spool *spool);

/* ---- spool_recover.c: finding out at open what is there. ---- */

/* Lists, scans and repairs all segments; makes the first one when there is none. */
MUST_CHECK enum status spool_recover(struct spool *spool);

/* Reads a segment's salt from its head; false when the head is not whole. */
bool spool_segment_head_decode(const uint8_t head[SPOOL_SEGMENT_HEAD], uint64_t *ret_salt,
                               uint32_t *ret_version);

/* Finds the salt in any segment, for a directory that lost its meta file. */
bool spool_recover_salt(struct spool *spool, uint64_t *ret_salt);

/* Copies from..to of a segment's file to damaged-*.bin, and counts. */
void spool_set_aside(struct spool *spool, struct spool_view *view, uint64_t first, int64_t from,
                     int64_t to);

/* ---- spool_meta.c: the directory, its lock, who we are. ---- */

/* Makes and locks the directory. */
MUST_CHECK enum status spool_meta_lock(struct spool *spool);

/* Reads producer, salt and epoch, moves the epoch up and syncs it. */
MUST_CHECK enum status spool_meta_start(struct spool *spool);

/* Writes a small file of the directory so that it is old or new after any crash. */
MUST_CHECK enum status spool_meta_replace(struct spool *spool, const char *name,
                                          struct bytes content, bool sync);

/* Reads a small file of the directory; its length, or -1. */
int64_t spool_meta_read(const struct spool *spool, const char *name, uint8_t *out, size_t size);

/* Saves the floor as a hint for the next start (not synced: it only spares re-sends). */
void spool_meta_save_floor(struct spool *spool);

/* Little endian. */
static inline void spool_put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}
static inline uint64_t spool_get(const uint8_t *in, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | in[i];
    return value;
}

#endif
