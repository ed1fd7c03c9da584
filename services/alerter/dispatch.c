/* dispatch.c: what the alerter does with the alerts it holds. */
#include "services/alerter/dispatch.h"

#include "common/log.h"
#include "services/alerter/alert_counters.h"
#include "services/alerter/deliver.h"
#include "services/alerter/held.h"
#include "services/alerter/in_outbox.h"
#include "services/alerter/retry.h"
#include "services/alerter/route.h"

#include <stdlib.h>

#define TICK_MS 1000
#define WAKE_INTERVAL_MS 20
#define REGISTER_INTERVAL_MS (30 * 1000)
#define TIDY_INTERVAL_MS (10 * 60 * 1000)
/* Entries held are refreshed so often in the time after which others would claim them. */
#define HOLDS_PER_CLAIM 3
#define NO_TIMER (-1)

struct channel_state {
    const char *url;
    size_t in_flight;
    struct mono_time paused_until; /* the receiver asked us to wait */
    bool is_failing;
};

struct dispatch {
    const struct alerter_config *config;
    zloop_t *loop;
    struct outbox *outbox;
    struct deliver *deliver;
    struct held_table held;
    uint32_t configured;
    struct channel_state channels[CHANNEL_COUNT_];
    struct alert_counters counters;
    bool draining;
    bool has_backlog; /* the last look at the outbox brought all that was asked for */
    bool was_cut_off; /* Redis failed: what we hold may have become another's */
    struct mono_time taken_at, registered_at, tidied_at;
    int tick_timer, hold_timer, wake_timer, due_timer;
};

static void run_due(struct dispatch *dispatch);
static enum status take(struct dispatch *dispatch);
static bool has_room_for_many(const struct dispatch *dispatch);

static bool has_passed(struct mono_time time) {
    return time.ns <= clock_mono().ns;
}

static void update_gauges(const struct dispatch *dispatch) {
    size_t in_flight = held_count_state(&dispatch->held, PROGRESS_IN_FLIGHT);
    gauge_set(dispatch->counters.in_flight, (int64_t)in_flight);
    gauge_set(dispatch->counters.pending, (int64_t)dispatch->held.count);
}

/* ---- how deliveries end ------------------------------------------------------------------------
 */

/* Records what ended for an alert; whatever Redis does not take now is tried with the next tick. */
static enum status settle(struct dispatch *dispatch, struct held *held) {
    enum status status = STATUS_OK;
    for (int i = 0; i < CHANNEL_COUNT_ && status == STATUS_OK; i++) {
        struct delivery_progress *progress = &held->progress[i];
        if (progress->state != PROGRESS_ENDED)
            continue;
        const struct ending ending = {
            .channel = progress->channel,
            .last = held_is_last(held, progress->channel),
            .reason = progress->is_dead ? progress->reason : NULL,
            .attempts = progress->attempts,
        };
        status = outbox_finish(dispatch->outbox, &held->alert, &ending);
        if (status == STATUS_OK)
            progress->state = PROGRESS_NONE;
        if (status == STATUS_OK && ending.last) {
            held_remove(&dispatch->held, held);
            return status;
        }
    }
    return status;
}

static enum status settle_all(struct dispatch *dispatch) {
    enum status status = STATUS_OK;
    for (size_t i = dispatch->held.count; i > 0 && status == STATUS_OK; i--)
        status = settle(dispatch, dispatch->held.items[i - 1]);
    return status;
}

static void end_dead(struct dispatch *dispatch, struct delivery_progress *progress) {
    progress->state = PROGRESS_ENDED;
    progress->is_dead = true;
    counter_add(dispatch->counters.dead[progress->channel], 1);
    log_warning("alert given up", LOG_STRING("channel", channel_name(progress->channel)),
                LOG_TEXT("incident", progress->held->alert.incident_id),
                LOG_INT("attempts", progress->attempts), LOG_STRING("reason", progress->reason));
}

static void end_delivered(struct dispatch *dispatch, struct delivery_progress *progress) {
    int64_t latency_ms = clock_wall().ms - alert_queued_ms(&progress->held->alert);
    progress->state = PROGRESS_ENDED;
    counter_add(dispatch->counters.delivered[progress->channel], 1);
    histogram_observe_ns(dispatch->counters.latency, latency_ms > 0 ? latency_ms * 1000000 : 0);
}

/* Waits before the next attempt, and holds the channel's others too when the receiver asked for it.
 */
static void wait_for_retry(struct dispatch *dispatch, struct delivery_progress *progress,
                           int64_t retry_after_ms) {
    int64_t wait_ms =
        retry_wait_ms(dispatch->config->alert_retry_ms, progress->attempts, (uint32_t)random());
    if (retry_after_ms > wait_ms)
        wait_ms = retry_after_ms;
    progress->state = PROGRESS_WAITING;
    progress->is_retry = true;
    progress->due = clock_mono_add_ms(clock_mono(), wait_ms);
    if (retry_after_ms > 0)
        dispatch->channels[progress->channel].paused_until =
            clock_mono_add_ms(clock_mono(), retry_after_ms);
}

/* Says once when a channel begins to fail and when it works again. */
static void note_channel(struct dispatch *dispatch, enum channel_id channel, bool is_failing,
                         const char *reason) {
    struct channel_state *state = &dispatch->channels[channel];
    if (state->is_failing == is_failing)
        return;
    state->is_failing = is_failing;
    if (is_failing)
        log_warning("channel fails; alerts are tried again",
                    LOG_STRING("channel", channel_name(channel)), LOG_STRING("reason", reason));
    else
        log_info("channel works again", LOG_STRING("channel", channel_name(channel)));
}

static void on_answer(void *context, const struct deliver_answer *answer) {
    struct delivery_progress *progress = context;
    struct dispatch *dispatch = progress->held->owner;
    enum delivery result = retry_classify(answer->http_status);
    counter_add(dispatch->counters.attempts[progress->channel][result], 1);
    dispatch->channels[progress->channel].in_flight--;
    if (answer->http_status > 0)
        snprintf(progress->reason, sizeof(progress->reason), "HTTP status %ld",
                 answer->http_status);
    else
        snprintf(progress->reason, sizeof(progress->reason), "%s", answer->reason);
    note_channel(dispatch, progress->channel, result != DELIVERY_DONE, progress->reason);
    if (result == DELIVERY_DONE)
        end_delivered(dispatch, progress);
    else if (result == DELIVERY_GIVE_UP ||
             progress->attempts >= dispatch->config->alert_attempts_max)
        end_dead(dispatch, progress);
    else
        wait_for_retry(dispatch, progress, answer->retry_after_ms);
    if (progress->state == PROGRESS_ENDED)
        (void)settle(dispatch, progress->held); /* else with the next tick */
    if (dispatch->has_backlog && has_room_for_many(dispatch))
        (void)take(dispatch); /* else with the next tick */
    run_due(dispatch);
}

/* ---- starting deliveries -----------------------------------------------------------------------
 */

/* An alert that another alerter has taken over: it is not ours to try any more. */
static void let_go(struct dispatch *dispatch, struct held *held) {
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        if (held->progress[i].state == PROGRESS_WAITING)
            held->progress[i].state = PROGRESS_NONE;
    }
    if (!held_is_any(held, PROGRESS_IN_FLIGHT) && !held_is_any(held, PROGRESS_ENDED))
        held_remove(&dispatch->held, held);
}

static void start_request(struct dispatch *dispatch, struct delivery_progress *progress) {
    struct channel_state *channel = &dispatch->channels[progress->channel];
    struct buffer body;
    buffer_init(&body, CHANNEL_BODY_MAX);
    channel_build(progress->channel, &progress->held->alert, &body);
    progress->state = PROGRESS_IN_FLIGHT;
    channel->in_flight++;
    deliver_post(dispatch->deliver, channel->url, &body, on_answer, progress);
    buffer_fini(&body);
}

/* Counts the attempt, then makes it; the other way round a crash would make attempts endless. */
static enum status start_attempt(struct dispatch *dispatch, struct delivery_progress *progress) {
    int64_t attempts = 0;
    enum status status =
        outbox_begin(dispatch->outbox, &progress->held->alert, progress->channel, &attempts);
    if (status == STATUS_NOT_FOUND) {
        let_go(dispatch, progress->held);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        progress->due = clock_mono_add_ms(clock_mono(), TICK_MS);
        return status;
    }
    progress->attempts = attempts;
    if (attempts <= dispatch->config->alert_attempts_max) {
        start_request(dispatch, progress);
        return STATUS_OK;
    }
    progress->attempts = attempts - 1;
    if (progress->reason[0] == '\0')
        snprintf(progress->reason, sizeof(progress->reason), "no alerter survived the attempts");
    end_dead(dispatch, progress);
    return settle(dispatch, progress->held);
}

/* The next of a channel that may start now; NULL when none may. */
static struct delivery_progress *next_startable(struct dispatch *dispatch,
                                                enum channel_id channel) {
    const struct channel_state *state = &dispatch->channels[channel];
    if (dispatch->draining || state->in_flight >= (size_t)dispatch->config->alert_concurrency ||
        !has_passed(state->paused_until))
        return NULL;
    struct delivery_progress *next = held_next(&dispatch->held, channel);
    return next != NULL && has_passed(next->due) ? next : NULL;
}

static int on_due(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct dispatch *dispatch = context;
    dispatch->due_timer = NO_TIMER;
    run_due(dispatch);
    return 0;
}

/* Wakes when the next alert is due, when that is before the next tick. */
static void arm_due_timer(struct dispatch *dispatch) {
    int64_t soonest_ms = TICK_MS;
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        const struct delivery_progress *next = held_next(&dispatch->held, (enum channel_id)i);
        const struct channel_state *state = &dispatch->channels[i];
        if (next == NULL || state->in_flight >= (size_t)dispatch->config->alert_concurrency)
            continue;
        int64_t due = next->due.ns > state->paused_until.ns ? next->due.ns : state->paused_until.ns;
        int64_t wait_ms = (due - clock_mono().ns) / 1000000 + 1;
        if (wait_ms < soonest_ms)
            soonest_ms = wait_ms > 1 ? wait_ms : 1;
    }
    if (dispatch->due_timer != NO_TIMER)
        zloop_timer_end(dispatch->loop, dispatch->due_timer);
    dispatch->due_timer = NO_TIMER;
    if (soonest_ms < TICK_MS && !dispatch->draining)
        dispatch->due_timer = zloop_timer(dispatch->loop, (size_t)soonest_ms, 1, on_due, dispatch);
}

/* Starts all that is due and may start. */
static void run_due(struct dispatch *dispatch) {
    enum status status = STATUS_OK;
    for (int i = 0; i < CHANNEL_COUNT_ && status == STATUS_OK; i++) {
        struct delivery_progress *next;
        while (status == STATUS_OK && (next = next_startable(dispatch, (enum channel_id)i)) != NULL)
            status = start_attempt(dispatch, next);
    }
    arm_due_timer(dispatch);
    update_gauges(dispatch);
}

/* ---- taking alerts -----------------------------------------------------------------------------
 */

static void on_taken(void *context, struct alert *alert, uint32_t done) {
    struct dispatch *dispatch = context;
    if (held_find(&dispatch->held, alert->id) != NULL) { /* ours came back to us */
        alert_fini(alert);
        return;
    }
    uint32_t channels = route_alert(alert, dispatch->configured) & ~done;
    struct held *held = held_add(&dispatch->held, alert, channels);
    held->owner = dispatch;
    if (channels == 0) { /* had by all: only its entry is left */
        held->progress[0].state = PROGRESS_ENDED;
        (void)settle(dispatch, held);
    }
}

/* How many alerts there is room for. */
static size_t count_room(const struct dispatch *dispatch) {
    size_t places = (size_t)dispatch->config->alert_concurrency;
    size_t busy = held_count_busy(&dispatch->held);
    size_t room = busy < places ? places - busy : 0;
    size_t left = HELD_MAX - dispatch->held.count;
    return room < left ? room : left;
}

/* While many wait, one question to Redis brings several. */
static bool has_room_for_many(const struct dispatch *dispatch) {
    size_t many = (size_t)(dispatch->config->alert_concurrency + 1) / 2;
    return count_room(dispatch) >= many;
}

static enum status take(struct dispatch *dispatch) {
    size_t room = count_room(dispatch);
    dispatch->taken_at = clock_mono();
    if (room == 0 || dispatch->configured == 0 || dispatch->draining)
        return STATUS_OK;
    size_t before = dispatch->held.count;
    enum status status = outbox_take(dispatch->outbox, room, on_taken, dispatch);
    dispatch->has_backlog = dispatch->held.count >= before + room;
    return status;
}

static enum status claim(struct dispatch *dispatch) {
    size_t room = count_room(dispatch);
    if (room == 0)
        return STATUS_OK;
    return outbox_claim(dispatch->outbox, room, on_taken, dispatch);
}

static int on_wake(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct dispatch *dispatch = context;
    dispatch->wake_timer = NO_TIMER;
    if (take(dispatch) == STATUS_OK)
        run_due(dispatch);
    return 0;
}

void dispatch_wake(struct dispatch *dispatch) {
    if (dispatch->wake_timer != NO_TIMER)
        return;
    int64_t since_ms = clock_elapsed_ms(dispatch->taken_at);
    size_t wait_ms = since_ms >= WAKE_INTERVAL_MS ? 0 : (size_t)(WAKE_INTERVAL_MS - since_ms);
    dispatch->wake_timer = zloop_timer(dispatch->loop, wait_ms, 1, on_wake, dispatch);
}

/* ---- once a second -----------------------------------------------------------------------------
 */

/* Keeps what we hold ours; what is another's now is let go. */
static enum status hold(struct dispatch *dispatch) {
    const struct alert *alerts[HELD_MAX];
    struct held *items[HELD_MAX];
    bool ours[HELD_MAX];
    size_t count = dispatch->held.count;
    for (size_t i = 0; i < count; i++) {
        items[i] = dispatch->held.items[i];
        alerts[i] = &items[i]->alert;
    }
    enum status status = count > 0 ? outbox_hold(dispatch->outbox, alerts, count, ours) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (!ours[i])
            let_go(dispatch, items[i]);
    }
    return status;
}

/* Runs a step when its interval has passed since it last went well. */
static enum status run_at_times(struct dispatch *dispatch, struct mono_time *last,
                                int64_t interval_ms,
                                enum status (*step)(struct dispatch *dispatch)) {
    if (last->ns != 0 && clock_elapsed_ms(*last) < interval_ms)
        return STATUS_OK;
    enum status status = step(dispatch);
    if (status == STATUS_OK)
        *last = clock_mono();
    return status;
}

static enum status announce(struct dispatch *dispatch) {
    return outbox_register(dispatch->outbox, dispatch->configured);
}

static enum status tidy(struct dispatch *dispatch) {
    return outbox_tidy(dispatch->outbox);
}

static enum status measure(struct dispatch *dispatch) {
    int64_t length = 0;
    enum status status = outbox_length(dispatch->outbox, &length);
    if (status == STATUS_OK)
        gauge_set(dispatch->counters.outbox, length);
    return status;
}

/* Everything that talks to Redis once a second, up to the first failure. */
static enum status run_steps(struct dispatch *dispatch) {
    enum status status = dispatch->was_cut_off ? hold(dispatch) : STATUS_OK;
    if (status == STATUS_OK)
        status = run_at_times(dispatch, &dispatch->registered_at, REGISTER_INTERVAL_MS, announce);
    if (status == STATUS_OK)
        status = settle_all(dispatch);
    if (status == STATUS_OK && !dispatch->draining && dispatch->configured != 0)
        status = claim(dispatch);
    if (status == STATUS_OK)
        status = take(dispatch);
    if (status == STATUS_OK)
        status = run_at_times(dispatch, &dispatch->tidied_at, TIDY_INTERVAL_MS, tidy);
    return status == STATUS_OK ? measure(dispatch) : status;
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct dispatch *dispatch = context;
    dispatch->was_cut_off = run_steps(dispatch) != STATUS_OK;
    if (dispatch->was_cut_off) {
        dispatch->registered_at = (struct mono_time){0};
        update_gauges(dispatch);
    } else {
        run_due(dispatch);
    }
    return 0;
}

static int on_hold(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct dispatch *dispatch = context;
    if (!dispatch->was_cut_off)
        dispatch->was_cut_off = hold(dispatch) != STATUS_OK;
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static bool open_outbox(struct dispatch *dispatch, struct service *service) {
    dispatch->outbox = outbox_new(service_common(service)->redis_url, service_instance(service),
                                  dispatch->config->alert_claim_ms);
    return dispatch->outbox != NULL;
}

static bool open_deliver(struct dispatch *dispatch) {
    struct deliver_options options = {.loop = dispatch->loop,
                                      .timeout_ms = dispatch->config->alert_timeout_ms,
                                      .allow_http = dispatch->config->alert_allow_http};
    if (address_policy_init(&options.policy, dispatch->config->alert_allow_private) != STATUS_OK) {
        log_error("SIEM_ALERT_ALLOW_PRIVATE is a comma-separated list of networks such as "
                  "10.1.0.0/16 or ::1");
        return false;
    }
    dispatch->deliver = deliver_new(&options);
    return true;
}

static bool open_channels(struct dispatch *dispatch) {
    dispatch->configured = route_configured(dispatch->config);
    for (int i = 0; i < CHANNEL_COUNT_; i++) {
        const char *url = channel_url((enum channel_id)i, dispatch->config);
        dispatch->channels[i].url = url;
        if (url[0] != '\0' && !deliver_knows_url(dispatch->deliver, url)) {
            log_error("the channel's address must be an https:// URL (http:// with "
                      "SIEM_ALERT_ALLOW_HTTP=1)",
                      LOG_STRING("channel", channel_name((enum channel_id)i)));
            return false;
        }
    }
    if (dispatch->configured == 0)
        log_warning("no channel is configured; alerts are recorded as not configured");
    return true;
}

struct dispatch *dispatch_new(struct service *service, const struct alerter_config *config) {
    struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
    if (dispatch == NULL)
        abort();
    dispatch->config = config;
    dispatch->loop = service_loop(service);
    dispatch->tick_timer = dispatch->hold_timer = NO_TIMER;
    dispatch->wake_timer = dispatch->due_timer = NO_TIMER;
    alert_counters_init(&dispatch->counters);
    srandom((unsigned)clock_mono().ns);
    if (!open_outbox(dispatch, service) || !open_deliver(dispatch) || !open_channels(dispatch)) {
        dispatch_destroy(&dispatch);
        return NULL;
    }
    size_t hold_ms = (size_t)(config->alert_claim_ms / HOLDS_PER_CLAIM);
    dispatch->hold_timer = zloop_timer(dispatch->loop, hold_ms, 0, on_hold, dispatch);
    dispatch->tick_timer = zloop_timer(dispatch->loop, TICK_MS, 0, on_tick, dispatch);
    on_tick(dispatch->loop, 0, dispatch);
    return dispatch;
}

/* Others may have what we did not finish at once, instead of after SIEM_ALERT_CLAIM. */
static void release_all(struct dispatch *dispatch) {
    const struct alert *alerts[HELD_MAX];
    size_t count = dispatch->held.count;
    for (size_t i = 0; i < count; i++)
        alerts[i] = &dispatch->held.items[i]->alert;
    if (count > 0 && outbox_release(dispatch->outbox, alerts, count) == STATUS_OK)
        log_info("alerts left to other alerters", LOG_INT("alerts", count));
}

static void end_timer(const struct dispatch *dispatch, int timer) {
    if (timer != NO_TIMER)
        zloop_timer_end(dispatch->loop, timer);
}

void dispatch_destroy(struct dispatch **dispatch) {
    if (*dispatch == NULL)
        return;
    end_timer(*dispatch, (*dispatch)->tick_timer);
    end_timer(*dispatch, (*dispatch)->hold_timer);
    end_timer(*dispatch, (*dispatch)->wake_timer);
    end_timer(*dispatch, (*dispatch)->due_timer);
    deliver_destroy(&(*dispatch)->deliver);
    release_all(*dispatch);
    held_table_fini(&(*dispatch)->held);
    outbox_destroy(&(*dispatch)->outbox);
    free(*dispatch);
    *dispatch = NULL;
}

bool dispatch_drain(struct dispatch *dispatch) {
    dispatch->draining = true;
    return held_count_state(&dispatch->held, PROGRESS_IN_FLIGHT) == 0 &&
           held_count_state(&dispatch->held, PROGRESS_ENDED) == 0;
}

bool dispatch_is_ready(const struct dispatch *dispatch, struct buffer *why_not) {
    bool is_ready = outbox_is_up(dispatch->outbox);
    if (!is_ready)
        buffer_append_text(why_not, TEXT("Redis does not serve the outbox"));
    return is_ready;
}
