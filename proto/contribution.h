/* contribution.h: what events contribute to correlations: the part of a findings frame that the
 * windows are made of, and its codec.
 *
 * An event that matches a rule some correlation refers to contributes to the group its values
 * select. A correlation that another one refers to contributes in turn, when its own window fires:
 * its groups name the groups behind them (parents).
 * Owner: decoded texts borrow from the bytes, the lists live in the frame's zone. Errors: as
 * finding.h; BAD_VALUE for numbers that lead nowhere or to a shallower correlation. Threads: one
 * decoder per thread. Limits: the constants below; what a batch has beyond them, or beyond the room
 * in its frame, is dropped and counted by who encodes.
 */
#ifndef SIEM_PROTO_CONTRIBUTION_H
#define SIEM_PROTO_CONTRIBUTION_H

#include "proto/finding.h"

#define CONTRIBUTIONS_PER_EVENT_MAX 16
#define CONTRIBUTIONS_MAX (BATCH_EVENTS_MAX * CONTRIBUTIONS_PER_EVENT_MAX)
#define CORRELATIONS_MAX 512 /* in a batch, and in a set of rules */
#define CORRELATION_GROUPS_MAX (2 * CONTRIBUTIONS_MAX)
#define CORRELATION_RULES_MAX 32
#define CORRELATION_PARENTS_MAX 8
#define CORRELATION_DEPTH_MAX 8
#define CORRELATION_COMPARISONS_MAX 4
#define CORRELATION_EXPRESSION_MAX 128
#define CORRELATION_TIMESPAN_MAX_MS UINT64_C(2678400000) /* 31 days */

enum correlation_operator {
    CORRELATION_LT,
    CORRELATION_LTE,
    CORRELATION_GT,
    CORRELATION_GTE,
    CORRELATION_EQ,
    CORRELATION_NEQ,
    CORRELATION_OPERATOR_COUNT_
};

struct correlation_comparison {
    enum correlation_operator operator_;
    double number;
};

/* Members of a postfix expression that are no rule numbers. */
enum { EXPRESSION_AND = 253, EXPRESSION_OR = 254, EXPRESSION_NOT = 255 };

struct correlation_comparisons {
    uint32_t count;
    struct correlation_comparison items[CORRELATION_COMPARISONS_MAX];
};

struct correlation_expression {
    uint32_t count;
    uint8_t items[CORRELATION_EXPRESSION_MAX];
};

#define CORRELATION_C_TEXT struct text
#define CORRELATION_C_LEVEL enum severity
#define CORRELATION_C_LIST struct text_list
#define CORRELATION_C_KIND enum correlation_type
#define CORRELATION_C_EVENT_TYPE enum event_type
#define CORRELATION_C_U32 uint32_t
#define CORRELATION_C_U64 uint64_t
#define CORRELATION_C_SWITCH bool
#define CORRELATION_C_REAL double
#define CORRELATION_C_COMPARISONS struct correlation_comparisons
#define CORRELATION_C_EXPRESSION struct correlation_expression

struct correlation {
#define FIELD(name, type, meaning) CORRELATION_C_##type name;
#include "proto/correlation.def"
#undef FIELD
    uint64_t identity; /* of its bytes; filled by the decoder */
};

/* A group another one contributes to when it fires, as which of its rules, with which value. */
struct correlation_parent {
    uint32_t group;
    uint32_t rule;
    double value;
};

/* Events of one correlation with the same values. */
struct correlation_group {
    uint32_t correlation;
    struct text key;     /* as a finding's group key */
    struct text details; /* what a window that fires says */
    struct text address; /* source address, when the group has one; else null */
    struct text user;
    uint32_t parent_count;
    struct correlation_parent parents[CORRELATION_PARENTS_MAX];
};

/* What one event adds to a group. */
struct contribution {
    uint32_t event; /* index in the batch */
    uint32_t group;
    uint32_t rule; /* from 1, as the correlation lists them */
    double value;  /* as the correlation's type says; 0 for none */
};

/* Contributions of a batch, ascending events; numbers are places in the lists. */
struct contributions {
    uint32_t correlation_count;
    const struct correlation *correlations;
    uint32_t group_count;
    const struct correlation_group *groups;
    uint32_t count;
    const struct contribution *items;
};

/* Appends one value: the lists, as far as they fit into `room` bytes; false, with nothing appended,
 * when there is none or nothing fits. `*ret_dropped` contributions, the last ones, were left out.
 */
bool contributions_encode(const struct contributions *contributions, size_t room,
                          struct buffer *out, uint32_t *ret_dropped);

/* Takes that value; the lists live in the frame's zone. */
MUST_CHECK enum status contributions_take(struct msgpack_cursor *cursor,
                                          struct msgpack_frame *frame,
                                          struct contributions *ret_contributions);

#endif
