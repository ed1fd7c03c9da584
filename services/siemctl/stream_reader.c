/* stream_reader.c: XRANGE by pages. */
#include "services/siemctl/stream_reader.h"

#include "common/clock.h"
#include "common/scoped.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 2000
#define COMMAND_TIMEOUT_MS 5000
#define POSITION_SIZE 48

struct stream_reader {
    struct redis_client *redis;
    struct key_name key;
    size_t page;
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

struct stream_reader *stream_reader_new(const char *redis_url, enum key_id key, int64_t since_ms,
                                        size_t page) {
    struct redis_client *redis =
        redis_client_new(redis_url, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    if (redis == NULL)
        return NULL;
    struct stream_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort();
    *reader = (struct stream_reader){.redis = redis, .key = key_name(key), .page = page};
    int64_t from = since_ms == STREAM_READER_EVERYTHING ? 0 : redis_now_ms(redis) - since_ms;
    snprintf(reader->first, sizeof reader->first, "%lld-0", (long long)(from < 0 ? 0 : from));
    stream_reader_rewind(reader);
    return reader;
}

void stream_reader_destroy(struct stream_reader **reader) {
    if (*reader == NULL)
        return;
    redis_client_destroy(&(*reader)->redis);
    free(*reader);
    *reader = NULL;
}

void stream_reader_rewind(struct stream_reader *reader) {
    memcpy(reader->position, reader->first, sizeof reader->position);
}

const char *stream_reader_error(const struct stream_reader *reader) {
    return redis_client_error(reader->redis);
}

/* Reads one entry, [id, [field, value, ...]], moves the position to it and gives it. */
static enum status give_entry(struct stream_reader *reader, const struct redis_reply *reply,
                              stream_reader_on_entry *on_entry, void *context) {
    struct text id = redis_reply_text(redis_reply_at(reply, 0));
    if (id.data == NULL || id.length >= POSITION_SIZE)
        return STATUS_BAD_TYPE;
    memcpy(reader->position, id.data, id.length);
    reader->position[id.length] = '\0';
    on_entry(context, strtoll(reader->position, NULL, 10), redis_reply_at(reply, 1));
    return STATUS_OK;
}

/* Reads the page behind the position; how many entries it held. */
static enum status read_page(struct stream_reader *reader, stream_reader_on_entry *on_entry,
                             void *context, size_t *ret_count) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    char from[POSITION_SIZE + 1], count[24];
    snprintf(from, sizeof from, "(%s", reader->position);
    snprintf(count, sizeof count, "%zu", reader->page);
    enum status status =
        redis_command(reader->redis, &reply, TEXT("XRANGE"), key_text(&reader->key), text_of(from),
                      TEXT("+"), TEXT("COUNT"), text_of(count));
    *ret_count = redis_reply_count(reply);
    for (size_t i = 0; status == STATUS_OK && i < redis_reply_count(reply); i++)
        status = give_entry(reader, redis_reply_at(reply, i), on_entry, context);
    return status;
}

enum status stream_reader_read(struct stream_reader *reader, stream_reader_on_entry *on_entry,
                               void *context) {
    size_t count = reader->page;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count == reader->page)
        status = read_page(reader, on_entry, context, &count);
    return status;
}
