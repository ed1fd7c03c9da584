/* keys.c: the only place where a Redis key's name is put together. */
#include "proto/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct key_name key_name(enum key_id id, ...) {
    struct key_name name;
    int length = -1;
    va_list arguments;
    va_start(arguments, id);
    switch (id) {
#define KEY(name_, lua, pattern, type, lifetime, writer, readers, meaning)                         \
    case KEY_##name_:                                                                              \
        length = vsnprintf(name.data, sizeof name.data, KEY_PREFIX pattern, arguments);            \
        break;
#include "proto/keys.def"
#undef KEY
    case KEY_COUNT_:
        break;
    }
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
}
