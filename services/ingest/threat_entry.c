/* threat_entry.c: threats of the timeline and of the day's list, as JSON. */
#include "services/ingest/threat_entry.h"

#include <stdio.h>

#define TIME_DIGITS 15

/* The place of the space behind the id; 0 when there is none. */
static size_t find_space(struct text member) {
    size_t begin = TIME_DIGITS + 1;
    if (member.length <= begin || member.data[TIME_DIGITS] != ' ')
        return 0;
    const char *end = memchr(member.data + begin, ' ', member.length - begin);
    return end != NULL ? (size_t)(end - member.data) : 0;
}

static struct text text_member(const msgpack_object *map, const char *name) {
    struct text value = {NULL, 0};
    if (msgpack_read_text(msgpack_member(map, name), &value) != STATUS_OK)
        return (struct text){NULL, 0};
    return value;
}

static void write_text(struct json_writer *json, const msgpack_object *map, const char *name) {
    json_key(json, name);
    json_text(json, text_member(map, name));
}

/* The sender's sentence, or the one every event without has. */
static void write_description(struct json_writer *json, const msgpack_object *map) {
    char sentence[64];
    struct text description = text_member(map, "description");
    struct text type = text_member(map, "event_type");
    snprintf(sentence, sizeof sentence, "%.*s event detected", TEXT_ARG(type));
    json_key(json, "description");
    json_text(json, description.data != NULL ? description : text_of(sentence));
}

enum status threat_entry_write(struct text member, bool with_user, struct msgpack_frame *frame,
                               struct json_writer *json) {
    size_t end = find_space(member);
    if (end == 0)
        return STATUS_BAD_SYNTAX;
    struct bytes body = {(const uint8_t *)member.data + end + 1, member.length - end - 1};
    enum status status = msgpack_frame_unpack(frame, body, MSGPACK_DEPTH_MAX);
    if (status != STATUS_OK)
        return status;
    if (frame->root.type != MSGPACK_OBJECT_MAP)
        return STATUS_BAD_TYPE;
    json_object_begin(json);
    write_text(json, &frame->root, "timestamp");
    write_text(json, &frame->root, "event_type");
    write_text(json, &frame->root, "severity");
    write_text(json, &frame->root, "source_ip");
    if (with_user)
        write_text(json, &frame->root, "username");
    write_description(json, &frame->root);
    write_text(json, &frame->root, "threat_details");
    json_object_end(json);
    return STATUS_OK;
}
