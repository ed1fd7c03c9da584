/* key_set.h: the names seen in an object, to refuse a name that comes twice.
 *
 * A hash set of (object, name) over all objects of one document; emptied by a new generation, not
 * by clearing. Names are kept as 64-bit hashes with a seed drawn at start: two different names of
 * one document are taken for the same with a chance of 2^-64 a pair, and nobody can search for such
 * a pair. Owner: init/fini; the memory is reused. Threads: one at a time. Limits: KEY_SET_MAX names
 * a document (more than 64 KiB of JSON can hold); beyond it names count as seen. Source: XXH3.
 */
#ifndef SIEM_INGEST_KEY_SET_H
#define SIEM_INGEST_KEY_SET_H

#include "common/bytes.h"

#define KEY_SET_MAX 32768

struct key_set_slot {
    uint64_t hash;
    uint32_t generation;
};

struct key_set {
    struct key_set_slot *slots;
    uint32_t capacity; /* a power of two */
    uint32_t count;
    uint32_t generation;
    uint64_t seed;
};

/* Makes an empty set and draws its seed. */
void key_set_init(struct key_set *set);

/* Frees the slots. */
void key_set_fini(struct key_set *set);

/* Forgets all names. */
void key_set_reset(struct key_set *set);

/* Notes a name of the object numbered `object`; false when that object had it already. */
bool key_set_add(struct key_set *set, uint32_t object, struct text name);

#endif
