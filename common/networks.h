/* networks.h: IP addresses and networks as options name them: "10.1.0.0/16, ::1, 127.0.0.0/8".
 *
 * An address is 16 bytes: IPv6, or IPv4 mapped into it as ::ffff:a.b.c.d, so that both compare
 * alike. Owner: plain values, nothing to free. Errors: BAD_SYNTAX for what is no list of networks.
 * Threads: pure functions. Limits: NETWORKS_MAX in a list. Source: RFC 4291, RFC 4632.
 */
#ifndef SIEM_COMMON_NETWORKS_H
#define SIEM_COMMON_NETWORKS_H

#include "common/bytes.h"
#include "common/status.h"

#include <sys/socket.h>

#define NETWORKS_MAX 64
#define NETWORK_ADDRESS_SIZE 16
#define NETWORK_ADDRESS_TEXT_SIZE 46

struct network {
    uint8_t address[NETWORK_ADDRESS_SIZE];
    unsigned prefix; /* bits */
};

struct networks {
    struct network list[NETWORKS_MAX];
    size_t count;
};

/* Reads one network, or an address as the network that holds nothing else. */
MUST_CHECK enum status network_parse(struct text text, struct network *ret_network);

/* Reads a list with commas; "" is the empty list. */
MUST_CHECK enum status networks_parse(struct text text, struct networks *ret_networks);

/* Whether the network holds the address. */
bool network_holds(const struct network *network, const uint8_t address[NETWORK_ADDRESS_SIZE]);

/* Whether one of the networks does. */
bool networks_hold(const struct networks *networks, const uint8_t address[NETWORK_ADDRESS_SIZE]);

/* Reads an address; false when the text is none. */
bool network_address_parse(struct text text, uint8_t ret_address[NETWORK_ADDRESS_SIZE]);

/* The address of a peer; false when it is neither IPv4 nor IPv6. */
bool network_address_of(const struct sockaddr *peer, uint8_t ret_address[NETWORK_ADDRESS_SIZE]);

/* Writes it as text: IPv4 as IPv4. */
void network_address_format(const uint8_t address[NETWORK_ADDRESS_SIZE],
                            char text[NETWORK_ADDRESS_TEXT_SIZE]);

#endif
