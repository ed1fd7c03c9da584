/* made_correlations.c: the definitions that several programs use. */
#include "tests/support/made_correlations.h"

const struct correlation made_five = {
    MADE_CORRELATION("five", "Five of them", "five", HIGH, EVENT_COUNT, 300000, 1), MADE_RAISES,
    .event_type = EVENT_TYPE_LOGIN_FAILED, .comparisons = MADE_AT_LEAST(5),
    .tags = {1, {TEXT_CONSTANT("attack.t1110")}}};

const struct correlation made_ordered = {
    MADE_CORRELATION("ordered", "In order", "ordered", CRITICAL, TEMPORAL_ORDERED, 600000, 2),
    MADE_RAISES, MADE_IN_ORDER(2)};
