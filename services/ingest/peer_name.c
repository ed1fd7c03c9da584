/* peer_name.c: cuts an IPv6 address to its network. */
#include "services/ingest/peer_name.h"

#include <arpa/inet.h>
#include <stdio.h>

#define NETWORK_BYTES 8

struct text peer_name(struct text address, char room[PEER_NAME_SIZE]) {
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr six;
    if (address.length >= sizeof copy || memchr(address.data, ':', address.length) == NULL)
        return address;
    memcpy(copy, address.data, address.length);
    copy[address.length] = '\0';
    if (inet_pton(AF_INET6, copy, &six) != 1)
        return address;
    memset(six.s6_addr + NETWORK_BYTES, 0, sizeof six.s6_addr - NETWORK_BYTES);
    if (inet_ntop(AF_INET6, &six, copy, sizeof copy) == NULL)
        return address;
    int length = snprintf(room, PEER_NAME_SIZE, "%s/64", copy);
    return (struct text){room, (size_t)length};
}
