/* correlations.h: what a correlation says of an event, in the words findings have.
 *
 * Owner: everything is borrowed from the contributions. Threads: pure functions.
 */
#ifndef SIEM_INCIDENT_CORRELATIONS_H
#define SIEM_INCIDENT_CORRELATIONS_H

#include "proto/contribution.h"

/* What a group that fires says of each of its events. */
struct finding correlation_finding(const struct correlation *correlation,
                                   const struct correlation_group *group);

/* True when it raises incidents. */
static inline bool correlation_is_raising(const struct correlation *correlation) {
    return correlation->raises && correlation->level > SEVERITY_INFO;
}

#endif
