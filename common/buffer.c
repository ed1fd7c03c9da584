/* buffer.c: a growable run of bytes with a bound. */
#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *buffer, size_t limit) {
    *buffer = (struct buffer){.limit = limit};
}

void buffer_fini(struct buffer *buffer) {
    free(buffer->data);
    buffer_init(buffer, buffer->limit);
}

void buffer_reset(struct buffer *buffer) {
    buffer->length = 0;
    buffer->overflow = false;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t length) {
    if (buffer->overflow || length > buffer->limit - buffer->length) {
        buffer->overflow = true;
        return NULL;
    }
    size_t needed = buffer->length + length;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > buffer->limit)
            capacity = buffer->limit;
        buffer->data = realloc(buffer->data, capacity);
        if (buffer->data == NULL)
            abort();
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void buffer_append_text(struct buffer *buffer, struct text text) {
    buffer_append(buffer, text.data, text.length);
}

void buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    uint8_t *room = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length + 1);
    if (room != NULL) {
        vsnprintf((char *)room, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

bool buffer_is_whole(const struct buffer *buffer) {
    return !buffer->overflow;
}

struct text buffer_text(const struct buffer *buffer) {
    return (struct text){buffer->data ? (const char *)buffer->data : "", buffer->length};
}

struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->data, buffer->length};
}
