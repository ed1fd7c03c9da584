/* incident_list.c: merges the sorted sets of a filter and reads the incidents they name. */
#include "services/ingest/incident_list.h"

#include "proto/keys.h"
#include "services/ingest/incident_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SEARCH_ROUND 250 /* incidents read at a time when each is looked at */
#define SETS_MAX (INCIDENT_STATUS_COUNT_ * SEVERITY_COUNT_)

/* One incident as the sets name it. */
struct entry {
    char id[INCIDENT_ID_MAX + 1];
    uint64_t number;
};

/* A round of entries, newest first. */
struct round {
    struct entry *entries;
    size_t count;
    size_t wanted;
};

/* The sets a query's filter picks. */
static size_t choose_sets(const struct incident_query *query, struct key_name sets[SETS_MAX]) {
    size_t count = 0;
    if (query->any_status && query->any_severity) {
        sets[0] = key_name(KEY_INCIDENTS);
        return 1;
    }
    for (int status = 0; status < INCIDENT_STATUS_COUNT_; status++) {
        for (int severity = 0; severity < SEVERITY_COUNT_; severity++) {
            if ((query->any_status || (int)query->status == status) &&
                (query->any_severity || (int)query->severity == severity))
                sets[count++] =
                    key_name(KEY_INCIDENTS_BY, incident_status_text((enum incident_status)status),
                             severity_text((enum severity)severity));
        }
    }
    return count;
}

static enum status ask_set(struct redis_client *redis, const struct key_name *set, uint64_t before,
                           size_t count) {
    char highest[32];
    char limit[24];
    if (before == UINT64_MAX)
        snprintf(highest, sizeof highest, "+inf");
    else
        snprintf(highest, sizeof highest, "(%llu", (unsigned long long)before);
    snprintf(limit, sizeof limit, "%zu", count);
    struct text arguments[] = {
        TEXT("ZREVRANGEBYSCORE"), key_text(set), text_of(highest), TEXT("-inf"),
        TEXT("WITHSCORES"),       TEXT("LIMIT"), TEXT("0"),        text_of(limit)};
    return redis_client_append(redis, sizeof arguments / sizeof arguments[0], arguments);
}

static int newest_first(const void *a, const void *b) {
    const struct entry *first = a;
    const struct entry *second = b;
    return (first->number < second->number) - (first->number > second->number);
}

/* Adds the entries of one set's reply. */
static void take_entries(struct round *round, const struct redis_reply *reply) {
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        struct text id = redis_reply_text(redis_reply_at(reply, i));
        if (!incident_id_is_valid(id))
            continue;
        struct entry *entry = &round->entries[round->count++];
        memcpy(entry->id, id.data, id.length);
        entry->id[id.length] = '\0';
        entry->number = (uint64_t)redis_reply_integer(redis_reply_at(reply, i + 1));
    }
}

/* Reads the next `wanted` entries below a number. */
static enum status read_round(struct redis_client *redis, const struct incident_query *query,
                              uint64_t before, struct round *round) {
    struct key_name sets[SETS_MAX];
    size_t count = choose_sets(query, sets);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = ask_set(redis, &sets[i], before, round->wanted);
    round->entries = malloc((count * round->wanted + 1) * sizeof *round->entries);
    if (round->entries == NULL)
        abort();
    bool refused = false;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        status = redis_client_read(redis, &reply);
        refused |= status == STATUS_OK && redis_reply_type(reply) != REDIS_ARRAY;
        if (status == STATUS_OK && redis_reply_count(reply) <= 2 * round->wanted)
            take_entries(round, reply);
        redis_reply_destroy(&reply);
    }
    qsort(round->entries, round->count, sizeof *round->entries, newest_first);
    if (round->count > round->wanted)
        round->count = round->wanted;
    return status == STATUS_OK && refused ? STATUS_REFUSED : status;
}

/* True when `text` holds `wanted`, without regard to ASCII case. */
static bool contains(struct text text, struct text wanted) {
    for (size_t at = 0; at + wanted.length <= text.length; at++) {
        if (strncasecmp(text.data + at, wanted.data, wanted.length) == 0)
            return true;
    }
    return false;
}

/* The part of the filter that no set knows. */
static bool is_wanted(const struct incident_query *query, const struct redis_reply *reply) {
    static const enum incident_field searched[] = {
        INCIDENT_FIELD_id,        INCIDENT_FIELD_title,         INCIDENT_FIELD_description,
        INCIDENT_FIELD_source_ip, INCIDENT_FIELD_affected_user, INCIDENT_FIELD_event_type,
        INCIDENT_FIELD_rules,     INCIDENT_FIELD_analyst_notes, INCIDENT_FIELD_resolution};
    if (incident_field(reply, 0, INCIDENT_FIELD_id).data == NULL ||
        incident_field(reply, 0, INCIDENT_FIELD_merged_into).data != NULL)
        return false;
    struct text source_ip = incident_field(reply, 0, INCIDENT_FIELD_source_ip);
    if (query->source_ip.data != NULL && !text_equal(source_ip, query->source_ip))
        return false;
    if (query->q.data == NULL)
        return true;
    for (size_t i = 0; i < sizeof searched / sizeof searched[0]; i++) {
        if (contains(incident_field(reply, 0, searched[i]), query->q))
            return true;
    }
    return false;
}

/* Reads the round's incidents and writes those that are wanted, up to the page's limit. */
static enum status write_round(struct redis_client *redis, const struct incident_query *query,
                               const struct round *round, struct json_writer *json,
                               struct incident_page *page) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < round->count && status == STATUS_OK; i++)
        status = incident_ask(redis, text_of(round->entries[i].id));
    for (size_t i = 0; i < round->count && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        status = redis_client_read(redis, &reply);
        if (status == STATUS_OK && page->count < query->limit) {
            page->next = round->entries[i].number;
            if (is_wanted(query, reply)) {
                incident_write(json, reply, 0);
                page->count++;
            }
        }
        redis_reply_destroy(&reply);
    }
    return status;
}

/* Where every incident has to be looked at, few at a time would be many round trips. */
static size_t round_size(const struct incident_query *query) {
    bool looks = query->source_ip.data != NULL || query->q.data != NULL;
    return looks && query->limit < SEARCH_ROUND ? SEARCH_ROUND : query->limit + 1;
}

enum status incident_list_write(struct redis_client *redis, const struct incident_query *query,
                                struct json_writer *json, struct incident_page *ret_page) {
    struct incident_page page = {.next = query->before};
    enum status status = STATUS_OK;
    bool more = true;
    json_array_begin(json);
    for (size_t looked = 0;
         more && page.count < query->limit && looked < INCIDENT_LIST_SCAN && status == STATUS_OK;) {
        struct round round = {.wanted = round_size(query)};
        status = read_round(redis, query, page.next, &round);
        if (status == STATUS_OK)
            status = write_round(redis, query, &round, json, &page);
        more = round.count == round.wanted;
        looked += round.count;
        free(round.entries);
    }
    json_array_end(json);
    if (!more && page.count < query->limit)
        page.next = 0;
    if (status == STATUS_OK)
        *ret_page = page;
    return status;
}
