/* address_policy.c: which addresses a webhook may reach. */
#include "services/alerter/address_policy.h"

#include <assert.h>

/* Everything that is not a host on the public Internet. */
static const char *const refused[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "::/96",         "64:ff9b:1::/48",  "100::/64",       "2001::/23",      "2001:db8::/32",
    "2002::/16",     "3fff::/20",       "5f00::/16",      "fc00::/7",       "fe80::/10",
    "fec0::/10",     "ff00::/8",
};

static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};

enum status address_policy_init(struct address_policy *policy, const char *networks) {
    *policy = (struct address_policy){.allowed = {.count = 0}};
    return networks_parse(text_of(networks), &policy->allowed);
}

static bool is_refused(const uint8_t address[NETWORK_ADDRESS_SIZE]) {
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct network network;
        enum status status = network_parse(text_of(refused[i]), &network);
        assert(status == STATUS_OK);
        if (network_holds(&network, address))
            return true;
    }
    return false;
}

/* A peer's address; one behind NAT64 is the IPv4 address it leads to. */
static bool read_address(const struct sockaddr *peer, uint8_t out[NETWORK_ADDRESS_SIZE]) {
    static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (!network_address_of(peer, out))
        return false;
    if (memcmp(out, nat64_prefix, sizeof(nat64_prefix)) == 0)
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
    return true;
}

bool address_policy_allows(const struct address_policy *policy, const struct sockaddr *address) {
    uint8_t bytes[NETWORK_ADDRESS_SIZE];
    if (!read_address(address, bytes))
        return false;
    return networks_hold(&policy->allowed, bytes) || !is_refused(bytes);
}
