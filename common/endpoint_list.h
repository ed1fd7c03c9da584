/* endpoint_list.h: reads one endpoint of a list, and keeps sets of endpoints.
 *
 * Owner: sets are init by zeroes, fini on the caller's struct; they copy what is added.
 * Errors: BAD_SYNTAX for an endpoint nobody could connect to. Threads: pure functions.
 * Limits: ENDPOINTS_MAX in a set; more are not added. Source: zmq_tcp(7), zmq_ipc(7).
 */
#ifndef SIEM_COMMON_ENDPOINT_LIST_H
#define SIEM_COMMON_ENDPOINT_LIST_H

#include "common/bytes.h"
#include "common/status.h"

#define ENDPOINTS_MAX 256
#define ENDPOINT_HOST_SIZE 256
#define ENDPOINT_PORT_SIZE 6

/* A host name with a port, to be looked up. */
struct endpoint_name {
    char host[ENDPOINT_HOST_SIZE];
    char port[ENDPOINT_PORT_SIZE];
};

enum endpoint_kind {
    ENDPOINT_FIXED, /* ipc, inproc, tcp with a numeric address: used as it is */
    ENDPOINT_NAMED, /* tcp with a host name */
};

/* Checks one endpoint and says its kind; `ret_name` is written for ENDPOINT_NAMED. */
MUST_CHECK enum status endpoint_parse(struct text endpoint, enum endpoint_kind *ret_kind,
                                      struct endpoint_name *ret_name);

/* Endpoints in ascending order, each once. */
struct endpoint_set {
    char *items[ENDPOINTS_MAX];
    size_t count;
};

/* Adds a copy; false when the set is full. */
bool endpoint_set_add(struct endpoint_set *set, struct text endpoint);

/* Whether it is in the set. */
bool endpoint_set_has(const struct endpoint_set *set, const char *endpoint);

/* Whether both hold the same. */
bool endpoint_set_equal(const struct endpoint_set *a, const struct endpoint_set *b);

/* Empties it. */
void endpoint_set_fini(struct endpoint_set *set);

#endif
