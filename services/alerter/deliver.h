/* deliver.h: HTTPS POSTs beside the loop; the only file that sees libcurl.
 *
 * Requests run at the same time on kept-alive connections; none waits for another. Redirects are
 * not followed, proxies of the environment not used, and the address that a socket is about to
 * connect to must be allowed (address_policy.h), whatever the name resolved to. Owner: new/destroy;
 * destroy breaks off what is under way, without calling on_done. Threads: the loop's. Errors: an
 * answer without HTTP status. Limits: CONNECT_MS to connect, the time-out in total, 64 KiB of reply
 * and of its headers (the rest is not read; the status counts). Source: libcurl's multi socket
 * interface, curl_multi_socket_action(3).
 */
#ifndef SIEM_ALERTER_DELIVER_H
#define SIEM_ALERTER_DELIVER_H

#include "common/buffer.h"
#include "common/status.h"
#include "services/alerter/address_policy.h"

#include <czmq.h>

struct deliver;

struct deliver_options {
    zloop_t *loop; /* borrowed */
    int64_t timeout_ms;
    bool allow_http;
    struct address_policy policy;
};

/* What became of a request. */
struct deliver_answer {
    long http_status;       /* 0: no answer */
    int64_t retry_after_ms; /* -1: not said */
    const char *reason;     /* in words, when there is no status; borrowed */
};

typedef void deliver_done(void *context, const struct deliver_answer *answer);

/* Starts libcurl on the loop. */
struct deliver *deliver_new(const struct deliver_options *options);

/* Breaks off what is under way, without calling on_done. */
void deliver_destroy(struct deliver **deliver);

/* Whether requests can be sent there: https, or http when that is allowed, and a host. */
bool deliver_knows_url(const struct deliver *deliver, const char *url);

/* Starts a POST of JSON; takes the body's bytes (the buffer is empty afterwards) and borrows the
 * URL. on_done is called once, from the loop. */
void deliver_post(struct deliver *deliver, const char *url, struct buffer *body,
                  deliver_done *on_done, void *context);

#endif
