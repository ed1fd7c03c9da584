/* cmd_quarantine.c: siemctl quarantine: shows the events that were set aside, from their stream in
 * Redis, or gives them back as what a sender would send. */
#include "common/clock.h"
#include "common/scoped.h"
#include "proto/event.h"
#include "services/siemctl/command.h"
#include "services/siemctl/msgpack_json.h"
#include "services/siemctl/stream_reader.h"
#include "services/siemctl/terminal.h"

#include <stdio.h>

#define STREAM_PAGE 100 /* entries read at a time, of up to EVENT_SIZE_MAX each */

static struct quarantine_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/quarantine.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct quarantine_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/quarantine.def"
#undef OPTION
};
#undef CONF_STRUCT

static const char *const heads[] = {"SET ASIDE", "EVENT", "BYTES",      "TYPE",
                                    "SOURCE",    "USER",  "DESCRIPTION"};

/* What was read so far. */
struct listing {
    size_t count, unreadable;
    struct table table;
    struct msgpack_frame frame;
};

static void write_text(struct json_writer *json, const char *name, struct text value) {
    if (value.data == NULL)
        return;
    json_key(json, name);
    json_text(json, value);
}

/* As its sender could have sent it. */
static void print_event(struct listing *listing, const struct event *event) {
    SCOPED_FINI(buffer) struct buffer line;
    struct json_writer json;
    char time[CLOCK_RFC3339_SIZE];
    buffer_init(&line, SIZE_MAX);
    json_writer_init(&json, &line);
    json_object_begin(&json);
    json_key(&json, "timestamp");
    json_string(&json, clock_format_rfc3339((struct wall_time){event->time_ms}, time));
    json_key(&json, "event_type");
    json_string(&json, event_type_text(event->event_type));
    write_text(&json, "source_ip", event->source_ip);
    write_text(&json, "destination_ip", event->destination_ip);
    write_text(&json, "username", event->username);
    json_key(&json, "count");
    json_int(&json, (int64_t)event->count);
    write_text(&json, "description", event->description);
    write_text(&json, "raw_log", event->raw_log);
    event_metadata_unpack(event, &listing->frame);
    if (listing->frame.root.type == MSGPACK_OBJECT_MAP) {
        json_key(&json, "metadata");
        msgpack_json_write(&listing->frame.root, &json);
    }
    json_object_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&line)));
}

/* A row of the table; `event` is NULL when it can not be read. */
static void add_row(struct listing *listing, int64_t set_aside_ms, struct text id, size_t bytes,
                    const struct event *event) {
    static const struct event none = {0};
    char time[CLOCK_RFC3339_SIZE], size[24];
    const struct event *shown = event != NULL ? event : &none;
    snprintf(size, sizeof size, "%zu", bytes);
    table_add(&listing->table,
              text_of(clock_format_rfc3339((struct wall_time){set_aside_ms}, time)));
    table_add(&listing->table, id);
    table_add(&listing->table, text_of(size));
    table_add(&listing->table,
              text_of(event != NULL ? event_type_text(event->event_type) : "unreadable"));
    table_add(&listing->table, shown->source_ip);
    table_add(&listing->table, shown->username);
    table_add(&listing->table, shown->description);
}

/* One that lacks a field is none of ours. */
static void on_entry(void *context, int64_t added_ms, const struct redis_reply *fields) {
    struct listing *listing = context;
    struct event event;
    struct text id = redis_reply_text(redis_reply_field(fields, "id"));
    struct text text = redis_reply_text(redis_reply_field(fields, "bytes"));
    if (id.data == NULL || text.data == NULL)
        return;
    const void *data = text.data;
    struct bytes bytes = {data, text.length};
    bool readable = event_decode(bytes, &listing->frame, &event) == STATUS_OK;
    listing->count++;
    listing->unreadable += !readable;
    if (!arguments.json)
        add_row(listing, added_ms, id, bytes.length, readable ? &event : NULL);
    else if (readable)
        print_event(listing, &event);
}

/* What was found, in words. */
static int finish(struct listing *listing) {
    if (!arguments.json) {
        if (listing->count > 0)
            table_print(&listing->table, stdout);
        printf("%zu events set aside\n", listing->count);
    } else if (listing->unreadable > 0) {
        fprintf(stderr,
                "siemctl: %zu of %zu can not be read as events and are left out; without --json "
                "they are listed.\n",
                listing->unreadable, listing->count);
    }
    return arguments.json && listing->unreadable > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    if (count > 0)
        return command_usage_error(&command_quarantine, "\"%s\" is one argument too many",
                                   operands[0]);
    int64_t since_ms = arguments.since_ms > 0 ? arguments.since_ms : STREAM_READER_EVERYTHING;
    SCOPED(stream_reader)
    struct stream_reader *reader =
        stream_reader_new(config->redis_url, KEY_QUARANTINE, since_ms, STREAM_PAGE);
    if (reader == NULL)
        return EXIT_USAGE;
    struct listing listing = {.count = 0};
    table_init(&listing.table, sizeof heads / sizeof *heads, heads);
    msgpack_frame_init(&listing.frame);
    int exit_status = EXIT_FAILED;
    if (stream_reader_read(reader, on_entry, &listing) == STATUS_OK)
        exit_status = finish(&listing);
    else
        fprintf(stderr, "siemctl: Redis at %s: %s. Is it right (--redis-url, SIEM_REDIS_URL)?\n",
                config->redis_url, stream_reader_error(reader));
    msgpack_frame_fini(&listing.frame);
    table_fini(&listing.table);
    return exit_status;
}

const struct command command_quarantine = {
    .name = "quarantine",
    .summary = "Shows the events that were set aside, or gives them back.",
    .usage = "",
    .examples = "  siemctl quarantine --since 24h\n"
                "  siemctl quarantine --json > set_aside.ndjson   # when the cause is mended:\n"
                "  siemctl replay set_aside.ndjson\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
