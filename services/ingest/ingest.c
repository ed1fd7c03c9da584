/* ingest.c: opens the parts of the process in order, and closes them. */
#include "services/ingest/ingest.h"

#include "common/counters.h"
#include "services/ingest/in_http.h"
#include "services/ingest/ledger.h"

#define BOOKS_INTERVAL_MS 1000
#define RECOVERY_INTERVAL_MS 20

static int on_books_due(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    const struct ingest *ingest = context;
    struct ledger_books books;
    out_events_books(ingest->writer, &books);
    ledger_publish(&books);
    return 0;
}

/* Looks up what a killed process left open, and ends when that is known. */
static int on_recovery_due(zloop_t *loop, int timer, void *context) {
    const struct ingest *ingest = context;
    if (idempotency_recover(ingest->idempotency))
        zloop_timer_end(loop, timer);
    return 0;
}

static void open_idempotency(struct ingest *ingest) {
    ingest->idempotency = idempotency_new(&(struct idempotency_options){
        .rounds = ingest->rounds,
        .writer = ingest->writer,
        .keep_ms = ingest->config.idempotency_keep_ms,
        .answers_max = ingest->config.idempotency_max,
        .bytes_max = ingest->config.idempotency_bytes,
    });
    zloop_timer(service_loop(ingest->service), RECOVERY_INTERVAL_MS, 0, on_recovery_due, ingest);
}

/* What options can be wrong about comes before the spool, which begins an epoch with every start.
 */
static enum status open_parts(struct ingest *ingest) {
    struct service *service = ingest->service;
    ingest->zone = time_zone_new(ingest->config.time_zone);
    if (ingest->zone == NULL)
        return STATUS_BAD_VALUE;
    enum status status = in_http_open(ingest);
    if (status != STATUS_OK)
        return status;
    ingest->events_invalid =
        counter_new("siem_events_total", "stage=\"ingest\",outcome=\"invalid\"",
                    "Events by stage of the pipeline and what became of them");
    ingest->submissions = submissions_new();
    ingest->access = access_new(ingest->config.api_key, ingest->config.state_dir);
    if (ingest->access == NULL)
        return STATUS_IO_ERROR;
    ingest->rounds = rounds_new(service_common(service)->redis_url);
    if (ingest->rounds == NULL)
        return STATUS_BAD_VALUE;
    rounds_add_tick(ingest->rounds, key_ring_refresh, ingest->access->ring);
    status = admission_open(ingest);
    if (status != STATUS_OK)
        return status;
    ingest->reads = reads_new(service_common(service)->redis_url);
    if (ingest->reads == NULL)
        return STATUS_BAD_VALUE;
    ingest->writer = out_events_new(service, &ingest->config);
    if (ingest->writer == NULL)
        return STATUS_IO_ERROR;
    ingest->closing = epoch_closing_new(ingest->writer);
    rounds_add_tick(ingest->rounds, epoch_closing_tick, ingest->closing);
    zloop_timer(service_loop(service), BOOKS_INTERVAL_MS, 0, on_books_due, ingest);
    open_idempotency(ingest);
    status = rounds_start(ingest->rounds);
    return status == STATUS_OK ? in_http_start(ingest) : status;
}

enum status ingest_open(struct ingest *ingest, struct service *service) {
    ingest->service = service;
    enum status status = open_parts(ingest);
    if (status != STATUS_OK)
        ingest_close(ingest);
    return status;
}

void ingest_reload(struct ingest *ingest) {
    http_server_check_certificate(ingest->http, true);
}

bool ingest_drain(struct ingest *ingest) {
    http_server_quiesce(ingest->http);
    return out_events_is_drained(ingest->writer) && idempotency_is_settled(ingest->idempotency);
}

/* The readers and the rounds end first, whose answers the workers send; what the workers may still
 * call stays until they have ended. */
void ingest_close(struct ingest *ingest) {
    if (ingest->reads != NULL)
        reads_stop(ingest->reads);
    if (ingest->rounds != NULL)
        rounds_stop(ingest->rounds);
    http_server_destroy(&ingest->redirect);
    http_server_destroy(&ingest->http);
    reads_destroy(&ingest->reads);
    epoch_closing_destroy(&ingest->closing);
    out_events_destroy(&ingest->writer);
    rounds_destroy(&ingest->rounds);
    idempotency_destroy(&ingest->idempotency);
    admission_close(ingest);
    access_destroy(&ingest->access);
    submissions_destroy(&ingest->submissions);
    time_zone_destroy(&ingest->zone);
}
