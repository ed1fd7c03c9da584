/* correlation_oracle.h: what contributions must come to, worked out in memory from all of them at
 * once, window by window, without anything that arrival could play a part in.
 *
 * Owner: init/fini on the caller's struct; what it tells borrows from it and from the groups.
 * Errors: fail by assert. Threads: one at a time. Limits: none; it takes quadratic time.
 */
#ifndef SIEM_TESTS_CORRELATION_ORACLE_H
#define SIEM_TESTS_CORRELATION_ORACLE_H

#include "proto/contribution.h"

/* A group, one object for each correlation and key. */
struct oracle_group {
    const struct correlation *correlation;
    struct text key;
    struct text details;
    struct text address;
    struct text user;
    uint32_t parent_count;
    struct {
        const struct oracle_group *group;
        uint32_t rule;
        double value;
    } parents[CORRELATION_PARENTS_MAX];
};

/* One contribution. */
struct oracle_entry {
    const struct oracle_group *group;
    int64_t time_ms;
    uint64_t weight;
    uint32_t rule;
    double value;
    bool is_threat;        /* its event is one without the correlation */
    bool is_same_incident; /* and in the same incident */
    size_t event;          /* the caller's number for it */
    bool fires;            /* filled in: the window that ends with it does */
    bool belongs;          /* filled in: some window that fires holds it */
};

/* A window that fires. */
struct oracle_window {
    const struct oracle_group *group;
    int64_t from_ms;
    int64_t to_ms;
    uint64_t count; /* occurrences that belong to no earlier window, nor to the incident anyway */
};

struct correlation_oracle {
    struct oracle_entry *entries;
    size_t count, capacity;
    struct oracle_window *windows;
    size_t window_count, window_capacity;
};

/* An oracle that knows nothing. */
void correlation_oracle_init(struct correlation_oracle *oracle);

/* Frees what it knows. */
void correlation_oracle_fini(struct correlation_oracle *oracle);

/* Tells it of a contribution. */
void correlation_oracle_add(struct correlation_oracle *oracle, struct oracle_entry entry);

/* Judges all of them, and what they contribute in turn. */
void correlation_oracle_judge(struct correlation_oracle *oracle);

#endif
