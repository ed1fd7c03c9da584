/* correlated_verdicts.h: what correlations say of the events of a batch, among the verdicts.
 *
 * An event that completes a correlation, or comes to belong to one that fires, is a threat like one
 * a rule found: its finding stands among the others by its level, and the incident is that of the
 * gravest. Owner: what is added lives in the commit's frame. Threads: one at a time. Limits:
 * FINDINGS_PER_EVENT_MAX; a finding beyond it is dropped and counted, its severity counts all the
 * same.
 */
#ifndef SIEM_INCIDENT_CORRELATED_VERDICTS_H
#define SIEM_INCIDENT_CORRELATED_VERDICTS_H

#include "proto/receipt.h"
#include "services/incident/commit.h"

/* Adds them to the batch's `count` verdicts, which ascend, with room for one of each event; tells
 * how many there are then. */
uint32_t correlated_verdicts_add(struct commit *commit, struct verdict *verdicts, uint32_t count);

#endif
