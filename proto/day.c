/* day.c: the only place where the name of a day's counter is put together. */
#include "proto/day.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* Fills the pattern of a field; gives its length as vsnprintf does. */
static int fill_pattern(struct day_field_name *name, enum day_field field, va_list arguments) {
    switch (field) {
#define FIELD(name_, pattern, meaning)                                                             \
    case DAY_FIELD_##name_:                                                                        \
        return vsnprintf(name->data, sizeof name->data, pattern, arguments);
#include "proto/day.def"
#undef FIELD
    case DAY_FIELD_COUNT_:
        break;
    }
    return -1;
}

struct day_field_name day_field_name(enum day_field field, ...) {
    struct day_field_name name;
    va_list arguments;
    va_start(arguments, field);
    int length = fill_pattern(&name, field, arguments);
    va_end(arguments);
    assert(length > 0 && length < DAY_FIELD_SIZE);
    name.length = (size_t)length;
    return name;
}

void day_lua_table(struct buffer *out) {
    buffer_append_text(out, TEXT("local day_field = {"));
#define FIELD(name, pattern, meaning) buffer_append_text(out, TEXT(#name " = \"" pattern "\", "));
#include "proto/day.def"
#undef FIELD
    buffer_append_text(out, TEXT("}\n"));
}
