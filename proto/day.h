/* day.h: the fields of a day's hash in Redis (key DAY), expanded from day.def.
 *
 * Threads: pure functions. Errors: a name that does not fit DAY_FIELD_SIZE is our bug (assert): the
 * arguments come from closed lists.
 */
#ifndef SIEM_PROTO_DAY_H
#define SIEM_PROTO_DAY_H

#include "common/buffer.h"

#define DAY_FIELD_SIZE 64

enum day_field {
#define FIELD(name, field, meaning) DAY_FIELD_##name,
#include "proto/day.def"
#undef FIELD
    DAY_FIELD_COUNT_
};

struct day_field_name {
    char data[DAY_FIELD_SIZE];
    size_t length;
};

/* The field's name, its pattern filled like printf: "%s" is a severity, a status or an hour 00..23.
 */
struct day_field_name day_field_name(enum day_field field, ...);

/* As a text; borrows from the name. */
static inline struct text day_field_text(const struct day_field_name *name) {
    return (struct text){name->data, name->length};
}

/* Appends `local day_field = {TOTAL = "total", SEVERITY = "severity:%s", ...}` for the scripts. */
void day_lua_table(struct buffer *out);

#endif
