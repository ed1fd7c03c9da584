/* replay_source.c: reads pieces and cuts them into lines, under a lock. */
#include "services/siemctl/replay_source.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_SIZE (256 * 1024)
#define WAIT_MS 100 /* how soon a stop is seen while the stream is silent */

struct replay_source {
    pthread_mutex_t lock;
    int fd;
    size_t at, end; /* unread part of the piece */
    size_t line_length;
    bool line_too_long;
    bool ended;
    int error;            /* errno of the read that failed */
    uint64_t line_number; /* of the line being read, from 1 */
    atomic_bool stopped;
    atomic_uint_fast64_t bytes, too_long;
    char piece[PIECE_SIZE];
    char line[REPLAY_LINE_MAX];
};

struct replay_source *replay_source_new(int fd) {
    struct replay_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        abort();
    source->fd = fd;
    source->line_number = 1;
    pthread_mutex_init(&source->lock, NULL);
    return source;
}

void replay_source_destroy(struct replay_source **source) {
    if (*source == NULL)
        return;
    pthread_mutex_destroy(&(*source)->lock);
    free(*source);
    *source = NULL;
}

void replay_bulk_init(struct replay_bulk *bulk) {
    bulk->count = 0;
    buffer_init(&bulk->body, REPLAY_BULK_BYTES + REPLAY_LINE_MAX + 1);
}

void replay_bulk_fini(struct replay_bulk *bulk) {
    buffer_fini(&bulk->body);
}

/* True when a read would not wait. */
static bool is_readable(const struct replay_source *source, int timeout_ms) {
    struct pollfd ready = {.fd = source->fd, .events = POLLIN};
    return poll(&ready, 1, timeout_ms) > 0;
}

/* Reads the next piece. False at the end, when stopped, and, if `may_wait` is false, when nothing
 * is there yet. */
static bool fill(struct replay_source *source, bool may_wait) {
    while (!is_readable(source, may_wait ? WAIT_MS : 0))
        if (!may_wait || atomic_load(&source->stopped))
            return false;
    ssize_t length;
    do
        length = read(source->fd, source->piece, PIECE_SIZE);
    while (length < 0 && errno == EINTR);
    source->at = 0;
    source->end = length > 0 ? (size_t)length : 0;
    source->ended = length <= 0;
    source->error = length < 0 ? errno : 0;
    atomic_fetch_add(&source->bytes, source->end);
    return !source->ended;
}

static bool is_blank(const char *line, size_t length) {
    size_t at = 0;
    while (at < length && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r'))
        at++;
    return at == length;
}

/* Moves what the piece holds of the line into it; true when the line is whole. */
static bool gather(struct replay_source *source) {
    const char *from = source->piece + source->at;
    size_t left = source->end - source->at;
    const char *newline = memchr(from, '\n', left);
    size_t length = newline != NULL ? (size_t)(newline - from) : left;
    if (length > REPLAY_LINE_MAX - source->line_length)
        source->line_too_long = true;
    else
        memcpy(source->line + source->line_length, from, length);
    source->line_length += source->line_too_long ? 0 : length;
    source->at += length + (newline != NULL);
    return newline != NULL;
}

/* Puts the whole line into the bulk, unless it is blank or too long, and begins the next. */
static void finish_line(struct replay_source *source, struct replay_bulk *bulk) {
    if (source->line_too_long) {
        atomic_fetch_add(&source->too_long, 1);
    } else if (!is_blank(source->line, source->line_length)) {
        buffer_append(&bulk->body, source->line, source->line_length);
        buffer_append(&bulk->body, "\n", 1);
        bulk->lines[bulk->count++] = source->line_number;
    }
    source->line_length = 0;
    source->line_too_long = false;
    source->line_number++;
}

static bool is_full(const struct replay_bulk *bulk, int lines) {
    return bulk->count >= lines || bulk->count >= REPLAY_BULK_LINES ||
           bulk->body.length >= REPLAY_BULK_BYTES;
}

bool replay_source_take(struct replay_source *source, int lines, struct replay_bulk *bulk) {
    buffer_reset(&bulk->body);
    bulk->count = 0;
    pthread_mutex_lock(&source->lock);
    while (!is_full(bulk, lines) && !atomic_load(&source->stopped)) {
        if (source->at == source->end && !fill(source, bulk->count == 0))
            break;
        if (gather(source))
            finish_line(source, bulk);
    }
    bool last_line =
        source->ended && source->error == 0 && (source->line_length > 0 || source->line_too_long);
    if (last_line && !is_full(bulk, lines))
        finish_line(source, bulk);
    pthread_mutex_unlock(&source->lock);
    return bulk->count > 0;
}

void replay_source_stop(struct replay_source *source) {
    atomic_store(&source->stopped, true);
}

uint64_t replay_source_bytes(const struct replay_source *source) {
    return atomic_load(&source->bytes);
}

int replay_source_error(const struct replay_source *source) {
    return source->error;
}

uint64_t replay_source_too_long(const struct replay_source *source) {
    return atomic_load(&source->too_long);
}
