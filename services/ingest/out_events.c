/* out_events.c: the spool writer's life: its hooks into the loop, its ticks, and its books. */
#include "services/ingest/out_events.h"

#include "common/log.h"
#include "proto/wiring.h"
#include "services/ingest/spool_writer.h"

#include <stdio.h>
#include <stdlib.h>

/* Following peers, gauges; every RELEASE_TICKS-th time also the spool's floor. */
#define SLOW_TICK_MS 1000
#define RELEASE_TICKS 3
/* Deadlines, re-sends and losses, while something is in flight or waited for. */
#define FAST_TICK_MS 50
/* An incident process that is alive speaks every second. */
#define RECEIPTS_SILENCE_MS 5000
/* Heads, delivery frames, stand-ins: all far below. */
#define SCRATCH_MAX 16384

void writer_publish_books(struct out_events *writer) {
    struct ledger_books books = {
        .producer = spool_producer(writer->spool),
        .epoch = spool_epoch(writer->spool),
        .accepted = epochs_newest(&writer->epochs)->events_end,
        .spooled = epochs_unsent_events(&writer->epochs) + writer->window.events,
        .in_flight_events = writer->window.events,
        .in_flight_batches = writer->window.count,
        .spool_bytes = spool_bytes(writer->spool),
        .next_seq = epochs_newest(&writer->epochs)->end_seq,
    };
    pthread_mutex_lock(&writer->books_lock);
    books.oldest_ms = books.spooled == 0 ? 0 : writer->books.oldest_ms;
    books.detectors = writer->books.detectors;
    books.receipts = writer->books.receipts;
    writer->books = books;
    pthread_mutex_unlock(&writer->books_lock);
}

/* The figures that only a tick brings up to date. */
static void publish_slow_books(struct out_events *writer) {
    int64_t oldest_ms = writer_oldest_ms(writer);
    int detectors = wire_peer_count(writer->events);
    bool receipts = in_receipts_peer_count(writer->receipts) > 0 &&
                    (!writer->heard || clock_elapsed_ms(writer->heard_at) < RECEIPTS_SILENCE_MS);
    pthread_mutex_lock(&writer->books_lock);
    writer->books.oldest_ms = oldest_ms;
    writer->books.detectors = detectors;
    writer->books.receipts = receipts;
    const struct ledger_books books = writer->books;
    pthread_mutex_unlock(&writer->books_lock);
    writer_metrics_set(writer, &books);
}

static int on_submitted(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    (void)item;
    writer_store(context);
    return 0;
}

static int on_fast_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    struct out_events *writer = context;
    writer->fast_tick = false;
    struct mono_time now = clock_mono();
    if (waiters_are_due(&writer->waiters, now))
        writer_sync(writer); /* before anybody hears that his event is stored */
    writer_resend(writer);
    waiters_expire(&writer->waiters, now);
    writer_publish_books(writer);
    writer_arm_tick(writer);
    return 0;
}

static int on_slow_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    struct out_events *writer = context;
    wire_refresh(writer->events);
    in_receipts_refresh(writer->receipts);
    if (++writer->slow_ticks % RELEASE_TICKS == 0)
        writer_release(writer);
    submission_queue_settle(&writer->queue, 0, false); /* a full disk is tried again */
    writer_pump(writer);
    writer_publish_books(writer);
    publish_slow_books(writer);
    writer_make_offer(writer);
    return 0;
}

void writer_arm_tick(struct out_events *writer) {
    if (writer->fast_tick || (writer->window.count == 0 && writer->waiters.count == 0))
        return;
    writer->fast_timer = zloop_timer(writer->loop, FAST_TICK_MS, 1, on_fast_tick, writer);
    writer->fast_tick = writer->fast_timer >= 0;
}

static zmq_pollitem_t wake_item(const struct out_events *writer) {
    return (zmq_pollitem_t){.fd = writer->queue.wake_fd, .events = ZMQ_POLLIN};
}

/* Hooks everything into the loop. */
static void hook(struct out_events *writer) {
    zmq_pollitem_t item = wake_item(writer);
    writer->slow_timer = zloop_timer(writer->loop, SLOW_TICK_MS, 0, on_slow_tick, writer);
    if (zloop_poller(writer->loop, &item, on_submitted, writer) != 0 || writer->slow_timer < 0)
        abort();
    zloop_poller_set_tolerant(writer->loop, &item);
    writer_later_begin(writer);
}

static void unhook(struct out_events *writer) {
    zmq_pollitem_t item = wake_item(writer);
    zloop_poller_end(writer->loop, &item);
    zloop_timer_end(writer->loop, writer->slow_timer);
    if (writer->fast_tick)
        zloop_timer_end(writer->loop, writer->fast_timer);
    writer_later_end(writer);
    if (writer->blocked) {
        zmq_pollitem_t out = {.socket = wire_socket(writer->events), .events = ZMQ_POLLOUT};
        zloop_poller_end(writer->loop, &out);
    }
}

static struct spool *open_spool(const struct ingest_config *config) {
    char directory[4096];
    int length = snprintf(directory, sizeof directory, "%s/spool", config->state_dir);
    if (length < 0 || (size_t)length >= sizeof directory) {
        log_error("SIEM_STATE_DIR is too long");
        return NULL;
    }
    const struct spool_options options = {.directory = directory,
                                          .segment_bytes = config->spool_segment_bytes,
                                          .max_bytes = config->spool_max_bytes,
                                          .reserve_bytes = config->spool_reserve_bytes,
                                          .retain_ms = config->spool_retain_ms,
                                          .retain_bytes = config->spool_retain_bytes};
    return spool_open(&options);
}

struct out_events *out_events_new_on(zloop_t *loop, const struct ingest_config *config) {
    struct out_events *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        abort();
    writer->loop = loop;
    writer->verdict_timeout_ms = config->verdict_timeout_ms;
    writer->pending_last = &writer->pending;
    writer->oldest_number = UINT64_MAX;
    submission_queue_init(&writer->queue, (size_t)config->queue_bytes);
    epochs_init(&writer->epochs);
    waiters_init(&writer->waiters);
    window_init(&writer->window, clock_mono());
    msgpack_frame_init(&writer->received_frame);
    pthread_mutex_init(&writer->books_lock, NULL);
    buffer_init(&writer->scratch, SCRATCH_MAX);
    buffer_init(&writer->stand_in, SCRATCH_MAX);
    writer_metrics_init(&writer->metrics, config);
    /* The spool last: every time it is opened an epoch begins. */
    writer->events = wire_bind(wire_row(WIRE_EVENTS), config->events_listen, true);
    if (writer->events != NULL)
        writer->receipts = in_receipts_new(loop, config->receipts_from, writer_on_receipt, writer);
    if (writer->receipts != NULL)
        writer->spool = open_spool(config);
    if (writer->spool == NULL) {
        out_events_destroy(&writer);
        return NULL;
    }
    writer_start(writer);
    hook(writer);
    writer_pump(writer);
    writer_publish_books(writer);
    return writer;
}

struct out_events *out_events_new(struct service *service, const struct ingest_config *config) {
    return out_events_new_on(service_loop(service), config);
}

/* Answers all that are still here: those in the queue are not stored, those that wait for a verdict
 * are. */
static void answer_all(struct out_events *writer) {
    writer_take(writer);
    writer_refuse_pending(writer, STATUS_UNAVAILABLE);
    writer_sync(writer);
    waiters_expire(&writer->waiters, (struct mono_time){INT64_MAX});
}

void out_events_destroy(struct out_events **writer) {
    struct out_events *self = *writer;
    if (self == NULL)
        return;
    answer_all(self);
    if (self->spool != NULL) {
        unhook(self);
        writer_release(self);
    }
    in_receipts_destroy(&self->receipts);
    wire_destroy(&self->events);
    spool_destroy(&self->spool);
    waiters_fini(&self->waiters);
    epochs_fini(&self->epochs);
    submission_queue_fini(&self->queue);
    buffer_fini(&self->scratch);
    buffer_fini(&self->stand_in);
    msgpack_frame_fini(&self->received_frame);
    pthread_mutex_destroy(&self->books_lock);
    free(self);
    *writer = NULL;
}

enum status out_events_submit(struct out_events *writer, struct submission *list) {
    enum status status = submission_queue_push(&writer->queue, list);
    for (; status != STATUS_OK && list != NULL; list = list->next)
        counter_add(writer->metrics.events_refused, list->count);
    return status;
}

void out_events_books(struct out_events *writer, struct ledger_books *ret_books) {
    pthread_mutex_lock(&writer->books_lock);
    *ret_books = writer->books;
    pthread_mutex_unlock(&writer->books_lock);
}

void out_events_offer(struct out_events *writer, struct epoch_offer *ret_offer) {
    pthread_mutex_lock(&writer->books_lock);
    *ret_offer = writer->offer;
    pthread_mutex_unlock(&writer->books_lock);
}

bool out_events_is_drained(struct out_events *writer) {
    return submission_queue_is_empty(&writer->queue) && writer->pending == NULL &&
           writer->waiters.count == 0;
}
