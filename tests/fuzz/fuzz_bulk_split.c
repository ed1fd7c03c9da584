/* fuzz_bulk_split.c: any bytes as a bulk, whole and in pieces: the same items come out, in their
 * order and inside the body. The first byte is the size of the pieces, and picks the form. */
#include "services/ingest/bulk_split.h"
#include "services/ingest/event_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reading gave, as a sum of everything. */
struct seen {
    struct bytes body;
    size_t items;
    size_t last_number;
    uint64_t sum;
};

static void require(bool holds) {
    if (!holds)
        abort();
}

static bool on_item(void *context, const struct bulk_item *item) {
    struct seen *seen = context;
    require(item->number > seen->last_number);
    require(item->offset + item->text.length <= seen->body.length);
    require(item->text.data == NULL ||
            memcmp(seen->body.data + item->offset, item->text.data, item->text.length) == 0);
    seen->items++;
    seen->last_number = item->number;
    seen->sum = (seen->sum ^ (item->offset + item->text.length)) * UINT64_C(0x100000001b3);
    return true;
}

static enum status read_body(struct bytes body, enum bulk_form form, size_t piece,
                             struct seen *seen) {
    struct bulk_split split;
    enum status status = STATUS_OK;
    *seen = (struct seen){.body = body};
    bulk_split_init(&split, form, on_item, seen);
    for (size_t at = 0; at < body.length && status == STATUS_OK; at += piece) {
        size_t length = body.length - at < piece ? body.length - at : piece;
        status = bulk_split_feed(&split, (struct bytes){body.data + at, length});
    }
    if (status == STATUS_OK)
        status = bulk_split_end(&split);
    require(bulk_split_position(&split).line <= body.length + 1);
    require(bulk_split_position(&split).column <= body.length + 1);
    bulk_split_fini(&split);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    enum bulk_form form = (enum bulk_form)(data[0] % 3);
    struct bytes body = {data + 1, size - 1};
    struct seen whole, parts;
    enum status first = read_body(body, form, body.length, &whole);
    enum status second = read_body(body, form, (size_t)data[0] / 3 + 1, &parts);
    require(first == second && whole.items == parts.items && whole.sum == parts.sum);
    return 0;
}
