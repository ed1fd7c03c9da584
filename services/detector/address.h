/* address.h: IPv4 and IPv6 addresses and networks as bytes that sort.
 *
 * An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) is the IPv4 address. Threads: pure functions.
 * Errors: parsers return false and leave the output. Source: RFC 4291, RFC 4632.
 */
#ifndef SIEM_DETECTOR_ADDRESS_H
#define SIEM_DETECTOR_ADDRESS_H

#include "common/bytes.h"

#define ADDRESS_SIZE 17

/* The family (4 or 6), then the address in network order, zeros behind an IPv4 one. */
struct address {
    uint8_t bytes[ADDRESS_SIZE];
};

/* All addresses from first to last, both included. */
struct address_range {
    struct address first;
    struct address last;
};

/* Reads exactly one address: dotted decimal without leading zeros, or IPv6 in any legal spelling.
 */
bool address_parse(struct text text, struct address *ret_address);

/* Reads an address or a network (192.0.2.0/24). Bits below the prefix are ignored. */
bool address_range_parse(struct text text, struct address_range *ret_range);

/* Orders by family, then by number. */
static inline int address_compare(const struct address *a, const struct address *b) {
    return memcmp(a->bytes, b->bytes, ADDRESS_SIZE);
}

/* True when the range holds the address. */
static inline bool address_range_holds(const struct address_range *range,
                                       const struct address *address) {
    return address_compare(&range->first, address) <= 0 &&
           address_compare(address, &range->last) <= 0;
}

#endif
