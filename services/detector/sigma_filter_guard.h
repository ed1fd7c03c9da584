/* sigma_filter_guard.h: finds filters that would mute nearly every hit of their rules.
 *
 * Tools read filters both ways round, so a filter written for another tool turns an exclusion into
 * its opposite. Two things are computed. Of the filter alone: it must be true of an ordinary event,
 * in which every field it asks for has a value that it does not name; `condition: selection` is
 * not, and neither is an exclusion of everything (`*`). Of the filter and a rule: events are made
 * of the rule's own values, SIGMA_SAMPLES_MAX ways, and the filter must be true of one of them; an
 * exclusion that the rule itself implies is not. Owner: the reader's arena. Threads: one. Errors:
 * REFUSED with the reason. Limits: a field gets one value in a sample; regular expressions get
 * none, so what depends on them is taken for an ordinary value.
 */
#ifndef SIEM_DETECTOR_SIGMA_FILTER_GUARD_H
#define SIEM_DETECTOR_SIGMA_FILTER_GUARD_H

#include "services/detector/sigma_filter.h"

#define SIGMA_SAMPLES_MAX 8

/* Refuses a filter that an ordinary event does not pass. */
MUST_CHECK enum status sigma_filter_guard(const struct sigma_filter *filter,
                                          const struct sigma_reader *reader);

/* Refuses the filter for a rule of whose samples none passes it. */
MUST_CHECK enum status sigma_filter_guard_rule(const struct sigma_filter *filter,
                                               const struct sigma_rule *rule,
                                               const struct sigma_reader *reader);

#endif
