/* keys.h: the names of all Redis keys, expanded from keys.def.
 *
 * Threads: pure functions. Errors: a name that does not fit KEY_SIZE is our bug (assert): every
 * argument is bounded where it is made. Source: Redis Cluster's hash tags.
 */
#ifndef SIEM_PROTO_KEYS_H
#define SIEM_PROTO_KEYS_H

#include "common/buffer.h"

#define KEY_PREFIX "siem:{0}:"
#define KEY_SIZE 256

/* Batches in one page of the bitmap of an epoch (DEDUP), and how far above its floor bits may
 * stand. */
#define DEDUP_PAGE_BITS 65536
#define DEDUP_AHEAD_MAX 1048576
/* Stands for the floor of an epoch that is closed: above every batch number, and exact in Lua. */
#define FLOOR_CLOSED UINT64_C(9007199254740991)

enum key_id {
#define KEY(name, lua, pattern, type, lifetime, writer, readers, meaning) KEY_##name,
#include "proto/keys.def"
#undef KEY
    KEY_COUNT_
};

struct key_name {
    char data[KEY_SIZE];
    size_t length;
};

/* The key's name, its pattern filled like printf; a value. */
struct key_name key_name(enum key_id id, ...);

/* As a text, for redis_command; borrows from the name. */
static inline struct text key_text(const struct key_name *name) {
    return (struct text){name->data, name->length};
}

/* Appends `local key = {floors = "siem:{0}:floors", day = "siem:{0}:day:%s", ...}` for the scripts,
 * and the constants above by their names. */
void keys_lua_table(struct buffer *out);

#endif
