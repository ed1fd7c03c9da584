/* writer_metrics.c: what the spool writer tells of itself. */
#include "services/ingest/spool_writer.h"

/* From acceptance to receipt: milliseconds when all is well, hours when something stood still. */
static const double end_to_end_bounds[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,  0.5, 1,
                                           2,     5,     10,    30,   60,   300,  900, 3600, 0};

static void make_counters(struct writer_metrics *metrics) {
    static const char events[] = "Events by stage of the pipeline and what became of them";
    static const char *const causes[RESEND_CAUSES] = {
        [RESEND_TIMEOUT] = "cause=\"timeout\"",
        [RESEND_PEER_LOST] = "cause=\"peer_lost\"",
        [RESEND_CRASH] = "cause=\"crash\"",
        [RESEND_FLOOR] = "cause=\"floor\"",
    };
    for (int i = 0; i < RESEND_CAUSES; i++)
        metrics->batches_resent[i] =
            counter_new("siem_batches_resent_total", causes[i], "Batches sent again, by cause");
    metrics->events_accepted =
        counter_new("siem_events_total", "stage=\"ingest\",outcome=\"accepted\"", events);
    metrics->events_refused =
        counter_new("siem_events_total", "stage=\"ingest\",outcome=\"refused\"", events);
    metrics->batches_stored =
        counter_new("siem_batches_stored_total", NULL, "Batches stored in the spool");
    metrics->batches_sent =
        counter_new("siem_batches_sent_total", NULL, "Batches sent for the first time");
    metrics->batches_receipted = counter_new("siem_batches_receipted_total", NULL,
                                             "Batches that left the in-flight window committed");
    metrics->batches_lost = counter_new("siem_batches_lost_total", NULL,
                                        "Batches Redis lost after the spool had deleted them");
}

static void make_histograms(struct writer_metrics *metrics) {
    metrics->batch_events = histogram_new_numbers("siem_batch_events", NULL, "Events of a batch",
                                                  histogram_size_bounds);
    metrics->fsync_seconds =
        histogram_new("siem_spool_fsync_duration_seconds", NULL, "Time of one sync of the spool",
                      histogram_latency_bounds);
    metrics->store_seconds = histogram_new("siem_store_duration_seconds", NULL,
                                           "From submission to the disk", histogram_latency_bounds);
    metrics->receipt_seconds =
        histogram_new("siem_receipt_duration_seconds", NULL, "From sending a batch to its receipt",
                      histogram_latency_bounds);
    metrics->end_to_end_seconds =
        histogram_new("siem_end_to_end_duration_seconds", NULL,
                      "From an event's acceptance to the receipt of its commit", end_to_end_bounds);
}

static void make_gauges(struct writer_metrics *metrics) {
    metrics->queue_bytes =
        gauge_new("siem_queue_bytes", NULL, "Bytes of events waiting for the spool writer");
    metrics->waiters =
        gauge_new("siem_verdict_waiters", NULL, "Requests waiting for their event's verdict");
    metrics->spool_bytes = gauge_new("siem_spool_bytes", NULL, "Bytes of spool segments");
    metrics->spooled = gauge_new("siem_spooled_events", NULL, "Events without receipt");
    metrics->oldest_seconds =
        gauge_new("siem_spool_oldest_seconds", NULL, "Age of the oldest event without receipt");
    metrics->in_flight_batches =
        gauge_new("siem_in_flight_batches", NULL, "Batches sent and not receipted");
    metrics->in_flight_events =
        gauge_new("siem_in_flight_events", NULL, "Events sent and not receipted");
}

void writer_metrics_init(struct writer_metrics *metrics, const struct ingest_config *config) {
    make_counters(metrics);
    make_histograms(metrics);
    make_gauges(metrics);
    gauge_set(gauge_new("siem_queue_limit_bytes", NULL, "Bytes from which on senders get 503"),
              config->queue_bytes);
    gauge_set(gauge_new("siem_spool_limit_bytes", NULL, "Bytes the spool may take"),
              config->spool_max_bytes);
}

void writer_metrics_set(struct out_events *writer, const struct ledger_books *books) {
    const struct writer_metrics *metrics = &writer->metrics;
    gauge_set(metrics->queue_bytes, (int64_t)submission_queue_bytes(&writer->queue));
    gauge_set(metrics->waiters, (int64_t)writer->waiters.count);
    gauge_set(metrics->spool_bytes, books->spool_bytes);
    gauge_set(metrics->spooled, (int64_t)books->spooled);
    gauge_set(metrics->oldest_seconds, books->oldest_ms / 1000);
    gauge_set(metrics->in_flight_batches, (int64_t)books->in_flight_batches);
    gauge_set(metrics->in_flight_events, (int64_t)books->in_flight_events);
}
