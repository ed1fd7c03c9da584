/* epoch_closing.c: says the writer's offers to Redis. */
#include "services/ingest/epoch_closing.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/ingest/out_events.h"
#include "services/ingest/shared_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* An offer that was not accepted is said again so often, and one that was: Redis may have been
 * restored since. */
#define RETRY_MS 1000
#define REPEAT_MS 10000
/* producer, below, its beginning, accepted; and three for each epoch */
#define ARGUMENTS_MAX (4 + 3 * EPOCHS_ENDED_MAX)
#define NUMBER_SIZE 24

/* close_epochs.lua, embedded by the build. */
extern const char close_epochs_lua[];

struct epoch_closing {
    struct out_events *writer;
    struct shared_script script;
    uint32_t closed; /* as Redis said last */
    struct mono_time said_at;
};

struct epoch_closing *epoch_closing_new(struct out_events *writer) {
    struct epoch_closing *closing = calloc(1, sizeof *closing);
    if (closing == NULL)
        abort();
    const char *const text = close_epochs_lua;
    closing->writer = writer;
    shared_script_init(&closing->script, &text, 1);
    return closing;
}

void epoch_closing_destroy(struct epoch_closing **closing) {
    if (*closing == NULL)
        return;
    shared_script_fini(&(*closing)->script);
    free(*closing);
    *closing = NULL;
}

/* "" for what is not known. */
static void write_events(char number[NUMBER_SIZE], uint64_t events) {
    number[0] = '\0';
    if (events != EVENTS_UNKNOWN)
        snprintf(number, NUMBER_SIZE, "%" PRIu64, events);
}

enum status epoch_closing_say(struct epoch_closing *closing, struct redis_client *redis,
                              const struct epoch_offer *offer, uint32_t *ret_closed) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    char numbers[ARGUMENTS_MAX][NUMBER_SIZE];
    struct text arguments[ARGUMENTS_MAX];
    size_t count = 4 + 3 * offer->count;
    snprintf(numbers[0], NUMBER_SIZE, "%016" PRIx64, offer->producer);
    snprintf(numbers[1], NUMBER_SIZE, "%" PRIu32, offer->below);
    write_events(numbers[2], offer->events_begin);
    write_events(numbers[3], offer->accepted);
    for (size_t i = 0; i < offer->count; i++) {
        const struct ended_epoch *ended = &offer->ended[i];
        snprintf(numbers[4 + 3 * i], NUMBER_SIZE, "%" PRIu32, ended->epoch);
        snprintf(numbers[5 + 3 * i], NUMBER_SIZE, "%" PRIu64, ended->end_seq);
        write_events(numbers[6 + 3 * i], ended->events_begin);
    }
    for (size_t i = 0; i < count; i++)
        arguments[i] = text_of(numbers[i]);
    struct key_name key = key_name(KEY_FLOORS);
    enum status status =
        redis_script_run(redis, closing->script.script, key_text(&key), count, arguments, &reply);
    if (status == STATUS_OK)
        *ret_closed = (uint32_t)redis_reply_integer(reply);
    return status;
}

void epoch_closing_tick(void *context, struct redis_client *redis) {
    struct epoch_closing *closing = context;
    struct epoch_offer offer;
    out_events_offer(closing->writer, &offer);
    int64_t pause_ms = offer.below <= closing->closed ? REPEAT_MS : RETRY_MS;
    if (offer.below <= 1 ||
        (closing->said_at.ns != 0 && clock_elapsed_ms(closing->said_at) < pause_ms))
        return;
    uint32_t closed = 0;
    closing->said_at = clock_mono();
    if (epoch_closing_say(closing, redis, &offer, &closed) != STATUS_OK)
        return;
    if (closed > closing->closed)
        log_info("earlier starts are closed", LOG_INT("below", closed));
    closing->closed = closed;
}
