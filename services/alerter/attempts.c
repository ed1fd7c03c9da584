/* attempts.c: when an alert in hand is tried, what its answer means, and how it ends. */
#include "services/alerter/dispatch_private.h"

#include "common/log.h"
#include "services/alerter/retry.h"

#include <stdlib.h>

static bool has_passed(struct mono_time time) {
    return time.ns <= clock_mono().ns;
}

void attempts_update_gauges(const struct dispatch *dispatch) {
    size_t in_flight = held_count_state(&dispatch->held, PROGRESS_IN_FLIGHT);
    gauge_set(dispatch->counters.in_flight, (int64_t)in_flight);
    gauge_set(dispatch->counters.pending, (int64_t)dispatch->held.count);
}

/* ---- how deliveries end ------------------------------------------------------------------------
 */

enum status attempts_settle(struct dispatch *dispatch, struct held *held) {
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

enum status attempts_settle_all(struct dispatch *dispatch) {
    enum status status = STATUS_OK;
    for (size_t i = dispatch->held.count; i > 0 && status == STATUS_OK; i--)
        status = attempts_settle(dispatch, dispatch->held.items[i - 1]);
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
    histogram_observe(dispatch->counters.latency, latency_ms > 0 ? latency_ms * 1000000 : 0);
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
    if (dispatch->was_cut_off)
        return; /* a Redis that hangs must not keep the answers that wait from being read */
    if (progress->state == PROGRESS_ENDED)
        dispatch->was_cut_off = attempts_settle(dispatch, progress->held) != STATUS_OK;
    dispatch_refill(dispatch);
    attempts_run_due(dispatch);
}

/* ---- starting deliveries -----------------------------------------------------------------------
 */

void attempts_let_go(struct dispatch *dispatch, struct held *held) {
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
        attempts_let_go(dispatch, progress->held);
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
    return attempts_settle(dispatch, progress->held);
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
    attempts_run_due(dispatch);
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

void attempts_run_due(struct dispatch *dispatch) {
    enum status status = dispatch->was_cut_off ? STATUS_UNAVAILABLE : STATUS_OK;
    for (int i = 0; i < CHANNEL_COUNT_ && status == STATUS_OK; i++) {
        struct delivery_progress *next;
        while (status == STATUS_OK && (next = next_startable(dispatch, (enum channel_id)i)) != NULL)
            status = start_attempt(dispatch, next);
    }
    dispatch->was_cut_off = status != STATUS_OK;
    arm_due_timer(dispatch);
    attempts_update_gauges(dispatch);
}
