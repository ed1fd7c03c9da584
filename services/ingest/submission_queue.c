/* submission_queue.c: many threads push lists of submissions, the loop takes all of them at once.
 */
#include "services/ingest/submission_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

void submission_queue_init(struct submission_queue *queue, size_t bytes_max) {
    *queue = (struct submission_queue){.bytes_max = bytes_max};
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    queue->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->wake_fd < 0)
        abort();
}

void submission_queue_fini(struct submission_queue *queue) {
    assert(queue->first == NULL);
    close(queue->wake_fd);
    pthread_mutex_destroy(&queue->lock);
}

void submission_queue_wake(struct submission_queue *queue) {
    const uint64_t one = 1;
    /* It only fails when the counter is at its end, and then it is readable already. */
    ssize_t written = write(queue->wake_fd, &one, sizeof one);
    (void)written;
}

enum status submission_queue_push(struct submission_queue *queue, struct submission *list) {
    size_t bytes = 0, events = 0;
    bool wants_sync = false;
    struct submission *last = list;
    for (struct submission *at = list; at != NULL; at = at->next) {
        assert(at->count > 0 && at->count <= BATCH_EVENTS_MAX && at->on_done != NULL);
        assert(at->wants_verdict || at->wants_sync);
        assert(at->events.length <= BATCH_EVENTS_BYTES_MAX && buffer_is_whole(&at->events));
        bytes += at->events.length;
        events += at->count;
        wants_sync |= at->wants_sync;
        last = at;
    }
    pthread_mutex_lock(&queue->lock);
    enum status status = STATUS_OK;
    bool wakes = queue->first == NULL;
    if (queue->disk_full)
        status = STATUS_DISK_FULL;
    else if (queue->bytes > 0 && queue->bytes + bytes > queue->bytes_max)
        status = STATUS_FULL;
    if (status == STATUS_OK) {
        *queue->last = list;
        queue->last = &last->next;
        queue->bytes += bytes;
        queue->events += events;
        queue->wants_sync |= wants_sync;
        if (queue->wake_at > 0) {
            wakes = wants_sync || queue->events >= queue->wake_at;
            queue->wake_at = wakes ? 0 : queue->wake_at;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    if (status == STATUS_OK && wakes)
        submission_queue_wake(queue);
    return status;
}

static void end_wake(struct submission_queue *queue) {
    uint64_t wakes;
    ssize_t got = read(queue->wake_fd, &wakes, sizeof wakes);
    (void)got; /* nothing to read: nobody woke us, and we look all the same */
}

bool submission_queue_has(struct submission_queue *queue, size_t least) {
    end_wake(queue);
    pthread_mutex_lock(&queue->lock);
    bool has = queue->first == NULL || queue->wants_sync || queue->events >= least;
    queue->wake_at = has ? 0 : least;
    pthread_mutex_unlock(&queue->lock);
    return has;
}

struct submission *submission_queue_take(struct submission_queue *queue) {
    end_wake(queue);
    pthread_mutex_lock(&queue->lock);
    struct submission *list = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    queue->events = queue->wake_at = 0;
    queue->wants_sync = false;
    pthread_mutex_unlock(&queue->lock);
    return list;
}

void submission_queue_settle(struct submission_queue *queue, size_t bytes, bool disk_full) {
    pthread_mutex_lock(&queue->lock);
    assert(queue->bytes >= bytes);
    queue->bytes -= bytes;
    queue->disk_full = disk_full;
    pthread_mutex_unlock(&queue->lock);
}

size_t submission_queue_bytes(struct submission_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    size_t bytes = queue->bytes;
    pthread_mutex_unlock(&queue->lock);
    return bytes;
}

bool submission_queue_is_empty(struct submission_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool empty = queue->first == NULL && queue->bytes == 0;
    pthread_mutex_unlock(&queue->lock);
    return empty;
}
