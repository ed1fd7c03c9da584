/* incident_reader.c: incidents and counters of the days, read back from Redis for the oracle. */
#include "tests/support/incident_oracle.h"

#include "common/scoped.h"
#include "proto/keys.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* What must not depend on the order of arrival. */
static const char *const compared[] = {
    "timestamp",   "event_type",     "severity",  "status",        "title",
    "description", "description_at", "source_ip", "affected_user", "detection_count",
    "first_seen",  "last_seen",      "rules",     "tags",
};

static void read_incident(struct commit_fixture *fixture, struct text id, struct buffer *out) {
    SCOPED(redis_reply)
    struct redis_reply *hash =
        commit_fixture_ask(fixture, "HGETALL " KEY_PREFIX "incident:%.*s", TEXT_ARG(id));
    buffer_append_text(out, TEXT("incident"));
    for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
        struct text value = redis_reply_text(redis_reply_field(hash, compared[i]));
        buffer_printf(out, " %.*s", TEXT_ARG(value));
    }
    buffer_append_text(out, TEXT("\n"));
    cr_assert_eq(redis_reply_type(redis_reply_field(hash, "merged_into")), REDIS_NIL);
    struct text status = redis_reply_text(redis_reply_field(hash, "status"));
    struct text severity = redis_reply_text(redis_reply_field(hash, "severity"));
    cr_assert_eq(commit_fixture_number(fixture, "ZSCORE " KEY_PREFIX "incidents:%.*s:%.*s %.*s",
                                       TEXT_ARG(status), TEXT_ARG(severity), TEXT_ARG(id)),
                 redis_reply_integer(redis_reply_field(hash, "number")));
}

/* Every incident stands in one index by status and severity. */
static void check_indices(struct commit_fixture *fixture, size_t expected) {
    size_t found = 0;
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++) {
        for (int j = 0; j < SEVERITY_COUNT_; j++)
            found += (size_t)commit_fixture_number(fixture, "ZCARD " KEY_PREFIX "incidents:%s:%s",
                                                   incident_status_text((enum incident_status)i),
                                                   severity_text((enum severity)j));
    }
    cr_assert_eq(found, expected);
}

/* Pairs of a hash, or of a sorted set with scores; what is 0 is as good as absent. */
static void read_pairs(const struct redis_reply *pairs, struct text key, struct buffer *out) {
    for (size_t i = 0; i + 1 < redis_reply_count(pairs); i += 2) {
        int64_t number = redis_reply_integer(redis_reply_at(pairs, i + 1));
        struct text name = redis_reply_text(redis_reply_at(pairs, i));
        if (number != 0)
            buffer_printf(out, "%.*s %.*s %lld\n", TEXT_ARG(key), TEXT_ARG(name),
                          (long long)number);
    }
}

/* Of threats only their time: ids and messages follow the order of arrival. */
static void read_threats(const struct redis_reply *pairs, struct text name, struct buffer *out) {
    for (size_t i = 0; i + 1 < redis_reply_count(pairs); i += 2) {
        struct text member = redis_reply_text(redis_reply_at(pairs, i));
        buffer_printf(out, "%.*s %.15s %lld\n", TEXT_ARG(name), member.data,
                      (long long)redis_reply_integer(redis_reply_at(pairs, i + 1)));
    }
}

static void read_key(struct commit_fixture *fixture, struct text key, struct buffer *out) {
    SCOPED(redis_reply)
    struct redis_reply *type = commit_fixture_ask(fixture, "TYPE %.*s", TEXT_ARG(key));
    struct text name = {key.data + strlen(KEY_PREFIX), key.length - strlen(KEY_PREFIX)};
    struct redis_reply *pairs = NULL;
    if (text_is(redis_reply_text(type), "hash"))
        pairs = commit_fixture_ask(fixture, "HGETALL %.*s", TEXT_ARG(key));
    else if (text_is(redis_reply_text(type), "zset"))
        pairs = commit_fixture_ask(fixture, "ZRANGE %.*s 0 -1 WITHSCORES", TEXT_ARG(key));
    if (text_is(name, "timeline") || strstr(name.data, ":top_threats") != NULL)
        read_threats(pairs, name, out);
    else
        read_pairs(pairs, name, out);
    redis_reply_destroy(&pairs);
}

void incident_oracle_read(struct commit_fixture *fixture, struct buffer *out) {
    SCOPED(redis_reply)
    struct redis_reply *ids = commit_fixture_ask(fixture, "ZRANGE " KEY_PREFIX "incidents 0 -1");
    for (size_t i = 0; i < redis_reply_count(ids); i++)
        read_incident(fixture, redis_reply_text(redis_reply_at(ids, i)), out);
    check_indices(fixture, redis_reply_count(ids));
    SCOPED(redis_reply)
    struct redis_reply *days = commit_fixture_ask(fixture, "KEYS siem:*:day:*");
    for (size_t i = 0; i < redis_reply_count(days); i++)
        read_key(fixture, redis_reply_text(redis_reply_at(days, i)), out);
    read_key(fixture, TEXT(KEY_PREFIX "timeline"), out);
}
