/* stream_reader.h: a stream in Redis, read on from the last position.
 *
 * Owner: new/destroy. Threads: one at a time. Errors: those of redis_client.h; the position then
 * stays behind the last entry that was given. Limits: a page of entries is in memory at a time.
 */
#ifndef SIEM_SIEMCTL_STREAM_READER_H
#define SIEM_SIEMCTL_STREAM_READER_H

#include "common/redis_client.h"
#include "proto/keys.h"

#define STREAM_READER_EVERYTHING (-1)

struct stream_reader;

/* Called for each entry, in the stream's order; what it is given is borrowed during the call. */
typedef void stream_reader_on_entry(void *context, int64_t added_ms,
                                    const struct redis_reply *fields);

/* Begins at the entries of `since_ms` ago, by Redis' clock (ours if it does not answer), or at the
 * oldest: STREAM_READER_EVERYTHING. It reads `page` entries at a time. NULL when the URL is
 * malformed. */
struct stream_reader *stream_reader_new(const char *redis_url, enum key_id key, int64_t since_ms,
                                        size_t page);

/* Closes the connection and frees it. */
void stream_reader_destroy(struct stream_reader **reader);

/* Gives every entry after the position and moves it. */
MUST_CHECK enum status stream_reader_read(struct stream_reader *reader,
                                          stream_reader_on_entry *on_entry, void *context);

/* Puts the position back to where it began, to look for what a read went past. */
void stream_reader_rewind(struct stream_reader *reader);

/* The last error in words; borrows. */
const char *stream_reader_error(const struct stream_reader *reader);

#endif
