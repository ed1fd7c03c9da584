/* endpoint_list.c: reads one endpoint of a list, and keeps sets of endpoints. */
#include "common/endpoint_list.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

static bool has_prefix(struct text text, const char *prefix) {
    size_t length = strlen(prefix);
    return text.length > length && memcmp(text.data, prefix, length) == 0;
}

static bool is_port(struct text text) {
    unsigned port = 0;
    if (text.length == 0 || text.length >= ENDPOINT_PORT_SIZE)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (!isdigit((unsigned char)text.data[i]))
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    return port > 0 && port <= 65535;
}

static bool is_host_name(struct text text) {
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!isalnum(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    return text.length > 0;
}

/* [2001:db8::1], with or without a zone. */
static bool is_ipv6(struct text host) {
    char text[ENDPOINT_HOST_SIZE];
    struct in6_addr address;
    if (host.length < 3 || host.data[0] != '[' || host.data[host.length - 1] != ']')
        return false;
    size_t length = host.length - 2;
    memcpy(text, host.data + 1, length);
    text[length] = '\0';
    text[strcspn(text, "%")] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* Digits and dots alone are meant as an address, and then must be one. */
static bool looks_numeric(const char *host) {
    return host[strspn(host, "0123456789.")] == '\0';
}

static enum status parse_tcp(struct text rest, enum endpoint_kind *ret_kind,
                             struct endpoint_name *ret_name) {
    const char *colon = memrchr(rest.data, ':', rest.length);
    if (colon == NULL)
        return STATUS_BAD_SYNTAX;
    struct text host = {rest.data, (size_t)(colon - rest.data)};
    struct text port = {colon + 1, rest.length - host.length - 1};
    if (!is_port(port) || host.length == 0 || host.length >= ENDPOINT_HOST_SIZE)
        return STATUS_BAD_SYNTAX;
    struct endpoint_name name = {.host = "", .port = ""};
    memcpy(name.host, host.data, host.length);
    memcpy(name.port, port.data, port.length);
    struct in_addr address;
    if (is_ipv6(host) || inet_pton(AF_INET, name.host, &address) == 1) {
        *ret_kind = ENDPOINT_FIXED;
        return STATUS_OK;
    }
    if (!is_host_name(host) || looks_numeric(name.host))
        return STATUS_BAD_SYNTAX;
    *ret_kind = ENDPOINT_NAMED;
    *ret_name = name;
    return STATUS_OK;
}

enum status endpoint_parse(struct text endpoint, enum endpoint_kind *ret_kind,
                           struct endpoint_name *ret_name) {
    if (has_prefix(endpoint, "tcp://"))
        return parse_tcp((struct text){endpoint.data + 6, endpoint.length - 6}, ret_kind, ret_name);
    if (!has_prefix(endpoint, "ipc://") && !has_prefix(endpoint, "inproc://"))
        return STATUS_BAD_SYNTAX;
    *ret_kind = ENDPOINT_FIXED;
    return STATUS_OK;
}

/* Where the endpoint is, or would stand. */
static size_t find_place(const struct endpoint_set *set, struct text endpoint) {
    size_t place = 0;
    while (place < set->count && text_compare(text_of(set->items[place]), endpoint) < 0)
        place++;
    return place;
}

bool endpoint_set_has(const struct endpoint_set *set, const char *endpoint) {
    size_t place = find_place(set, text_of(endpoint));
    return place < set->count && strcmp(set->items[place], endpoint) == 0;
}

bool endpoint_set_add(struct endpoint_set *set, struct text endpoint) {
    size_t place = find_place(set, endpoint);
    if (place < set->count && text_is(endpoint, set->items[place]))
        return true;
    if (set->count == ENDPOINTS_MAX)
        return false;
    memmove(&set->items[place + 1], &set->items[place],
            (set->count - place) * sizeof(set->items[0]));
    set->items[place] = strndup(endpoint.data, endpoint.length);
    if (set->items[place] == NULL)
        abort();
    set->count++;
    return true;
}

bool endpoint_set_equal(const struct endpoint_set *a, const struct endpoint_set *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

void endpoint_set_fini(struct endpoint_set *set) {
    for (size_t i = 0; i < set->count; i++)
        free(set->items[i]);
    set->count = 0;
}
