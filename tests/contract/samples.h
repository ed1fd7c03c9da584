/* samples.h: the values the golden frames stand for, as structs.
 *
 * Owner: static storage. Threads: constants.
 */
#ifndef SIEM_TESTS_SAMPLES_H
#define SIEM_TESTS_SAMPLES_H

#include "proto/batch.h"
#include "proto/finding.h"
#include "proto/receipt.h"

/* golden/event and golden/event_minimal. */
extern const struct event sample_event;
extern const struct event sample_event_minimal;

/* The head of golden/batch, whose events are the two above. */
extern const struct batch_head sample_batch_head;

/* golden/delivery. */
extern const struct delivery sample_delivery;

/* The two findings of golden/findings and golden/receipt, and the head of the former. */
extern const struct finding sample_findings[2];
extern const struct findings_head sample_findings_head;

/* golden/crash_report. */
extern const struct crash_report sample_crash_report;

/* golden/receipt. */
extern const struct receipt sample_receipt;

/* Fail the test unless both say the same. */
void sample_expect_event(const struct event *actual, const struct event *expected);
void sample_expect_finding(const struct finding *actual, const struct finding *expected);

#endif
