/* http_framing.c: looks at bytes that libmicrohttpd reads leniently and does not show as such: the
 * target before it is decoded, and the line before a chunk. A reader in front of us that sees other
 * boundaries than we do is how a request is smuggled.
 *
 * A chunk's line stands right before the chunk in libmicrohttpd's memory, unless it came in a piece
 * of its own; and what stands before that memory is the end of the headers, which it has
 * overwritten with NULs. What can not be seen this way (the last chunk, a line that came alone)
 * does no harm either: a request in chunks is the last of its connection (http_request_send).
 * Source: RFC 9112 §2.2, §3.2, §7.1; RFC 3986 §2. */
#include "common/http_private.h"

#include <ctype.h>

#define CHUNK_LINE_MAX 1024

/* A percent sign and two digits that mean no NUL. */
static bool is_escape(const char *at) {
    return isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]) &&
           (at[1] != '0' || at[2] != '0');
}

/* Where a clean target ends; NULL when it is not clean. */
static const char *target_end(const char *target) {
    if (target == NULL || target[0] != '/')
        return NULL;
    const char *at = target;
    for (; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c <= ' ' || c >= 0x7f || c == '#' || (c == '%' && !is_escape(at)))
            return NULL;
    }
    return at;
}

void *http_framing_see_target(void *context, const char *target, struct MHD_Connection *mhd) {
    (void)context;
    struct http_connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    connection->target_end = target_end(target);
    return NULL;
}

static const char *skip_token(const char *at, const char *end) {
    while (at < end && *at != '\0' &&
           (isalnum((unsigned char)*at) || strchr("!#$%&'*+-.^_`|~", *at) != NULL))
        at++;
    return at;
}

/* Behind a quoted string; `at` when it has no end. */
static const char *skip_quoted(const char *at, const char *end) {
    for (const char *i = at + 1; i < end; i++) {
        unsigned char c = (unsigned char)*i;
        if (c == '"')
            return i + 1;
        if (c == '\\')
            i++;
        else if ((c < ' ' && c != '\t') || c == 0x7f)
            break;
    }
    return at;
}

/* Behind one `;name`, `;name=value` or `;name="value"`; `at` when it is none. */
static const char *skip_extension(const char *at, const char *end) {
    const char *name = at + 1;
    const char *name_end = skip_token(name, end);
    if (*at != ';' || name_end == name)
        return at;
    if (name_end == end || *name_end != '=')
        return name_end;
    const char *value = name_end + 1;
    const char *value_end =
        value < end && *value == '"' ? skip_quoted(value, end) : skip_token(value, end);
    return value_end > value ? value_end : at;
}

/* A size in hexadecimal digits, and extensions. */
static bool is_chunk_line(const char *at, const char *end) {
    const char *start = at;
    while (at < end && isxdigit((unsigned char)*at))
        at++;
    if (at == start)
        return false;
    while (at < end) {
        const char *next = skip_extension(at, end);
        if (next == at)
            return false;
        at = next;
    }
    return true;
}

bool http_framing_check_piece(struct bytes piece) {
    const char *end = (const char *)piece.data;
    if (end[-1] != '\n')
        return true; /* goes on with a chunk, or its line is out of sight */
    if (end[-2] != '\r')
        return false;
    end -= 2;
    const char *start = end;
    while (start[-1] != '\n' && start[-1] != '\0' && end - start < CHUNK_LINE_MAX)
        start--;
    bool ends_data = start[-1] == '\n'; /* of the chunk before */
    return is_chunk_line(start, end) && (!ends_data || start[-2] == '\r');
}
