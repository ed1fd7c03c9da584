/* writer_send.c: puts batches on EVENTS: fresh ones from memory, all others read back from the
 * disk.
 *
 * A damaged record stands for a batch whose events are lost. Its number must be committed all the
 * same, or the floor would wait for it for ever: a stand-in with as many empty events as were lost
 * is sent, all of them on the skip list, so that the books show them as quarantined.
 */
#include "services/ingest/spool_writer.h"

#include "common/log.h"

#include <assert.h>
#include <stdlib.h>

/* Event bytes of a stand-in: an empty bin. */
static const uint8_t empty_event[2] = {0xc4, 0};

static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    struct out_events *writer = context;
    zloop_poller_end(loop, item);
    writer->blocked = false;
    writer_resend(writer);
    writer_pump(writer);
    writer_publish_books(writer);
    writer_arm_tick(writer);
    return 0;
}

/* Nobody takes it now: look again when somebody can. */
static void block(struct out_events *writer) {
    zmq_pollitem_t item = {.socket = wire_socket(writer->events), .events = ZMQ_POLLOUT};
    writer->blocked = true;
    if (zloop_poller(writer->loop, &item, on_writable, writer) != 0)
        abort();
    zloop_poller_set_tolerant(writer->loop, &item);
}

/* The frame of the batch: its only copy. */
static void make_frame(zmq_msg_t *frame, const struct outgoing *batch) {
    if (zmq_msg_init_size(frame, batch->length) != 0)
        abort();
    uint8_t *at = zmq_msg_data(frame);
    for (size_t i = 0; i < batch->part_count; i++) {
        memcpy(at, batch->parts[i].data, batch->parts[i].length);
        at += batch->parts[i].length;
    }
}

enum status writer_transmit(struct out_events *writer, const struct outgoing *batch,
                            uint32_t attempt) {
    if (writer->blocked)
        return STATUS_AGAIN;
    struct delivery delivery = {.attempt = attempt};
    if (batch->stand_in) {
        while (delivery.skip_count < batch->head.count) {
            delivery.skip[delivery.skip_count] = (uint16_t)delivery.skip_count;
            delivery.skip_count++;
        }
    } else {
        crashes_skip(&writer->crashes, batch->epoch, batch->head.seq, &delivery);
    }
    zmq_msg_t frames[2];
    make_frame(&frames[1], batch);
    buffer_reset(&writer->scratch);
    delivery_encode(&delivery, &writer->scratch);
    wire_frame_copy(&frames[0], buffer_bytes(&writer->scratch));
    enum status status = wire_send(writer->events, frames, 2);
    if (status != STATUS_OK) {
        assert(status == STATUS_AGAIN); /* no batch is near the largest frame */
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        block(writer);
    }
    return status;
}

bool writer_send_first(struct out_events *writer, const struct outgoing *batch) {
    if (writer_transmit(writer, batch, 1) != STATUS_OK)
        return false;
    struct epoch *epoch = batch->epoch;
    const struct flight flight = {.epoch = epoch,
                                  .seq = batch->head.seq,
                                  .events_before = batch->head.accepted_before,
                                  .events = batch->head.count,
                                  .bytes = (uint32_t)batch->length,
                                  .accepted_at = batch->accepted_at};
    window_add(&writer->window, &flight, clock_mono());
    counter_add(batch->head.seq < epoch->sent_end ? writer->metrics.batches_resent[RESEND_FLOOR]
                                                  : writer->metrics.batches_sent,
                1);
    epoch->cursor = batch->head.seq + 1;
    epoch->events_cursor = batch->head.accepted_before + batch->head.count;
    if (epoch->events_cursor > epoch->events_end || epoch->cursor == epoch->end_seq)
        epoch->events_cursor = epoch->events_end;
    if (epoch->sent_end < epoch->cursor)
        epoch->sent_end = epoch->cursor;
    return true;
}

bool writer_find_head(struct out_events *writer, const struct epoch *epoch, uint64_t seq,
                      struct batch_head *ret_head) {
    for (; seq < epoch->end_seq; seq++) {
        struct bytes record;
        if (spool_read(writer->spool, epoch_number(epoch, seq), &record) == STATUS_OK &&
            batch_peek_head(record, ret_head) == STATUS_OK)
            return true;
    }
    return false;
}

uint64_t writer_events_before(struct out_events *writer, const struct epoch *epoch, uint64_t seq) {
    struct batch_head head;
    if (!writer_find_head(writer, epoch, seq, &head))
        return epoch->events_end;
    uint64_t lost = head.seq - seq; /* unreadable ones before it hold at least one event each */
    return head.accepted_before > lost ? head.accepted_before - lost : 0;
}

/* Makes the stand-in for a damaged batch, in the scratch. */
static void make_stand_in(struct out_events *writer, const struct epoch *epoch, uint64_t seq,
                          uint64_t events_before, struct batch_head *ret_head) {
    struct batch_head next;
    bool found = writer_find_head(writer, epoch, seq + 1, &next);
    uint64_t batches = (found ? next.seq : epoch->end_seq) - seq;
    uint64_t events_after = found ? next.accepted_before : epoch->events_end;
    uint64_t lost = events_after > events_before ? events_after - events_before : 0;
    uint64_t count = lost >= batches ? lost - (batches - 1) : 1;
    struct batch_head head = {.producer = epoch->producer,
                              .epoch = epoch->epoch,
                              .seq = seq,
                              .accepted_before = events_before,
                              .count =
                                  (uint32_t)(count < BATCH_EVENTS_MAX ? count : BATCH_EVENTS_MAX)};
    buffer_reset(&writer->stand_in);
    batch_encode_head(&head, &writer->stand_in);
    for (uint32_t i = 0; i < head.count; i++)
        buffer_append(&writer->stand_in, empty_event, sizeof empty_event);
    *ret_head = head;
    log_error("a stored batch is damaged; its events are booked as quarantined",
              LOG_INT("epoch", head.epoch), LOG_INT("seq", seq), LOG_INT("events", head.count));
}

bool writer_load(struct out_events *writer, struct epoch *epoch, uint64_t seq,
                 uint64_t events_before, struct outgoing *batch) {
    struct bytes *part = &writer->parts[0];
    enum status status = spool_read(writer->spool, epoch_number(epoch, seq), part);
    if (status == STATUS_IO_ERROR)
        writer_die();
    if (status == STATUS_NOT_FOUND)
        return false;
    struct batch_head head;
    bool damaged = status != STATUS_OK || batch_peek_head(*part, &head) != STATUS_OK;
    if (damaged) {
        make_stand_in(writer, epoch, seq, events_before, &head);
        *part = buffer_bytes(&writer->stand_in);
    }
    *batch = (struct outgoing){epoch, head, part, 1, part->length, damaged, clock_mono()};
    return true;
}

/* When the first event of a batch on the disk was accepted, perhaps by an earlier process. */
static struct mono_time accepted_at(struct out_events *writer, struct bytes record) {
    struct wall_time received_at = writer_received_at(writer, record);
    int64_t waited_ms = received_at.ms == 0 ? 0 : clock_wall().ms - received_at.ms;
    return clock_mono_add_ms(clock_mono(), -waited_ms);
}

/* Moves the cursor over what is committed or gone from the disk; true when a batch stands there
 * then. */
static bool settle_cursor(struct out_events *writer, struct epoch *epoch) {
    uint64_t seq = epoch_pass_over(epoch);
    uint64_t stored = epoch_seq_from(epoch, spool_first(writer->spool));
    if (stored > seq)
        seq = stored;
    if (seq == epoch->cursor)
        return true;
    epoch->cursor = seq;
    if (epoch->sent_end < seq)
        epoch->sent_end = seq;
    epoch->events_cursor = writer_events_before(writer, epoch, seq);
    return seq < epoch->end_seq;
}

void writer_pump(struct out_events *writer) {
    struct epoch *epoch;
    while (!writer->blocked && window_has_room(&writer->window) &&
           (epoch = epochs_unsent(&writer->epochs)) != NULL) {
        struct outgoing batch;
        if (!settle_cursor(writer, epoch))
            continue; /* nothing is left of this epoch */
        bool stored = writer_load(writer, epoch, epoch->cursor, epoch->events_cursor, &batch);
        assert(stored);
        batch.accepted_at = accepted_at(writer, batch.parts[0]);
        if (!writer_send_first(writer, &batch))
            break;
    }
}
