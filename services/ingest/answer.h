/* answer.h: the shapes of answers that many routes give.
 *
 * Threads: any that may answer the request. Errors: an answer that would exceed ANSWER_MAX becomes
 * a 500.
 */
#ifndef SIEM_INGEST_ANSWER_H
#define SIEM_INGEST_ANSWER_H

#include "common/http_server.h"
#include "common/json_writer.h"
#include "services/ingest/event_json.h"

#define ANSWER_MAX (64 * 1024 * 1024)

/* A JSON answer that is being written; stays where it is until it is sent. */
struct json_answer {
    struct buffer body;
    struct json_writer json;
};

/* Begins one, of at most ANSWER_MAX bytes; gives the writer of its document. */
struct json_writer *answer_begin(struct json_answer *answer);

/* Ends the document and answers with it; frees what answer_begin made. */
void answer_send(struct json_answer *answer, struct http_request *request, int code);

/* Answers with a JSON body; takes its memory. */
void answer_json(struct http_request *request, int code, struct buffer *body);

/* Answers `{"detail": sentence}`. */
void answer_detail(struct http_request *request, int code, const char *sentence);

/* The same with a sentence that quotes the sender, whatever he wrote. */
void answer_detail_text(struct http_request *request, int code, struct text sentence);

/* The server's own errors (http_options.on_error). The cause of a 500 is only said with DEBUG. */
void answer_error(struct http_request *request, int code, const char *reason);

/* Writes an event that would have been right, as a member. */
void answer_write_example(struct json_writer *json);

/* Answers 422 with everything that is wrong with a "body" or a "query". */
void answer_invalid(struct http_request *request, const char *where,
                    const struct input_error *errors, size_t count);

#endif
