/* ledger.c: gathers the books of all producers. */
#include "services/ingest/ledger.h"

#include "common/counters.h"
#include "proto/keys.h"

#include <stdio.h>
#include <stdlib.h>

#define HEARTBEAT_AGE_MAX_MS 10000
#define HEX_DIGITS 16

/* The gauges of this process, with their producer and epoch as labels. */
static void set_gauge(const char *name, const char *labels, const char *help, uint64_t value) {
    gauge_set(gauge_new(name, labels, help), (int64_t)value);
}

void ledger_publish(const struct ledger_books *books) {
    char labels[80];
    snprintf(labels, sizeof labels, "producer=\"%016llx\",epoch=\"%u\"",
             (unsigned long long)books->producer, books->epoch);
    set_gauge("siem_ledger_accepted", labels, "Events accepted by this producer, over all epochs",
              books->accepted);
    set_gauge("siem_ledger_spooled", labels, "Events accepted and not receipted", books->spooled);
    set_gauge("siem_ledger_in_flight", labels, "Events sent and not receipted",
              books->in_flight_events);
}

/* The row of a producer, made when there is none; NULL when there are too many. */
static struct ledger_row *row_of(struct ledger *ledger, uint64_t producer) {
    for (size_t i = 0; i < ledger->count; i++) {
        if (ledger->rows[i].producer == producer)
            return &ledger->rows[i];
    }
    if (ledger->count == LEDGER_PRODUCERS_MAX)
        return NULL;
    struct ledger_row *row = &ledger->rows[ledger->count++];
    *row = (struct ledger_row){.producer = producer};
    return row;
}

/* 16 hexadecimal digits, all of the text. */
static bool read_producer(struct text text, uint64_t *ret_producer) {
    uint64_t value = 0;
    if (text.length != HEX_DIGITS)
        return false;
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        char c = text.data[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_producer = value;
    return true;
}

/* One field of the hash: a total, or a producer's. */
static void take_field(struct ledger *ledger, struct text field, int64_t value) {
    static const struct {
        struct text prefix;
        size_t offset;
    } kinds[] = {
        {{"accepted:", 9}, offsetof(struct ledger_row, accepted)},
        {{"committed:", 10}, offsetof(struct ledger_row, committed)},
        {{"quarantined:", 12}, offsetof(struct ledger_row, quarantined)},
        {{"forgotten:", 10}, offsetof(struct ledger_row, forgotten)},
    };
    uint64_t producer = 0;
    if (text_is(field, "committed"))
        ledger->committed = value;
    if (text_is(field, "quarantined"))
        ledger->quarantined = value;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct text prefix = kinds[i].prefix;
        if (field.length <= prefix.length || memcmp(field.data, prefix.data, prefix.length) != 0)
            continue;
        struct text rest = {field.data + prefix.length, field.length - prefix.length};
        struct ledger_row *row = read_producer(rest, &producer) ? row_of(ledger, producer) : NULL;
        if (row != NULL)
            memcpy((char *)row + kinds[i].offset, &value, sizeof value);
    }
}

/* What follows `mark` in a text; null when it is not there. */
static struct text text_behind(struct text text, const char *mark) {
    size_t length = strlen(mark);
    const char *found = text.data == NULL ? NULL : memmem(text.data, text.length, mark, length);
    if (found == NULL)
        return (struct text){NULL, 0};
    found += length;
    return (struct text){found, text.length - (size_t)(found - text.data)};
}

static int64_t read_digits(struct text text) {
    int64_t value = 0;
    for (size_t i = 0; i < text.length && i < 18 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        value = value * 10 + (text.data[i] - '0');
    return value;
}

/* True for a row that was written lately. */
static bool is_fresh(struct text heartbeat, struct wall_time now) {
    struct text time = text_behind(heartbeat, "\"time\":\"");
    struct wall_time written;
    const char *end = time.data == NULL ? NULL : memchr(time.data, '"', time.length);
    if (end == NULL)
        return false;
    time.length = (size_t)(end - time.data);
    return clock_parse_rfc3339(time, &written) == STATUS_OK &&
           now.ms - written.ms <= HEARTBEAT_AGE_MAX_MS;
}

/* A gauge in a heartbeat: name{producer="...",epoch="..."} with escaped quotes. */
static struct text find_gauge(struct text heartbeat, const char *name) {
    char mark[64];
    snprintf(mark, sizeof mark, "\"%s{producer=\\\"", name);
    return text_behind(heartbeat, mark);
}

static int64_t read_gauge(struct text heartbeat, const char *name) {
    return read_digits(text_behind(find_gauge(heartbeat, name), "\\\"}\":"));
}

/* Puts what a living process said of itself, before Redis was read, beside what Redis counted. Both
 * went on in between: what was accepted then and is counted is no longer spooled, though its
 * receipt may be under way. Counts that this does not explain stay as they are, and make a
 * difference. */
static void take_words(struct ledger_row *row, const struct ledger_row *words) {
    int64_t counted = row->committed + row->quarantined - row->forgotten;
    row->alive = true;
    row->epoch = words->epoch;
    row->spooled = words->spooled;
    if (words->accepted > row->accepted)
        row->accepted = words->accepted;
    if (words->accepted - words->spooled <= counted && counted <= row->accepted)
        row->spooled = row->accepted - counted;
    row->in_flight = words->in_flight < row->spooled ? words->in_flight : row->spooled;
}

/* The words of another ingest about itself. */
static void take_heartbeat(struct ledger *ledger, struct text heartbeat, struct wall_time now) {
    struct text labels = find_gauge(heartbeat, "siem_ledger_accepted");
    uint64_t producer = 0;
    if (labels.length < HEX_DIGITS || !is_fresh(heartbeat, now) ||
        !read_producer((struct text){labels.data, HEX_DIGITS}, &producer))
        return;
    struct ledger_row *row = row_of(ledger, producer);
    if (row == NULL)
        return;
    const struct ledger_row words = {
        .epoch = (uint32_t)read_digits(text_behind(labels, "epoch=\\\"")),
        .accepted = read_gauge(heartbeat, "siem_ledger_accepted"),
        .spooled = read_gauge(heartbeat, "siem_ledger_spooled"),
        .in_flight = read_gauge(heartbeat, "siem_ledger_in_flight"),
    };
    take_words(row, &words);
}

static enum status ask(struct redis_client *redis, const char *command, enum key_id id) {
    struct key_name key = key_name(id);
    struct text arguments[] = {text_of(command), key_text(&key)};
    return redis_client_append(redis, 2, arguments);
}

static void take_own(struct ledger *ledger, const struct ledger_books *books) {
    struct ledger_row *row = row_of(ledger, books->producer);
    if (row == NULL)
        row = &ledger->rows[LEDGER_PRODUCERS_MAX - 1];
    const struct ledger_row words = {
        .epoch = books->epoch,
        .accepted = (int64_t)books->accepted,
        .spooled = (int64_t)books->spooled,
        .in_flight = (int64_t)books->in_flight_events,
    };
    take_words(row, &words);
}

enum status ledger_read(struct redis_client *redis, const struct ledger_books *own,
                        struct ledger *ret_ledger) {
    struct redis_reply *heartbeats = NULL;
    struct redis_reply *fields = NULL;
    struct wall_time now = clock_wall();
    *ret_ledger = (struct ledger){0};
    enum status status = ask(redis, "HVALS", KEY_PROCESSES);
    if (status == STATUS_OK)
        status = ask(redis, "HGETALL", KEY_LEDGER);
    if (status == STATUS_OK)
        status = redis_client_read(redis, &heartbeats);
    if (status == STATUS_OK)
        status = redis_client_read(redis, &fields);
    if (status == STATUS_OK && redis_reply_type(fields) != REDIS_ARRAY)
        status = STATUS_REFUSED;
    for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2)
        take_field(ret_ledger, redis_reply_text(redis_reply_at(fields, i)),
                   redis_reply_integer(redis_reply_at(fields, i + 1)));
    for (size_t i = 0; i < redis_reply_count(heartbeats); i++)
        take_heartbeat(ret_ledger, redis_reply_text(redis_reply_at(heartbeats, i)), now);
    take_own(ret_ledger, own);
    for (size_t i = 0; i < ret_ledger->count; i++)
        ret_ledger->rows[i].accepted += ret_ledger->rows[i].forgotten;
    redis_reply_destroy(&heartbeats);
    redis_reply_destroy(&fields);
    return status;
}

static void write_number(struct json_writer *json, const char *name, int64_t value) {
    json_key(json, name);
    json_int(json, value);
}

static void write_row(const struct ledger_row *row, struct json_writer *json) {
    char producer[HEX_DIGITS + 1];
    snprintf(producer, sizeof producer, "%016llx", (unsigned long long)row->producer);
    json_object_begin(json);
    json_key(json, "producer");
    json_string(json, producer);
    json_key(json, "epoch");
    if (row->epoch > 0)
        json_int(json, row->epoch);
    else
        json_null(json);
    write_number(json, "accepted", row->accepted);
    write_number(json, "committed", row->committed);
    write_number(json, "quarantined", row->quarantined);
    write_number(json, "spooled", row->spooled);
    json_key(json, "alive");
    json_bool(json, row->alive);
    json_object_end(json);
}

void ledger_write(const struct ledger *ledger, struct json_writer *json) {
    int64_t accepted = 0;
    int64_t spooled = 0;
    int64_t in_flight = 0;
    for (size_t i = 0; i < ledger->count; i++) {
        accepted += ledger->rows[i].accepted;
        spooled += ledger->rows[i].spooled;
        in_flight += ledger->rows[i].in_flight;
    }
    int64_t difference = accepted - ledger->committed - ledger->quarantined - spooled;
    json_object_begin(json);
    write_number(json, "accepted", accepted);
    write_number(json, "committed", ledger->committed);
    write_number(json, "quarantined", ledger->quarantined);
    write_number(json, "spooled", spooled);
    write_number(json, "in_flight", in_flight);
    write_number(json, "difference", difference);
    json_key(json, "balanced");
    json_bool(json, difference == 0);
    json_key(json, "producers");
    json_array_begin(json);
    for (size_t i = 0; i < ledger->count; i++)
        write_row(&ledger->rows[i], json);
    json_array_end(json);
    json_object_end(json);
}
