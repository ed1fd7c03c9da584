/* msgpack_json.c: MessagePack as JSON, by recursion. */
#include "services/siemctl/msgpack_json.h"

#include <inttypes.h>
#include <stdio.h>

static void write_map(const msgpack_object *map, struct json_writer *json) {
    json_object_begin(json);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct text name;
        if (msgpack_read_text(&map->via.map.ptr[i].key, &name) != STATUS_OK || name.data == NULL)
            continue; /* only text can name a member */
        json_key_text(json, name);
        msgpack_json_write(&map->via.map.ptr[i].val, json);
    }
    json_object_end(json);
}

static void write_array(const msgpack_object *array, struct json_writer *json) {
    json_array_begin(json);
    for (uint32_t i = 0; i < array->via.array.size; i++)
        msgpack_json_write(&array->via.array.ptr[i], json);
    json_array_end(json);
}

/* Writes an integer above what json_int takes. */
static void write_u64(uint64_t value, struct json_writer *json) {
    char number[24];
    int length = snprintf(number, sizeof number, "%" PRIu64, value);
    json_raw(json, (struct text){number, (size_t)length});
}

void msgpack_json_write(const msgpack_object *object, struct json_writer *json) {
    switch (object->type) {
    case MSGPACK_OBJECT_MAP:
        write_map(object, json);
        break;
    case MSGPACK_OBJECT_ARRAY:
        write_array(object, json);
        break;
    case MSGPACK_OBJECT_STR:
        json_text(json, (struct text){object->via.str.ptr, object->via.str.size});
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        write_u64(object->via.u64, json);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        json_int(json, object->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        json_double(json, object->via.f64);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        json_bool(json, object->via.boolean);
        break;
    default:
        json_null(json);
        break;
    }
}
