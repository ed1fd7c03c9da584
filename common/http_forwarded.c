/* http_forwarded.c: whom a proxy speaks for. X-Forwarded-For and X-Forwarded-Proto count only when
 * the peer is one of the proxies the options name; anybody else could write into them what he
 * likes. Of the list the last address counts that is no such proxy: what stands before it was
 * written by the client. */
#include "common/http_private.h"

#include <strings.h>

/* Header lines of one list; a client that sends more gains nothing. */
#define LINES_MAX 8

struct lines {
    struct text list[LINES_MAX];
    size_t count;
};

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 size_t name_length, const char *value, size_t value_length) {
    static const char wanted[] = "X-Forwarded-For";
    (void)kind;
    struct lines *lines = context;
    if (name_length != sizeof wanted - 1 || strncasecmp(name, wanted, name_length) != 0)
        return MHD_YES;
    if (lines->count == LINES_MAX)
        memmove(lines->list, lines->list + 1, --lines->count * sizeof lines->list[0]);
    lines->list[lines->count++] = (struct text){value, value_length};
    return MHD_YES;
}

/* Takes the last item off a list with commas; false when it is empty. */
static bool take_last(struct text *list, struct text *ret_item) {
    if (list->length == 0)
        return false;
    size_t start = list->length;
    while (start > 0 && list->data[start - 1] != ',')
        start--;
    *ret_item = text_trim_blanks((struct text){list->data + start, list->length - start});
    list->length = start > 0 ? start - 1 : 0;
    return true;
}

/* An address, perhaps with a port behind it. */
static bool parse_item(struct text item, uint8_t address[NETWORK_ADDRESS_SIZE]) {
    if (network_address_parse(item, address))
        return true;
    if (item.length > 0 && item.data[0] == '[') {
        const char *end = memchr(item.data, ']', item.length);
        size_t length = end != NULL ? (size_t)(end - item.data) - 1 : 0;
        return network_address_parse((struct text){item.data + 1, length}, address);
    }
    const char *colon = item.length > 0 ? memchr(item.data, ':', item.length) : NULL;
    size_t length = colon != NULL ? (size_t)(colon - item.data) : 0;
    return network_address_parse((struct text){item.data, length}, address);
}

/* The last address of the lists that is no proxy, or the first proxy when all are. */
static void find_client(struct http_request *request, struct lines *lines) {
    const struct networks *proxies = &request->worker->server->proxies;
    uint8_t address[NETWORK_ADDRESS_SIZE];
    struct text item;
    while (lines->count > 0) {
        struct text *line = &lines->list[lines->count - 1];
        while (take_last(line, &item)) {
            if (!parse_item(item, address))
                return;
            network_address_format(address, request->peer);
            if (!networks_hold(proxies, address))
                return;
        }
        lines->count--;
    }
}

/* Any scheme but https; a proxy that adds its own does so behind what the client wrote. */
static bool is_plain(struct text scheme, const void *context) {
    (void)context;
    return scheme.length != 5 || strncasecmp(scheme.data, "https", 5) != 0;
}

void http_forwarded_read(struct http_request *request) {
    struct lines lines = {.count = 0};
    if (!request->connection->is_proxy)
        return;
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, on_header, &lines);
    find_client(request, &lines);
    if (http_header(request, "X-Forwarded-Proto").data == NULL)
        return;
    request->is_secure = !http_header_any(request, "X-Forwarded-Proto", is_plain, NULL);
    request->came_plain = !request->is_secure;
}
