/* value_memory.h: what the last values were found to have, so that a value which comes again need
 * not be searched again: most fields of a machine's events have few values, however many events.
 *
 * A value is remembered when it comes for the second time, so that those which never come again
 * (identifiers, times) displace nothing. Owner: new/destroy; texts are copied. Threads: one.
 * Errors: none; out of memory aborts. Limits: VALUES_MAX values of REMEMBERED_SIZE_MAX; a new one
 * takes the place of one with which it shares it.
 */
#ifndef SIEM_DETECTOR_VALUE_MEMORY_H
#define SIEM_DETECTOR_VALUE_MEMORY_H

#include "services/detector/fields.h"
#include "services/detector/hit_set.h"

#define VALUES_MAX 4096
#define REMEMBERED_SIZE_MAX 168 /* bytes of its text, and four for each atom */

struct value_memory;

/* What is asked about a value. */
struct value_question {
    const struct value *value;
    uint32_t lane;
    uint8_t ways;    /* of searching it, as bits */
    uint64_t route;  /* whose keywords are searched for; 0: none are */
    bool is_askable; /* it is short; this and the hash are value_memory_prepare()'s */
    uint64_t hash;
};

enum value_answer {
    VALUE_KNOWN,   /* its atoms were added */
    VALUE_UNKNOWN, /* it came for the first time, or is too long */
    VALUE_AGAIN,   /* its atoms are worth remembering */
};

/* An empty memory. */
struct value_memory *value_memory_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void value_memory_destroy(struct value_memory **memory);

/* Completes a question and has fetched what it will ask for: best some time before. */
void value_memory_prepare(const struct value_memory *memory, struct value_question *question);

/* Adds the atoms of a value that is remembered. */
enum value_answer value_memory_ask(struct value_memory *memory,
                                   const struct value_question *question, struct hit_set *atoms);

/* Remembers the atoms of a value that came AGAIN, unless they are too many. */
void value_memory_keep(struct value_memory *memory, const struct value_question *question,
                       const struct hit_set *atoms);

#endif
