/* event_json.h: an event from command-line arguments to JSON.
 *
 * `name=value` sets a field of the event; `metadata.a.b=value` a member of its metadata, where a
 * value that is a number, true, false or null is taken as such; `name:=JSON` takes any JSON as it
 * is. Threads: pure function. Errors: BAD_VALUE with words in `error`; nothing is appended then.
 * Limits: EVENT_JSON_PAIRS_MAX pairs, names of 256 bytes, EVENT_JSON_DEPTH_MAX levels of metadata.
 */
#ifndef SIEM_SIEMCTL_EVENT_JSON_H
#define SIEM_SIEMCTL_EVENT_JSON_H

#include "common/buffer.h"
#include "common/status.h"

#define EVENT_JSON_PAIRS_MAX 256
#define EVENT_JSON_DEPTH_MAX 16

/* Appends the JSON object of an event of this type with these fields; `error` is a buffer for
 * words. */
MUST_CHECK enum status event_json_build(const char *event_type, int count, char *const *pairs,
                                        struct buffer *out, struct buffer *error);

#endif
