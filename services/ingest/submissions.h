/* submissions.h: submissions for the spool writer and parsers of events, kept for the next request
 * so that a request allocates neither.
 *
 * Owner: new/destroy; what is taken is given back. Threads: any (a short lock). Errors: none.
 * Limits: SUBMISSIONS_KEPT submissions of up to 256 KiB and PARSERS_KEPT parsers are kept; more are
 * freed.
 */
#ifndef SIEM_INGEST_SUBMISSIONS_H
#define SIEM_INGEST_SUBMISSIONS_H

#include "services/ingest/event_json.h"
#include "services/ingest/log_answer.h"
#include "services/ingest/out_events.h"

#define SUBMISSIONS_KEPT 128
#define PARSERS_KEPT 16

struct submissions;

/* Keeps nothing yet. */
struct submissions *submissions_new(void);

/* Frees what is kept; what is still taken must be given back before. */
void submissions_destroy(struct submissions **submissions);

/* An empty submission. */
struct submission *submissions_take(struct submissions *submissions);

/* The prepared answer that goes with a submission. */
struct log_answer *submissions_answer(struct submission *submission);

/* Gives one back, with the memory of its events. */
void submissions_give(struct submissions *submissions, struct submission **submission);

/* A parser that was given back, or a new one. */
struct event_json *submissions_take_parser(struct submissions *submissions);

/* Gives it back; NULL is none. What it read last is gone. */
void submissions_give_parser(struct submissions *submissions, struct event_json **parser);

#endif
