/* committer.c: runs commits in Redis, a group of them in one go. */
#include "services/incident/committer.h"

#include "common/counters.h"
#include "common/log.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/incident/commit_script.h"
#include "services/incident/failing_batches.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 2000
#define COMMAND_TIMEOUT_MS 5000

/* As commit.lua keeps it. */
#define PUBLISHER_KEPT_S "86400"

/* Parts of the script's answer. */
enum { ANSWER_STATE, ANSWER_FLOOR, ANSWER_SEQ };

/* Arguments of a call, at most. */
#define ARGUMENTS_MAX (1 + GROUP_MAX * PACKED_PARTS_MAX)

/* A call under way. */
struct call {
    size_t count; /* of its commits */
    struct mono_time sent_at;
};

struct committer {
    struct redis_client *redis;
    struct redis_script *script;
    struct commit_script library;
    bool is_loaded;
    struct call calls[CALLS_MAX]; /* the oldest first */
    size_t call_count;
    struct buffer packed;       /* of the call being made: its arguments behind the limits, */
    size_t ends[ARGUMENTS_MAX]; /* where each of them ends, */
    size_t part_count;          /* and how many they are */
    struct commit_packer *packer;
    struct key_name publisher_key;
    uint64_t last_seq;
    struct failing_batches failing;
    uint64_t committed; /* batches */
    char error[256];
    struct counter *outcomes[4]; /* by commit_state */
    struct counter *errors;
    struct counter *events[4]; /* likewise */
    struct counter *events_quarantined;
    struct histogram *seconds;
    struct histogram *batches;
};

/* Batches and events by what became of their commit. */
static void register_outcome(struct committer *committer, enum commit_state state,
                             const char *outcome, const char *events_outcome) {
    char labels[64];
    snprintf(labels, sizeof(labels), "outcome=\"%s\"", outcome);
    committer->outcomes[state] =
        counter_new("siem_commits_total", labels, "Batches by what became of their commit");
    snprintf(labels, sizeof(labels), "stage=\"commit\",outcome=\"%s\"", events_outcome);
    committer->events[state] = counter_new(
        "siem_events_total", labels, "Events by stage of the pipeline and what became of them");
}

static void register_counters(struct committer *committer) {
    register_outcome(committer, COMMIT_OPEN, "error", "quarantined");
    register_outcome(committer, COMMIT_DONE, "ok", "committed");
    register_outcome(committer, COMMIT_DUPLICATE, "duplicate", "duplicate");
    register_outcome(committer, COMMIT_REFUSED, "refused", "refused");
    committer->errors = committer->outcomes[COMMIT_OPEN];
    committer->events_quarantined = committer->events[COMMIT_OPEN];
    committer->seconds =
        histogram_new("siem_commit_duration_seconds", NULL,
                      "Time of one call of Redis for a group of commits", histogram_latency_bounds);
    committer->batches = histogram_new_numbers("siem_commit_batches", NULL, "Batches of one call",
                                               histogram_size_bounds);
}

struct committer *committer_new(const char *redis_url, const struct commit_limits *limits) {
    struct redis_client *redis =
        redis_client_new(redis_url, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    if (redis == NULL)
        return NULL;
    struct committer *committer = calloc(1, sizeof(*committer));
    if (committer == NULL)
        abort();
    committer->redis = redis;
    commit_script_init(&committer->library);
    committer->script = redis_script_new_library(buffer_text(&committer->library.text),
                                                 text_of(committer->library.function));
    committer->packer = commit_packer_new(limits);
    committer->failing.after_ms = limits->set_aside_after_ms;
    buffer_init(&committer->packed, CALL_SIZE_MAX + PACKED_SIZE_MAX);
    committer->publisher_key = key_name(KEY_PUBLISHER, limits->publisher);
    register_counters(committer);
    return committer;
}

void committer_destroy(struct committer **committer) {
    if (*committer == NULL)
        return;
    commit_packer_destroy(&(*committer)->packer);
    buffer_fini(&(*committer)->packed);
    redis_script_destroy(&(*committer)->script);
    commit_script_fini(&(*committer)->library);
    redis_client_destroy(&(*committer)->redis);
    free(*committer);
    *committer = NULL;
}

uint64_t committer_last_seq(const struct committer *committer) {
    return committer->last_seq;
}

struct redis_client *committer_redis(struct committer *committer) {
    return committer->redis;
}

const char *committer_error(const struct committer *committer) {
    return committer->error;
}

static enum status fail(struct committer *committer, enum status status, struct text why) {
    snprintf(committer->error, sizeof(committer->error), "%.*s", TEXT_ARG(why));
    return status;
}

static enum status fail_by_client(struct committer *committer, enum status status) {
    return fail(committer, status, text_of(redis_client_error(committer->redis)));
}

/* Redis keeps libraries for ever: those of other versions go. A process that still uses one of them
 * loads it again. */
static enum status delete_other_libraries(struct committer *committer) {
    SCOPED(redis_reply)
    struct redis_reply *libraries = NULL;
    enum status status = redis_command(committer->redis, &libraries, TEXT("FUNCTION"), TEXT("LIST"),
                                       TEXT("LIBRARYNAME"), TEXT(COMMIT_LIBRARIES));
    for (size_t i = 0; status == STATUS_OK && i < redis_reply_count(libraries); i++) {
        SCOPED(redis_reply)
        struct redis_reply *reply = NULL;
        struct text name =
            redis_reply_text(redis_reply_field(redis_reply_at(libraries, i), "library_name"));
        if (!text_is(name, committer->library.function))
            status =
                redis_command(committer->redis, &reply, TEXT("FUNCTION"), TEXT("DELETE"), name);
    }
    return status;
}

static enum status load_library(struct committer *committer) {
    if (committer->is_loaded)
        return STATUS_OK;
    bool is_first = !redis_script_is_loaded(committer->script);
    enum status status = redis_script_load(committer->redis, committer->script);
    if (status == STATUS_OK && is_first)
        status = delete_other_libraries(committer);
    committer->is_loaded = status == STATUS_OK;
    return status == STATUS_OK ? STATUS_OK : fail_by_client(committer, status);
}

static void begin_call(struct committer *committer) {
    buffer_reset(&committer->packed);
    committer->part_count = 0;
}

static void add_to_call(struct committer *committer, struct packed_batch packed) {
    for (size_t i = 0; i < packed.count; i++)
        committer->ends[committer->part_count++] = committer->packed.length + packed.ends[i];
    buffer_append_text(&committer->packed, packed.bytes);
    assert(buffer_is_whole(&committer->packed));
}

/* Sends what was added as one call, of `count` commits. */
static enum status send_call(struct committer *committer, size_t count) {
    struct key_name key = key_name(KEY_FLOORS);
    struct text arguments[ARGUMENTS_MAX] = {commit_pack_limits(committer->packer)};
    const char *packed = (const char *)committer->packed.data;
    for (size_t i = 0, from = 0; i < committer->part_count; i++) {
        arguments[1 + i] = (struct text){packed + from, committer->ends[i] - from};
        from = committer->ends[i];
    }
    enum status status = redis_script_append(committer->redis, committer->script, key_text(&key),
                                             1 + committer->part_count, arguments);
    if (status == STATUS_OK)
        status = redis_client_begin(committer->redis);
    if (status != STATUS_OK) {
        committer->call_count = 0; /* the connection is gone, and what was under way with it */
        return fail_by_client(committer, status);
    }
    committer->calls[committer->call_count++] = (struct call){count, clock_mono()};
    return STATUS_OK;
}

bool committer_can_send(const struct committer *committer) {
    return committer->call_count == 0 ||
           (committer->is_loaded && committer->call_count < CALLS_MAX);
}

/* What the script failed on before; NULL: it did not. */
static const struct failing_batch *find_failing(struct committer *committer,
                                                const struct commit *commit) {
    return committer->failing.count > 0
               ? failing_batches_find(&committer->failing, &commit->batch.head, clock_mono())
               : NULL;
}

/* Takes out of a batch what the script fails on, when it is the batch that is at fault. */
static void mend(struct commit *commit, const struct failing_batch *failing) {
    if (failing->level == SET_ASIDE_NOTHING)
        return;
    commit_set_aside(commit, failing->level == SET_ASIDE_ALL);
    log_error("the commit script fails on a batch again and again; events of it are quarantined",
              LOG_INT("epoch", failing->epoch), LOG_INT("seq", failing->seq),
              LOG_INT("failures", failing->failures), LOG_INT("events", commit->set_aside_count));
}

/* Adds commits to the call being made, from the first on, as many as it holds; a batch on which the
 * script failed goes alone. */
static size_t add_group(struct committer *committer, struct commit *const *group, size_t count) {
    size_t sent = 0;
    bool is_alone = false;
    while (sent < count && sent < GROUP_MAX && committer->packed.length < CALL_SIZE_MAX &&
           !is_alone) {
        struct commit *commit = group[sent];
        assert(commit->state == COMMIT_OPEN);
        const struct failing_batch *failing = find_failing(committer, commit);
        if (failing != NULL && sent > 0)
            break;
        if (failing != NULL)
            mend(commit, failing);
        is_alone = failing != NULL;
        add_to_call(committer,
                    commit_pack(committer->packer, commit, clock_wall(), committer->last_seq));
        commit->was_sent = true;
        sent++;
    }
    return sent;
}

enum status committer_send(struct committer *committer, struct commit *const *group, size_t count,
                           size_t *ret_sent) {
    assert(count > 0 && committer_can_send(committer));
    enum status status = load_library(committer);
    if (status != STATUS_OK)
        return status;
    begin_call(committer);
    size_t sent = add_group(committer, group, count);
    status = send_call(committer, sent);
    *ret_sent = status == STATUS_OK ? sent : 0;
    return status;
}

static enum commit_state state_of(struct text state) {
    if (text_is(state, status_reason(STATUS_OK)))
        return COMMIT_DONE;
    if (text_is(state, status_reason(STATUS_DUPLICATE)))
        return COMMIT_DUPLICATE;
    return COMMIT_REFUSED;
}

static void count_answer(struct committer *committer, const struct commit *commit,
                         struct text state) {
    counter_add(committer->outcomes[commit->state], 1);
    uint32_t quarantined = commit->state == COMMIT_DONE ? commit->quarantined_count : 0;
    counter_add(committer->events[commit->state], commit->batch.head.count - quarantined);
    counter_add(committer->events_quarantined, quarantined);
    for (uint32_t i = 0; commit->state == COMMIT_DONE && i < commit->set_aside_count; i++)
        count_drop(STATUS_POISON);
    if (commit->state == COMMIT_DUPLICATE)
        count_drop(STATUS_DUPLICATE);
    if (commit->state == COMMIT_REFUSED)
        count_drop(text_is(state, status_reason(STATUS_AHEAD)) ? STATUS_AHEAD : STATUS_FULL);
}

/* Takes an answer over; of `reply` only where the commit needs it. */
static void take_answer(struct committer *committer, struct commit *commit,
                        struct redis_reply **reply) {
    struct text state = redis_reply_text(redis_reply_at(*reply, ANSWER_STATE));
    commit->state = state_of(state);
    commit->has_floor = true;
    commit->floor = (uint64_t)redis_reply_integer(redis_reply_at(*reply, ANSWER_FLOOR));
    count_answer(committer, commit, state);
    committer->committed += commit->state == COMMIT_DONE;
    if (commit->state != COMMIT_REFUSED && committer->failing.count > 0)
        failing_batches_forget(&committer->failing, &commit->batch.head);
    if (redis_reply_count(*reply) <= ANSWER_SEQ)
        return;
    committer->last_seq = (uint64_t)redis_reply_integer(redis_reply_at(*reply, ANSWER_SEQ));
    commit->reply = *reply;
    *reply = NULL;
}

/* The script failed on a call, which this commit was in alone or not: it is put down, and holds up
 * no other; its producer sends it again, ever more seldom, until it is set aside. */
static void put_down(struct committer *committer, struct commit *commit, struct text error,
                     bool was_alone) {
    const struct batch_head *head = &commit->batch.head;
    if (was_alone)
        failing_batches_note(&committer->failing, head, committer->committed, clock_mono());
    else
        failing_batches_suspect(&committer->failing, head, clock_mono());
    log_error("the commit script fails on a batch; left for its producer to send again",
              LOG_TEXT("error", error), LOG_INT("epoch", head->epoch), LOG_INT("seq", head->seq));
    count_drop(STATUS_REFUSED);
    commit->state = COMMIT_REFUSED;
}

/* An error instead of an answer, to this commit alone or to others, too. After one that is about
 * Redis the commit stays open. */
static enum status take_error(struct committer *committer, struct commit *commit,
                              const struct redis_reply *reply, bool is_alone) {
    struct text error = redis_reply_text(reply);
    counter_add(committer->errors, 1);
    if (redis_reply_is_noscript(reply)) {
        committer->is_loaded = false;
    } else if (redis_error_is_lasting(error)) {
        put_down(committer, commit, error, is_alone);
        return STATUS_OK;
    }
    return fail(committer, STATUS_REFUSED, error);
}

/* Takes the answer of one commit of a call. */
static enum status take_one(struct committer *committer, struct commit *commit,
                            struct redis_reply **reply) {
    if (redis_reply_type(*reply) == REDIS_ERROR)
        return take_error(committer, commit, *reply, true);
    if (redis_reply_count(*reply) <= ANSWER_FLOOR)
        return fail(committer, STATUS_REFUSED, TEXT("not an answer of the commit script"));
    take_answer(committer, commit, reply);
    return STATUS_OK;
}

/* Takes the answers of a call: one for each commit, or one error, or nonsense, for all. */
static enum status take_answers(struct committer *committer, struct commit *const *group,
                                size_t count, struct redis_reply *reply) {
    enum status result = STATUS_OK;
    bool is_error = redis_reply_type(reply) == REDIS_ERROR;
    if (!is_error && redis_reply_count(reply) != count)
        return fail(committer, STATUS_REFUSED, TEXT("not the answers of the commit script"));
    for (size_t i = 0; i < count; i++) {
        struct redis_reply *answer = is_error ? NULL : redis_reply_take(reply, i);
        enum status status = is_error ? take_error(committer, group[i], reply, count == 1)
                                      : take_one(committer, group[i], &answer);
        if (status != STATUS_OK)
            result = status;
        redis_reply_destroy(&answer);
    }
    return result;
}

enum status committer_receive(struct committer *committer, struct commit *const *group, bool wait,
                              size_t *ret_count) {
    assert(committer->call_count > 0);
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    const struct call call = committer->calls[0];
    *ret_count = 0;
    enum status status = wait ? redis_client_read(committer->redis, &reply)
                              : redis_client_try_read(committer->redis, &reply);
    if (status == STATUS_AGAIN)
        return status;
    if (status != STATUS_OK) {
        committer->call_count = 0;
        return fail_by_client(committer, status);
    }
    memmove(committer->calls, committer->calls + 1, --committer->call_count * sizeof(call));
    histogram_observe(committer->seconds, clock_mono().ns - call.sent_at.ns);
    histogram_observe(committer->batches, (int64_t)call.count);
    *ret_count = call.count;
    return take_answers(committer, group, call.count, reply);
}

/* The open ones of a group. */
static size_t list_open(struct commit *const *group, size_t count, struct commit **ret_open) {
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        if (group[i]->state == COMMIT_OPEN)
            ret_open[open++] = group[i];
    }
    return open;
}

/* One call after the other. */
static enum status run_once(struct committer *committer, struct commit *const *group,
                            size_t count) {
    struct commit *open[GROUP_MAX];
    size_t left = list_open(group, count, open), sent = 0;
    enum status result = STATUS_OK;
    for (struct commit **from = open; left > 0; from += sent, left -= sent) {
        enum status status = committer_send(committer, from, left, &sent);
        if (status == STATUS_OK)
            status = committer_receive(committer, from, true, &sent);
        if (status != STATUS_OK)
            result = status;
        if (status != STATUS_OK && status != STATUS_REFUSED)
            break;
    }
    return result;
}

enum status committer_run(struct committer *committer, struct commit *const *group, size_t count) {
    assert(count <= GROUP_MAX && committer->call_count == 0);
    enum status status = run_once(committer, group, count);
    if (status == STATUS_REFUSED && !committer->is_loaded)
        status = run_once(committer, group, count);
    return status;
}

/* How many groups have waited until now. */
static enum status count_due(struct committer *committer, struct wall_time now, int64_t *ret_due) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    struct key_name key = key_name(KEY_CORRELATIONS_DUE);
    char until[24];
    snprintf(until, sizeof(until), "%" PRId64, now.ms);
    enum status status = redis_command(committer->redis, &reply, TEXT("ZCOUNT"), key_text(&key),
                                       TEXT("-inf"), text_of(until));
    if (status != STATUS_OK)
        return fail_by_client(committer, status);
    *ret_due = redis_reply_integer(reply);
    return STATUS_OK;
}

/* Runs the script without a batch; takes the answer's threats. */
static enum status settle_once(struct committer *committer, struct wall_time now,
                               struct settle_range range, struct commit *commit) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    enum status status = load_library(committer);
    if (status != STATUS_OK)
        return status;
    begin_call(committer);
    add_to_call(committer, commit_pack_settle(committer->packer, now, range, committer->last_seq));
    status = send_call(committer, 1);
    committer->call_count = 0;
    if (status == STATUS_OK)
        status = redis_client_read(committer->redis, &reply);
    if (status != STATUS_OK)
        return fail_by_client(committer, status);
    if (redis_reply_count(reply) == 1 &&
        redis_reply_type(redis_reply_at(reply, 0)) != REDIS_ERROR) {
        commit->reply = redis_reply_take(reply, 0);
        if (redis_reply_count(commit->reply) > ANSWER_SEQ)
            committer->last_seq =
                (uint64_t)redis_reply_integer(redis_reply_at(commit->reply, ANSWER_SEQ));
        else
            redis_reply_destroy(&commit->reply);
        return STATUS_OK;
    }
    counter_add(committer->errors, 1);
    committer->is_loaded = !redis_reply_is_noscript(reply);
    struct text error =
        redis_reply_text(redis_reply_count(reply) == 1 ? redis_reply_at(reply, 0) : reply);
    bool is_ours = committer->is_loaded && redis_error_is_lasting(error);
    return fail(committer, is_ours ? STATUS_POISON : STATUS_REFUSED, error);
}

enum status committer_settle(struct committer *committer, struct wall_time now,
                             struct settle_range range, struct commit *commit, bool *ret_more) {
    assert(commit->message.count == 0 && commit->reply == NULL);
    int64_t due = 0;
    enum status status = count_due(committer, now, &due);
    if (status == STATUS_OK && due > range.skip)
        status = settle_once(committer, now, range, commit);
    if (status == STATUS_OK)
        *ret_more = due > (int64_t)range.skip + range.count;
    return status;
}

enum status committer_refresh(struct committer *committer) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    enum status status =
        redis_command(committer->redis, &reply, TEXT("GETEX"), key_text(&committer->publisher_key),
                      TEXT("EX"), TEXT(PUBLISHER_KEPT_S));
    if (status != STATUS_OK)
        return fail_by_client(committer, status);
    uint64_t seq = (uint64_t)redis_reply_integer(reply);
    if (seq > committer->last_seq)
        committer->last_seq = seq;
    return STATUS_OK;
}
