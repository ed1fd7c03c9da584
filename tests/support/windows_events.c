/* windows_events.c: cases to JSON with other values, JSON to events, events to batches. */
#include "tests/support/windows_events.h"

#include "common/json_writer.h"
#include "proto/batch.h"
#include "services/detector/file_text.h"
#include "tests/support/event_reader.h"
#include "tests/support/random_rules.h"

#include <stdlib.h>
#include <yajl/yajl_tree.h>

#define FILE_MAX (64 * 1024 * 1024)
#define CASES_MAX 1024
#define VALUE_MAX (64 * 1024)

struct maker {
    struct random_source random;
    struct event_reader *reader;
    yajl_val roots[CASES_MAX];
    yajl_val cases[CASES_MAX]; /* events; in the roots */
    size_t case_count;
    bool hidden;
};

static yajl_val member(yajl_val object, const char *name) {
    const char *path[] = {name, NULL};
    return object != NULL ? yajl_tree_get(object, path, yajl_t_any) : NULL;
}

static bool is_one_of(const char *name, const char *const *names) {
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Another character of its kind. */
static char other_digit(struct random_source *random, char byte) {
    if (is_digit(byte))
        return (char)('0' + random_below(random, 10));
    return (char)((byte >= 'a' ? 'a' : 'A') + (char)random_below(random, 6));
}

/* Changes runs of at least four hexadecimal digits, a decimal one among them. */
static void change_identifiers(struct random_source *random, char *text) {
    for (size_t at = 0; text[at] != '\0';) {
        size_t end = at;
        bool has_digit = false;
        for (; is_hex(text[end]); end++)
            has_digit |= is_digit(text[end]);
        for (size_t i = at; has_digit && end - at >= 4 && i < end; i++)
            text[i] = other_digit(random, text[i]);
        at = end > at ? end : at + 1;
    }
}

static void add_word(struct random_source *random, struct buffer *out) {
    for (uint32_t left = 3 + random_below(random, 8); left > 0; left--) {
        char letter = (char)('a' + random_below(random, 26));
        buffer_append(out, &letter, 1);
    }
}

/* Gives whoever is named behind "\Users\" another name. */
static void append_path(struct random_source *random, struct buffer *out, const char *text) {
    const char *users = strstr(text, "\\Users\\");
    const char *rest = users != NULL ? strchr(users + 7, '\\') : NULL;
    if (rest == NULL) {
        buffer_append(out, text, strlen(text));
        return;
    }
    buffer_append(out, text, (size_t)(users + 7 - text));
    add_word(random, out);
    buffer_append(out, rest, strlen(rest));
}

/* Writes a text of a member, changed. */
static void write_text(struct maker *maker, struct json_writer *json, const char *name,
                       const char *text) {
    static const char *const hosts[] = {"Computer", "User", "ParentUser", "SourceUser", NULL};
    static const char *const lines[] = {"CommandLine", "ParentCommandLine", NULL};
    struct buffer changed;
    buffer_init(&changed, VALUE_MAX);
    if (is_one_of(name, hosts))
        add_word(&maker->random, &changed);
    append_path(&maker->random, &changed, text);
    if (is_one_of(name, lines) && text[0] != '\0') {
        for (uint32_t left = random_below(&maker->random, 12); left > 0; left--) {
            buffer_append(&changed, " ", 1);
            add_word(&maker->random, &changed);
        }
    }
    buffer_append(&changed, "", 1);
    change_identifiers(&maker->random, (char *)changed.data);
    json_string(json, (const char *)changed.data);
    buffer_fini(&changed);
}

static void write_number(struct maker *maker, struct json_writer *json, const char *name,
                         yajl_val value) {
    static const char *const counted[] = {"ProcessId",  "ParentProcessId",    "EventRecordID",
                                          "SourcePort", "ExecutionProcessID", NULL};
    if (is_one_of(name, counted))
        json_int(json, random_below(&maker->random, 1000000));
    else
        json_raw(json, text_of(value->u.number.r));
}

/* Writes a member of an event; those that are no texts and no numbers are left out. */
static void write_member(struct maker *maker, struct json_writer *json, const char *name,
                         yajl_val value) {
    static const char *const telling[] = {"Channel", "Provider_Name", NULL};
    if ((value->type != yajl_t_string && value->type != yajl_t_number) ||
        (maker->hidden && is_one_of(name, telling)))
        return;
    json_key(json, name);
    if (value->type == yajl_t_string)
        write_text(maker, json, name, value->u.string);
    else
        write_number(maker, json, name, value);
}

static void write_event(struct maker *maker, struct buffer *out) {
    yajl_val event = maker->cases[random_below(&maker->random, (uint32_t)maker->case_count)];
    struct json_writer json;
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "event_type");
    json_string(&json, "unknown");
    json_key(&json, "metadata");
    json_object_begin(&json);
    for (size_t i = 0; i < event->u.object.len; i++)
        write_member(maker, &json, event->u.object.keys[i], event->u.object.values[i]);
    json_object_end(&json);
    json_object_end(&json);
    json_writer_fini(&json);
}

/* A batch of as many events as fit. */
static void make_batch(struct maker *maker, struct windows_events *events, struct buffer *batch) {
    struct batch_head head = {.producer = 1, .epoch = 1, .seq = 0, .count = 0};
    struct buffer encoded, document;
    buffer_init(&encoded, BATCH_SIZE_MAX);
    buffer_init(&document, FILE_MAX);
    while (head.count < BATCH_EVENTS_MAX && encoded.length < BATCH_SIZE_MAX - VALUE_MAX) {
        buffer_reset(&document);
        write_event(maker, &document);
        const struct event *event = event_reader_read(maker->reader, buffer_text(&document),
                                                      (struct wall_time){1748865600000});
        if (event == NULL)
            abort();
        event_encode(event, &encoded);
        head.count++;
    }
    batch_encode_head(&head, batch);
    buffer_append(batch, encoded.data, encoded.length);
    events->event_count += head.count;
    events->bytes += encoded.length;
    buffer_fini(&encoded);
    buffer_fini(&document);
}

/* Takes the events out of a file of cases, one a line. */
static void read_cases(struct maker *maker, struct buffer *text) {
    for (char *line = (char *)text->data, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        yajl_val root = line[0] != '\0' ? yajl_tree_parse(line, NULL, 0) : NULL;
        yajl_val event = member(member(root, "input"), "event");
        if (event == NULL || event->type != yajl_t_object || maker->case_count == CASES_MAX) {
            yajl_tree_free(root);
            continue;
        }
        maker->roots[maker->case_count] = root;
        maker->cases[maker->case_count++] = event;
    }
}

bool windows_events_load(const char *path, size_t batch_count, bool hidden,
                         struct windows_events *ret_events) {
    struct windows_events events = {.batch_count = batch_count};
    struct buffer text;
    buffer_init(&text, FILE_MAX);
    bool is_read = file_text_read(path, &text) == STATUS_OK;
    buffer_append(&text, "", 1);
    struct maker maker = {.random = {1}, .reader = event_reader_new(), .hidden = hidden};
    if (is_read)
        read_cases(&maker, &text);
    events.batches = calloc(batch_count, sizeof *events.batches);
    if (events.batches == NULL)
        abort();
    for (size_t i = 0; i < batch_count && maker.case_count > 0; i++) {
        buffer_init(&events.batches[i], BATCH_SIZE_MAX);
        make_batch(&maker, &events, &events.batches[i]);
    }
    for (size_t i = 0; i < maker.case_count; i++)
        yajl_tree_free(maker.roots[i]);
    event_reader_destroy(&maker.reader);
    buffer_fini(&text);
    *ret_events = events;
    return maker.case_count > 0;
}

void windows_events_free(struct windows_events *events) {
    for (size_t i = 0; i < events->batch_count; i++)
        buffer_fini(&events->batches[i]);
    free(events->batches);
}
