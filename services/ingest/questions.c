/* questions.c: several questions to Redis in one round trip. */
#include "services/ingest/questions.h"

#include "services/ingest/reads.h"

#include <assert.h>

void questions_init(struct questions *questions, struct redis_client *redis) {
    *questions = (struct questions){.redis = redis, .status = STATUS_OK};
}

void questions_fini(struct questions *questions) {
    for (size_t i = 0; i < questions->asked; i++)
        redis_reply_destroy(&questions->replies[i]);
    questions->asked = 0;
}

size_t questions_ask_list(struct questions *questions, size_t count, const struct text *arguments) {
    assert(questions->asked < QUESTIONS_MAX);
    if (questions->status == STATUS_OK)
        questions->status = redis_client_append(questions->redis, count, arguments);
    return questions->asked++;
}

enum status questions_read(struct questions *questions) {
    bool refused = false;
    for (size_t i = 0; i < questions->asked && questions->status == STATUS_OK; i++) {
        if (questions->replies[i] != NULL)
            continue;
        questions->status = redis_client_read(questions->redis, &questions->replies[i]);
        refused |= redis_reply_type(questions->replies[i]) == REDIS_ERROR;
    }
    if (questions->status == STATUS_OK && refused)
        questions->status = STATUS_REFUSED;
    return questions->status;
}

bool questions_are_answered(struct questions *questions, struct http_request *request) {
    enum status status = questions_read(questions);
    if (status != STATUS_OK)
        reads_answer_failure(request, questions->redis, status);
    return status == STATUS_OK;
}
