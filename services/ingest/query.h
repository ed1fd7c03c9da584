/* query.h: arguments of a query, checked; every one that is wrong is answered at once.
 *
 * Owner: texts borrow from the request. Threads: any that holds the request. Limits:
 * QUERY_ERRORS_MAX arguments can be wrong.
 */
#ifndef SIEM_INGEST_QUERY_H
#define SIEM_INGEST_QUERY_H

#include "services/ingest/answer.h"

#define QUERY_ERRORS_MAX 4

/* A whole number's name and bounds. */
struct query_bounds {
    const char *name;
    uint64_t min, max;
};

/* What is wrong so far; starts zeroed. */
struct query_errors {
    size_t count;
    struct input_error errors[QUERY_ERRORS_MAX];
    char messages[QUERY_ERRORS_MAX][64];
};

/* Reads a whole number; absent or wrong leaves it, and what is wrong is noted. */
void query_number(const struct http_request *request, struct query_bounds bounds,
                  uint64_t *ret_value, struct query_errors *errors);

/* True when nothing is wrong; else answers 422 with everything that is. */
MUST_CHECK bool query_is_fine(struct http_request *request, const struct query_errors *errors);

/* An argument's text; null when it is absent or empty. */
struct text query_text(const struct http_request *request, const char *name);

#endif
