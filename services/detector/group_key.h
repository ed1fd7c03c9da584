/* group_key.h: the text that parts one group from another: values joined so that no two lists look
 * alike.
 *
 * A value is "length:value", "#hash" when it is longer than GROUP_VALUE_MAX, "-" when it is
 * missing; values are joined by commas. Owner: the caller's memory. Threads: pure functions.
 * Limits: GROUP_PART_MAX bytes a value.
 */
#ifndef SIEM_DETECTOR_GROUP_KEY_H
#define SIEM_DETECTOR_GROUP_KEY_H

#include "common/bytes.h"

#define GROUP_VALUE_MAX 64

/* A value with a comma before it, and room for the NUL that printing needs. */
#define GROUP_PART_MAX (GROUP_VALUE_MAX + 5)

/* Appends a value, null when it is missing, behind what `out` has; tells the new length. `out` has
 * GROUP_PART_MAX bytes more. */
size_t group_key_append(char *out, size_t length, struct text value);

#endif
