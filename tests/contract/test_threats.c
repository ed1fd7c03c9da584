/* test_threats.c: what other people's tools read: the threat map and the heartbeat have the keys
 * and types of threat.def. The frames were built by another implementation of MessagePack. */
#include "golden.h"

#include "common/msgpack_frame.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

static bool is_u64(const msgpack_object *value) {
    return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

static bool is_text(const msgpack_object *value) {
    return value->type == MSGPACK_OBJECT_STR;
}

static bool is_bool(const msgpack_object *value) {
    return value->type == MSGPACK_OBJECT_BOOLEAN;
}

static bool is_rules(const msgpack_object *value) {
    if (value->type != MSGPACK_OBJECT_ARRAY || value->via.array.size == 0)
        return false;
    const msgpack_object *rule = msgpack_element(value, 0);
    const msgpack_object *tags = msgpack_member(rule, "tags");
    return is_text(msgpack_member(rule, "id")) && is_text(msgpack_member(rule, "title")) &&
           is_text(msgpack_member(rule, "level")) && tags->type == MSGPACK_OBJECT_ARRAY;
}

#define CHECK_U64 is_u64
#define CHECK_TEXT is_text
#define CHECK_BOOL is_bool
#define CHECK_RULES is_rules

struct threat_row {
    const char *name;
    bool (*is_of_type)(const msgpack_object *value);
    bool required;
};

#define IS_REQUIRED true
#define IS_OPTIONAL false
static const struct threat_row rows[] = {
#define FIELD(name, type, need, unit, meaning) {#name, CHECK_##type, IS_##need},
#include "proto/threat.def"
#undef FIELD
};
#define ROWS (sizeof rows / sizeof rows[0])

static bool is_known(struct text key) {
    for (size_t i = 0; i < ROWS; i++)
        if (text_is(key, rows[i].name))
            return true;
    return false;
}

Test(threats, golden_threat_has_the_keys_of_the_table) {
    struct buffer golden = golden_load("threat");
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    cr_assert_eq(msgpack_frame_unpack(&frame, buffer_bytes(&golden), MSGPACK_DEPTH_MAX), STATUS_OK);
    for (size_t i = 0; i < ROWS; i++) {
        const msgpack_object *value = msgpack_member(&frame.root, rows[i].name);
        cr_assert(value != NULL || !rows[i].required, "%s is missing", rows[i].name);
        cr_assert(value == NULL || rows[i].is_of_type(value), "%s has another type", rows[i].name);
    }
    for (uint32_t i = 0; i < frame.root.via.map.size; i++) {
        struct text key;
        cr_assert_eq(msgpack_read_text(&frame.root.via.map.ptr[i].key, &key), STATUS_OK);
        cr_assert(is_known(key), "%.*s is in no row", TEXT_ARG(key));
    }
    cr_assert_null(msgpack_member(&frame.root, "destination_ip"), "what is null is absent");
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

Test(threats, golden_heartbeat_names_publisher_and_last_seq) {
    struct buffer golden = golden_load("heartbeat");
    struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    cr_assert_eq(msgpack_frame_unpack(&frame, buffer_bytes(&golden), MSGPACK_DEPTH_MAX), STATUS_OK);
    uint64_t version = 0, seq = 0;
    struct text publisher;
    cr_assert_eq(msgpack_read_u64(msgpack_member(&frame.root, "version"), &version), STATUS_OK);
    cr_assert_eq(msgpack_read_u64(msgpack_member(&frame.root, "seq"), &seq), STATUS_OK);
    cr_assert_eq(msgpack_read_text(msgpack_member(&frame.root, "publisher"), &publisher),
                 STATUS_OK);
    cr_assert_eq(version, 1);
    cr_assert_eq(seq, 1207);
    cr_assert(text_is(publisher, "b7e151628aed2a6a"));
    msgpack_frame_fini(&frame);
    buffer_fini(&golden);
}

/* The text of a file, NUL-terminated; the caller frees it. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s is missing", path);
    char *text = calloc(1, 256 * 1024);
    cr_assert(fread(text, 1, 256 * 1024 - 1, file) > 0);
    fclose(file);
    return text;
}

Test(threats, the_documentation_shows_the_golden_frames) {
    const char *const names[] = {"threat", "heartbeat"};
    char *readme = read_file(CONTRACT_DIR "/../../proto/README.md");
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, CONTRACT_DIR "/golden/%s.hex", names[i]);
        char *golden = read_file(path);
        char *frame = strchr(golden, '\n'); /* behind the comment */
        cr_assert(frame != NULL && strstr(readme, frame) != NULL, "README.md shows another %s",
                  names[i]);
        free(golden);
    }
#define FIELD(name, type, need, unit, meaning)                                                     \
    cr_assert_not_null(strstr(readme, "\n| `" #name "` |"), "README.md does not explain " #name);
#include "proto/threat.def"
#undef FIELD
    free(readme);
}
