/* replay_source.h: a file or stream of NDJSON cut into bulks, for several threads.
 *
 * Owner: new/destroy; a bulk is the caller's, init/fini. Threads: any may take, under one lock; the
 * numbers are atomic. Errors: a line above REPLAY_LINE_MAX cannot be sent: it is counted and passed
 * over; a read error ends the source, without the line it cut, and is told. A stream that pauses
 * gives the lines it has so far. Limits: a bulk of REPLAY_BULK_BYTES and REPLAY_BULK_LINES; one
 * line and one piece are in memory.
 */
#ifndef SIEM_SIEMCTL_REPLAY_SOURCE_H
#define SIEM_SIEMCTL_REPLAY_SOURCE_H

#include "common/buffer.h"

#define REPLAY_BULK_LINES 2000
#define REPLAY_BULK_BYTES (768 * 1024)
#define REPLAY_LINE_MAX (128 * 1024)

struct replay_source;

struct replay_bulk {
    struct buffer body;
    int count;
    uint64_t lines[REPLAY_BULK_LINES]; /* where each came from */
};

/* Reads from `fd`, which stays the caller's. */
struct replay_source *replay_source_new(int fd);

/* Frees it; the descriptor stays open. */
void replay_source_destroy(struct replay_source **source);

/* Makes an empty bulk. */
void replay_bulk_init(struct replay_bulk *bulk);

/* Frees its body. */
void replay_bulk_fini(struct replay_bulk *bulk);

/* Fills the bulk with the next lines that are not blank, at most `lines`; false at the end. */
bool replay_source_take(struct replay_source *source, int lines, struct replay_bulk *bulk);

/* Ends it early: takers in wait come back. From any thread. */
void replay_source_stop(struct replay_source *source);

/* Bytes read so far. */
uint64_t replay_source_bytes(const struct replay_source *source);

/* The errno of the read that failed and ended the source; 0 when none did. After the end. */
int replay_source_error(const struct replay_source *source);

/* Lines passed over so far because they are too long. */
uint64_t replay_source_too_long(const struct replay_source *source);

#endif
