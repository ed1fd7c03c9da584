/* writer_search.c: looks in the spool for the events of requests whose process was killed before it
 * could say what became of them. */
#include "services/ingest/spool_writer.h"

#include <stdlib.h>

static int compare_searches(const void *left, const void *right) {
    const struct request_search *a = left, *b = right;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return (a->from_seq > b->from_seq) - (a->from_seq < b->from_seq);
}

/* Notes an event that carries a tag: "TAG.ORDINAL". */
static void note_event(struct spool_search *search, const struct batch_head *head, uint32_t index,
                       struct text tagged) {
    const size_t length = sizeof search->items->tag - 1;
    if (tagged.length <= length + 1 || tagged.data[length] != '.')
        return;
    uint64_t ordinal = 0;
    for (size_t i = length + 1; i < tagged.length && tagged.data[i] >= '0'; i++)
        ordinal = ordinal * 10 + (uint64_t)(tagged.data[i] - '0') % 10;
    for (size_t i = 0; i < search->count; i++) {
        struct request_search *item = &search->items[i];
        if (item->epoch != head->epoch || memcmp(item->tag, tagged.data, length) != 0)
            continue;
        if (item->stored == 0)
            event_id_format(head, index, item->first_id);
        if (ordinal + 1 > item->stored) {
            item->stored = ordinal + 1;
            event_id_format(head, index, item->last_id);
        }
    }
}

/* Looks at the events of one batch; one that is damaged holds none we could find. */
static void look_at_batch(struct out_events *writer, const struct epoch *epoch,
                          struct spool_search *search) {
    struct batch_view view;
    struct bytes record;
    if (spool_read(writer->spool, epoch_number(epoch, search->seq), &record) != STATUS_OK ||
        batch_open(record, &view) != STATUS_OK)
        return;
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    for (uint32_t i = 0; i < view.head.count; i++) {
        struct event event;
        if (event_decode(view.events[i], &frame, &event) == STATUS_OK &&
            event.request_tag.data != NULL)
            note_event(search, &view.head, i, event.request_tag);
    }
    msgpack_frame_fini(&frame);
}

/* Goes on to the next epoch that is searched for. */
static void next_epoch(struct spool_search *search) {
    uint32_t epoch = search->items[search->at].epoch;
    while (search->at < search->count && search->items[search->at].epoch == epoch)
        search->at++;
    search->begun = false;
}

bool out_events_search(struct out_events *writer, struct spool_search *search, size_t batches) {
    if (search->count > 0 && !search->sorted)
        qsort(search->items, search->count, sizeof *search->items, compare_searches);
    search->sorted = true;
    while (search->at < search->count && batches > 0) {
        const struct request_search *item = &search->items[search->at];
        const struct epoch *epoch = epochs_find(&writer->epochs, search->producer, item->epoch);
        if (epoch != NULL && !search->begun) {
            uint64_t first = epoch_seq_from(epoch, spool_first(writer->spool));
            search->seq = item->from_seq > first ? item->from_seq : first;
        }
        search->begun = true;
        for (; epoch != NULL && search->seq < epoch->end_seq && batches > 0; batches--) {
            look_at_batch(writer, epoch, search);
            search->seq++;
        }
        if (epoch == NULL || search->seq >= epoch->end_seq)
            next_epoch(search);
    }
    writer->searching = search->at < search->count;
    return !writer->searching;
}

void out_events_expect_search(struct out_events *writer) {
    writer->searching = true;
}
