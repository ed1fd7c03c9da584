/* group_key.c: values joined so that no two lists look alike. */
#include "services/detector/group_key.h"

#include <stdio.h>
#include <xxhash.h>

_Static_assert(GROUP_VALUE_MAX<100 && GROUP_PART_MAX> 35, "a part holds a length or a hash");

size_t group_key_append(char *out, size_t length, struct text value) {
    size_t at = length;
    if (at > 0)
        out[at++] = ',';
    if (value.data == NULL) {
        out[at++] = '-';
        return at;
    }
    if (value.length > GROUP_VALUE_MAX) {
        XXH128_hash_t hash = XXH3_128bits(value.data, value.length);
        return at + (size_t)snprintf(out + at, GROUP_PART_MAX, "#%016llx%016llx",
                                     (unsigned long long)hash.high64,
                                     (unsigned long long)hash.low64);
    }
    if (value.length >= 10)
        out[at++] = (char)('0' + value.length / 10);
    out[at++] = (char)('0' + value.length % 10);
    out[at++] = ':';
    memcpy(out + at, value.data, value.length);
    return at + value.length;
}
