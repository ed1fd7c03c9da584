/* incident_store.c: reads incidents from Redis and writes them as JSON. */
#include "services/ingest/incident_store.h"

#include "common/clock.h"
#include "common/utf8.h"
#include "proto/keys.h"

bool incident_id_is_valid(struct text id) {
    if (id.length == 0 || id.length > INCIDENT_ID_MAX)
        return false;
    for (size_t i = 0; i < id.length; i++) {
        char c = id.data[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '_';
        if (!fine)
            return false;
    }
    return true;
}

enum status incident_ask(struct redis_client *redis, struct text id) {
    struct text arguments[2 + INCIDENT_FIELD_COUNT_];
    char copy[INCIDENT_ID_MAX + 1] = "";
    memcpy(copy, id.data, id.length);
    struct key_name name = key_name(KEY_INCIDENT, copy);
    arguments[0] = TEXT("HMGET");
    arguments[1] = key_text(&name);
    for (int i = 0; i < INCIDENT_FIELD_COUNT_; i++)
        arguments[2 + i] = incident_field_name((enum incident_field)i);
    return redis_client_append(redis, 2 + INCIDENT_FIELD_COUNT_, arguments);
}

struct text incident_field(const struct redis_reply *reply, size_t first,
                           enum incident_field field) {
    return redis_reply_text(redis_reply_at(reply, first + (size_t)field));
}

enum status incident_read(struct redis_client *redis, struct text id,
                          struct redis_reply **ret_reply) {
    struct redis_reply *reply = NULL;
    enum status status = STATUS_NOT_FOUND;
    char next[INCIDENT_ID_MAX + 1];
    for (int merges = 0; merges <= INCIDENT_MERGES_MAX && incident_id_is_valid(id); merges++) {
        status = incident_ask(redis, id);
        redis_reply_destroy(&reply);
        if (status == STATUS_OK)
            status = redis_client_read(redis, &reply);
        if (status == STATUS_OK && redis_reply_type(reply) != REDIS_ARRAY)
            status = STATUS_REFUSED;
        if (status != STATUS_OK)
            break;
        struct text merged = incident_field(reply, 0, INCIDENT_FIELD_merged_into);
        if (incident_field(reply, 0, INCIDENT_FIELD_id).data == NULL) {
            status = STATUS_NOT_FOUND;
            break;
        }
        if (merged.data == NULL) {
            *ret_reply = reply;
            return STATUS_OK;
        }
        status = STATUS_NOT_FOUND;
        if (merged.length > INCIDENT_ID_MAX)
            break;
        memcpy(next, merged.data, merged.length);
        id = (struct text){next, merged.length};
    }
    redis_reply_destroy(&reply);
    return status;
}

/* A text that came from Redis is not trusted to be UTF-8. */
static void write_text(struct json_writer *json, const char *name, struct text value) {
    json_key(json, name);
    bool fine = value.data == NULL || utf8_is_valid((const uint8_t *)value.data, value.length);
    json_text(json, fine ? value : (struct text){NULL, 0});
}

static int64_t number_of(struct text value) {
    int64_t number = 0;
    for (size_t i = 0; i < value.length && i < 18; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            break;
        number = number * 10 + (value.data[i] - '0');
    }
    return number;
}

static void write_time(struct json_writer *json, const char *name, struct text value) {
    char text[CLOCK_RFC3339_SIZE];
    json_key(json, name);
    json_string(json, clock_format_rfc3339((struct wall_time){number_of(value)}, text));
}

static void write_number(struct json_writer *json, const char *name, struct text value) {
    json_key(json, name);
    json_int(json, number_of(value));
}

/* A list that is stored as JSON. */
static void write_list(struct json_writer *json, const char *name, struct text value) {
    bool fine = value.length >= 2 && value.data[0] == '[' && value.data[value.length - 1] == ']' &&
                utf8_is_valid((const uint8_t *)value.data, value.length);
    json_key(json, name);
    json_raw(json, fine ? value : TEXT("[]"));
}

/* The members of an incident, in the order of the API. */
#define INCIDENT_MEMBERS                                                                           \
    MEMBER(id, text)                                                                               \
    MEMBER(timestamp, time)                                                                        \
    MEMBER(event_type, text)                                                                       \
    MEMBER(severity, text)                                                                         \
    MEMBER(status, text)                                                                           \
    MEMBER(title, text)                                                                            \
    MEMBER(description, text)                                                                      \
    MEMBER(source_ip, text)                                                                        \
    MEMBER(affected_user, text)                                                                    \
    MEMBER(detection_count, number)                                                                \
    MEMBER(first_seen, time)                                                                       \
    MEMBER(last_seen, time)                                                                        \
    MEMBER(analyst_notes, text)                                                                    \
    MEMBER(resolution, text)                                                                       \
    MEMBER(rules, list)                                                                            \
    MEMBER(tags, list)                                                                             \
    MEMBER(revision, number)

void incident_write(struct json_writer *json, const struct redis_reply *reply, size_t first) {
    json_object_begin(json);
#define MEMBER(name, kind)                                                                         \
    write_##kind(json, #name, incident_field(reply, first, INCIDENT_FIELD_##name));
    INCIDENT_MEMBERS
#undef MEMBER
    json_object_end(json);
}
