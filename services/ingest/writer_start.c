/* writer_start.c: at start, finds which epochs' batches are on the disk and from where each is to
 * be sent.
 *
 * Batches of an epoch stand side by side, so its end is found by bisection, reading a few heads.
 * The spool's floor spares sending what was receipted before; it may be older than the truth, which
 * costs duplicates only. It may also be newer than Redis, which may have been restored meanwhile:
 * the last batch of every epoch is sent all the same, and its receipt tells.
 */
#include "services/ingest/spool_writer.h"

#include "common/log.h"

/* The first readable head in from..to-1; false when there is none. */
static bool head_between(struct out_events *writer, uint64_t from, uint64_t to,
                         struct batch_head *ret_head, uint64_t *ret_number) {
    for (uint64_t number = from; number < to; number++) {
        struct bytes record;
        if (spool_read(writer->spool, number, &record) == STATUS_OK &&
            batch_peek_head(record, ret_head) == STATUS_OK) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool is_same_epoch(const struct batch_head *a, const struct batch_head *b) {
    return a->producer == b->producer && a->epoch == b->epoch;
}

/* The last readable batch of the epoch that `first`, at `number`, is in; its number. */
static uint64_t last_of(struct out_events *writer, const struct batch_head *first, uint64_t number,
                        struct batch_head *ret_last) {
    uint64_t low = number;                     /* in the epoch */
    uint64_t high = spool_next(writer->spool); /* not in it */
    *ret_last = *first;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        struct batch_head head;
        uint64_t found;
        /* When nothing is readable from there on, its end is before. */
        if (head_between(writer, middle, high, &head, &found) && is_same_epoch(first, &head)) {
            low = found;
            *ret_last = head;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Adds one epoch; damaged records before its first readable batch are its own, as far as its
 * numbers reach, and otherwise the last ones of the epoch before. */
static struct epoch *add_epoch(struct out_events *writer, struct batch_head first,
                               const struct batch_head *last, uint64_t number, uint64_t from) {
    uint64_t damaged = number - from;
    uint64_t own = damaged < first.seq ? damaged : first.seq;
    if (damaged > own && writer->epochs.count > 0)
        epochs_newest(&writer->epochs)->end_seq += damaged - own;
    if (writer->epochs.count > 0)
        epochs_newest(&writer->epochs)->events_end =
            first.accepted_before > own ? first.accepted_before - own : 0;
    first.seq -= own;
    first.accepted_before = first.accepted_before > own ? first.accepted_before - own : 0;
    struct epoch *epoch = epochs_add(&writer->epochs, &first, number - own);
    epoch->end_seq = last->seq + 1;
    epoch->events_end = last->accepted_before + last->count;
    return epoch;
}

/* Finds them all; gives the events accepted until now. */
static uint64_t find_epochs(struct out_events *writer) {
    uint64_t next = spool_next(writer->spool);
    uint64_t number = spool_first(writer->spool);
    uint64_t from = number;
    uint64_t accepted = 0;
    struct batch_head first;
    while (number < next && head_between(writer, from, next, &first, &number)) {
        struct batch_head last;
        uint64_t end = last_of(writer, &first, number, &last);
        accepted = add_epoch(writer, first, &last, number, from)->events_end;
        from = end + 1;
        number = from;
    }
    if (from < next && writer->epochs.count > 0) { /* damaged to the end: an event each, at least */
        epochs_newest(&writer->epochs)->end_seq += next - from;
        accepted = epochs_newest(&writer->epochs)->events_end += next - from;
    }
    return accepted;
}

/* Sets where each epoch's sending begins. */
static void place_cursors(struct out_events *writer) {
    uint64_t floor = spool_floor(writer->spool);
    for (size_t i = 0; i < writer->epochs.count; i++) {
        struct epoch *epoch = writer->epochs.items[i];
        uint64_t seq = epoch_seq_from(epoch, floor);
        if (seq == epoch->end_seq && seq > epoch->first_seq)
            seq--; /* the probe */
        epoch->cursor = epoch->sent_end = epoch->floor = seq;
        epoch->events_cursor = writer_events_before(writer, epoch, seq);
        in_receipts_subscribe(writer->receipts, epoch->producer);
    }
}

void writer_start(struct out_events *writer) {
    const struct batch_head now = {.producer = spool_producer(writer->spool),
                                   .epoch = spool_epoch(writer->spool),
                                   .accepted_before = find_epochs(writer)};
    place_cursors(writer);
    size_t earlier = writer->epochs.count;
    uint64_t unsent = epochs_unsent_events(&writer->epochs);
    epochs_add(&writer->epochs, &now, spool_next(writer->spool));
    in_receipts_subscribe(writer->receipts, now.producer);
    log_info("spool open", LOG_INT("epoch", now.epoch), LOG_INT("accepted", now.accepted_before),
             LOG_INT("earlier_epochs", earlier), LOG_INT("to_send_again", unsent));
}
