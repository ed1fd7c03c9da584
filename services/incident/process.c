/* process.c: the incident process between its wires. */
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

/* Calls of the script in a tick for correlations that waited. */
#define SETTLE_ROUNDS 16

/* Calls of process_drain after the last work: the time the wires' own thread gets to send. */
#define LAST_CALLS 2

struct process {
    zloop_t *loop;
    struct in_findings *in;
    struct committer *committer;
    struct out_receipts *receipts;
    struct out_threats *threats;
    struct commit commits[GROUP_MAX];
    struct commit *hand[GROUP_MAX]; /* the first in_hand are taken, the others free */
    size_t in_hand;
    int tick_timer;
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

/* Publishes what was answered and lets go of it; what is open moves to the front. */
static void publish_answered(struct process *process) {
    struct commit *answered[GROUP_MAX];
    size_t answered_count = 0, open = 0;
    for (size_t i = 0; i < process->in_hand; i++) {
        struct commit *commit = process->hand[i];
        if (commit->state == COMMIT_OPEN)
            process->hand[open++] = commit;
        else
            answered[answered_count++] = commit;
    }
    for (size_t i = 0; i < answered_count; i++)
        out_threats_send(process->threats, answered[i]);
    out_receipts_send(process->receipts, answered, answered_count);
    for (size_t i = 0; i < answered_count; i++) {
        commit_release(answered[i]);
        process->hand[open + i] = answered[i];
    }
    process->in_hand = open;
    gauge_set(process->in_hand_gauge, (int64_t)open);
}

static void run(struct process *process);

static int on_retry(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct process *process = context;
    process->retry_timer = 0;
    run(process);
    return 0;
}

/* Stops reading until what is in hand is committed. */
static void wait_and_retry(struct process *process) {
    in_findings_pause(process->in);
    process->retry_timer =
        zloop_timer(process->loop, (size_t)process->retry_ms, 1, on_retry, process);
    if (process->retry_timer < 0)
        abort(); /* out of memory */
    process->retry_ms *= 2;
    if (process->retry_ms > RETRY_MAX_MS)
        process->retry_ms = RETRY_MAX_MS;
}

/* Receipts of floors and crashes. */
static void repeat_receipts(struct process *process) {
    enum status status = committer_refresh(process->committer);
    if (status == STATUS_OK)
        status = out_receipts_repeat(process->receipts, committer_redis(process->committer));
    note_redis(process, status);
}

/* Judges correlations that have waited long enough; a failure is tried again with the next tick. */
static void settle_correlations(struct process *process) {
    struct commit *commit = process->hand[0];
    enum status status = STATUS_OK;
    bool more = true;
    for (int i = 0; status == STATUS_OK && more && i < SETTLE_ROUNDS; i++) {
        status = committer_settle(process->committer, clock_wall(), commit, &more);
        if (status == STATUS_OK)
            out_threats_send(process->threats, commit);
        commit_release(commit);
    }
    note_redis(process, status);
}

static void run(struct process *process) {
    enum status status = committer_run(process->committer, process->hand, process->in_hand);
    note_redis(process, status);
    publish_answered(process);
    if (process->in_hand > 0) {
        wait_and_retry(process);
        return;
    }
    process->retry_ms = RETRY_FIRST_MS;
    if (!process->is_draining)
        in_findings_resume(process->in);
}

static void on_message(void *context, struct wire_message *message) {
    struct process *process = context;
    if (message->count == 1) {
        struct crash_report crash;
        enum status status = crash_report_decode(wire_frame_bytes(&message->frames[0]), &crash);
        if (status == STATUS_OK)
            out_receipts_add_crash(process->receipts, &crash);
        else
            count_drop(status);
        return;
    }
    assert(process->in_hand < GROUP_MAX);
    enum status status = commit_take(process->hand[process->in_hand], message);
    if (status == STATUS_OK)
        process->in_hand++;
    else
        count_drop(status);
}

static void on_group(void *context) {
    struct process *process = context;
    if (process->in_hand > 0)
        run(process);
    if (process->in_hand == 0 && out_receipts_has_crashes(process->receipts))
        repeat_receipts(process);
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct process *process = context;
    in_findings_refresh(process->in);
    if (process->in_hand == 0) {
        repeat_receipts(process);
        settle_correlations(process);
    }
    out_threats_heartbeat(process->threats, committer_last_seq(process->committer));
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
    for (size_t i = 0; i < GROUP_MAX; i++) {
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
    in_findings_destroy(&(*process)->in);
    out_threats_destroy(&(*process)->threats);
    out_receipts_destroy(&(*process)->receipts);
    committer_destroy(&(*process)->committer);
    for (size_t i = 0; i < GROUP_MAX; i++)
        commit_fini(&(*process)->commits[i]);
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
