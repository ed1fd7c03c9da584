/* outbox_steps.c: what must be one step in the outbox's consumer group, by outbox.lua. */
#include "services/alerter/outbox_private.h"

#include <stdio.h>
#include <stdlib.h>

#define CONSUMER_IDLE_MAX_MS (60 * 60 * 1000)
#define OPERATION_WORDS 3 /* operation, group, consumer */

/* Runs an operation of outbox.lua; `words` has room for the first OPERATION_WORDS. */
static enum status operate(struct outbox *outbox, const char *operation, size_t count,
                           struct text *words, struct redis_reply **ret_reply) {
    enum status status = outbox_ensure_group(outbox);
    if (status != STATUS_OK)
        return status;
    words[0] = text_of(operation);
    words[1] = TEXT(OUTBOX_GROUP);
    words[2] = text_of(outbox->consumer);
    return outbox_note(outbox, redis_script_run(outbox->redis, outbox->script,
                                                key_text(&outbox->key), count, words, ret_reply));
}

void outbox_format_field(char out[FIELD_SIZE], const struct alert *alert, int channel) {
    snprintf(out, FIELD_SIZE, "%s:%s", alert->id, channel_name((enum channel_id)channel));
}

/* An operation on many entries. */
static enum status operate_on(struct outbox *outbox, const char *operation,
                              const struct alert *const *alerts, size_t count,
                              struct redis_reply **ret_reply) {
    struct text *words = calloc(OPERATION_WORDS + count, sizeof(*words));
    if (words == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        words[OPERATION_WORDS + i] = text_of(alerts[i]->id);
    enum status status = operate(outbox, operation, OPERATION_WORDS + count, words, ret_reply);
    free(words);
    return status;
}

enum status outbox_hold(struct outbox *outbox, const struct alert *const *alerts, size_t count,
                        bool *ret_ours) {
    struct redis_reply *reply = NULL;
    enum status status = operate_on(outbox, "hold", alerts, count, &reply);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        ret_ours[i] =
            i < redis_reply_count(reply) && redis_reply_integer(redis_reply_at(reply, i)) == 1;
    redis_reply_destroy(&reply);
    return status;
}

enum status outbox_release(struct outbox *outbox, const struct alert *const *alerts, size_t count) {
    struct redis_reply *reply = NULL;
    enum status status = operate_on(outbox, "release", alerts, count, &reply);
    redis_reply_destroy(&reply);
    return status;
}

enum status outbox_begin(struct outbox *outbox, const struct alert *alert, enum channel_id channel,
                         int64_t *ret_attempts) {
    char field[FIELD_SIZE];
    outbox_format_field(field, alert, (int)channel);
    struct text words[OPERATION_WORDS + 2];
    words[OPERATION_WORDS] = text_of(alert->id);
    words[OPERATION_WORDS + 1] = text_of(field);
    struct redis_reply *reply = NULL;
    enum status status = operate(outbox, "begin", OPERATION_WORDS + 2, words, &reply);
    if (status != STATUS_OK)
        return status;
    int64_t attempts = redis_reply_integer(reply);
    redis_reply_destroy(&reply);
    if (attempts < 0)
        return STATUS_NOT_FOUND;
    *ret_attempts = attempts;
    return STATUS_OK;
}

/* The dead alert's names and values behind its fields; how many texts that is. */
#define DEAD_TEXTS_MAX (ALERT_FIELD_TEXTS + 8)
static size_t write_dead(const struct alert *alert, const struct ending *ending,
                         const char *attempts, struct text out[DEAD_TEXTS_MAX]) {
    size_t count = alert_fields(alert, out);
    const struct text more[] = {
        TEXT("channel"),  text_of(channel_name(ending->channel)),
        TEXT("reason"),   text_of(ending->reason),
        TEXT("attempts"), text_of(attempts),
        TEXT("queued"),   text_of(alert->id),
    };
    memcpy(out + count, more, sizeof(more));
    return count + sizeof(more) / sizeof(more[0]);
}

enum status outbox_finish(struct outbox *outbox, const struct alert *alert,
                          const struct ending *ending) {
    enum { WORDS = OPERATION_WORDS + 5 + CHANNEL_COUNT_ };
    struct text words[WORDS + DEAD_TEXTS_MAX];
    char fields[CHANNEL_COUNT_][FIELD_SIZE], dead_max[NUMBER_SIZE], number[NUMBER_SIZE],
        attempts[NUMBER_SIZE];
    snprintf(dead_max, sizeof(dead_max), "%d", DEAD_ALERTS_MAX);
    snprintf(number, sizeof(number), "%d", CHANNEL_COUNT_);
    snprintf(attempts, sizeof(attempts), "%lld", (long long)ending->attempts);
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        outbox_format_field(fields[i], alert, i);
        words[OPERATION_WORDS + 5 + i] = text_of(fields[i]);
    }
    words[OPERATION_WORDS] = text_of(alert->id);
    words[OPERATION_WORDS + 1] = text_of(fields[ending->channel]);
    words[OPERATION_WORDS + 2] = ending->last ? TEXT("1") : TEXT("0");
    words[OPERATION_WORDS + 3] = text_of(dead_max);
    words[OPERATION_WORDS + 4] = text_of(number);
    size_t count = WORDS;
    if (ending->reason != NULL)
        count += write_dead(alert, ending, attempts, words + WORDS);
    struct redis_reply *reply = NULL;
    enum status status = operate(outbox, "finish", count, words, &reply);
    redis_reply_destroy(&reply);
    return status;
}

enum status outbox_tidy(struct outbox *outbox) {
    char idle[NUMBER_SIZE];
    snprintf(idle, sizeof(idle), "%d", CONSUMER_IDLE_MAX_MS);
    struct text words[OPERATION_WORDS + 1];
    words[OPERATION_WORDS] = text_of(idle);
    struct redis_reply *reply = NULL;
    enum status status = operate(outbox, "tidy", OPERATION_WORDS + 1, words, &reply);
    redis_reply_destroy(&reply);
    return status;
}
