/* admission.c: lets a request in, or says why not. */
#include "services/ingest/admission.h"

#include "common/counters.h"
#include "common/log.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"

#include <stdio.h>

/* Reads one limit of the configuration. */
static bool read_rate(const char *name, const char *text, struct rate *ret_rate) {
    if (rate_parse(text_of(text), ret_rate) == STATUS_OK)
        return true;
    log_error("not a rate", LOG_STRING("option", name), LOG_STRING("value", text),
              LOG_STRING("remedy", "write it as 100/minute (second, minute, hour or day), or "
                                   "leave it empty for no limit"));
    return false;
}

enum status admission_open(struct ingest *ingest) {
    const struct ingest_config *config = &ingest->config;
    struct rate_limit_options options = {.rounds = ingest->rounds};
    struct rate failures;
    if (!read_rate("SIEM_AUTH_FAILURES", config->auth_failures, &failures) ||
        !read_rate("SIEM_RATE_LIMIT_KEY", config->rate_limit_key, &options.by_key) ||
        !read_rate("SIEM_RATE_LIMIT_ADDRESS", config->rate_limit_address, &options.by_address))
        return STATUS_BAD_VALUE;
    ingest->admission.failures = auth_failures_new(failures);
    ingest->admission.rates = rate_limit_new(&options);
    return STATUS_OK;
}

void admission_close(struct ingest *ingest) {
    auth_failures_destroy(&ingest->admission.failures);
    rate_limit_destroy(&ingest->admission.rates);
}

/* 429 for an address that tried too many wrong keys; false when it did not. A right key that nobody
 * finds by trying is let in all the same: others behind the same address must not wait for one who
 * has it wrong. */
static bool refuse_guesser(struct http_request *request, const struct ingest *ingest) {
    char seconds[24];
    int64_t wait_ns =
        auth_failures_wait_ns(ingest->admission.failures, http_peer(request), clock_mono());
    if (wait_ns == 0)
        return false;
    snprintf(seconds, sizeof seconds, "%lld", (long long)(wait_ns + 999999999) / 1000000000);
    count_drop(STATUS_RATE_LIMITED);
    auth_failures_count(ingest->admission.failures);
    http_answer_header(request, "Retry-After", seconds);
    answer_detail(request, 429, "Too many requests with a wrong key. Try again later.");
    return true;
}

static void on_ready(struct http_request *request) {
    (void)admission_check(request, http_access(request));
}

/* Takes the limits' tokens; false when the request was answered or is held. */
static bool take_tokens(struct http_request *request, const struct ingest *ingest,
                        const struct caller *caller, bool *ret_held) {
    struct rate_state state;
    enum rate_verdict verdict =
        rate_limit_take(ingest->admission.rates, request, caller->id, on_ready, &state);
    *ret_held = verdict == RATE_HELD;
    if (verdict == RATE_HELD)
        return false;
    rate_limit_write_headers(request, &state);
    if (verdict == RATE_FREE)
        return true;
    count_drop(STATUS_RATE_LIMITED);
    answer_detail(request, 429, "Too many requests. Try again later.");
    return false;
}

/* The key and its scope are right. */
static bool check_key(struct http_request *request, const struct ingest *ingest,
                      enum access_outcome outcome, const struct caller *caller) {
    enum scope scope = access_scope(http_access(request));
    if (outcome == ACCESS_WRONG)
        auth_failures_note(ingest->admission.failures, http_peer(request), clock_mono());
    if (outcome != ACCESS_KNOWN)
        access_refuse(request, outcome);
    else if (!scopes_allow(caller->scopes, scope))
        access_refuse_scope(request, scope);
    else
        return true;
    return false;
}

/* A read that is open looks at no key that comes along: were a right one counted, its answer would
 * tell it from a wrong one, and guessing would cost nothing. */
bool admission_check(struct http_request *request, enum http_access access) {
    const struct ingest *ingest = ingest_of(request);
    bool needs_key = access != HTTP_READ || ingest->config.protect_reads;
    enum access_outcome outcome = ACCESS_KNOWN;
    struct caller caller = {.id = ""};
    bool held = false;
    if (needs_key)
        outcome = access_identify(ingest->access, request, &caller);
    if ((outcome != ACCESS_KNOWN || caller.guessable) && refuse_guesser(request, ingest))
        return false;
    if (!take_tokens(request, ingest, &caller, &held))
        return held;
    if (needs_key && !check_key(request, ingest, outcome, &caller))
        return false;
    if (access == HTTP_READ || !service_is_draining(ingest->service))
        return true;
    answer_detail(request, 503, "Service is stopping");
    return false;
}
