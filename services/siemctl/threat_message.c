/* threat_message.c: the MessagePack map of a threat as a line or as JSON. */
#include "services/siemctl/threat_message.h"

#include "proto/batch.h"
#include "services/siemctl/msgpack_json.h"
#include "services/siemctl/terminal.h"

#include <inttypes.h>

/* The value of a key; NULL when it is absent. */
static const msgpack_object *value_of(const msgpack_object *map, const char *key) {
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct text name;
        if (msgpack_read_text(&map->via.map.ptr[i].key, &name) == STATUS_OK && text_is(name, key))
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

/* The text of a key; null when it has none. */
static struct text text_value(const msgpack_object *map, const char *key) {
    struct text text = {NULL, 0};
    const msgpack_object *value = value_of(map, key);
    if (value == NULL || msgpack_read_text(value, &text) != STATUS_OK)
        return (struct text){NULL, 0};
    return text;
}

static enum status read_number(const msgpack_object *map, const char *key, uint64_t *ret_number) {
    const msgpack_object *value = value_of(map, key);
    return value == NULL ? STATUS_BAD_TYPE : msgpack_read_u64(value, ret_number);
}

enum status threat_message_decode(struct bytes body, struct msgpack_frame *frame,
                                  struct threat_message *ret_message) {
    uint64_t version, seq;
    enum status status = msgpack_frame_unpack(frame, body, MSGPACK_DEPTH_MAX);
    if (status != STATUS_OK)
        return status;
    const msgpack_object *map = &frame->root;
    if (map->type != MSGPACK_OBJECT_MAP || read_number(map, "version", &version) != STATUS_OK)
        return STATUS_BAD_TYPE;
    if (version != PROTO_VERSION)
        return STATUS_BAD_VERSION;
    struct text publisher = text_value(map, "publisher");
    if (publisher.data == NULL || read_number(map, "seq", &seq) != STATUS_OK)
        return STATUS_BAD_TYPE;
    *ret_message = (struct threat_message){publisher, seq, map};
    return STATUS_OK;
}

static void print_value(const msgpack_object *map, const char *key, const char *after) {
    terminal_print(stdout, text_value(map, key));
    fputs(after, stdout);
}

void threat_message_print(const struct threat_message *message) {
    const msgpack_object *map = message->map;
    uint64_t count = 1, detections = 0;
    if (read_number(map, "count", &count) != STATUS_OK)
        count = 1;
    if (read_number(map, "detection_count", &detections) != STATUS_OK)
        detections = count;
    print_value(map, "timestamp", "  ");
    terminal_print_severity(stdout, text_value(map, "severity"), 8);
    fputs("  ", stdout);
    print_value(map, "event_type", "  ");
    print_value(map, "source_ip", "  ");
    print_value(map, "username", "  ");
    print_value(map, "incident_id", " ");
    print_value(map, "change", "");
    printf(" x%" PRIu64 " (%" PRIu64 " in all)  ", count, detections);
    print_value(map, "threat_details", "\n");
}

void threat_message_write_json(const struct threat_message *message, struct buffer *out) {
    struct json_writer json;
    json_writer_init(&json, out);
    msgpack_json_write(message->map, &json);
    json_writer_fini(&json);
}
