/* threat_stream.c: XRANGE by pages. */
#include "services/siemctl/threat_stream.h"

#include "common/clock.h"
#include "common/redis_client.h"
#include "common/scoped.h"
#include "proto/keys.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 2000
#define COMMAND_TIMEOUT_MS 5000
#define POSITION_SIZE 48

struct threat_stream {
    struct redis_client *redis;
    char first[POSITION_SIZE];    /* "MS-0", where it began */
    char position[POSITION_SIZE]; /* of the last entry given */
};

/* Now by Redis' clock, or by ours. */
static int64_t redis_now_ms(struct redis_client *redis) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    if (redis_command(redis, &reply, TEXT("TIME")) != STATUS_OK)
        return clock_wall().ms;
    return redis_reply_integer(redis_reply_at(reply, 0)) * 1000 +
           redis_reply_integer(redis_reply_at(reply, 1)) / 1000;
}

struct threat_stream *threat_stream_new(const char *redis_url, int64_t since_ms) {
    struct redis_client *redis =
        redis_client_new(redis_url, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    if (redis == NULL)
        return NULL;
    struct threat_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        abort();
    stream->redis = redis;
    int64_t from = redis_now_ms(redis) - since_ms;
    snprintf(stream->first, sizeof stream->first, "%lld-0", (long long)(from < 0 ? 0 : from));
    threat_stream_rewind(stream);
    return stream;
}

void threat_stream_destroy(struct threat_stream **stream) {
    if (*stream == NULL)
        return;
    redis_client_destroy(&(*stream)->redis);
    free(*stream);
    *stream = NULL;
}

void threat_stream_rewind(struct threat_stream *stream) {
    memcpy(stream->position, stream->first, sizeof stream->position);
}

const char *threat_stream_error(const struct threat_stream *stream) {
    return redis_client_error(stream->redis);
}

/* Reads one entry, [id, [field, value, ...]], moves the position to it and gives it. An entry that
 * lacks a field is no threat of ours: it is passed over. */
static enum status give_entry(struct threat_stream *stream, const struct redis_reply *reply,
                              threat_stream_on_entry *on_entry, void *context) {
    struct text id = redis_reply_text(redis_reply_at(reply, 0));
    const struct redis_reply *fields = redis_reply_at(reply, 1);
    if (id.data == NULL || id.length >= POSITION_SIZE)
        return STATUS_BAD_TYPE;
    memcpy(stream->position, id.data, id.length);
    stream->position[id.length] = '\0';
    int64_t seq = redis_reply_integer(redis_reply_field(fields, "seq"));
    struct text body = redis_reply_text(redis_reply_field(fields, "body"));
    const void *bytes = body.data;
    struct threat_entry entry = {
        .publisher = redis_reply_text(redis_reply_field(fields, "publisher")),
        .seq = (uint64_t)seq,
        .topic = redis_reply_text(redis_reply_field(fields, "topic")),
        .body = {bytes, body.length},
    };
    if (entry.publisher.data != NULL && seq > 0 && entry.topic.data != NULL && body.data != NULL)
        on_entry(context, &entry);
    return STATUS_OK;
}

/* Reads the page behind the position; how many entries it held. */
static enum status read_page(struct threat_stream *stream, threat_stream_on_entry *on_entry,
                             void *context, size_t *ret_count) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_THREATS);
    char from[POSITION_SIZE + 1], count[16];
    snprintf(from, sizeof from, "(%s", stream->position);
    snprintf(count, sizeof count, "%d", THREAT_STREAM_PAGE);
    enum status status = redis_command(stream->redis, &reply, TEXT("XRANGE"), key_text(&key),
                                       text_of(from), TEXT("+"), TEXT("COUNT"), text_of(count));
    *ret_count = redis_reply_count(reply);
    for (size_t i = 0; status == STATUS_OK && i < redis_reply_count(reply); i++)
        status = give_entry(stream, redis_reply_at(reply, i), on_entry, context);
    return status;
}

enum status threat_stream_read(struct threat_stream *stream, threat_stream_on_entry *on_entry,
                               void *context) {
    size_t count = THREAT_STREAM_PAGE;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count == THREAT_STREAM_PAGE)
        status = read_page(stream, on_entry, context, &count);
    return status;
}
