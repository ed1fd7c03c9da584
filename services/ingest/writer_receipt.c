/* writer_receipt.c: what a receipt changes: the window, cursors, verdicts, crashes, and floors that
 * went back (epochs.h says when that is believed). */
#include "services/ingest/spool_writer.h"

#include "common/log.h"
#include "proto/keys.h"

static void on_receipted(void *context, const struct flight *flight) {
    struct out_events *writer = context;
    struct mono_time now = clock_mono();
    counter_add(writer->metrics.batches_receipted, 1);
    histogram_observe_times(writer->metrics.end_to_end_seconds, now.ns - flight->accepted_at.ns,
                            flight->events);
    if (flight->attempt == 1)
        histogram_observe(writer->metrics.receipt_seconds, now.ns - flight->sent_at.ns);
    if (writer->crashes.count > 0)
        crashes_forget(&writer->crashes, flight->epoch, flight->seq);
}

/* After a start the disk holds batches that were committed before: the floor spares sending them.
 */
static void skip_committed(struct out_events *writer, struct epoch *epoch,
                           const struct receipt *receipt) {
    if (epoch->cursor >= epoch->end_seq)
        return;
    epoch_remember(epoch, receipt);
    uint64_t floor = receipt->floor < epoch->end_seq ? receipt->floor : epoch->end_seq;
    if (floor <= epoch->cursor)
        return;
    epoch->cursor = floor;
    epoch->events_cursor = writer_events_before(writer, epoch, floor);
    if (epoch->sent_end < floor)
        epoch->sent_end = floor;
}

/* Sends everything of the epoch again, from the lowest batch that is not committed and still there.
 * The last batch of every other epoch goes along: its receipt tells whether that epoch went back,
 * too. */
static void go_back(struct out_events *writer, struct epoch *epoch, const struct receipt *receipt,
                    struct mono_time now) {
    uint64_t seq = epoch_seq_from(epoch, spool_first(writer->spool));
    if (receipt->floor < seq) {
        epoch->gave_up = true;
        epoch->gave_up_floor = receipt->floor;
        counter_add(writer->metrics.batches_lost, seq - receipt->floor);
        log_error("Redis lost batches that are no longer in the spool; they are lost",
                  LOG_INT("from", receipt->floor), LOG_INT("to", seq - 1),
                  LOG_STRING("remedy", "raise SIEM_SPOOL_RETAIN above the age of your backups"));
    } else {
        seq = receipt->floor;
    }
    log_warning("Redis went back; batches are sent again", LOG_INT("epoch", epoch->epoch),
                LOG_INT("from", seq), LOG_INT("to", epoch->cursor));
    window_remove_from(&writer->window, epoch, seq);
    epoch_rewind(epoch, seq, writer_events_before(writer, epoch, seq), now);
    epoch_remember(epoch, receipt);
    for (size_t i = 0; i < writer->epochs.count; i++) {
        struct epoch *other = writer->epochs.items[i];
        if (other != epoch && other->cursor == other->end_seq &&
            other->end_seq > epoch_seq_from(other, spool_first(writer->spool)) &&
            !window_holds(&writer->window, other))
            epoch_probe(other, writer_events_before(writer, other, other->end_seq - 1));
    }
}

/* True when the batch that the receipt calls uncommitted is one we hold as receipted. */
static bool is_contradicted(struct out_events *writer, const struct epoch *epoch,
                            const struct receipt *receipt) {
    uint64_t seq = epoch_seq_from(epoch, spool_first(writer->spool));
    if (receipt->floor > seq)
        seq = receipt->floor;
    else if (epoch->gave_up && receipt->floor == epoch->gave_up_floor && receipt->floor < seq)
        return false;
    return seq < epoch->cursor && !receipt_covers(receipt, seq) &&
           window_find(&writer->window, epoch, seq) == NULL;
}

static void note_crashes(struct out_events *writer, const struct epoch *epoch,
                         const struct receipt *receipt) {
    for (uint32_t i = 0; i < receipt->crash_count; i++) {
        const struct receipt_crash *report = &receipt->crashes[i];
        struct flight *flight = window_find(&writer->window, epoch, report->seq);
        if (flight == NULL || report->index >= flight->events)
            continue;
        uint32_t count = crashes_note(&writer->crashes, flight, report->index);
        if (count == 0)
            continue;
        log_warning("a detector died over an event", LOG_INT("epoch", epoch->epoch),
                    LOG_INT("seq", report->seq), LOG_INT("index", report->index),
                    LOG_INT("times", count));
        window_suspect(flight, RESEND_CRASH, clock_mono());
    }
}

/* A floor of batches that were never made is clamped by whoever uses it. */
static void note_floor(struct out_events *writer, struct epoch *epoch, uint64_t floor) {
    bool closed = floor == FLOOR_CLOSED;
    if (floor <= epoch->end_seq || (closed && epoch != epochs_newest(&writer->epochs)))
        return;
    count_drop(STATUS_BAD_VALUE);
    if (closed && !epoch->taken)
        log_error("this start has the number of one that is over, so its events count for "
                  "duplicates: was the state directory restored from a copy?",
                  LOG_INT("epoch", epoch->epoch),
                  LOG_STRING("remedy", "stop ingest, delete spool/meta in SIEM_STATE_DIR, start"));
    epoch->taken = closed;
}

void writer_on_receipt(void *context, const struct receipt *receipt) {
    struct out_events *writer = context;
    struct epoch *epoch = epochs_find(&writer->epochs, receipt->producer, receipt->epoch);
    struct mono_time now = clock_mono();
    if (receipt->producer == spool_producer(writer->spool)) {
        writer->heard = true;
        writer->heard_at = now;
    }
    if (epoch == NULL)
        return; /* its batches were deleted long ago */
    note_floor(writer, epoch, receipt->floor);
    window_apply(&writer->window, epoch, receipt, now,
                 (struct window_listener){on_receipted, writer});
    skip_committed(writer, epoch, receipt);
    if (epoch_judge(epoch, receipt, is_contradicted(writer, epoch, receipt), now) ==
        EPOCH_WENT_BACK)
        go_back(writer, epoch, receipt, now);
    note_crashes(writer, epoch, receipt);
    writer_publish_books(writer); /* who gets an answer finds himself in the books */
    if (epoch == epochs_newest(&writer->epochs)) {
        for (uint32_t i = 0; i < receipt->batch_count; i++)
            waiters_complete(&writer->waiters, &receipt->batches[i]);
    }
    if (writer->gathering)
        writer_store(writer); /* what waited for this */
    writer_pump(writer);
    writer_publish_books(writer);
    writer_arm_tick(writer);
}
