/* http_hold.c: a request whose route waits for a word from elsewhere: it is read on meanwhile, and
 * suspended when it is whole first. */
#include "common/http_private.h"

#include <assert.h>

/* Where a hold stands; both sides move it on by one exchange each. */
enum { HOLD_NONE, HOLD_WAITING, HOLD_SUSPENDED, HOLD_OVER };

void http_hold(struct http_request *request, void (*on_ready)(struct http_request *request)) {
    assert(request->on_ready == NULL && !request->deferred && on_ready != NULL);
    request->on_ready = on_ready;
    atomic_store(&request->hold, HOLD_WAITING);
    atomic_fetch_add(&request->references, 1);
}

void http_hold_end(struct http_request *request) {
    if (atomic_exchange(&request->hold, HOLD_OVER) == HOLD_SUSPENDED)
        http_worker_give_back(request);
    http_release(request);
}

/* Nobody but the end of the hold resumes it: it has no deadline of its own. */
static void defer(struct http_request *request) {
    request->deadline.ns = INT64_MAX;
    http_worker_watch(request);
}

bool http_hold_settle(struct http_request *request) {
    while (request->on_ready != NULL && !atomic_load(&request->answered)) {
        int waiting = HOLD_WAITING;
        if (atomic_compare_exchange_strong(&request->hold, &waiting, HOLD_SUSPENDED)) {
            defer(request);
            return true;
        }
        void (*on_ready)(struct http_request *) = request->on_ready;
        request->on_ready = NULL;
        request->phase = HTTP_PHASE_BODY;
        on_ready(request);
    }
    return false;
}
