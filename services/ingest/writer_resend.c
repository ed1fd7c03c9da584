/* writer_resend.c: sends again what is due or was lost, and tells the spool what is committed. */
#include "services/ingest/spool_writer.h"

#include "common/log.h"

/* A peer that goes takes with it what was on its way to it. */
static void look_for_losses(struct out_events *writer, struct mono_time now) {
    uint64_t detectors = wire_peers_lost(writer->events);
    uint64_t incidents = in_receipts_peers_lost(writer->receipts);
    if (detectors == writer->detectors_lost && incidents == writer->incidents_lost)
        return;
    writer->detectors_lost = detectors;
    writer->incidents_lost = incidents;
    window_suspect_all(&writer->window, now);
}

void writer_resend(struct out_events *writer) {
    struct mono_time now = clock_mono();
    look_for_losses(writer, now);
    size_t place = 0;
    struct flight *flight;
    while (!writer->blocked && (flight = window_due(&writer->window, &place, now)) != NULL) {
        struct outgoing batch;
        if (!writer_load(writer, flight->epoch, flight->seq, flight->events_before, &batch)) {
            window_remove(&writer->window, --place); /* gone from the disk: committed long ago */
            continue;
        }
        if (writer_transmit(writer, &batch, flight->attempt + 1) != STATUS_OK)
            break;
        counter_add(writer->metrics.batches_resent[flight->cause], 1);
        window_resent(&writer->window, flight, now);
    }
}

/* The epoch's lowest batch that is not surely committed, as Redis said it last. A floor below what
 * is on the disk says nothing any more: what it waits for is gone. */
static uint64_t lowest_open(const struct out_events *writer, const struct epoch *epoch) {
    uint64_t lowest = window_lowest(&writer->window, epoch);
    if (epoch->cursor < lowest)
        lowest = epoch->cursor;
    bool healable = epoch->floor >= epoch_seq_from(epoch, spool_first(writer->spool));
    return healable && epoch->floor < lowest ? epoch->floor : lowest;
}

static bool is_busy(const void *context, const struct epoch *epoch) {
    const struct out_events *writer = context;
    return window_holds(&writer->window, epoch);
}

void writer_release(struct out_events *writer) {
    if (writer->searching)
        return;
    uint64_t floor = spool_next(writer->spool);
    for (size_t i = 0; i < writer->epochs.count; i++) {
        const struct epoch *epoch = writer->epochs.items[i];
        uint64_t lowest = lowest_open(writer, epoch);
        if (lowest >= epoch->end_seq)
            continue;
        floor = epoch_number(epoch, lowest > epoch->first_seq ? lowest : epoch->first_seq);
        break;
    }
    spool_release(writer->spool, floor, clock_wall());
    epochs_forget_below(&writer->epochs, spool_first(writer->spool), is_busy, writer);
}

/* The spool's number of the oldest batch without receipt; UINT64_MAX when there is none. */
static uint64_t oldest_number(const struct out_events *writer) {
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < writer->window.count; i++) {
        const struct flight *flight = &writer->window.flights[i];
        uint64_t number = epoch_number(flight->epoch, flight->seq);
        oldest = number < oldest ? number : oldest;
    }
    const struct epoch *unsent = epochs_unsent(&writer->epochs);
    if (unsent != NULL && epoch_number(unsent, unsent->cursor) < oldest)
        oldest = epoch_number(unsent, unsent->cursor);
    return oldest;
}

struct wall_time writer_received_at(struct out_events *writer, struct bytes record) {
    struct batch_view *view = &writer->received_view;
    struct event event;
    if (batch_open(record, view) != STATUS_OK ||
        event_decode(view->events[0], &writer->received_frame, &event) != STATUS_OK)
        return (struct wall_time){0};
    return (struct wall_time){event.received_ms};
}

int64_t writer_oldest_ms(struct out_events *writer) {
    uint64_t number = oldest_number(writer);
    if (number == UINT64_MAX)
        return 0;
    int64_t now_ms = clock_wall().ms;
    if (number != writer->oldest_number) {
        struct bytes record;
        if (spool_read(writer->spool, number, &record) != STATUS_OK)
            return 0;
        struct wall_time received_at = writer_received_at(writer, record);
        if (received_at.ms == 0)
            return 0;
        writer->oldest_number = number;
        writer->oldest_received_ms = received_at.ms;
    }
    return now_ms > writer->oldest_received_ms ? now_ms - writer->oldest_received_ms : 0;
}
