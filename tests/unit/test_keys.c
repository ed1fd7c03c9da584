/* test_keys.c: names in Redis: one hash tag in every key, the same names in C and in Lua. */
#include "proto/day.h"
#include "proto/incident.h"
#include "proto/keys.h"
#include "proto/wiring.h"

#include <criterion/criterion.h>

#include <stdio.h>

Test(keys, patterns_are_filled) {
    struct key_name name = key_name(KEY_DEDUP, "0123456789abcdef-3", "17");
    cr_assert_str_eq(name.data, "siem:{0}:dedup:0123456789abcdef-3:17");
    cr_assert_eq(name.length, strlen(name.data));
    name = key_name(KEY_FLOORS);
    cr_assert(text_is(key_text(&name), "siem:{0}:floors"));
    name = key_name(KEY_DAY_INCIDENT_NUMBER, "20260101");
    cr_assert(text_is(key_text(&name), "siem:{0}:day:20260101:incident_number"));
    name = key_name(KEY_INCIDENT, "%s%n");
    cr_assert(text_is(key_text(&name), "siem:{0}:incident:%s%n"), "arguments are no formats");
}

/* The text between `open` and the next `close` behind `name = ` in a Lua table. */
static struct text lua_value(const char *table, const char *name) {
    char start[64];
    snprintf(start, sizeof start, "%s = \"", name);
    const char *at = strstr(table, start);
    while (at != NULL && at[-1] == '_') /* the end of a longer name */
        at = strstr(at + 1, start);
    cr_assert_not_null(at, "%s is not in the table", name);
    at += strlen(start);
    return (struct text){at, strcspn(at, "\"")};
}

Test(keys, lua_has_every_key_under_the_same_pattern) {
    struct buffer out;
    buffer_init(&out, 64 * 1024);
    keys_lua_table(&out);
    buffer_append(&out, "", 1);
    const char *table = (const char *)out.data;
    cr_assert_eq(strncmp(table, "local key = {floors = ", 22), 0);
#define KEY(name, lua, pattern, type, lifetime, writer, readers, meaning)                          \
    cr_assert(text_is(lua_value(table, #lua), KEY_PREFIX pattern));                                \
    cr_assert_eq(strchr(pattern, '{'), NULL, "one hash tag per key");
#include "proto/keys.def"
#undef KEY
    buffer_fini(&out);
}

Test(keys, day_fields_are_filled_and_in_lua) {
    struct day_field_name name = day_field_name(DAY_FIELD_SEVERITY, "high");
    cr_assert(text_is(day_field_text(&name), "severity:high"));
    name = day_field_name(DAY_FIELD_TOTAL);
    cr_assert(text_is(day_field_text(&name), "total"));
    struct buffer out;
    buffer_init(&out, 64 * 1024);
    day_lua_table(&out);
    buffer_append(&out, "", 1);
#define FIELD(name, pattern, meaning)                                                              \
    cr_assert(text_is(lua_value((const char *)out.data, #name), pattern));
#include "proto/day.def"
#undef FIELD
    buffer_fini(&out);
}

Test(keys, incident_fields_have_names_of_their_own) {
    cr_assert(text_is(incident_field_name(INCIDENT_FIELD_id), "id"));
    for (unsigned i = 0; i < INCIDENT_FIELD_COUNT_; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert_not(text_equal(incident_field_name((enum incident_field)i),
                                     incident_field_name((enum incident_field)j)));
}

Test(keys, wires_have_a_bounded_queue_and_a_policy) {
    for (unsigned i = 0; i < WIRE_COUNT_; i++) {
        const struct wire_row *row = wire_row((enum wire_id)i);
        cr_assert_gt(row->high_water, 0, "%s: 0 would be unlimited", row->name);
        cr_assert_eq(row->when_full == WIRE_PAUSE, row->pattern == WIRE_PUSH_PULL, "%s", row->name);
    }
    cr_assert_str_eq(wire_row(WIRE_THREATS)->endpoint, "tcp://*:5560");
}
