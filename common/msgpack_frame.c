/* msgpack_frame.c: msgpack-c behind a check of the bytes, and its packer in front of our buffers.
 */
#include "common/msgpack_frame.h"

#include "common/msgpack_cursor.h"

#include <assert.h>
#include <stdlib.h>

/* The first chunk of a zone, kept from frame to frame: most frames need no other. */
#define ZONE_CHUNK_SIZE (32 * 1024)

/* The stack of containers inside msgpack-c (MSGPACK_EMBED_STACK_SIZE in its unpack_define.h). */
#define UNPACK_DEPTH_MAX 32

static const msgpack_object nil_object = {.type = MSGPACK_OBJECT_NIL};

void msgpack_frame_init(struct msgpack_frame *frame) {
    if (!msgpack_zone_init(&frame->zone, ZONE_CHUNK_SIZE))
        abort();
    frame->root = nil_object;
}

void msgpack_frame_fini(struct msgpack_frame *frame) {
    msgpack_zone_destroy(&frame->zone);
    frame->root = nil_object;
}

void msgpack_frame_clear(struct msgpack_frame *frame) {
    msgpack_zone_clear(&frame->zone);
    frame->root = nil_object;
}

void *msgpack_frame_allocate(struct msgpack_frame *frame, size_t count, size_t size) {
    assert(size > 0 && count <= SIZE_MAX / 2 / size);
    void *memory = msgpack_zone_malloc(&frame->zone, count * size);
    if (memory == NULL)
        abort();
    return memory;
}

enum status msgpack_value_length(struct bytes bytes, int depth_max, size_t *ret_length) {
    struct msgpack_cursor cursor = msgpack_cursor_of(bytes);
    enum status status = msgpack_take_any(&cursor, 1, depth_max);
    if (status == STATUS_OK)
        *ret_length = (size_t)(cursor.at - bytes.data);
    return status;
}

enum status msgpack_frame_check(struct bytes bytes, int depth_max) {
    size_t length;
    enum status status = msgpack_value_length(bytes, depth_max, &length);
    if (status == STATUS_OK && length != bytes.length)
        status = STATUS_TRAILING;
    return status;
}

enum status msgpack_frame_unpack(struct msgpack_frame *frame, struct bytes bytes, int depth_max) {
    if (depth_max > UNPACK_DEPTH_MAX)
        depth_max = UNPACK_DEPTH_MAX;
    enum status status = msgpack_frame_check(bytes, depth_max);
    if (status != STATUS_OK)
        return status;
    msgpack_frame_unpack_checked(frame, bytes);
    return STATUS_OK;
}

void msgpack_frame_unpack_checked(struct msgpack_frame *frame, struct bytes bytes) {
    msgpack_frame_clear(frame);
    size_t offset = 0;
    msgpack_unpack_return result =
        msgpack_unpack((const char *)bytes.data, bytes.length, &offset, &frame->zone, &frame->root);
    if (result == MSGPACK_UNPACK_NOMEM_ERROR)
        abort();
    assert(result == MSGPACK_UNPACK_SUCCESS); /* whatever it could refuse was refused before */
}

/* msgpack-c's writer: the buffer keeps its own overflow mark, so this never fails. */
static int write_to_buffer(void *buffer, const char *data, size_t length) {
    buffer_append(buffer, data, length);
    return 0;
}

void msgpack_packer_to_buffer(msgpack_packer *packer, struct buffer *out) {
    msgpack_packer_init(packer, out, write_to_buffer);
}

void msgpack_pack_text(msgpack_packer *packer, struct text text) {
    if (text.data == NULL) {
        msgpack_pack_nil(packer);
        return;
    }
    msgpack_pack_str(packer, text.length);
    msgpack_pack_str_body(packer, text.data, text.length);
}

void msgpack_pack_key(msgpack_packer *packer, const char *key) {
    msgpack_pack_text(packer, text_of(key));
}

enum status msgpack_read_u64(const msgpack_object *object, uint64_t *ret_value) {
    if (object == NULL || object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return STATUS_BAD_TYPE;
    *ret_value = object->via.u64;
    return STATUS_OK;
}

enum status msgpack_read_text(const msgpack_object *object, struct text *ret_text) {
    if (object == NULL || object->type == MSGPACK_OBJECT_NIL)
        *ret_text = (struct text){NULL, 0};
    else if (object->type == MSGPACK_OBJECT_STR)
        *ret_text = (struct text){object->via.str.ptr, object->via.str.size};
    else
        return STATUS_BAD_TYPE;
    return STATUS_OK;
}

enum status msgpack_read_bytes(const msgpack_object *object, struct bytes *ret_bytes) {
    if (object == NULL || object->type == MSGPACK_OBJECT_NIL)
        *ret_bytes = (struct bytes){NULL, 0};
    else if (object->type == MSGPACK_OBJECT_BIN)
        *ret_bytes = (struct bytes){(const uint8_t *)object->via.bin.ptr, object->via.bin.size};
    else
        return STATUS_BAD_TYPE;
    return STATUS_OK;
}

const msgpack_object *msgpack_element(const msgpack_object *array, size_t index) {
    if (array == NULL || array->type != MSGPACK_OBJECT_ARRAY || index >= array->via.array.size)
        return NULL;
    return &array->via.array.ptr[index];
}

const msgpack_object *msgpack_member(const msgpack_object *map, const char *key) {
    if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    size_t length = strlen(key);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == length &&
            memcmp(pair->key.via.str.ptr, key, length) == 0)
            return &pair->val;
    }
    return NULL;
}
