/* questions.h: several questions to Redis in one round trip, and their replies.
 *
 * Owner: init/fini on a reader's stack; replies live until fini. Threads: a reader's. Errors: the
 * first that went wrong; REFUSED when Redis answered any of them with an error (then all replies
 * were read, the connection is in step). Limits: QUESTIONS_MAX; more is our bug (assert).
 */
#ifndef SIEM_INGEST_QUESTIONS_H
#define SIEM_INGEST_QUESTIONS_H

#include "common/http_server.h"
#include "common/redis_client.h"

#define QUESTIONS_MAX 64

struct questions {
    struct redis_client *redis;
    enum status status; /* of the first that could not be asked */
    size_t asked;
    struct redis_reply *replies[QUESTIONS_MAX];
};

/* No questions yet. */
void questions_init(struct questions *questions, struct redis_client *redis);

/* Frees the replies. */
void questions_fini(struct questions *questions);

/* Adds a question; a failure shows in questions_read. Tells its place among the replies. */
size_t questions_ask_list(struct questions *questions, size_t count, const struct text *arguments);

/* The same, with the arguments written out. */
#define questions_ask(questions, ...)                                                              \
    questions_ask_list((questions), sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text),    \
                       (struct text[]){__VA_ARGS__})

/* Reads the replies of all questions added since it was last called. */
MUST_CHECK enum status questions_read(struct questions *questions);

/* The same for a route: answers the request and returns false when something went wrong. */
MUST_CHECK bool questions_are_answered(struct questions *questions, struct http_request *request);

#endif
