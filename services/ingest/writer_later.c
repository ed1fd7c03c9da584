/* writer_later.c: what may be put off: a sync that nobody waits for, and a batch that others are
 * about to join.
 *
 * Who waits for a verdict is answered when Redis has committed his event and synced its own file.
 * The spool is needed then only to send again what a killed process took along, and for that the
 * page cache does. So such batches are sent at once, and one sync follows for all of some
 * milliseconds, when a batch has just gone out: nothing needs this thread until it is judged. A
 * power cut in between loses events here that nobody was told of; what Redis had counted of them
 * already is put into the books when the epoch is closed (close_epochs.lua).
 *
 * A batch costs every process some wake-ups and cold caches, and Redis a sync, however small it is.
 * So while many events are under way a small batch waits for company, until a receipt comes. And
 * clients who waited for one batch are answered together and mostly ask again together: a batch
 * waits until as many have come as waited at once lately, the crowd, but not for longer than a
 * batch is on its way: then it had better gone. When they do not come in that time, it is not tried
 * again for a while, and a longer one each time. With few clients each has its answer soonest when
 * nothing waits.
 */
#include "services/ingest/spool_writer.h"

#include <sys/timerfd.h>
#include <unistd.h>

/* A sync is put off for so long, and then until a batch goes out, but no longer than
 * SYNC_LATEST_MS; no batch for longer than GATHER_MS. */
#define SYNC_LATER_MS 25
#define SYNC_LATEST_MS 50
#define GATHER_MS 3
/* With so many events under way, a batch of fewer than GATHER_EVENTS waits. */
#define GATHER_FROM 12
#define GATHER_EVENTS 32
/* Fewer clients are no crowd; more go in several batches: one is made while another is judged. */
#define CROWD_MIN 16
#define CROWD_BATCH 64
/* Batches that do not wait for the crowd after it did not come: twice as many each time. */
#define REST_FIRST 8
#define REST_LONGEST 256

void writer_sync(struct out_events *writer) {
    if (!writer->unsynced)
        return;
    writer->unsynced = false;
    if (writer->sync_timer != 0)
        zloop_timer_end(writer->loop, writer->sync_timer);
    writer->sync_timer = 0;
    struct mono_time before = clock_mono();
    if (spool_sync(writer->spool) != STATUS_OK)
        writer_die();
    histogram_observe(writer->metrics.fsync_seconds, clock_mono().ns - before.ns);
}

static int on_sync_due(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct out_events *writer = context;
    writer->sync_timer = 0;
    writer_sync(writer);
    return 0;
}

void writer_sync_later(struct out_events *writer) {
    if (!writer->unsynced)
        return;
    if (clock_mono_add_ms(writer->unsynced_at, SYNC_LATER_MS).ns <= clock_mono().ns) {
        writer_sync(writer);
        return;
    }
    if (writer->sync_timer != 0)
        return;
    writer->sync_timer = zloop_timer(writer->loop, SYNC_LATEST_MS, 1, on_sync_due, writer);
    if (writer->sync_timer < 0)
        abort(); /* out of memory */
}

/* Whether batches wait for the crowd. */
static bool awaits_crowd(const struct out_events *writer) {
    return writer->rest == 0 && writer->crowd >= CROWD_MIN;
}

/* Events a batch waits for; 0: it does not. */
static size_t wanted_events(const struct out_events *writer) {
    if (awaits_crowd(writer))
        return writer->crowd < CROWD_BATCH ? writer->crowd : CROWD_BATCH;
    return writer->window.events < GATHER_FROM ? 0 : GATHER_EVENTS;
}

/* The crowd did not come. */
static void give_up_crowd(struct out_events *writer) {
    writer->crowd = 0;
    writer->next_rest = writer->next_rest == 0 ? REST_FIRST : 2 * writer->next_rest;
    if (writer->next_rest > REST_LONGEST)
        writer->next_rest = REST_LONGEST;
    writer->rest = writer->next_rest;
}

/* Has the wait end after so long; 0: it is over. */
static void set_gather(struct out_events *writer, int64_t ns) {
    const struct itimerspec until = {.it_value = {ns / 1000000000, ns % 1000000000}};
    if (timerfd_settime(writer->gather_fd, 0, &until, NULL) != 0)
        abort(); /* no such time */
    writer->gathering = ns > 0;
}

/* How long a batch may wait. */
static int64_t gather_ns(const struct out_events *writer) {
    int64_t longest = (int64_t)GATHER_MS * 1000000;
    int64_t travel = writer->window.average_ns;
    return awaits_crowd(writer) && travel > 0 && travel < longest ? travel : longest;
}

static int on_gather_over(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop, (void)item;
    struct out_events *writer = context;
    uint64_t times;
    if (read(writer->gather_fd, &times, sizeof times) != sizeof times || !writer->gathering)
        return 0; /* ended, or set again, in the meantime */
    writer->gathering = false;
    if (awaits_crowd(writer))
        give_up_crowd(writer);
    writer_store_now(writer);
    return 0;
}

bool writer_gathers(struct out_events *writer) {
    if (writer->pending != NULL || submission_queue_has(&writer->queue, wanted_events(writer)))
        return false;
    if (!writer->gathering)
        set_gather(writer, gather_ns(writer));
    return true;
}

void writer_gathered(struct out_events *writer, size_t came) {
    if (writer->rest > 0)
        writer->rest--;
    else if (awaits_crowd(writer) && came >= wanted_events(writer))
        writer->next_rest = 0;
    if (writer->gathering)
        set_gather(writer, 0);
    if (writer->crowd < writer->waiters.count)
        writer->crowd = writer->waiters.count;
}

void writer_later_begin(struct out_events *writer) {
    writer->gather_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    zmq_pollitem_t item = {.fd = writer->gather_fd, .events = ZMQ_POLLIN};
    if (writer->gather_fd < 0 || zloop_poller(writer->loop, &item, on_gather_over, writer) != 0)
        abort(); /* out of descriptors or memory */
    zloop_poller_set_tolerant(writer->loop, &item);
}

void writer_later_end(struct out_events *writer) {
    zmq_pollitem_t item = {.fd = writer->gather_fd, .events = ZMQ_POLLIN};
    zloop_poller_end(writer->loop, &item);
    close(writer->gather_fd);
    if (writer->sync_timer != 0)
        zloop_timer_end(writer->loop, writer->sync_timer);
    writer->sync_timer = 0;
}
