/* address.c: IPv4 by hand, because every event asks; IPv6 by inet_pton. */
#include "services/detector/address.h"

#include <arpa/inet.h>

static bool parse_v4(struct text text, uint8_t out[4]) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t digits = 0;
        while (at < text.length && text.data[at] >= '0' && text.data[at] <= '9' && digits < 4) {
            value = value * 10 + (unsigned)(text.data[at++] - '0');
            digits++;
        }
        bool leading_zero = digits > 1 && text.data[at - digits] == '0';
        if (digits == 0 || value > 255 || leading_zero)
            return false;
        out[part] = (uint8_t)value;
        if (part < 3 && (at == text.length || text.data[at++] != '.'))
            return false;
    }
    return at == text.length;
}

static bool parse_v6(struct text text, uint8_t out[16]) {
    char string[INET6_ADDRSTRLEN];
    if (text.length >= sizeof string || memchr(text.data, ':', text.length) == NULL)
        return false;
    memcpy(string, text.data, text.length);
    string[text.length] = '\0';
    return inet_pton(AF_INET6, string, out) == 1;
}

bool address_parse(struct text text, struct address *ret_address) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct address address = {{4}};
    uint8_t v6[16];
    if (text.length == 0)
        return false;
    if (!parse_v4(text, address.bytes + 1)) {
        if (!parse_v6(text, v6))
            return false;
        if (memcmp(v6, mapped, sizeof mapped) == 0) {
            memcpy(address.bytes + 1, v6 + 12, 4);
        } else {
            address.bytes[0] = 6;
            memcpy(address.bytes + 1, v6, sizeof v6);
        }
    }
    *ret_address = address;
    return true;
}

/* Reads a prefix length of at most `max` bits. */
static bool parse_prefix(struct text text, unsigned max, unsigned *ret_bits) {
    unsigned bits = 0;
    if (text.length == 0 || text.length > 3)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    if (bits > max)
        return false;
    *ret_bits = bits;
    return true;
}

bool address_range_parse(struct text text, struct address_range *ret_range) {
    const char *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
    struct text host = {text.data, slash != NULL ? (size_t)(slash - text.data) : text.length};
    struct address address;
    if (!address_parse(host, &address))
        return false;
    unsigned width = address.bytes[0] == 4 ? 32 : 128, bits = width;
    if (slash != NULL) {
        bool mapped = width == 32 && memchr(host.data, ':', host.length) != NULL;
        unsigned skipped = mapped ? 96 : 0;
        struct text prefix = {slash + 1, text.length - host.length - 1};
        if (!parse_prefix(prefix, width + skipped, &bits) || bits < skipped)
            return false;
        bits -= skipped;
    }
    struct address_range range = {address, address};
    for (unsigned bit = bits; bit < width; bit++) {
        uint8_t mask = (uint8_t)(0x80u >> (bit % 8));
        range.first.bytes[1 + bit / 8] &= (uint8_t)~mask;
        range.last.bytes[1 + bit / 8] |= mask;
    }
    *ret_range = range;
    return true;
}
