/* address_policy.h: which addresses a webhook may reach: public ones, and the networks allowed by
 * name.
 *
 * The check is made on the address a socket is about to connect to, so no name, redirect or name
 * server can lead a delivery into the private network. Owner: init on the caller's struct, nothing
 * to free. Errors: BAD_SYNTAX for a list that is no list of networks. Threads: pure functions.
 * Limits: NETWORKS_MAX. Source: IANA's special-purpose address registries (RFC 6890); RFC
 * 6052 for NAT64.
 */
#ifndef SIEM_ALERTER_ADDRESS_POLICY_H
#define SIEM_ALERTER_ADDRESS_POLICY_H

#include "common/networks.h"

struct address_policy {
    struct networks allowed;
};

/* Reads "10.1.0.0/16, ::1, 127.0.0.0/8"; "" allows no private network. */
MUST_CHECK enum status address_policy_init(struct address_policy *policy, const char *networks);

/* Whether a connection to this address may be made. */
bool address_policy_allows(const struct address_policy *policy, const struct sockaddr *address);

#endif
