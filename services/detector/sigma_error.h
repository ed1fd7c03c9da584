/* sigma_error.h: why a rule was refused, for the person who wrote it.
 *
 * Owner: the caller's struct. Threads: pure. Limits: the reason is cut at its size.
 */
#ifndef SIEM_DETECTOR_SIGMA_ERROR_H
#define SIEM_DETECTOR_SIGMA_ERROR_H

#include "common/status.h"

struct sigma_error {
    int line; /* from 1; 0: the rule as a whole */
    enum status status;
    char reason[256];
};

/* Fills the error and returns the status: BAD_SYNTAX for what breaks Sigma's rules, UNSUPPORTED for
 * what this program does not do, TOO_LARGE for a limit. */
MUST_CHECK enum status sigma_refuse(struct sigma_error *error, enum status status, int line,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
