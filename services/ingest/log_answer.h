/* log_answer.h: the answer of POST /log, written in two steps: everything about the event when it
 * is submitted, on an HTTP worker, and the verdict around it when it comes, on the loop's thread,
 * which has little time for each. Written directly, because json_writer follows a document in its
 * order.
 *
 * Owner: the prepared part is memory of the caller's; nothing is borrowed after a call returns.
 * Threads: pure functions. Limits: an answer of LOG_ANSWER_MAX bytes.
 */
#ifndef SIEM_INGEST_LOG_ANSWER_H
#define SIEM_INGEST_LOG_ANSWER_H

#include "proto/receipt.h"
#include "services/ingest/normalize.h"

/* A receipt of 1 MiB grows at most sixfold ("\u0001"), and so does the event. */
#define LOG_ANSWER_MAX (8 * 1024 * 1024)

/* The event's part: up to and behind `severity`, up to `is_threat`. */
struct log_answer {
    struct buffer text;
    size_t severity_at;
};

/* Nothing is prepared; allocates nothing. */
void log_answer_init(struct log_answer *answer);

/* Frees the event's part. */
void log_answer_fini(struct log_answer *answer);

/* Writes the event's part; drops what was there. */
void log_answer_prepare(struct log_answer *answer, const struct event_input *input,
                        const struct normalized *normalized);

/* Appends the whole answer. `verdict` is NULL for an event without findings. */
void log_answer_finish(const struct log_answer *answer, const char *event_id,
                       const struct verdict *verdict, struct buffer *out);

/* Appends `{"status":"accepted","id":...}`. */
void log_answer_accepted(const char *event_id, struct buffer *out);

#endif
