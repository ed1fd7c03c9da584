/* sentence.h: a text with %field% in it, filled with an event's values.
 *
 * %% is a percent sign; a field the event does not have reads "unknown". Owner: the arena given.
 * Threads: filling is pure. Errors: BAD_SYNTAX for a lone %, TOO_LARGE for a field's name. Limits:
 * a value of SENTENCE_VALUE_MAX bytes and a sentence of SENTENCE_SIZE_MAX; more is cut and ends in
 * "…".
 */
#ifndef SIEM_DETECTOR_SENTENCE_H
#define SIEM_DETECTOR_SENTENCE_H

#include "services/detector/fields.h"

#define SENTENCE_VALUE_MAX 256
#define SENTENCE_SIZE_MAX 1024

/* Words, or a field's number when `words` is null. */
struct sentence_part {
    struct text words;
    uint32_t field;
};

struct sentence {
    size_t count;
    const struct sentence_part *parts;
};

/* Reads a sentence; its fields get numbers. */
MUST_CHECK enum status sentence_compile(struct text text, struct arena *arena,
                                        struct field_names *names, struct sentence *ret_sentence);

/* True when the sentence is the same for every event. */
bool sentence_is_constant(const struct sentence *sentence);

/* A sentence that is the same for every event. */
struct sentence sentence_of_words(struct text words, struct arena *arena);

/* The sentence for this event; lives in the arena. */
struct text sentence_fill(const struct sentence *sentence, const struct fields *fields,
                          struct arena *arena);

#endif
