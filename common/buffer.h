/* buffer.h: a growable run of bytes with a bound.
 *
 * Owner: init/fini on the caller's struct. Errors: reaching the bound sets `overflow` and further
 * appends do nothing, so a long run of appends is checked once at its end with buffer_is_whole();
 * out of memory aborts. Threads: one at a time. Limits: `limit` bytes, given at init.
 */
#ifndef SIEM_COMMON_BUFFER_H
#define SIEM_COMMON_BUFFER_H

#include "common/bytes.h"

struct buffer {
    uint8_t *data;
    size_t length;
    size_t capacity; /* of `data`, at most the limit */
    size_t limit;
    bool overflow;
};

/* Makes an empty buffer that will never hold more than `limit` bytes; allocates nothing yet. */
void buffer_init(struct buffer *buffer, size_t limit);

/* Frees its memory; the buffer is empty afterwards and keeps its limit. */
void buffer_fini(struct buffer *buffer);

/* Empties it, keeping the memory for the next use. */
void buffer_reset(struct buffer *buffer);

/* Makes room for `length` more bytes and returns where they go, or NULL at the bound; the caller
 * writes them and adds what it wrote to `length`. The address is valid until the next append. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t length);

/* Appends bytes; borrows them. */
static inline void buffer_append(struct buffer *buffer, const void *data, size_t length) {
    bool has_room =
        buffer->data != NULL && !buffer->overflow && length <= buffer->capacity - buffer->length;
    uint8_t *room = has_room ? buffer->data + buffer->length : buffer_reserve(buffer, length);
    if (room == NULL || length == 0)
        return;
    memcpy(room, data, length);
    buffer->length += length;
}

/* Appends a text's bytes; borrows it. */
void buffer_append_text(struct buffer *buffer, struct text text);

/* Appends as printf does. */
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True when no append was lost to the bound. */
bool buffer_is_whole(const struct buffer *buffer);

/* What it holds, as text; borrows from the buffer until its next change. */
struct text buffer_text(const struct buffer *buffer);

/* The same as bytes. */
struct bytes buffer_bytes(const struct buffer *buffer);

#endif
