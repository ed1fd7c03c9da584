/* in_outbox.c: alerts from the outbox stream, as one consumer of the group that all alerters share.
 */
#include "services/alerter/outbox_private.h"

#include "common/clock.h"
#include "common/counters.h"
#include "common/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 1000
#define COMMAND_TIMEOUT_MS 2000
#define SCRIPT_SIZE_MAX 65536

/* outbox.lua, embedded by the build. */
extern const char outbox_lua[];

struct outbox *outbox_new(const char *redis_url, const char *consumer, int64_t claim_ms) {
    struct redis_client *redis =
        redis_client_new(redis_url, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    if (redis == NULL)
        return NULL;
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        abort();
    outbox->redis = redis;
    outbox->consumer = strdup(consumer);
    if (outbox->consumer == NULL)
        abort();
    buffer_init(&outbox->script_text, SCRIPT_SIZE_MAX);
    keys_lua_table(&outbox->script_text);
    buffer_append_text(&outbox->script_text, text_of(outbox_lua));
    assert(buffer_is_whole(&outbox->script_text));
    outbox->script = redis_script_new(buffer_text(&outbox->script_text));
    outbox->key = key_name(KEY_OUTBOX);
    snprintf(outbox->claim_ms, sizeof(outbox->claim_ms), "%lld", (long long)claim_ms);
    snprintf(outbox->claim_cursor, sizeof(outbox->claim_cursor), "0-0");
    atomic_init(&outbox->is_up, true);
    return outbox;
}

void outbox_destroy(struct outbox **outbox) {
    if (*outbox == NULL)
        return;
    redis_client_destroy(&(*outbox)->redis);
    redis_script_destroy(&(*outbox)->script);
    buffer_fini(&(*outbox)->script_text);
    free((*outbox)->consumer);
    free(*outbox);
    *outbox = NULL;
}

bool outbox_is_up(const struct outbox *outbox) {
    return atomic_load(&outbox->is_up);
}

enum status outbox_note(struct outbox *outbox, enum status status) {
    bool is_up = status == STATUS_OK;
    if (status == STATUS_REFUSED && strstr(redis_client_error(outbox->redis), "NOGROUP") != NULL)
        outbox->has_group = false;
    if (atomic_exchange(&outbox->is_up, is_up) == is_up)
        return status;
    if (is_up)
        log_info("Redis serves the outbox again");
    else
        log_warning("Redis does not serve the outbox; trying again each second",
                    LOG_STRING("reason", redis_client_error(outbox->redis)));
    return status;
}

static enum status command(struct outbox *outbox, size_t count, const struct text *arguments,
                           struct redis_reply **ret_reply) {
    return outbox_note(outbox, redis_client_command(outbox->redis, count, arguments, ret_reply));
}

#define COMMAND(outbox, ret_reply, ...)                                                            \
    command((outbox), sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text),                  \
            (struct text[]){__VA_ARGS__}, (ret_reply))

enum status outbox_ensure_group(struct outbox *outbox) {
    if (outbox->has_group)
        return STATUS_OK;
    struct redis_reply *reply = NULL;
    enum status status =
        redis_command(outbox->redis, &reply, TEXT("XGROUP"), TEXT("CREATE"), key_text(&outbox->key),
                      TEXT(OUTBOX_GROUP), TEXT("0"), TEXT("MKSTREAM"));
    redis_reply_destroy(&reply);
    if (status == STATUS_REFUSED && strncmp(redis_client_error(outbox->redis), "BUSYGROUP", 9) == 0)
        status = STATUS_OK;
    outbox->has_group = status == STATUS_OK;
    return outbox_note(outbox, status);
}

enum status outbox_register(struct outbox *outbox, uint32_t configured) {
    struct key_name key = key_name(KEY_CHANNELS);
    char now[NUMBER_SIZE];
    snprintf(now, sizeof(now), "%lld", (long long)clock_wall().ms);
    enum status status = STATUS_OK;
    for (int i = 0; i < CHANNEL_COUNT_ && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        struct text name = text_of(channel_name((enum channel_id)i));
        if ((configured & CHANNEL_BIT(i)) != 0)
            status = COMMAND(outbox, &reply, TEXT("HSETNX"), key_text(&key), name, text_of(now));
        else
            status = COMMAND(outbox, &reply, TEXT("HDEL"), key_text(&key), name);
        redis_reply_destroy(&reply);
    }
    return status;
}

/* The channels that have had an alert that comes from another alerter. */
static enum status load_done(struct outbox *outbox, const struct alert *alert, uint32_t *ret_done) {
    struct key_name key = key_name(KEY_ALERT_STATE);
    uint32_t done = 0;
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        char field[FIELD_SIZE];
        struct redis_reply *reply = NULL;
        outbox_format_field(field, alert, i);
        enum status status = COMMAND(outbox, &reply, TEXT("HGET"), key_text(&key), text_of(field));
        if (status != STATUS_OK)
            return status;
        if (text_is(redis_reply_text(reply), "done"))
            done |= CHANNEL_BIT(i);
        redis_reply_destroy(&reply);
    }
    *ret_done = done;
    return STATUS_OK;
}

/* An entry nobody could make a message of: kept as dead, as far as it can be. */
static enum status bury(struct outbox *outbox, const struct alert *alert, enum status why) {
    count_drop(why);
    log_warning("an alert in the outbox is malformed", LOG_STRING("entry", alert->id),
                LOG_STRING("reason", status_sentence(why)));
    const struct ending ending = {.last = true, .reason = status_reason(why)};
    return outbox_finish(outbox, alert, &ending);
}

static enum status take_entry(struct outbox *outbox, const struct redis_reply *entry, bool claimed,
                              outbox_taken *on_taken, void *context) {
    struct alert alert = {.storage = NULL};
    enum status status = alert_read(entry, &alert);
    if (status == STATUS_BAD_TYPE) /* deleted since */
        return STATUS_OK;
    if (status != STATUS_OK) {
        status = bury(outbox, &alert, status);
        alert_fini(&alert);
        return status;
    }
    uint32_t done = 0;
    if (claimed)
        status = load_done(outbox, &alert, &done);
    if (status == STATUS_OK)
        on_taken(context, &alert, done);
    else
        alert_fini(&alert); /* it stays pending, and is claimed again */
    return status;
}

static enum status take_entries(struct outbox *outbox, const struct redis_reply *entries,
                                bool claimed, outbox_taken *on_taken, void *context) {
    enum status status = STATUS_OK;
    /* What Redis refuses of one entry says nothing of the next. */
    for (size_t i = 0; i < redis_reply_count(entries); i++) {
        enum status one =
            take_entry(outbox, redis_reply_at(entries, i), claimed, on_taken, context);
        if (one != STATUS_OK)
            status = one;
        if (one != STATUS_OK && one != STATUS_REFUSED)
            break;
    }
    return status;
}

enum status outbox_take(struct outbox *outbox, size_t count, outbox_taken *on_taken,
                        void *context) {
    char number[NUMBER_SIZE];
    snprintf(number, sizeof(number), "%zu", count);
    enum status status = outbox_ensure_group(outbox);
    if (status != STATUS_OK)
        return status;
    struct redis_reply *reply = NULL;
    status = COMMAND(outbox, &reply, TEXT("XREADGROUP"), TEXT("GROUP"), TEXT(OUTBOX_GROUP),
                     text_of(outbox->consumer), TEXT("COUNT"), text_of(number), TEXT("STREAMS"),
                     key_text(&outbox->key), TEXT(">"));
    if (status != STATUS_OK)
        return status;
    /* [[stream, entries]], or nil */
    const struct redis_reply *stream =
        redis_reply_count(reply) == 1 ? redis_reply_at(reply, 0) : NULL;
    if (redis_reply_count(stream) == 2)
        status = take_entries(outbox, redis_reply_at(stream, 1), false, on_taken, context);
    redis_reply_destroy(&reply);
    return status;
}

enum status outbox_claim(struct outbox *outbox, size_t count, outbox_taken *on_taken,
                         void *context) {
    char number[NUMBER_SIZE];
    snprintf(number, sizeof(number), "%zu", count);
    enum status status = outbox_ensure_group(outbox);
    if (status != STATUS_OK)
        return status;
    struct redis_reply *reply = NULL;
    status = COMMAND(outbox, &reply, TEXT("XAUTOCLAIM"), key_text(&outbox->key), TEXT(OUTBOX_GROUP),
                     text_of(outbox->consumer), text_of(outbox->claim_ms),
                     text_of(outbox->claim_cursor), TEXT("COUNT"), text_of(number));
    if (status != STATUS_OK)
        return status;
    if (redis_reply_count(reply) >= 2) { /* [where to go on, entries, deleted ids] */
        struct text cursor = redis_reply_text(redis_reply_at(reply, 0));
        snprintf(outbox->claim_cursor, sizeof(outbox->claim_cursor), "%.*s", TEXT_ARG(cursor));
        status = take_entries(outbox, redis_reply_at(reply, 1), true, on_taken, context);
    }
    redis_reply_destroy(&reply);
    return status;
}

enum status outbox_length(struct outbox *outbox, int64_t *ret_length) {
    struct redis_reply *reply = NULL;
    enum status status = COMMAND(outbox, &reply, TEXT("XLEN"), key_text(&outbox->key));
    if (status == STATUS_OK)
        *ret_length = redis_reply_integer(reply);
    redis_reply_destroy(&reply);
    return status;
}
