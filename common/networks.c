/* networks.c: reads IP addresses and networks, and tells which holds which. */
#include "common/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MAPPED_BITS 96 /* of ::ffff:0:0/96, before an IPv4 address */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static void map_ipv4(const void *ipv4, uint8_t address[NETWORK_ADDRESS_SIZE]) {
    memcpy(address, mapped_prefix, sizeof mapped_prefix);
    memcpy(address + sizeof mapped_prefix, ipv4, 4);
}

static bool is_mapped(const uint8_t address[NETWORK_ADDRESS_SIZE]) {
    return memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0;
}

/* A decimal number of at most `max`; false otherwise. */
static bool parse_prefix(struct text digits, unsigned max, unsigned *ret_prefix) {
    unsigned number = 0;
    if (digits.length == 0 || digits.length > 3)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        number = number * 10 + (unsigned)(digits.data[i] - '0');
    }
    *ret_prefix = number;
    return number <= max;
}

/* Reads an address; `ret_bits` is its width as written. */
static bool parse_address(struct text text, uint8_t ret_address[NETWORK_ADDRESS_SIZE],
                          unsigned *ret_bits) {
    char string[NETWORK_ADDRESS_TEXT_SIZE];
    struct in_addr ipv4;
    uint8_t ipv6[NETWORK_ADDRESS_SIZE];
    if (text.length == 0 || text.length >= sizeof string)
        return false;
    memcpy(string, text.data, text.length);
    string[text.length] = '\0';
    bool is_ipv4 = inet_pton(AF_INET, string, &ipv4) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, string, ipv6) != 1)
        return false;
    if (is_ipv4)
        map_ipv4(&ipv4, ret_address);
    else
        memcpy(ret_address, ipv6, sizeof ipv6);
    *ret_bits = is_ipv4 ? 32 : 128;
    return true;
}

bool network_address_parse(struct text text, uint8_t ret_address[NETWORK_ADDRESS_SIZE]) {
    unsigned bits = 0;
    return parse_address(text, ret_address, &bits);
}

enum status network_parse(struct text text, struct network *ret_network) {
    struct network network;
    const char *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
    size_t length = slash != NULL ? (size_t)(slash - text.data) : text.length;
    unsigned bits = 0;
    if (!parse_address((struct text){text.data, length}, network.address, &bits))
        return STATUS_BAD_SYNTAX;
    network.prefix = bits;
    if (slash != NULL &&
        !parse_prefix((struct text){slash + 1, text.length - length - 1}, bits, &network.prefix))
        return STATUS_BAD_SYNTAX;
    if (bits == 32)
        network.prefix += MAPPED_BITS;
    *ret_network = network;
    return STATUS_OK;
}

enum status networks_parse(struct text text, struct networks *ret_networks) {
    struct networks networks = {.count = 0};
    text = text_trim_spaces(text);
    while (text.length > 0) {
        const char *comma = memchr(text.data, ',', text.length);
        size_t length = comma != NULL ? (size_t)(comma - text.data) : text.length;
        size_t behind = comma != NULL ? length + 1 : length;
        bool ends_in_comma = comma != NULL && behind == text.length;
        if (ends_in_comma || networks.count == NETWORKS_MAX ||
            network_parse(text_trim_spaces((struct text){text.data, length}),
                          &networks.list[networks.count]) != STATUS_OK)
            return STATUS_BAD_SYNTAX;
        networks.count++;
        text = (struct text){text.data + behind, text.length - behind};
    }
    *ret_networks = networks;
    return STATUS_OK;
}

bool network_holds(const struct network *network, const uint8_t address[NETWORK_ADDRESS_SIZE]) {
    unsigned bytes = network->prefix / 8, bits = network->prefix % 8;
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    unsigned mask = bits != 0 ? 0xffu << (8 - bits) & 0xffu : 0;
    return mask == 0 || ((network->address[bytes] ^ address[bytes]) & mask) == 0;
}

bool networks_hold(const struct networks *networks, const uint8_t address[NETWORK_ADDRESS_SIZE]) {
    for (size_t i = 0; i < networks->count; i++) {
        if (network_holds(&networks->list[i], address))
            return true;
    }
    return false;
}

bool network_address_of(const struct sockaddr *peer, uint8_t ret_address[NETWORK_ADDRESS_SIZE]) {
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, peer, sizeof ipv4);
        map_ipv4(&ipv4.sin_addr, ret_address);
        return true;
    }
    if (peer->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, peer, sizeof ipv6);
    memcpy(ret_address, &ipv6.sin6_addr, NETWORK_ADDRESS_SIZE);
    return true;
}

void network_address_format(const uint8_t address[NETWORK_ADDRESS_SIZE],
                            char text[NETWORK_ADDRESS_TEXT_SIZE]) {
    bool mapped = is_mapped(address);
    const uint8_t *bytes = mapped ? address + sizeof mapped_prefix : address;
    if (inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text, NETWORK_ADDRESS_TEXT_SIZE) == NULL)
        text[0] = '\0';
}
