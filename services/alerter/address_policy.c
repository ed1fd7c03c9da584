/* address_policy.c: which addresses a webhook may reach. */
#include "services/alerter/address_policy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

#define NETWORK_TEXT_SIZE 64
#define MAPPED_BITS 96 /* of ::ffff:0:0/96, before an IPv4 address */

/* Everything that is not a host on the public Internet. */
static const char *const refused[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "::/96",         "64:ff9b:1::/48",  "100::/64",       "2001::/23",      "2001:db8::/32",
    "2002::/16",     "3fff::/20",       "5f00::/16",      "fc00::/7",       "fe80::/10",
    "fec0::/10",     "ff00::/8",
};

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};

static void map_ipv4(const void *ipv4, uint8_t address[16]) {
    memcpy(address, mapped_prefix, sizeof(mapped_prefix));
    memcpy(address + sizeof(mapped_prefix), ipv4, 4);
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

/* address or address/bits */
static bool parse_network(struct text text, struct network *ret_network) {
    char address[NETWORK_TEXT_SIZE];
    const char *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
    size_t length = slash != NULL ? (size_t)(slash - text.data) : text.length;
    if (length == 0 || length >= sizeof(address))
        return false;
    memcpy(address, text.data, length);
    address[length] = '\0';
    struct in_addr ipv4;
    bool is_ipv4 = inet_pton(AF_INET, address, &ipv4) == 1;
    if (is_ipv4)
        map_ipv4(&ipv4, ret_network->address);
    else if (inet_pton(AF_INET6, address, ret_network->address) != 1)
        return false;
    unsigned bits = is_ipv4 ? 32 : 128, prefix = bits;
    if (slash != NULL &&
        !parse_prefix((struct text){slash + 1, text.length - length - 1}, bits, &prefix))
        return false;
    ret_network->prefix = is_ipv4 ? MAPPED_BITS + prefix : prefix;
    return true;
}

static bool contains(const struct network *network, const uint8_t address[16]) {
    unsigned bytes = network->prefix / 8, bits = network->prefix % 8;
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    unsigned mask = bits != 0 ? 0xffu << (8 - bits) & 0xffu : 0;
    return mask == 0 || ((network->address[bytes] ^ address[bytes]) & mask) == 0;
}

enum status address_policy_init(struct address_policy *policy, const char *networks) {
    *policy = (struct address_policy){.allowed_count = 0};
    if (networks[strspn(networks, " ")] == '\0')
        return STATUS_OK;
    for (const char *at = networks;; at++) {
        size_t length = strcspn(at, ",");
        if (policy->allowed_count == ALLOWED_NETWORKS_MAX ||
            !parse_network(text_trim_spaces((struct text){at, length}),
                           &policy->allowed[policy->allowed_count]))
            return STATUS_BAD_SYNTAX;
        policy->allowed_count++;
        at += length;
        if (*at == '\0')
            return STATUS_OK;
    }
}

static bool is_refused(const uint8_t address[16]) {
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct network network;
        bool good = parse_network(text_of(refused[i]), &network);
        assert(good);
        if (good && contains(&network, address))
            return true;
    }
    return false;
}

/* The address as IPv6; one behind NAT64 as the IPv4 address it leads to. */
static bool read_address(const struct sockaddr *address, uint8_t out[16]) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof(ipv4));
        map_ipv4(&ipv4.sin_addr, out);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof(ipv6));
    memcpy(out, &ipv6.sin6_addr, 16);
    if (memcmp(out, nat64_prefix, sizeof(nat64_prefix)) == 0)
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
    return true;
}

bool address_policy_allows(const struct address_policy *policy, const struct sockaddr *address) {
    uint8_t bytes[16];
    if (!read_address(address, bytes))
        return false;
    for (size_t i = 0; i < policy->allowed_count; i++) {
        if (contains(&policy->allowed[i], bytes))
            return true;
    }
    return !is_refused(bytes);
}
