/* http_guard.c: refuses requests that two readers could see differently, before their body is read:
 * Content-Length with Transfer-Encoding, either of them twice, another coding than chunked, names
 * that are no tokens (a space before the colon ends up in the name), control characters, no Host or
 * two, a key or another header that is no list twice. libmicrohttpd lets these pass.
 *
 * It also lets pass what it does not show: lines that end in LF alone, a header without a name, a
 * value behind a NUL, a line folded into the next, spaces around the target. But names and values
 * lie in its memory as they came, with NULs in the place of what ended them: every one must begin
 * where the one before it and a CRLF end, and the last must end where the head does. Source: RFC
 * 9112 §2.2, §3.2, §5.1, §5.2, §6.1, §11.2. */
#include "common/http_private.h"

#include "common/utf8.h"

#include <strings.h>

/* Headers with one value, which a proxy may have taken from another line than we would. */
static const struct {
    const char *name;
    const char *reason; /* to refuse two of them */
} singles[] = {
    {"x-api-key", "Ambiguous X-API-Key"},
    {"authorization", "Ambiguous Authorization"},
    {"idempotency-key", "Ambiguous Idempotency-Key"},
    {"content-type", "Ambiguous Content-Type"},
    {"origin", "Ambiguous Origin"},
};

#define SINGLES (sizeof singles / sizeof singles[0])

/* What one pass over the headers gathers. */
struct guard {
    const char *at; /* where the next name must begin */
    size_t bytes;
    int hosts;
    int lengths;
    int encodings;
    bool seen[SINGLES];
    const char *twice; /* the reason to refuse the first that came again; NULL: none did */
    bool odd_layout;
    bool odd_name;
    bool odd_value;
    bool odd_encoding;
    bool odd_host;
    bool expects;
    uint64_t length;
};

bool http_guard_is_token(const char *data, size_t length) {
    static const char symbols[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char c = data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(symbols, c) == NULL))
            return false;
    }
    return length > 0;
}

/* Text without control characters other than the tabulator. */
static bool is_plain(const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Decimal digits only, below 2^63. */
static bool parse_length(const char *data, size_t length, uint64_t *ret_value) {
    uint64_t value = 0;
    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (data[i] < '0' || data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(data[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* Behind a host: nothing, or a colon and perhaps a port. */
static bool is_port(struct text text) {
    uint64_t port = 0;
    if (text.length <= 1)
        return text.length == 0 || text.data[0] == ':';
    return text.data[0] == ':' && parse_length(text.data + 1, text.length - 1, &port) &&
           port <= UINT16_MAX;
}

/* An IPv6 address in brackets, and perhaps a port. */
static bool is_bracketed_host(struct text text) {
    uint8_t address[NETWORK_ADDRESS_SIZE];
    const char *end = memchr(text.data, ']', text.length);
    if (end == NULL)
        return false;
    struct text inside = {text.data + 1, (size_t)(end - text.data) - 1};
    struct text behind = {end + 1, text.length - inside.length - 2};
    return memchr(inside.data, ':', inside.length) != NULL &&
           network_address_parse(inside, address) && is_port(behind);
}

/* A host and perhaps a port: nothing that could be two of them, or a path. Nothing at all is
 * allowed, too. */
static bool is_host(struct text text) {
    if (text.length > 0 && text.data[0] == '[')
        return is_bracketed_host(text);
    size_t length = 0;
    for (; length < text.length && text.data[length] != ':'; length++) {
        if (text.data[length] <= ' ' || strchr(",/?#@\\<>\"[]", text.data[length]) != NULL)
            return false;
    }
    return is_port((struct text){text.data + length, text.length - length}) &&
           (length > 0 || text.length == 0);
}

static bool is_name(const char *name, size_t length, const char *wanted) {
    return strlen(wanted) == length && strncasecmp(name, wanted, length) == 0;
}

/* The headers that may come once, and those that decide about framing. */
static void guard_note(struct guard *guard, struct text name, struct text value) {
    if (is_name(name.data, name.length, "host")) {
        guard->hosts++;
        guard->odd_host |= !is_host(text_trim_blanks(value));
    } else if (is_name(name.data, name.length, "content-length")) {
        guard->lengths++;
        guard->odd_value |= !parse_length(value.data, value.length, &guard->length);
    } else if (is_name(name.data, name.length, "transfer-encoding")) {
        guard->encodings++;
        guard->odd_encoding |= !is_name(value.data, value.length, "chunked");
    } else if (is_name(name.data, name.length, "expect")) {
        guard->expects = true;
    }
    for (size_t i = 0; i < SINGLES; i++) {
        if (!is_name(name.data, name.length, singles[i].name))
            continue;
        if (guard->seen[i] && guard->twice == NULL)
            guard->twice = singles[i].reason;
        guard->seen[i] = true;
    }
}

/* One header, as libmicrohttpd saw it. */
static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 size_t name_length, const char *value, size_t value_length) {
    (void)kind;
    struct guard *guard = context;
    guard->odd_layout |= name != guard->at || value == NULL;
    guard->at = value + value_length + 2;
    guard->bytes += name_length + value_length + 4;
    guard->odd_name |= !http_guard_is_token(name, name_length);
    guard->odd_value |= !is_plain(value, value_length);
    guard_note(guard, (struct text){name, name_length},
               (struct text){value ? value : "", value_length});
    return MHD_YES;
}

/* One argument of the query: it will stand in texts. */
static enum MHD_Result on_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
    (void)kind;
    bool *odd = context;
    *odd |= !utf8_is_valid((const uint8_t *)name, name_length) ||
            (value != NULL && !utf8_is_valid((const uint8_t *)value, value_length));
    return MHD_YES;
}

/* The request line: method, one space, target, one space, version. */
static int check_line(const struct http_request *request, const char *version,
                      const char **ret_reason) {
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        *ret_reason = "HTTP Version Not Supported";
        return 505;
    }
    const char *target_end = request->connection->target_end;
    bool odd = target_end == NULL || version != target_end + 1 ||
               request->path.data != request->method.data + request->method.length + 1;
    MHD_get_connection_values_n(request->mhd, MHD_GET_ARGUMENT_KIND, on_argument, &odd);
    if (!http_guard_is_token(request->method.data, request->method.length) ||
        request->path.length == 0 || request->path.data[0] != '/' || odd ||
        !utf8_is_valid((const uint8_t *)request->path.data, request->path.length)) {
        *ret_reason = "Malformed request line";
        return 400;
    }
    return 0;
}

/* Bytes from the method to the empty line. */
static size_t head_length(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* What a head takes of libmicrohttpd's memory: its buffer for reading from the front, its values
 * from the back. */
struct room {
    const char *begin; /* of the head */
    size_t front;      /* how far the buffer may reach, at most */
    size_t back;       /* the values so far */
};

/* A line of the head ends here. It reads into half of its memory first. Where a line ends with what
 * was read, and no room is left, the buffer is made larger by half of what is free; what is behind
 * the request may fill it. */
static void room_end_line(struct room *room, const char *end) {
    size_t used = (size_t)(end - room->begin);
    if (used < HTTP_CONNECTION_MEMORY / 2 || used + room->back >= HTTP_CONNECTION_MEMORY)
        return;
    size_t front = used + (HTTP_CONNECTION_MEMORY - used - room->back) / 2;
    if (room->front < front)
        room->front = front;
}

static enum MHD_Result on_line(void *context, enum MHD_ValueKind kind, const char *name,
                               size_t name_length, const char *value, size_t value_length) {
    (void)kind, (void)name, (void)name_length;
    struct room *room = context;
    room_end_line(room, value + value_length + 2);
    room->back += HTTP_VALUE_SIZE;
    return MHD_YES;
}

static size_t count_values(struct MHD_Connection *mhd, enum MHD_ValueKind kinds) {
    return (size_t)MHD_get_connection_values(mhd, kinds, NULL, NULL);
}

/* The first Cookie header is copied. */
bool http_guard_has_room(struct MHD_Connection *mhd, const char *method, const char *version) {
    size_t head = head_length(mhd);
    struct room room = {.begin = method,
                        .front = head + HTTP_READ_STEP,
                        .back = HTTP_VALUE_SIZE * count_values(mhd, MHD_GET_ARGUMENT_KIND)};
    if (head < HTTP_CONNECTION_MEMORY / 2) {
        room.front = HTTP_CONNECTION_MEMORY / 2;
        room.back += HTTP_VALUE_SIZE * count_values(mhd, MHD_HEADER_KIND);
    } else {
        room_end_line(&room, version + strlen(version) + 2);
        MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_line, &room);
    }
    room.back += HTTP_VALUE_SIZE * count_values(mhd, MHD_COOKIE_KIND);
    const char *cookie = NULL;
    size_t cookie_length = 0;
    (void)MHD_lookup_connection_value_n(mhd, MHD_HEADER_KIND, "Cookie", sizeof "Cookie" - 1,
                                        &cookie, &cookie_length);
    return room.front + room.back + cookie_length + HTTP_ANSWER_ROOM <= HTTP_CONNECTION_MEMORY;
}

int http_guard_check(struct http_request *request, const char *version, const char **ret_reason) {
    struct guard guard = {.at = version + strlen(version) + 2};
    int code = check_line(request, version, ret_reason);
    if (code != 0)
        return code;
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, on_header, &guard);
    bool old = strcmp(version, "HTTP/1.0") == 0;
    request->head_length = head_length(request->mhd);
    *ret_reason = NULL;
    if (guard.odd_name)
        *ret_reason = "Malformed header name";
    else if (guard.odd_value)
        *ret_reason = "Malformed header value";
    else if (guard.odd_layout || guard.at + 2 != request->method.data + request->head_length)
        *ret_reason = "Malformed line of the head";
    else if (guard.encodings > 0 &&
             (guard.lengths > 0 || guard.encodings > 1 || guard.odd_encoding || old))
        *ret_reason = "Ambiguous body framing";
    else if (guard.lengths > 1)
        *ret_reason = "More than one Content-Length";
    else if (guard.hosts > 1 || guard.odd_host || (guard.hosts == 0 && !old))
        *ret_reason = "Missing or malformed Host";
    else
        *ret_reason = guard.twice;
    if (*ret_reason != NULL)
        return 400;
    if (guard.bytes > HTTP_HEADERS_MAX) {
        *ret_reason = "Request Header Fields Too Large";
        return 431;
    }
    request->has_body = guard.encodings > 0 || guard.length > 0;
    request->body_length = guard.encodings > 0 ? UINT64_MAX : guard.length;
    request->expects = guard.expects;
    return 0;
}
