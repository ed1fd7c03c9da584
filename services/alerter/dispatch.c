/* dispatch.c: when alerts are taken from the outbox, kept, and left to others. */
#include "services/alerter/dispatch_private.h"

#include "common/log.h"
#include "services/alerter/route.h"

#include <stdlib.h>

#define WAKE_INTERVAL_MS 20
#define REGISTER_INTERVAL_MS 30000
#define TIDY_INTERVAL_MS 600000
/* Entries held are refreshed so often in the time after which others would claim them. */
#define HOLDS_PER_CLAIM 3
/* While Redis is away nobody's entries are refreshed. Once it is back, those that live get the time
 * to do so, their ticks and time-outs counted in, before what looks abandoned is claimed. */
#define CLAIM_AFTER_OUTAGE_MS 5000

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
        dispatch->was_cut_off |= attempts_settle(dispatch, held) != STATUS_OK;
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

void dispatch_refill(struct dispatch *dispatch) {
    size_t many = (size_t)(dispatch->config->alert_concurrency + 1) / 2;
    /* While many wait, one question to Redis brings several. */
    if (!dispatch->was_cut_off && dispatch->has_backlog && count_room(dispatch) >= many)
        dispatch->was_cut_off = take(dispatch) != STATUS_OK;
}

static enum status claim(struct dispatch *dispatch) {
    size_t room = count_room(dispatch);
    if (room == 0 || clock_elapsed_ms(dispatch->cut_off_at) < CLAIM_AFTER_OUTAGE_MS)
        return STATUS_OK;
    return outbox_claim(dispatch->outbox, room, on_taken, dispatch);
}

static int on_wake(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct dispatch *dispatch = context;
    dispatch->wake_timer = NO_TIMER;
    if (dispatch->was_cut_off)
        return 0;
    dispatch->was_cut_off = take(dispatch) != STATUS_OK;
    attempts_run_due(dispatch);
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
            attempts_let_go(dispatch, items[i]);
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
    if (dispatch->was_cut_off)
        dispatch->cut_off_at = clock_mono();
    enum status status = dispatch->was_cut_off ? hold(dispatch) : STATUS_OK;
    if (status == STATUS_OK)
        status = run_at_times(dispatch, &dispatch->registered_at, REGISTER_INTERVAL_MS, announce);
    if (status == STATUS_OK)
        status = attempts_settle_all(dispatch);
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
        attempts_update_gauges(dispatch);
    } else {
        attempts_run_due(dispatch);
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
    dispatch->cut_off_at = clock_mono();
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
