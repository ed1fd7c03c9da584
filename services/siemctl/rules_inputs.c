/* rules_inputs.c: what the parts of siemctl rules read: rules, lists for enrichment, events. */
#include "services/siemctl/rules.h"

#include "services/ingest/event_json.h"
#include "services/ingest/normalize.h"
#include "services/siemctl/json_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Every timestamp is taken as it is written. */
#define ANY_TIME_MS (200ll * 366 * 24 * 3600 * 1000)

/* What stands around the members of an object that is no posted event. */
#define BEFORE TEXT("{\"event_type\":\"unknown\",")
#define BETWEEN TEXT("\"metadata\":")

/* Bytes of it, with its time. */
#define AROUND_SIZE 256

/* Longer texts are no times. */
#define TIME_SIZE_MAX 64

struct rules_events {
    struct event_json *parser;
    struct normalized normalized;
    struct buffer document;
    size_t before; /* bytes of it that stand before what was given */
    bool is_dated; /* the event read last */
    char error[JSON_TREE_ERROR_SIZE];
};

struct sigma_rules *rules_read(const struct rules_arguments *arguments, const char *path,
                               struct sigma_explanations *explanations) {
    const struct rule_set_paths paths = {path,
                                         arguments->pipelines,
                                         arguments->placeholders,
                                         {arguments->rules_shadow, arguments->rules_disabled}};
    struct sigma_rules *rules = NULL;
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "siemctl rules: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    if (rule_set_read(&paths, explanations, &rules) != STATUS_OK)
        return NULL; /* the log, which is on stderr, has said why */
    return rules;
}

bool rules_enrichments_init(struct rules_enrichments *enrichments,
                            const struct rules_arguments *arguments) {
    *enrichments = (struct rules_enrichments){
        .time = enrich_time_new(arguments->off_hours, arguments->time_zone),
        .reputation = enrich_reputation_new(arguments->bad_addresses),
    };
    enrichments->all = (struct enrichments){enrichments->time, enrichments->reputation};
    return enrichments->time != NULL && enrichments->reputation != NULL;
}

void rules_enrichments_fini(struct rules_enrichments *enrichments) {
    enrich_time_destroy(&enrichments->time);
    enrich_reputation_destroy(&enrichments->reputation);
}

struct rules_events *rules_events_new(void) {
    struct rules_events *events = calloc(1, sizeof *events);
    if (events == NULL)
        abort();
    events->parser = event_json_new();
    buffer_init(&events->document, EVENT_JSON_MAX + AROUND_SIZE);
    return events;
}

void rules_events_destroy(struct rules_events **events) {
    if (*events == NULL)
        return;
    event_json_destroy(&(*events)->parser);
    buffer_fini(&(*events)->document);
    free(*events);
    *events = NULL;
}

/* When an object of others says it was; null when it does not. */
static struct text time_of(const struct json_node *root) {
    static const char *const names[] = {"@timestamp", "timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct text text = json_node_member_text(root, names[i]);
        struct wall_time time;
        if (text.data != NULL && text.length <= TIME_SIZE_MAX &&
            clock_parse_rfc3339(text, &time) == STATUS_OK)
            return text;
    }
    return (struct text){NULL, 0};
}

/* Puts an object of others where a posted event has it. */
static void wrap_document(struct rules_events *events, struct text document, struct text time) {
    buffer_append_text(&events->document, BEFORE);
    if (time.data != NULL) {
        buffer_append_text(&events->document, TEXT("\"timestamp\":\""));
        buffer_append_text(&events->document, time);
        buffer_append_text(&events->document, TEXT("\","));
    }
    buffer_append_text(&events->document, BETWEEN);
    events->before = events->document.length;
    buffer_append_text(&events->document, document);
    buffer_append_text(&events->document, TEXT("}"));
}

/* Makes the document one that could be posted; false when it is no JSON object. */
static bool make_document(struct rules_events *events, struct text document) {
    struct json_node *root = NULL;
    if (json_tree_parse(document, &root, events->error) != STATUS_OK)
        return false;
    bool is_object = json_node_is_object(root);
    const struct json_node *type = json_node_member(root, "event_type");
    bool is_posted = json_node_text(type).data != NULL && !json_node_is_number(type);
    snprintf(events->error, sizeof events->error, "an event is a JSON object");
    buffer_reset(&events->document);
    events->before = 0;
    if (is_posted)
        buffer_append_text(&events->document, document);
    else
        wrap_document(events, document, time_of(root));
    json_node_destroy(&root);
    return is_object;
}

/* The first thing that was wrong. */
static void note_error(struct rules_events *events, enum status status) {
    const struct input_error *errors;
    size_t count = event_json_errors(events->parser, &errors);
    if (count > 0)
        snprintf(events->error, sizeof events->error, "%s%s%s",
                 errors[0].field != NULL ? errors[0].field : "",
                 errors[0].field != NULL ? ": " : "", errors[0].message);
    else
        snprintf(events->error, sizeof events->error, "%s", status_sentence(status));
}

const struct event *rules_events_read(struct rules_events *events, struct text document,
                                      const char **ret_error) {
    const struct normalize_limits limits = {ANY_TIME_MS, ANY_TIME_MS};
    struct event_input input;
    *ret_error = events->error;
    if (!make_document(events, document))
        return NULL;
    enum status status = STATUS_TOO_LARGE;
    /* So that the first byte of what was given is told as column 1. */
    struct json_position start = {1, 1 - events->before};
    if (buffer_is_whole(&events->document))
        status =
            event_json_parse_at(events->parser, buffer_bytes(&events->document), start, &input);
    if (status == STATUS_OK)
        status = normalize_event(&input, &limits, clock_wall(), &events->normalized);
    if (status != STATUS_OK) {
        note_error(events, status);
        return NULL;
    }
    events->is_dated = input.timestamp.data != NULL;
    return &events->normalized.event;
}

bool rules_events_is_dated(const struct rules_events *events) {
    return events->is_dated;
}
