/* access.c: finds out whose key a request has, and says no. */
#include "services/ingest/access.h"

#include "common/counters.h"
#include "services/ingest/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct access *access_new(const char *api_key, const char *state_dir) {
    struct access *access = calloc(1, sizeof *access);
    if (access == NULL)
        abort();
    access->home = home_key_new(api_key, state_dir);
    access->ring = key_ring_new();
    if (access->home == NULL)
        access_destroy(&access);
    return access;
}

void access_destroy(struct access **access) {
    struct access *self = *access;
    if (self == NULL)
        return;
    home_key_destroy(&self->home);
    key_ring_destroy(&self->ring);
    free(self);
    *access = NULL;
}

/* The key as it was sent, the first that is not empty; null or empty when there is none. */
static struct text sent_key(const struct http_request *request) {
    static const char scheme[] = "Bearer ";
    const size_t length = sizeof scheme - 1;
    struct text key = http_header(request, "X-API-Key");
    if (key.length > 0)
        return key;
    struct text authorization = http_header(request, "Authorization");
    if (authorization.length < length || strncasecmp(authorization.data, scheme, length) != 0)
        return key;
    return text_trim_blanks(
        (struct text){authorization.data + length, authorization.length - length});
}

static void set_caller(struct caller *caller, const char *id, unsigned scopes) {
    memcpy(caller->id, id, strlen(id) + 1);
    caller->scopes = scopes;
    caller->guessable = false;
}

enum access_outcome access_identify(const struct access *access, const struct http_request *request,
                                    struct caller *ret_caller) {
    struct text key = sent_key(request);
    struct api_key found;
    set_caller(ret_caller, "", 0);
    if (key.length == 0)
        return ACCESS_NO_KEY;
    if (home_key_is(access->home, key)) {
        set_caller(ret_caller, ACCESS_HOME_ID, SCOPE_ADMIN);
        ret_caller->guessable = home_key_is_weak(access->home);
        return ACCESS_KNOWN;
    }
    switch (key_ring_find(access->ring, key, clock_wall(), &found)) {
    case STATUS_OK:
        set_caller(ret_caller, found.id, found.scopes);
        return ACCESS_KNOWN;
    case STATUS_REFUSED:
        return ACCESS_ENDED;
    case STATUS_UNAVAILABLE:
        return ACCESS_UNSURE;
    default:
        return ACCESS_WRONG;
    }
}

enum scope access_scope(enum http_access access) {
    if (access == HTTP_WRITE)
        return SCOPE_INGEST;
    return access == HTTP_ADMIN ? SCOPE_ADMIN : SCOPE_READ;
}

/* The bodies are the reference's, byte for byte. */
static void answer_constant(struct http_request *request, int code, struct text body) {
    http_answer_constant(request, code, "application/json",
                         (struct bytes){(const uint8_t *)body.data, body.length});
}

void access_refuse(struct http_request *request, enum access_outcome outcome) {
    count_drop(outcome == ACCESS_UNSURE ? STATUS_UNAVAILABLE : STATUS_FORBIDDEN);
    if (outcome == ACCESS_NO_KEY) {
        http_answer_header(request, "WWW-Authenticate", "ApiKey");
        answer_constant(
            request, 401,
            TEXT("{\"detail\":\"API Key is missing. Please provide 'X-API-Key' header.\"}"));
    } else if (outcome == ACCESS_UNSURE) {
        answer_detail(request, 503, "The keys cannot be read yet. Try again later.");
    } else {
        answer_constant(request, 403, TEXT("{\"detail\":\"Invalid API Key. Access denied.\"}"));
    }
}

void access_refuse_scope(struct http_request *request, enum scope scope) {
    char sentence[80];
    snprintf(sentence, sizeof sentence, "API Key lacks the scope '%s'. Access denied.",
             scope_text(scope));
    count_drop(STATUS_FORBIDDEN);
    answer_detail(request, 403, sentence);
}
