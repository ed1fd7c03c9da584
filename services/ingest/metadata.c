/* metadata.c: MessagePack maps and arrays whose heads are patched at their end. */
#include "services/ingest/metadata.h"

#include <assert.h>

/* The longest head: a lead byte and a count of 32 bits. */
#define HEAD_MAX 5

/* Lead bytes. */
#define LEAD_FIXMAP 0x80
#define LEAD_FIXARRAY 0x90
#define LEAD_NIL 0xc0
#define LEAD_FALSE 0xc2
#define LEAD_TRUE 0xc3
#define LEAD_DOUBLE 0xcb
#define LEAD_UINT8 0xcc
#define LEAD_INT8 0xd0
#define LEAD_FIXSTR 0xa0
#define LEAD_STR8 0xd9
#define LEAD_ARRAY16 0xdc
#define LEAD_MAP16 0xde

void metadata_init(struct metadata *metadata) {
    buffer_init(&metadata->bytes, EVENT_SIZE_MAX);
    metadata_reset(metadata);
}

void metadata_fini(struct metadata *metadata) {
    buffer_fini(&metadata->bytes);
}

void metadata_reset(struct metadata *metadata) {
    buffer_reset(&metadata->bytes);
    if (buffer_reserve(&metadata->bytes, HEAD_MAX) != NULL)
        metadata->bytes.length = HEAD_MAX;
    metadata->count = 0;
    metadata->depth = 0;
}

bool metadata_is_whole(const struct metadata *metadata) {
    return buffer_is_whole(&metadata->bytes);
}

/* Writes the low `size` bytes of a value, highest first. */
static void put_big_endian(uint8_t *to, uint64_t value, int size) {
    for (int i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

/* A lead byte and a number of 0, 1, 2, 4 or 8 bytes. */
static void append_lead(struct metadata *metadata, uint8_t lead, uint64_t value, int size) {
    uint8_t *to = buffer_reserve(&metadata->bytes, 9);
    if (to == NULL)
        return;
    to[0] = lead;
    put_big_endian(to + 1, value, size);
    metadata->bytes.length += 1 + (size_t)size;
}

/* A value begins: in an array it is a member; in a map its key was. */
static void count_value(struct metadata *metadata) {
    if (metadata->depth > 0 && !metadata->levels[metadata->depth - 1].map)
        metadata->levels[metadata->depth - 1].count++;
}

/* 0, 1, 2 or 3: the number of bytes needed is 1, 2, 4 or 8. */
static int width_of(uint64_t value) {
    return value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
}

static void append_text(struct metadata *metadata, struct text value) {
    if (value.length < 32) {
        append_lead(metadata, (uint8_t)(LEAD_FIXSTR | value.length), 0, 0);
    } else {
        int width = width_of(value.length);
        append_lead(metadata, (uint8_t)(LEAD_STR8 + width), value.length, 1 << width);
    }
    buffer_append_text(&metadata->bytes, value);
}

void metadata_key(struct metadata *metadata, struct text name) {
    if (metadata->depth == 0)
        metadata->count++;
    else
        metadata->levels[metadata->depth - 1].count++;
    append_text(metadata, name);
}

void metadata_nil(struct metadata *metadata) {
    count_value(metadata);
    append_lead(metadata, LEAD_NIL, 0, 0);
}

void metadata_bool(struct metadata *metadata, bool value) {
    count_value(metadata);
    append_lead(metadata, value ? LEAD_TRUE : LEAD_FALSE, 0, 0);
}

void metadata_uint(struct metadata *metadata, uint64_t value) {
    count_value(metadata);
    if (value < 128) {
        append_lead(metadata, (uint8_t)value, 0, 0);
        return;
    }
    int width = width_of(value);
    append_lead(metadata, (uint8_t)(LEAD_UINT8 + width), value, 1 << width);
}

void metadata_int(struct metadata *metadata, int64_t value) {
    if (value >= 0) {
        metadata_uint(metadata, (uint64_t)value);
        return;
    }
    count_value(metadata);
    if (value >= -32) {
        append_lead(metadata, (uint8_t)value, 0, 0);
        return;
    }
    int width = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
    append_lead(metadata, (uint8_t)(LEAD_INT8 + width), (uint64_t)value, 1 << width);
}

void metadata_double(struct metadata *metadata, double value) {
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    count_value(metadata);
    append_lead(metadata, LEAD_DOUBLE, bits, 8);
}

void metadata_text(struct metadata *metadata, struct text value) {
    count_value(metadata);
    append_text(metadata, value);
}

void metadata_open(struct metadata *metadata, bool map) {
    assert(metadata->depth < METADATA_DEPTH_MAX);
    count_value(metadata);
    metadata->levels[metadata->depth++] =
        (struct metadata_level){.head = metadata->bytes.length, .map = map};
    append_lead(metadata, map ? LEAD_FIXMAP : LEAD_FIXARRAY, 0, 0);
}

/* Writes the head of a container; returns its length. */
static size_t write_head(uint8_t head[HEAD_MAX], bool map, uint32_t count) {
    if (count < 16) {
        head[0] = (uint8_t)((map ? LEAD_FIXMAP : LEAD_FIXARRAY) | count);
        return 1;
    }
    bool wide = count > UINT16_MAX;
    head[0] = (uint8_t)((map ? LEAD_MAP16 : LEAD_ARRAY16) + (wide ? 1 : 0));
    put_big_endian(head + 1, count, wide ? 4 : 2);
    return wide ? 5 : 3;
}

void metadata_close(struct metadata *metadata) {
    assert(metadata->depth > 0);
    struct metadata_level level = metadata->levels[--metadata->depth];
    uint8_t head[HEAD_MAX];
    size_t size = write_head(head, level.map, level.count);
    if (buffer_reserve(&metadata->bytes, HEAD_MAX) == NULL)
        return;
    uint8_t *at = metadata->bytes.data + level.head;
    if (size > 1)
        memmove(at + size, at + 1, metadata->bytes.length - level.head - 1);
    memcpy(at, head, size);
    metadata->bytes.length += size - 1;
}

struct bytes metadata_finish(struct metadata *metadata) {
    assert(metadata->depth == 0);
    if (metadata->count == 0 || !metadata_is_whole(metadata))
        return (struct bytes){NULL, 0};
    uint8_t head[HEAD_MAX];
    size_t size = write_head(head, true, metadata->count);
    uint8_t *start = metadata->bytes.data + HEAD_MAX - size;
    memcpy(start, head, size);
    return (struct bytes){start, metadata->bytes.length - (HEAD_MAX - size)};
}
