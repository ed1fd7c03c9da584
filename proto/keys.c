/* keys.c: the only place where a Redis key's name is put together. */
#include "proto/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* Fills the pattern of a key; gives its length as vsnprintf does. */
static int fill_pattern(struct key_name *name, enum key_id id, va_list arguments) {
    switch (id) {
#define KEY(name_, lua, pattern, type, lifetime, writer, readers, meaning)                         \
    case KEY_##name_:                                                                              \
        return vsnprintf(name->data, sizeof name->data, KEY_PREFIX pattern, arguments);
#include "proto/keys.def"
#undef KEY
    case KEY_COUNT_:
        break;
    }
    return -1;
}

struct key_name key_name(enum key_id id, ...) {
    struct key_name name;
    va_list arguments;
    va_start(arguments, id);
    int length = fill_pattern(&name, id, arguments);
    va_end(arguments);
    assert(length > 0 && length < KEY_SIZE);
    name.length = (size_t)length;
    return name;
}

void keys_lua_table(struct buffer *out) {
    buffer_append_text(out, TEXT("local key = {"));
#define KEY(name, lua, pattern, type, lifetime, writer, readers, meaning)                          \
    buffer_append_text(out, TEXT(#lua " = \"" KEY_PREFIX pattern "\", "));
#include "proto/keys.def"
#undef KEY
    buffer_append_text(out, TEXT("}\n"));
    buffer_printf(out, "local DEDUP_PAGE_BITS, DEDUP_AHEAD_MAX = %d, %d\n", DEDUP_PAGE_BITS,
                  DEDUP_AHEAD_MAX);
    buffer_printf(out, "local FLOOR_CLOSED = %llu\n", (unsigned long long)FLOOR_CLOSED);
}
