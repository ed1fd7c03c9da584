/* nearest_name.h: the name somebody probably meant, for messages about unknown ones.
 *
 * Owner: a plain value. Threads: pure functions. Limits: names of NEAREST_NAME_SIZE - 1 bytes,
 * longer ones are cut; one that differs in more than a third of what was given is not meant.
 * Source: Levenshtein's distance.
 */
#ifndef SIEM_COMMON_NEAREST_NAME_H
#define SIEM_COMMON_NEAREST_NAME_H

#include <stddef.h>

#define NEAREST_NAME_SIZE 64

struct nearest_name {
    char wanted[NEAREST_NAME_SIZE];
    size_t distance;
    char hint[NEAREST_NAME_SIZE + 24]; /* " (did you mean NAME?)"; "" until a candidate is near */
};

/* Begins a search for this name. */
void nearest_name_init(struct nearest_name *nearest, const char *wanted);

/* Keeps the candidate if it is the nearest so far. */
void nearest_name_consider(struct nearest_name *nearest, const char *candidate);

#endif
