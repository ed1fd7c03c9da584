/* routes_ledger.c: GET /ledger: do the books balance? */
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/ledger.h"
#include "services/ingest/routes.h"

/* Reader's thread. */
static void read_ledger(struct redis_client *redis, struct http_request *request) {
    struct ledger ledger;
    struct ledger_books books;
    out_events_books(ingest_of(request)->writer, &books);
    enum status status = ledger_read(redis, &books, &ledger);
    if (status != STATUS_OK) {
        reads_answer_failure(request, redis, status);
        return;
    }
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    ledger_write(&ledger, json);
    answer_send(&answer, request, 200);
}

void route_ledger(struct http_request *request) {
    reads_submit(ingest_of(request)->reads, request, read_ledger);
}
