/* literal_machine.h: many literals, searched for in one pass over a text.
 *
 * The beginnings of the literals are the states of a machine that takes a byte at a time: it goes
 * on in the longest beginning that the bytes read so far end in. A literal has states as far as
 * others begin alike; what follows is compared when the last of them is reached. So the time is
 * linear in the text's length, whatever the text: at most two steps a byte and, where a literal may
 * stand, one comparison of LITERAL_REST_MAX bytes.
 *
 * Owner: new/destroy; the literals' bytes are borrowed for its life. Threads: read-only once made.
 * Errors: none; out of memory aborts. Limits: states and literals below 2^32. Source: Aho and
 * Corasick, Efficient string matching (1975).
 */
#ifndef SIEM_DETECTOR_LITERAL_MACHINE_H
#define SIEM_DETECTOR_LITERAL_MACHINE_H

#include "services/detector/literal_filter.h"

#define LITERAL_REST_MAX 64
/* Searches that wait for a run, at most, and that are made together. */
#define LITERAL_SEARCHES_MAX 64
#define LITERAL_TOGETHER_MAX 4
/* Rows of which a long text's searches know that there is nothing to add; a power of 2. */
#define LITERAL_KNOWN_ROWS 512

struct literal_machine;

/* A machine for literals, none empty, no two alike; sorts them. */
struct literal_machine *literal_machine_new(struct literal *literals, size_t count);

/* Frees it and nulls the pointer; NULL is fine. */
void literal_machine_destroy(struct literal_machine **machine);

/* One text to be searched, or a part of it. */
struct literal_search {
    const struct literal_machine *machine;
    const char *at, *stop; /* what is left of the part */
    const char *end;       /* of the text */
    struct hit_set *hits;
    uint32_t *known; /* rows at which there is nothing to add; NULL: not kept */
    uint32_t row;    /* the machine's state */
};

/* Searches that are made together: while one waits for memory, the others go on. */
struct literal_searches {
    struct literal_search items[LITERAL_SEARCHES_MAX];
    size_t count;
    uint32_t known[LITERAL_KNOWN_ROWS];
};

/* None. */
void literal_searches_init(struct literal_searches *searches);

/* Will add the numbers of the literals that occur in the text, by the next run; borrows all. */
void literal_searches_add(struct literal_searches *searches, const struct literal_machine *machine,
                          struct text text, struct hit_set *hits);

/* Makes the searches; none is left. */
void literal_searches_run(struct literal_searches *searches);

#endif
