/* main.c: ingest takes events over HTTP, makes them durable, sends them to the detectors, and
 * answers the whole REST API. */
/* clang-format off
 *
 *  clients ──HTTP──▶ in_http.c ─▶ routes_*.c ─▶ event_json.c ─▶ normalize.c ─▶ out_events.c ──EVENTS──▶
 *     ▲                               │                                             ▲
 *     └─────────── answers ───────────┴─▶ reads.c ◀── Redis                         └──RECEIPTS──
 *
 * clang-format on */
/* State: the spool in SIEM_STATE_DIR, nothing else. Threads: the loop (spool, wires), HTTP workers
 * (parsing), readers (Redis). When its output is full, batches wait on the disk; when the disk or
 * the queue is full, senders get 503 with Retry-After. */
#include "proto/keys.h"
#include "services/ingest/ingest.h"
#include "services/ingest/ready.h"

#define CONF_STRUCT struct ingest_config
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/ingest/options.def"
#undef OPTION
};

static struct ingest ingest;

static enum status start(struct service *service) {
    return ingest_open(&ingest, service);
}

static void stop(struct service *service) {
    (void)service;
    ingest_close(&ingest);
}

static void reload(struct service *service) {
    (void)service;
    ingest_reload(&ingest);
}

static bool drained(struct service *service) {
    (void)service;
    return ingest_drain(&ingest);
}

static bool ready(struct service *service, struct buffer *why_not) {
    (void)service;
    return ready_check(&ingest, why_not);
}

int main(int argc, char **argv) {
    struct key_name processes = key_name(KEY_PROCESSES);
    const struct service_spec spec = {.name = "ingest",
                                      .summary = "takes events over HTTP, serves the REST API",
                                      .options = options,
                                      .options_count = sizeof options / sizeof options[0],
                                      .config = &ingest.config,
                                      .start = start,
                                      .stop = stop,
                                      .reload = reload,
                                      .drained = drained,
                                      .ready = ready,
                                      .own_http = true,
                                      .heartbeat_key = processes.data};
    return service_main(argc, argv, &spec);
}
