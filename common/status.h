/* status.h: the outcome of whatever can fail, expanded from proto/status.def.
 *
 * Questions return bool; everything else that can fail returns enum status, 0 = STATUS_OK. Outputs
 * (ret_*) are untouched on failure.
 * Threads: pure functions. Source: Varnish's sess_close.h (one table: name, counter, sentence).
 */
#ifndef SIEM_COMMON_STATUS_H
#define SIEM_COMMON_STATUS_H

#include <stdbool.h>

enum status {
#define STATUS(name, reason, sentence) STATUS_##name,
#include "proto/status.def"
#undef STATUS
    STATUS_COUNT_
};

/* A result that must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* The reason as counters and logs show it, e.g. "truncated"; static storage. */
const char *status_reason(enum status status);

/* The sentence of its row, for people; static storage. */
const char *status_sentence(enum status status);

#endif
