/* incident_oracle.h: what incidents and counters must come of a set of events, worked out in memory
 * from all of them at once, so that no order of arrival can play a part; and the same read back
 * from Redis.
 *
 * Both are lines of text, sorted, ids, numbers, revisions and alerts aside.
 * Owner: the caller's buffers. Errors: fail the test. Threads: the test's. Limits:
 * ORACLE_EVENTS_MAX.
 */
#ifndef SIEM_TESTS_INCIDENT_ORACLE_H
#define SIEM_TESTS_INCIDENT_ORACLE_H

#include "tests/support/commit_fixture.h"

#define ORACLE_EVENTS_MAX 128
#define ORACLE_WINDOWS_MAX 1024

/* Appends what must be there; `correlated`, judged, may be NULL. Texts of rules must need no
 * escaping in JSON. */
void incident_oracle_expect(const struct made_event *events, size_t count,
                            const struct correlation_oracle *correlated, int64_t window_ms,
                            struct buffer *out);

/* Appends what is there; checks on the way that every incident stands in exactly its indices. */
void incident_oracle_read(struct commit_fixture *fixture, struct buffer *out);

#endif
