/* arena.h: memory that is given piece by piece and taken back all at once.
 *
 * Rules live in an arena for as long as their set; an event's values live in one that is reset
 * before the next event, so that judging allocates nothing once the arena has seen its largest
 * event. Owner: init/fini on the caller's struct; what it gives belongs to it. Errors: out of
 * memory aborts. Threads: one at a time. Limits: none of its own; its users are bounded (event
 * size, rule file size).
 */
#ifndef SIEM_DETECTOR_ARENA_H
#define SIEM_DETECTOR_ARENA_H

#include "common/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    char *next;                 /* free bytes of the newest */
    char *end;
    size_t total; /* bytes of all blocks */
};

/* Makes an empty arena; allocates nothing yet. */
void arena_init(struct arena *arena);

/* Frees everything it gave. */
void arena_fini(struct arena *arena);

/* Takes everything back and keeps the memory, as one block. */
void arena_reset(struct arena *arena);

/* `size` bytes, uninitialised, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` items of `size` bytes, all zero. */
void *arena_zalloc(struct arena *arena, size_t count, size_t size);

/* Gives back the end of the last piece: of it only `used` bytes stay. */
void arena_trim(struct arena *arena, void *last, size_t used);

/* A copy of the text, with a NUL behind it. */
struct text arena_text(struct arena *arena, struct text text);

/* A text made as printf does. */
struct text arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
