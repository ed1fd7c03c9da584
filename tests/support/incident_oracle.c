/* incident_oracle.c: what incidents and counters must come of a set of events. */
#include "tests/support/incident_oracle.h"

#include "tests/support/text_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES_MAX 64
#define TAGS_MAX 256

/* A threat with its key, from its first to its last moment. */
struct fact {
    const struct made_event *made;
    const struct finding *primary;
    int64_t from_ms;
    int64_t to_ms;
    char details[1024];
};

static struct fact facts[ORACLE_EVENTS_MAX + ORACLE_WINDOWS_MAX];
static struct made_event fired[ORACLE_WINDOWS_MAX]; /* windows, as the threats they are */

static const struct finding *primary_of(const struct made_event *made) {
    const struct finding *best = NULL;
    for (uint32_t i = 0; i < made->finding_count; i++) {
        const struct finding *finding = &made->findings[i];
        if (best == NULL || finding->level > best->level ||
            (finding->level == best->level && text_compare(finding->rule_id, best->rule_id) < 0))
            best = finding;
    }
    return best != NULL && best->level > SEVERITY_INFO ? best : NULL;
}

static int compare_keys(const struct fact *a, const struct fact *b) {
    int order = text_compare(a->primary->incident, b->primary->incident);
    if (order == 0)
        order = (int)a->made->event.event_type - (int)b->made->event.event_type;
    return order != 0 ? order : text_compare(a->primary->group_key, b->primary->group_key);
}

static int compare_facts(const void *left, const void *right) {
    const struct fact *a = left, *b = right;
    int order = compare_keys(a, b);
    return order != 0 ? order : (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
}

static size_t list_facts(const struct made_event *events, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct finding *primary = primary_of(&events[i]);
        if (primary == NULL)
            continue;
        struct fact *fact = &facts[found++];
        *fact = (struct fact){&events[i], primary, events[i].event.time_ms, events[i].event.time_ms,
                              ""};
        for (uint32_t j = 0; j < events[i].finding_count; j++) {
            size_t used = strlen(fact->details);
            snprintf(fact->details + used, sizeof(fact->details) - used, "%s%.*s",
                     j > 0 ? " | " : "", TEXT_ARG(events[i].findings[j].details));
        }
    }
    return found;
}

/* The window that fires is a threat of its last moment, in the name of its group. */
static size_t list_windows(const struct correlation_oracle *correlated, size_t found) {
    size_t count = 0;
    for (size_t i = 0; correlated != NULL && i < correlated->window_count; i++) {
        const struct oracle_window *window = &correlated->windows[i];
        const struct correlation *correlation = window->group->correlation;
        if (!correlation->raises || correlation->level == SEVERITY_INFO)
            continue;
        cr_assert_lt(count, ORACLE_WINDOWS_MAX);
        struct made_event *made = &fired[count++];
        *made = (struct made_event){.event = {.time_ms = window->to_ms,
                                              .event_type = correlation->event_type,
                                              .count = window->count,
                                              .source_ip = window->group->address,
                                              .username = window->group->user},
                                    .finding_count = 1,
                                    .findings = {{.rule_id = correlation->rule_id,
                                                  .rule_title = correlation->rule_title,
                                                  .level = correlation->level,
                                                  .tags = correlation->tags,
                                                  .details = window->group->details,
                                                  .incident = correlation->incident,
                                                  .group_key = window->group->key}}};
        struct fact *fact = &facts[found++];
        *fact = (struct fact){made, &made->findings[0], window->from_ms, window->to_ms, ""};
        snprintf(fact->details, sizeof(fact->details), "%.*s", TEXT_ARG(window->group->details));
    }
    return found;
}

/* An incident: a run of facts. */
struct run {
    const struct fact *first;
    size_t count;
    const struct finding *rules[RULES_MAX];
    size_t rule_count;
};

static int by_id(const void *a, const void *b) {
    return text_compare((*(const struct finding *const *)a)->rule_id,
                        (*(const struct finding *const *)b)->rule_id);
}

static void collect_rules(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        const struct made_event *made = run->first[i].made;
        for (uint32_t j = 0; j < made->finding_count; j++) {
            size_t known = 0;
            while (known < run->rule_count &&
                   !text_equal(run->rules[known]->rule_id, made->findings[j].rule_id))
                known++;
            if (known == run->rule_count)
                run->rules[run->rule_count++] = &made->findings[j];
        }
    }
    qsort(run->rules, run->rule_count, sizeof(run->rules[0]), by_id);
}

static const struct fact *gravest_of(const struct run *run) {
    const struct fact *best = run->first;
    for (size_t i = 1; i < run->count; i++) {
        const struct fact *fact = &run->first[i];
        int order = (int)best->primary->level - (int)fact->primary->level;
        if (order == 0)
            order = (fact->made->event.time_ms > best->made->event.time_ms) -
                    (fact->made->event.time_ms < best->made->event.time_ms);
        if (order == 0)
            order = strcmp(fact->details, best->details);
        if (order < 0)
            best = fact;
    }
    return best;
}

/* The smallest address or user. */
static struct text smallest(const struct run *run, bool is_user) {
    struct text best = {NULL, 0};
    for (size_t i = 0; i < run->count; i++) {
        const struct event *event = &run->first[i].made->event;
        struct text name = is_user ? event->username : event->source_ip;
        if (name.data != NULL && (best.data == NULL || text_compare(name, best) < 0))
            best = name;
    }
    return best;
}

static void write_tags(const struct run *run, struct buffer *out) {
    struct text tags[TAGS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < run->rule_count; i++) {
        for (uint32_t j = 0; j < run->rules[i]->tags.count; j++) {
            struct text tag = run->rules[i]->tags.items[j];
            size_t at = 0;
            while (at < count && text_compare(tags[at], tag) < 0)
                at++;
            if (at < count && text_equal(tags[at], tag))
                continue;
            memmove(tags + at + 1, tags + at, (count - at) * sizeof(tags[0]));
            tags[at] = tag;
            count++;
        }
    }
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s\"%.*s\"", i > 0 ? "," : "[", TEXT_ARG(tags[i]));
    buffer_append_text(out, count > 0 ? TEXT("]") : TEXT("[]"));
}

static void write_rules(const struct run *run, struct buffer *out) {
    for (size_t i = 0; i < run->rule_count; i++) {
        const struct finding *rule = run->rules[i];
        buffer_printf(out, "%s{\"id\":\"%.*s\",\"title\":\"%.*s\",\"level\":\"%s\",\"tags\":[",
                      i > 0 ? "," : "[", TEXT_ARG(rule->rule_id), TEXT_ARG(rule->rule_title),
                      severity_text(rule->level));
        for (uint32_t j = 0; j < rule->tags.count; j++)
            buffer_printf(out, "%s\"%.*s\"", j > 0 ? "," : "", TEXT_ARG(rule->tags.items[j]));
        buffer_append_text(out, TEXT("]}"));
    }
    buffer_append_text(out, TEXT("]"));
}

static void write_title(const struct run *run, struct text address, struct text user,
                        struct buffer *out) {
    const struct finding *gravest = run->rules[0];
    for (size_t i = 1; i < run->rule_count; i++) {
        if (run->rules[i]->level > gravest->level)
            gravest = run->rules[i];
    }
    struct text unknown = TEXT("unknown");
    if (run->first->made->event.event_type == EVENT_TYPE_LOGIN_FAILED)
        buffer_printf(out, "Brute Force Attack from %.*s",
                      TEXT_ARG(address.data != NULL ? address : unknown));
    else if (run->first->made->event.event_type == EVENT_TYPE_FILE_ACCESS)
        buffer_printf(out, "Unauthorized File Access by %.*s",
                      TEXT_ARG(user.data != NULL ? user : unknown));
    else
        buffer_append_text(out, gravest->rule_title);
}

/* The fields in the order of `compared` below. */
static void write_run(const struct fact *first, size_t count, struct buffer *out) {
    struct run run = {.first = first, .count = count};
    collect_rules(&run);
    const struct fact *gravest = gravest_of(&run);
    struct text address = smallest(&run, false), user = smallest(&run, true);
    uint64_t occurrences = 0;
    for (size_t i = 0; i < count; i++)
        occurrences += first[i].made->event.count;
    long long from = (long long)first[0].from_ms;
    int64_t to = first[0].to_ms;
    for (size_t i = 1; i < count; i++)
        to = first[i].to_ms > to ? first[i].to_ms : to;
    buffer_printf(out, "incident %lld %s %s detected ", from,
                  event_type_text(first->made->event.event_type),
                  severity_text(gravest->primary->level));
    write_title(&run, address, user, out);
    buffer_printf(out, " %s %lld %.*s %.*s %llu %lld %lld ", gravest->details,
                  (long long)gravest->made->event.time_ms, TEXT_ARG(address), TEXT_ARG(user),
                  (unsigned long long)occurrences, from, (long long)to);
    write_rules(&run, out);
    buffer_append_text(out, TEXT(" "));
    write_tags(&run, out);
    buffer_append_text(out, TEXT("\n"));
}

/* Facts that are counted one by one, as lines "what"; equal lines are summed by write_counts. */
struct counts {
    struct buffer lines;
};

static void count(struct counts *counts, int64_t time_ms, const char *what) {
    char day[9];
    clock_format_day((struct wall_time){time_ms}, day);
    buffer_printf(&counts->lines, "day:%s%s\n", day, what);
}

static void count_hour(struct counts *counts, int64_t time_ms, const char *prefix) {
    char what[64];
    snprintf(what, sizeof(what), " %s:%02d", prefix, clock_hour((struct wall_time){time_ms}));
    count(counts, time_ms, what);
}

static void count_name(struct counts *counts, int64_t time_ms, const char *kind, struct text name) {
    char what[512];
    snprintf(what, sizeof(what), ":%s %.*s", kind, TEXT_ARG(name));
    if (name.data != NULL)
        count(counts, time_ms, what);
}

static void count_threat(struct counts *counts, const struct event *event, enum severity level) {
    char what[64];
    count(counts, event->time_ms, " threats");
    count_hour(counts, event->time_ms, "threat_hour");
    snprintf(what, sizeof(what), " severity:%s", severity_text(level));
    count(counts, event->time_ms, what);
    count_name(counts, event->time_ms, "types", text_of(event_type_text(event->event_type)));
    count_name(counts, event->time_ms, "addresses", event->source_ip);
    count_name(counts, event->time_ms, "users", event->username);
}

static void count_incident(struct counts *counts, const struct fact *first, size_t length) {
    struct run run = {.first = first, .count = length};
    char what[64];
    int64_t at = first->from_ms;
    snprintf(what, sizeof(what), " incidents:severity:%s",
             severity_text(gravest_of(&run)->primary->level));
    count(counts, at, what);
    count(counts, at, " incidents:status:detected");
}

/* Bytes decide between threats of one severity and count: the earlier one goes first. */
static int64_t score_of(const struct fact *fact) {
    return -((int64_t)fact->primary->level << 40) - (int64_t)fact->made->event.count;
}

/* How many facts of its day are graver, or earlier, or as much and before it in the list. */
static size_t count_graver(size_t place, size_t fact_count) {
    char day[9], other[9];
    const struct fact *fact = &facts[place];
    int64_t time_ms = fact->made->event.time_ms;
    clock_format_day((struct wall_time){time_ms}, day);
    size_t graver = 0;
    for (size_t i = 0; i < fact_count; i++) {
        int64_t order = score_of(&facts[i]) - score_of(fact);
        if (order == 0)
            order = facts[i].made->event.time_ms - time_ms;
        clock_format_day((struct wall_time){facts[i].made->event.time_ms}, other);
        graver += strcmp(day, other) == 0 && (order < 0 || (order == 0 && i < place));
    }
    return graver;
}

/* The timeline, and the gravest threats of each day. */
static void write_lists(size_t fact_count, struct buffer *out) {
    for (size_t i = 0; i < fact_count; i++) {
        char day[9];
        long long time_ms = (long long)facts[i].made->event.time_ms;
        clock_format_day((struct wall_time){time_ms}, day);
        buffer_printf(out, "timeline %015lld %lld\n", time_ms, time_ms);
        if (count_graver(i, fact_count) < 10)
            buffer_printf(out, "day:%s:top_threats %015lld %lld\n", day, time_ms,
                          (long long)score_of(&facts[i]));
    }
}

/* Equal lines become one with their number. */
static void write_counts(struct counts *counts, struct buffer *out) {
    text_lines_sort(&counts->lines);
    const char *at = (const char *)counts->lines.data;
    const char *end = at + counts->lines.length;
    while (at < end) {
        size_t length = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) + 1 - at);
        long long number = 0;
        const char *next = at;
        while (next < end && (size_t)(end - next) >= length && memcmp(next, at, length) == 0) {
            next += length;
            number++;
        }
        buffer_printf(out, "%.*s %lld\n", (int)length - 1, at, number);
        at = next;
    }
}

/* Events that belong to a window, and are no threats without it. */
static void count_contributions(struct counts *counts,
                                const struct correlation_oracle *correlated) {
    for (size_t i = 0; correlated != NULL && i < correlated->count; i++) {
        const struct oracle_entry *entry = &correlated->entries[i];
        const struct correlation *correlation = entry->group->correlation;
        if (!entry->belongs || entry->is_threat || !correlation->raises ||
            correlation->level == SEVERITY_INFO)
            continue;
        const struct event event = {.time_ms = entry->time_ms,
                                    .event_type = correlation->event_type,
                                    .source_ip = entry->group->address,
                                    .username = entry->group->user};
        count_threat(counts, &event, correlation->level);
    }
}

/* Windows that overlap are grouped even when nothing else is. */
static bool is_window(const struct fact *fact) {
    return fact->made >= fired && fact->made < fired + ORACLE_WINDOWS_MAX;
}

/* Facts are in order: threats of one kind that are close enough make an incident. */
static void write_incidents(struct counts *counts, size_t found, int64_t window_ms,
                            struct buffer *out) {
    size_t from = 0;
    int64_t to_ms = 0;
    for (size_t i = 0; i < found; i++) {
        to_ms = i == from || facts[i].to_ms > to_ms ? facts[i].to_ms : to_ms;
        bool may_group = i + 1 < found && (window_ms > 0 || is_window(&facts[i + 1]));
        bool goes_on = may_group && compare_keys(&facts[i], &facts[i + 1]) == 0 &&
                       facts[i + 1].from_ms - to_ms <= window_ms;
        if (goes_on)
            continue;
        write_run(&facts[from], i + 1 - from, out);
        count_incident(counts, &facts[from], i + 1 - from);
        from = i + 1;
    }
}

void incident_oracle_expect(const struct made_event *events, size_t event_count,
                            const struct correlation_oracle *correlated, int64_t window_ms,
                            struct buffer *out) {
    cr_assert_leq(event_count, ORACLE_EVENTS_MAX);
    struct counts counts;
    buffer_init(&counts.lines, (size_t)1 << 24);
    for (size_t i = 0; i < event_count; i++) {
        count(&counts, events[i].event.time_ms, " total");
        count_hour(&counts, events[i].event.time_ms, "hour");
    }
    size_t found = list_facts(events, event_count);
    if (correlated == NULL)
        write_lists(found, out);
    for (size_t i = 0; i < found; i++)
        count_threat(&counts, &facts[i].made->event, facts[i].primary->level);
    count_contributions(&counts, correlated);
    found = list_windows(correlated, found);
    qsort(facts, found, sizeof(facts[0]), compare_facts);
    write_incidents(&counts, found, window_ms, out);
    write_counts(&counts, out);
    buffer_fini(&counts.lines);
}
