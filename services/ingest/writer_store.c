/* writer_store.c: packs what waits into batches, stores them with one sync, answers, and sends
 * them.
 *
 * What comes during a round's sync is the next one. A submission is in one batch or in none, so
 * nothing is half accepted.
 */
#include "services/ingest/spool_writer.h"

#include "common/log.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void writer_die(void) {
    log_error("the process ends: after a failed sync nothing it says about the spool would be true",
              LOG_STRING("remedy", "look at the disk; what was answered 2xx is stored and is sent "
                                   "after the restart"));
    _exit(EXIT_FAILURE); /* no clean-up that could answer anybody */
}

void writer_take(struct out_events *writer) {
    struct submission *list = submission_queue_take(&writer->queue);
    *writer->pending_last = list;
    while (*writer->pending_last != NULL)
        writer->pending_last = &(*writer->pending_last)->next;
}

/* Takes the first of the pending list. */
static struct submission *take_pending(struct out_events *writer) {
    struct submission *submission = writer->pending;
    writer->pending = submission->next;
    if (writer->pending == NULL)
        writer->pending_last = &writer->pending;
    return submission;
}

/* Fills `batch` and writer->parts from the front of `list`; gives what is left of it. */
static struct submission *pack(struct out_events *writer, struct submission *list,
                               struct stored_batch *batch) {
    *batch = (struct stored_batch){.first = list};
    const struct epoch *epoch = epochs_newest(&writer->epochs);
    batch->head =
        (struct batch_head){.producer = epoch->producer,
                            .epoch = epoch->epoch,
                            .seq = epoch->end_seq,
                            .accepted_before = epoch->events_end,
                            .kept_from = epoch_seq_from(epoch, spool_first(writer->spool))};
    while (list != NULL && batch->head.count + list->count <= BATCH_EVENTS_MAX &&
           batch->events_bytes + list->events.length <= BATCH_EVENTS_BYTES_MAX) {
        writer->parts[1 + batch->submissions++] = buffer_bytes(&list->events);
        batch->head.count += list->count;
        batch->events_bytes += list->events.length;
        batch->head.flags |= list->wants_verdict ? BATCH_WANTS_VERDICTS : 0;
        batch->wants_sync |= list->wants_sync;
        list = list->next;
    }
    struct buffer *scratch = &writer->scratch;
    buffer_reset(scratch);
    batch_encode_head(&batch->head, scratch);
    assert(buffer_is_whole(scratch) && scratch->length <= sizeof batch->encoded);
    memcpy(batch->encoded, scratch->data, scratch->length);
    batch->encoded_length = scratch->length;
    writer->parts[0] = (struct bytes){batch->encoded, batch->encoded_length};
    return list;
}

/* Appends batch by batch until the list ends, the round is full or the disk is; gives their number.
 */
static size_t append_round(struct out_events *writer, enum status *ret_status) {
    struct submission *list = writer->pending;
    struct epoch *epoch = epochs_newest(&writer->epochs);
    size_t count = 0;
    *ret_status = STATUS_OK;
    while (list != NULL && count < ROUND_BATCHES_MAX) {
        struct stored_batch *batch = &writer->round[count];
        list = pack(writer, list, batch);
        uint64_t number;
        *ret_status =
            spool_append(writer->spool, writer->parts, 1 + (size_t)batch->submissions, &number);
        if (*ret_status == STATUS_IO_ERROR)
            writer_die();
        if (*ret_status != STATUS_OK)
            break;
        assert(number == epoch_number(epoch, batch->head.seq));
        epoch->end_seq++;
        epoch->events_end += batch->head.count;
        count++;
    }
    return count;
}

/* Makes a round durable before it is sent, if somebody wants that. */
static void sync_round(struct out_events *writer, size_t count) {
    bool wants_sync = false;
    for (size_t i = 0; i < count; i++)
        wants_sync |= writer->round[i].wants_sync;
    if (count > 0 && !writer->unsynced)
        writer->unsynced_at = clock_mono();
    writer->unsynced |= count > 0;
    if (wants_sync)
        writer_sync(writer);
}

/* Sends a batch that was just stored from memory, when nothing older waits. */
static void send_fresh(struct out_events *writer, const struct stored_batch *batch) {
    struct epoch *epoch = epochs_newest(&writer->epochs);
    if (writer->blocked || epoch->cursor != batch->head.seq || !window_has_room(&writer->window) ||
        epochs_unsent(&writer->epochs) != epoch)
        return;
    writer->parts[0] = (struct bytes){batch->encoded, batch->encoded_length};
    const struct submission *submission = batch->first;
    for (uint32_t i = 0; i < batch->submissions; i++, submission = submission->next)
        writer->parts[1 + i] = buffer_bytes(&submission->events);
    const struct outgoing outgoing = {.epoch = epoch,
                                      .head = batch->head,
                                      .parts = writer->parts,
                                      .part_count = 1 + (size_t)batch->submissions,
                                      .length = batch->encoded_length + batch->events_bytes,
                                      .accepted_at = batch->first->submitted_at};
    (void)writer_send_first(writer, &outgoing);
}

/* Answers those who only wanted it stored; the others wait for their verdict. */
static void answer(struct out_events *writer, const struct stored_batch *batch) {
    struct outcome outcome = {.status = STATUS_OK, .head = batch->head};
    struct mono_time now = clock_mono();
    for (uint32_t i = 0; i < batch->submissions; i++) {
        struct submission *submission = take_pending(writer);
        histogram_observe(writer->metrics.store_seconds, now.ns - submission->submitted_at.ns);
        uint32_t count = submission->count;
        if (submission->wants_verdict)
            waiters_add(&writer->waiters, submission, &batch->head, outcome.first_index,
                        writer->verdict_timeout_ms);
        else
            submission->on_done(submission, &outcome);
        outcome.first_index += count;
    }
}

void writer_refuse_pending(struct out_events *writer, enum status status) {
    const struct outcome outcome = {.status = status};
    size_t bytes = 0;
    while (writer->pending != NULL) {
        struct submission *submission = take_pending(writer);
        bytes += submission->events.length;
        count_drop(status);
        counter_add(writer->metrics.events_refused, submission->count);
        submission->on_done(submission, &outcome);
    }
    submission_queue_settle(&writer->queue, bytes, status == STATUS_DISK_FULL);
}

void writer_store(struct out_events *writer) {
    if (!writer_gathers(writer))
        writer_store_now(writer);
}

void writer_store_now(struct out_events *writer) {
    writer_take(writer);
    if (writer->pending == NULL)
        return;
    enum status status;
    size_t count = append_round(writer, &status);
    size_t bytes = 0;
    uint64_t events = 0;
    sync_round(writer, count);
    for (size_t i = 0; i < count; i++) {
        send_fresh(writer, &writer->round[i]);
        bytes += writer->round[i].events_bytes;
        events += writer->round[i].head.count;
        histogram_observe(writer->metrics.batch_events, writer->round[i].head.count);
    }
    counter_add(writer->metrics.events_accepted, events);
    counter_add(writer->metrics.batches_stored, count);
    writer_publish_books(writer);
    size_t waited = writer->waiters.count;
    for (size_t i = 0; i < count; i++)
        answer(writer, &writer->round[i]);
    writer_gathered(writer, writer->waiters.count - waited);
    submission_queue_settle(&writer->queue, bytes, false);
    if (status != STATUS_OK)
        writer_refuse_pending(writer, status);
    writer_pump(writer);
    writer_sync_later(writer);
    writer_arm_tick(writer);
    if (writer->pending != NULL)
        submission_queue_wake(&writer->queue);
}
