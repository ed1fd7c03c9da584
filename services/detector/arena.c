/* arena.c: blocks of growing size, filled from the front. */
#include "services/detector/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_ALIGN 16u
#define ARENA_BLOCK_MIN 16384u

struct arena_block {
    struct arena_block *older;
    size_t size;
};

/* Room a block's head takes, so that what follows is aligned. */
#define ARENA_HEAD ((sizeof(struct arena_block) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN)

void arena_init(struct arena *arena) {
    *arena = (struct arena){0};
}

void arena_fini(struct arena *arena) {
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->older;
        free(block);
    }
    arena_init(arena);
}

static void add_block(struct arena *arena, size_t size) {
    struct arena_block *block = malloc(ARENA_HEAD + size);
    if (block == NULL)
        abort();
    *block = (struct arena_block){.older = arena->blocks, .size = size};
    arena->blocks = block;
    arena->next = (char *)block + ARENA_HEAD;
    arena->end = arena->next + size;
    arena->total += size;
}

void arena_reset(struct arena *arena) {
    struct arena_block *block = arena->blocks;
    if (block == NULL)
        return;
    if (block->older != NULL) {
        size_t total = arena->total;
        arena_fini(arena);
        add_block(arena, total);
    } else {
        arena->next = (char *)block + ARENA_HEAD;
    }
}

void *arena_alloc(struct arena *arena, size_t size) {
    size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (arena->blocks == NULL || rounded > (size_t)(arena->end - arena->next)) {
        size_t wanted = arena->total < ARENA_BLOCK_MIN ? ARENA_BLOCK_MIN : arena->total;
        add_block(arena, rounded > wanted ? rounded : wanted);
    }
    void *piece = arena->next;
    arena->next += rounded;
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    void *piece = arena_alloc(arena, bytes);
    memset(piece, 0, bytes);
    return piece;
}

void arena_trim(struct arena *arena, void *last, size_t used) {
    arena->next = (char *)last + (used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

struct text arena_text(struct arena *arena, struct text text) {
    char *copy = arena_alloc(arena, text.length + 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return (struct text){copy, text.length};
}

struct text arena_printf(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 0 : (size_t)length;
    char *copy = arena_alloc(arena, size + 1);
    vsnprintf(copy, size + 1, format, again);
    va_end(again);
    return (struct text){copy, size};
}
