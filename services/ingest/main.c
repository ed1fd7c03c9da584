/* main.c: ingest takes events over HTTP, makes them durable, sends them to the detectors, and
 * answers the whole REST API.
 *
 *   clients ──HTTP──▶ in_http.c ─▶ routes_*.c ─▶ event_json.c ─▶ normalize.c ─▶ out_events.c
 * ──EVENTS──▶ ▲            └─▶ reads.c ◀──Redis                          ▲ └── answers
 * ───────────────────────────────────────────────┴──RECEIPTS──
 *
 * State: the spool in SIEM_STATE_DIR, nothing else. Threads: the loop (spool, wires), HTTP workers
 * (parsing), readers (Redis). When its output is full: batches wait on the disk; when the disk or
 * the queue is full, senders get 503 with Retry-After. */
#include "common/log.h"
#include "proto/keys.h"
#include "services/ingest/in_http.h"
#include "services/ingest/ledger.h"
#include "services/ingest/ready.h"

#define CONF_STRUCT struct ingest_config
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/ingest/options.def"
#undef OPTION
};

static struct ingest ingest;

static int on_second(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer, (void)context;
    struct ledger_books books;
    out_events_books(ingest.writer, &books);
    ledger_publish(&books);
    return 0;
}

static void stop(struct service *service) {
    (void)service;
    reads_destroy(&ingest.reads);
    http_server_destroy(&ingest.http);
    out_events_destroy(&ingest.writer);
    access_destroy(&ingest.access);
    submissions_destroy(&ingest.submissions);
}

/* Opens everything in order. */
static enum status open_parts(struct service *service) {
    ingest.service = service;
    ingest.submissions = submissions_new();
    ingest.access = access_new(ingest.config.api_key, ingest.config.state_dir);
    if (ingest.access == NULL)
        return STATUS_IO_ERROR;
    ingest.reads = reads_new(service_common(service)->redis_url);
    if (ingest.reads == NULL)
        return STATUS_BAD_VALUE;
    ingest.writer = out_events_new(service, &ingest.config);
    if (ingest.writer == NULL)
        return STATUS_UNAVAILABLE;
    zloop_timer(service_loop(service), 1000, 0, on_second, NULL);
    return in_http_open(&ingest);
}

static enum status start(struct service *service) {
    enum status status = open_parts(service);
    if (status != STATUS_OK)
        stop(service);
    return status;
}

/* No new connections; what was taken is stored. */
static bool drained(struct service *service) {
    (void)service;
    http_server_quiesce(ingest.http);
    return out_events_is_drained(ingest.writer);
}

static bool ready(struct service *service, struct buffer *why_not) {
    (void)service;
    return ready_check(&ingest, why_not);
}

int main(int argc, char **argv) {
    struct key_name processes = key_name(KEY_PROCESSES);
    return service_main(argc, argv,
                        &(struct service_spec){
                            .name = "ingest",
                            .summary = "takes events over HTTP and serves the REST API",
                            .options = options,
                            .options_count = sizeof options / sizeof options[0],
                            .config = &ingest.config,
                            .start = start,
                            .stop = stop,
                            .drained = drained,
                            .ready = ready,
                            .own_http = true,
                            .heartbeat_key = processes.data,
                        });
}
