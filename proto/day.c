/* day.c: the only place where the name of a day's counter is put together. */
#include "proto/day.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct day_field_name day_field_name(enum day_field field, ...) {
    struct day_field_name name;
    int length = -1;
    va_list arguments;
    va_start(arguments, field);
    switch (field) {
#define FIELD(name_, pattern, meaning)                                                             \
    case DAY_FIELD_##name_:                                                                        \
        length = vsnprintf(name.data, sizeof name.data, pattern, arguments);                       \
        break;
#include "proto/day.def"
#undef FIELD
    case DAY_FIELD_COUNT_:
        break;
    }
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
