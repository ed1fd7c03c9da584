/* regex_literal.h: texts that are in everything a regular expression matches, so that most values
 * need not be searched for the expression.
 *
 * Only what stands outside of groups, classes and alternatives is read, and only ASCII; upper and
 * lower case are not told apart. Owner: the text stands in the buffer given. Threads: pure. Errors:
 * none; it may find nothing too often, never something that can be missing.
 */
#ifndef SIEM_DETECTOR_REGEX_LITERAL_H
#define SIEM_DETECTOR_REGEX_LITERAL_H

#include "common/bytes.h"

/* The longest such text, written to `room`, which has as many bytes as the expression. Empty when
 * none was found. */
struct text regex_literal_find(struct text expression, char *room);

/* Writes the first `most` texts that are in everything the expression matches, one behind the
 * other; how many. They stand in `room`, which is as above. */
size_t regex_literal_runs(struct text expression, char *room, struct text *ret_runs, size_t most);

#endif
