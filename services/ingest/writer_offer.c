/* writer_offer.c: which epochs of our own are over and, as far as we heard, all committed. */
#include "services/ingest/spool_writer.h"

static bool is_drained(const struct out_events *writer, const struct epoch *epoch) {
    return epoch->cursor == epoch->end_seq && epoch->floor == epoch->end_seq &&
           !window_holds(&writer->window, epoch);
}

/* Its first batches may be gone from the disk. */
static uint64_t events_begin(const struct epoch *epoch) {
    return epoch->first_seq == 0 ? epoch->events_begin : EVENTS_UNKNOWN;
}

/* Adds the epoch, or ends the offer below it; false when it ended. */
static bool add_epoch(const struct out_events *writer, const struct epoch *epoch,
                      struct epoch_offer *offer) {
    if (offer->count == EPOCHS_ENDED_MAX || !is_drained(writer, epoch)) {
        offer->below = epoch->epoch;
        offer->events_begin = events_begin(epoch);
        return false;
    }
    offer->ended[offer->count++] =
        (struct ended_epoch){epoch->epoch, epoch->end_seq, events_begin(epoch)};
    return true;
}

void writer_make_offer(struct out_events *writer) {
    const struct epoch *newest = epochs_newest(&writer->epochs);
    struct epoch_offer offer = {.producer = newest->producer,
                                .below = newest->epoch,
                                .events_begin = events_begin(newest),
                                .accepted = newest->events_end};
    bool goes_on = true;
    for (size_t i = 0; goes_on && i + 1 < writer->epochs.count; i++) {
        const struct epoch *epoch = writer->epochs.items[i];
        if (epoch->producer == offer.producer)
            goes_on = add_epoch(writer, epoch, &offer);
    }
    pthread_mutex_lock(&writer->books_lock);
    writer->offer = offer;
    pthread_mutex_unlock(&writer->books_lock);
}
