/* process.c: the incident process between its wires.
 *
 * In hand are, in this order, the commits under way, those that wait, and the free ones. Calls are
 * sent as soon as they may, and answered when Redis is done; a failure stops the sending until all
 * that was under way is over, and a while longer. */
#include "services/incident/process.h"

#include "common/counters.h"
#include "common/log.h"
#include "services/incident/in_findings.h"
#include "services/incident/out_receipts.h"
#include "services/incident/out_threats.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TICK_MS 1000

/* Under way, and as many as the next call holds. */
#define HAND_MAX ((CALLS_MAX + 1) * GROUP_MAX)

/* Calls of the script in a tick for correlations that waited, and groups of one call. */
#define SETTLE_ROUNDS 16
#define SETTLED_AT_ONCE 64

/* Ticks, besides one for each group that is passed over, until those have their turn again though
 * others wait still. */
#define PASSED_OVER_TICKS 5

/* Calls of process_drain after the last work: the time the wires' own thread gets to send. */
#define LAST_CALLS 2

struct process {
    zloop_t *loop;
    struct in_findings *in;
    struct committer *committer;
    struct out_receipts *receipts;
    struct out_threats *threats;
    struct commit commits[HAND_MAX];
    struct commit *hand[HAND_MAX]; /* the first in_hand are taken, the others free */
    size_t in_hand;
    size_t under_way; /* the first of them were sent */
    struct commit settled;
    struct settle_range settling; /* what the next call judges */
    uint32_t settle_ticks;        /* for which groups have been passed over */
    bool settle_was_told;         /* that groups were passed over */
    zmq_pollitem_t redis;         /* watched; fd -1: none */
    int tick_timer;
    bool is_stalled; /* after a failure: nothing is sent or read */
    int retry_timer; /* 0: none */
    int64_t retry_ms;
    bool was_told; /* the trouble with Redis was logged */
    bool is_draining;
    int last_calls;
    atomic_bool is_ready;
    char publisher[PUBLISHER_SIZE];
    struct gauge *in_hand_gauge;
};

/* Logs each change once. */
static void note_redis(struct process *process, enum status status) {
    bool works = status == STATUS_OK;
    atomic_store(&process->is_ready, works);
    if (works && process->was_told)
        log_info("Redis answers again");
    if (!works && !process->was_told)
        log_warning("Redis does not commit; batches wait and are tried again",
                    LOG_STRING("status", status_reason(status)),
                    LOG_STRING("reason", committer_error(process->committer)));
    process->was_told = !works;
}

/* Publishes what was answered of the first `count` in hand, and lets go of it. What is still open
 * waits again, before the others. */
static void publish_answered(struct process *process, size_t count) {
    struct commit *answered[GROUP_MAX], *open[GROUP_MAX];
    size_t answered_count = 0, open_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct commit *commit = process->hand[i];
        if (commit->state == COMMIT_OPEN)
            open[open_count++] = commit;
        else
            answered[answered_count++] = commit;
    }
    for (size_t i = 0; i < answered_count; i++)
        out_threats_send(process->threats, answered[i]);
    out_receipts_send(process->receipts, answered, answered_count);
    struct commit **hand = process->hand;
    process->under_way -= count;
    memmove(hand, hand + count, process->under_way * sizeof(*hand));
    memcpy(hand + process->under_way, open, open_count * sizeof(*hand));
    size_t kept = process->under_way + open_count;
    memmove(hand + kept, hand + process->under_way + count,
            (process->in_hand - process->under_way - count) * sizeof(*hand));
    process->in_hand -= answered_count;
    for (size_t i = 0; i < answered_count; i++) {
        commit_release(answered[i]);
        hand[process->in_hand + i] = answered[i];
    }
    gauge_set(process->in_hand_gauge, (int64_t)process->in_hand);
}

static int on_redis(zloop_t *loop, zmq_pollitem_t *item, void *context);

/* Has the loop watch the connection as it is now. */
static void watch_redis(struct process *process) {
    struct redis_client *redis = committer_redis(process->committer);
    zmq_pollitem_t item = {.fd = redis_client_fd(redis), .events = ZMQ_POLLIN};
    if (redis_client_is_sending(redis))
        item.events |= ZMQ_POLLOUT;
    if (item.fd == process->redis.fd && item.events == process->redis.events)
        return;
    if (process->redis.fd >= 0)
        zloop_poller_end(process->loop, &process->redis);
    process->redis = item;
    if (item.fd < 0)
        return;
    if (zloop_poller(process->loop, &item, on_redis, process) != 0)
        abort(); /* out of memory */
    zloop_poller_set_tolerant(process->loop, &item);
}

static void send_waiting(struct process *process);

static int on_retry(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct process *process = context;
    process->retry_timer = 0;
    process->is_stalled = false;
    send_waiting(process);
    return 0;
}

/* Stops reading and sending for a while. */
static void stall(struct process *process) {
    in_findings_pause(process->in);
    process->is_stalled = true;
    if (process->retry_timer > 0)
        return;
    process->retry_timer =
        zloop_timer(process->loop, (size_t)process->retry_ms, 1, on_retry, process);
    if (process->retry_timer < 0)
        abort(); /* out of memory */
    process->retry_ms *= 2;
    if (process->retry_ms > RETRY_MAX_MS)
        process->retry_ms = RETRY_MAX_MS;
}

/* After a call that failed, or did not: whether anything is under way still. */
static void take_status(struct process *process, enum status status) {
    note_redis(process, status);
    if (status == STATUS_OK)
        process->retry_ms = RETRY_FIRST_MS;
    else
        stall(process);
    if (status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT)
        process->under_way = 0;
}

/* Sends what waits, as far as it may, and reads on while there is room. */
static void send_waiting(struct process *process) {
    while (!process->is_stalled && process->under_way < process->in_hand &&
           committer_can_send(process->committer)) {
        size_t sent = 0;
        enum status status = committer_send(process->committer, process->hand + process->under_way,
                                            process->in_hand - process->under_way, &sent);
        process->under_way += sent;
        if (status != STATUS_OK)
            take_status(process, status);
    }
    if (process->in_hand == HAND_MAX)
        in_findings_pause(process->in);
    else if (!process->is_stalled && !process->is_draining)
        in_findings_resume(process->in);
    watch_redis(process);
}

/* Takes one call's answers; false when they are not there. */
static bool receive_one(struct process *process, bool wait) {
    size_t count = 0;
    enum status status = committer_receive(process->committer, process->hand, wait, &count);
    if (status == STATUS_AGAIN)
        return false;
    take_status(process, status);
    publish_answered(process, count);
    return true;
}

/* Receipts of floors and crashes. */
static void repeat_receipts(struct process *process) {
    enum status status = committer_refresh(process->committer);
    if (status == STATUS_OK)
        status = out_receipts_repeat(process->receipts, committer_redis(process->committer));
    note_redis(process, status);
}

/* Crashes are told as soon as nothing is under way; with the next tick at the latest. */
static void tell_crashes(struct process *process) {
    if (process->in_hand == 0 && out_receipts_has_crashes(process->receipts))
        repeat_receipts(process);
}

/* Redis answered, took more, or has gone. */
static int on_redis(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop, (void)item;
    struct process *process = context;
    if (process->under_way == 0)
        redis_client_look(committer_redis(process->committer));
    while (process->under_way > 0 && receive_one(process, false))
        continue;
    tell_crashes(process);
    send_waiting(process);
    return 0;
}

/* The script fails on a group of the last call: those of it are judged one by one until it is
 * found, and it is passed over until all others behind it had their turn. While others come without
 * end that is for some ticks, as groups that came to be due in front of it move it back in the row
 * and are passed over in its place. */
static void pass_over(struct process *process) {
    struct settle_range *settling = &process->settling;
    if (settling->count > 1) {
        settling->count = 1;
        return;
    }
    settling->skip++;
    settling->count = SETTLED_AT_ONCE;
    if (!process->settle_was_told)
        log_error("the commit script fails on a correlation's group; it is passed over, and tried "
                  "again",
                  LOG_STRING("error", committer_error(process->committer)));
    process->settle_was_told = true;
}

/* The next call begins with the first again, whether they were passed over or not. */
static void settle_from_the_first(struct process *process) {
    process->settling = (struct settle_range){0, SETTLED_AT_ONCE};
    process->settle_ticks = 0;
}

/* One call of the script for correlations; whether others wait. */
static enum status settle_some(struct process *process, bool *ret_more) {
    struct settle_range *settling = &process->settling;
    enum status status =
        committer_settle(process->committer, clock_wall(), *settling, &process->settled, ret_more);
    if (status == STATUS_OK)
        out_threats_send(process->threats, &process->settled);
    commit_release(&process->settled);
    if (status == STATUS_POISON) {
        pass_over(process);
        return STATUS_OK;
    }
    if (status == STATUS_OK && !*ret_more) {
        process->settle_was_told = process->settle_was_told && settling->skip > 0;
        settle_from_the_first(process);
    }
    return status;
}

/* Judges correlations that have waited long enough; a failure is tried again with the next tick. */
static void settle_correlations(struct process *process) {
    enum status status = STATUS_OK;
    bool more = true;
    if (process->settling.skip > 0 &&
        ++process->settle_ticks > PASSED_OVER_TICKS + process->settling.skip)
        settle_from_the_first(process);
    for (int i = 0; status == STATUS_OK && more && i < SETTLE_ROUNDS; i++)
        status = settle_some(process, &more);
    note_redis(process, status);
}

static bool on_message(void *context, struct wire_message *message) {
    struct process *process = context;
    if (message->count == 1) {
        struct crash_report crash;
        enum status status = crash_report_decode(wire_frame_bytes(&message->frames[0]), &crash);
        if (status == STATUS_OK)
            out_receipts_add_crash(process->receipts, &crash);
        else
            count_drop(status);
        return true;
    }
    assert(process->in_hand < HAND_MAX);
    enum status status = commit_take(process->hand[process->in_hand], message);
    if (status == STATUS_OK)
        process->in_hand++;
    else
        count_drop(status);
    return process->in_hand < HAND_MAX;
}

static void on_group(void *context) {
    struct process *process = context;
    tell_crashes(process);
    send_waiting(process);
}

/* Waits for what is under way, so that other commands may use the connection. */
static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct process *process = context;
    in_findings_refresh(process->in);
    while (process->under_way > 0)
        (void)receive_one(process, true);
    if (!process->is_stalled) {
        repeat_receipts(process);
        settle_correlations(process);
    }
    out_threats_heartbeat(process->threats, committer_last_seq(process->committer));
    send_waiting(process);
    return 0;
}

static bool open_all(struct process *process, const struct process_options *options) {
    struct commit_limits limits = options->limits;
    limits.publisher = out_threats_make_publisher(process->publisher);
    process->committer = committer_new(options->redis_url, &limits);
    if (process->committer == NULL)
        return false;
    process->receipts = out_receipts_new(options->receipts_listen);
    process->threats = out_threats_new(options->threats_listen, process->publisher);
    if (process->receipts == NULL || process->threats == NULL)
        return false;
    const struct in_findings_handler handler = {process, on_message, on_group};
    process->in = in_findings_new(process->loop, options->findings_listen, &handler);
    return process->in != NULL;
}

struct process *process_new(zloop_t *loop, const struct process_options *options) {
    struct process *process = calloc(1, sizeof(*process));
    if (process == NULL)
        abort();
    process->loop = loop;
    process->retry_ms = RETRY_FIRST_MS;
    process->redis.fd = -1;
    commit_init(&process->settled);
    settle_from_the_first(process);
    for (size_t i = 0; i < HAND_MAX; i++) {
        commit_init(&process->commits[i]);
        process->hand[i] = &process->commits[i];
    }
    process->in_hand_gauge =
        gauge_new("siem_batches_in_hand", NULL, "Batches that wait for Redis to commit them");
    process->tick_timer = -1;
    if (!open_all(process, options)) {
        process_destroy(&process);
        return NULL;
    }
    process->tick_timer = zloop_timer(loop, TICK_MS, 0, on_tick, process);
    on_tick(loop, 0, process);
    return process;
}

void process_destroy(struct process **process) {
    if (*process == NULL)
        return;
    if ((*process)->tick_timer >= 0)
        zloop_timer_end((*process)->loop, (*process)->tick_timer);
    if ((*process)->retry_timer > 0)
        zloop_timer_end((*process)->loop, (*process)->retry_timer);
    if ((*process)->redis.fd >= 0)
        zloop_poller_end((*process)->loop, &(*process)->redis);
    in_findings_destroy(&(*process)->in);
    out_threats_destroy(&(*process)->threats);
    out_receipts_destroy(&(*process)->receipts);
    committer_destroy(&(*process)->committer);
    for (size_t i = 0; i < HAND_MAX; i++)
        commit_fini(&(*process)->commits[i]);
    commit_fini(&(*process)->settled);
    free(*process);
    *process = NULL;
}

bool process_drain(struct process *process) {
    process->is_draining = true;
    in_findings_pause(process->in);
    return process->in_hand == 0 && process->last_calls++ >= LAST_CALLS;
}

bool process_is_ready(const struct process *process) {
    return atomic_load(&process->is_ready);
}

const char *process_findings_endpoint(const struct process *process) {
    return in_findings_endpoint(process->in);
}

const char *process_receipts_endpoint(const struct process *process) {
    return out_receipts_endpoint(process->receipts);
}

const char *process_threats_endpoint(const struct process *process) {
    return out_threats_endpoint(process->threats);
}
