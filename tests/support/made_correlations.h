/* made_correlations.h: definitions of correlations for tests, in a few words each.
 *
 *   static const struct correlation few = {
 *       MADE_CORRELATION("few", "Few", "few", LOW, EVENT_COUNT, 60000, 1), MADE_RAISES,
 *       .comparisons = MADE_AT_LEAST(3)};
 *
 * Owner: constants. Threads: any. Limits: those of contribution.h.
 */
#ifndef SIEM_TESTS_MADE_CORRELATIONS_H
#define SIEM_TESTS_MADE_CORRELATIONS_H

#include "proto/contribution.h"

/* What every one has: id and title of its rule, name of its incidents, level and kind without their
 * prefixes, timespan in ms, and how many rules it refers to. */
#define MADE_CORRELATION(id_, title_, incident_, level_, kind_, timespan_, rules_)                 \
    .rule_id = TEXT_CONSTANT(id_), .rule_title = TEXT_CONSTANT(title_),                            \
    .incident = TEXT_CONSTANT(incident_), .level = SEVERITY_##level_, .kind = CORRELATION_##kind_, \
    .timespan_ms = (timespan_), .rule_count = (rules_)

/* It raises incidents, and its contributions are as late as an event may be. */
#define MADE_RAISES .raises = true, .late_by = 1

/* Its rules, all of them, in this order. */
#define MADE_IN_ORDER(rules_) .in_order = (rules_), .comparisons = MADE_AT_LEAST(rules_)

/* One comparison. */
#define MADE_COMPARISON(operator_, number_)                                                        \
    {                                                                                              \
        1, {                                                                                       \
            { CORRELATION_##operator_, number_ }                                                   \
        }                                                                                          \
    }
#define MADE_AT_LEAST(number_) MADE_COMPARISON(GTE, number_)

/* Five events in five minutes. */
extern const struct correlation made_five;

/* Two rules in order, within ten minutes. */
extern const struct correlation made_ordered;

#endif
