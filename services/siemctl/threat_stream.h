/* threat_stream.h: the Redis stream of threats, read on from the last position.
 *
 * Owner: new/destroy. Threads: one at a time. Errors: those of redis_client.h; the position then
 * stays behind the last entry that was given. Limits: THREAT_STREAM_PAGE entries are in memory at a
 * time.
 */
#ifndef SIEM_SIEMCTL_THREAT_STREAM_H
#define SIEM_SIEMCTL_THREAT_STREAM_H

#include "common/bytes.h"
#include "common/status.h"

#define THREAT_STREAM_PAGE 500

struct threat_stream;

/* An entry; texts are borrowed during the call. */
struct threat_entry {
    struct text publisher;
    uint64_t seq;
    struct text topic;
    struct bytes body;
};

/* Called for each entry, in the stream's order. */
typedef void threat_stream_on_entry(void *context, const struct threat_entry *entry);

/* Begins at the entries of `since_ms` ago, by Redis' clock (ours if it does not answer). NULL when
 * the URL is malformed. */
struct threat_stream *threat_stream_new(const char *redis_url, int64_t since_ms);

/* Closes the connection and frees it. */
void threat_stream_destroy(struct threat_stream **stream);

/* Gives every entry after the position and moves it. */
MUST_CHECK enum status threat_stream_read(struct threat_stream *stream,
                                          threat_stream_on_entry *on_entry, void *context);

/* Puts the position back to where it began, to look for what a read went past. */
void threat_stream_rewind(struct threat_stream *stream);

/* The last error in words; borrows. */
const char *threat_stream_error(const struct threat_stream *stream);

#endif
