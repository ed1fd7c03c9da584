/* replay_worker.c: one connection of a replay: take a bulk, keep the pace, post it, read the
 * answer. */
#include "common/scoped.h"
#include "services/siemctl/api.h"
#include "services/siemctl/replay.h"

#include <stdio.h>
#include <time.h>

#define RETRY_MS 1000        /* when the answer names no time */
#define UNREACHABLE_MS 60000 /* how long a refused connection is tried again */
#define SLEEP_SLICE_MS 100   /* how soon a stop is seen */

struct worker {
    struct replay *replay;
    struct http_client *client;
    struct http_client_reply reply;
    struct replay_bulk bulk;
};

/* Sleeps until a moment, or a stop. */
static void sleep_until(const struct replay *replay, struct mono_time moment) {
    struct mono_time now = clock_mono();
    while (now.ns < moment.ns && !atomic_load(&replay->stop)) {
        struct mono_time slice = clock_mono_add_ms(now, SLEEP_SLICE_MS);
        struct mono_time until = slice.ns < moment.ns ? slice : moment;
        struct timespec time = {until.ns / 1000000000, until.ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        now = clock_mono();
    }
}

/* Waits for the turn of so many events at the rate asked for. */
static void keep_pace(struct replay *replay, int events) {
    if (replay->rate == 0)
        return;
    struct mono_time now = clock_mono();
    pthread_mutex_lock(&replay->lock);
    struct mono_time slot = replay->next_slot.ns > now.ns ? replay->next_slot : now;
    replay->next_slot.ns = slot.ns + (int64_t)events * 1000000000 / replay->rate;
    pthread_mutex_unlock(&replay->lock);
    sleep_until(replay, slot);
}

/* Keeps an error in words while there is room. */
static void note_error(struct replay *replay, uint64_t line, struct text field,
                       struct text message) {
    pthread_mutex_lock(&replay->lock);
    if (replay->error_count < REPLAY_ERRORS_MAX) {
        struct replay_error *error = &replay->errors[replay->error_count++];
        error->line = line;
        snprintf(error->words, sizeof error->words, "%.*s%s%.*s", TEXT_ARG(field),
                 field.length > 0 ? ": " : "", TEXT_ARG(message));
    }
    pthread_mutex_unlock(&replay->lock);
}

/* Gives the whole bulk up, with one error for it. */
static void give_up(struct worker *worker, atomic_uint_fast64_t *counter, const char *words) {
    atomic_fetch_add(counter, (uint64_t)worker->bulk.count);
    char range[64];
    snprintf(range, sizeof range, "and %d more lines", worker->bulk.count - 1);
    note_error(worker->replay, worker->bulk.lines[0],
               worker->bulk.count > 1 ? text_of(range) : TEXT(""), text_of(words));
}

/* Reads a 2xx answer; its line numbers count within the bulk. */
static void take_answer(struct worker *worker) {
    char error[JSON_TREE_ERROR_SIZE];
    SCOPED(json_node)
    struct json_node *root = NULL;
    struct replay *replay = worker->replay;
    if (json_tree_parse(buffer_text(&worker->reply.body), &root, error) != STATUS_OK) {
        give_up(worker, &replay->unknown, "an answer that is no JSON");
        return;
    }
    atomic_fetch_add(&replay->accepted,
                     (uint64_t)json_node_integer(json_node_member(root, "accepted")));
    atomic_fetch_add(&replay->rejected,
                     (uint64_t)json_node_integer(json_node_member(root, "rejected")));
    const struct json_node *errors = json_node_member(root, "errors");
    for (size_t i = 0; i < json_node_count(errors); i++) {
        const struct json_node *row = json_node_element(errors, i);
        int64_t line = json_node_integer(json_node_member(row, "line"));
        bool known = line >= 1 && line <= worker->bulk.count;
        note_error(replay, known ? worker->bulk.lines[line - 1] : 0,
                   json_node_member_text(row, "field"), json_node_member_text(row, "message"));
    }
}

/* An answer that every other bulk would get too: says it once and stops all workers. */
static void stop_all(struct worker *worker) {
    if (!atomic_exchange(&worker->replay->stop, true)) {
        fputc('\n', stderr);
        api_print_refusal(&worker->reply);
    }
    replay_source_stop(worker->replay->source);
    give_up(worker, &worker->replay->unsent, "refused");
}

/* Posts the bulk once. True when it is settled, one way or another; false: try again at *ret_again.
 */
static bool try_once(struct worker *worker, struct mono_time first_try,
                     struct mono_time *ret_again) {
    struct replay *replay = worker->replay;
    const struct http_client_request request = {.method = "POST",
                                                .path = "/logs",
                                                .content_type = "application/x-ndjson",
                                                .body = buffer_bytes(&worker->bulk.body)};
    enum status status = http_client_send(worker->client, &request, &worker->reply);
    int code = worker->reply.code;
    *ret_again = clock_mono_add_ms(clock_mono(), RETRY_MS);
    if (status == STATUS_UNAVAILABLE) {
        if (clock_elapsed_ms(first_try) < UNREACHABLE_MS)
            return false;
        give_up(worker, &replay->unsent, worker->reply.error);
    } else if (status != STATUS_OK) {
        give_up(worker, &replay->unknown, worker->reply.error);
    } else if (code == 429 || code == 503) {
        atomic_fetch_add(&replay->delayed, 1);
        int64_t wait_ms = worker->reply.retry_after_ms;
        *ret_again = clock_mono_add_ms(clock_mono(), wait_ms >= 0 ? wait_ms : RETRY_MS);
        return false;
    } else if (code >= 200 && code <= 299) {
        take_answer(worker);
    } else if (code >= 500) {
        give_up(worker, &replay->unknown, "the API failed");
    } else {
        stop_all(worker);
    }
    return true;
}

/* Posts the bulk until it is settled or the replay stops. */
static void post_bulk(struct worker *worker) {
    struct mono_time first_try = clock_mono(), again;
    while (!try_once(worker, first_try, &again)) {
        sleep_until(worker->replay, again);
        if (atomic_load(&worker->replay->stop)) {
            give_up(worker, &worker->replay->unsent, "stopped");
            return;
        }
    }
}

void *replay_worker_run(void *context) {
    struct worker worker = {.replay = context};
    worker.client =
        http_client_new(worker.replay->url, worker.replay->api_key, worker.replay->ca_file);
    http_client_reply_init(&worker.reply);
    replay_bulk_init(&worker.bulk);
    while (!atomic_load(&worker.replay->stop) &&
           replay_source_take(worker.replay->source, worker.replay->lines_per_bulk, &worker.bulk)) {
        keep_pace(worker.replay, worker.bulk.count);
        if (atomic_load(&worker.replay->stop))
            give_up(&worker, &worker.replay->unsent, "stopped");
        else
            post_bulk(&worker);
    }
    replay_bulk_fini(&worker.bulk);
    http_client_reply_fini(&worker.reply);
    http_client_destroy(&worker.client);
    atomic_fetch_sub(&worker.replay->running, 1);
    return NULL;
}
