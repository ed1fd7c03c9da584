/* routes_rules.c: GET /rules: the rules that judge, a page at a time, with their hits.
 *
 * Detectors publish the catalogue of their generation (keys.def: RULES); the commit counts hits.
 */
#include "common/counters.h"
#include "proto/keys.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/query.h"
#include "services/ingest/questions.h"
#include "services/ingest/routes.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500
#define CURSOR_MAX 1000000

struct page {
    uint64_t first; /* place of its first rule */
    uint64_t limit;
    uint64_t total;
    struct text generation;          /* null: no detector has published one */
    const struct redis_reply *rules; /* id, JSON, id, ... */
    const struct redis_reply *hits, *last_hits;
};

/* Reads the query; answers and returns false when something is wrong with it. */
static bool read_query(struct http_request *request, struct page *page) {
    struct query_errors errors = {0};
    *page = (struct page){.limit = LIMIT_DEFAULT};
    query_number(request, (struct query_bounds){"limit", 1, LIMIT_MAX}, &page->limit, &errors);
    query_number(request, (struct query_bounds){"cursor", 1, CURSOR_MAX}, &page->first, &errors);
    return query_is_fine(request, &errors);
}

static void ask_generation(struct questions *questions) {
    struct key_name key = key_name(KEY_RULES_GENERATION);
    questions_ask(questions, TEXT("GET"), key_text(&key));
}

static void ask_rules(struct questions *questions, const struct page *page) {
    char name[32], from[24], to[24];
    snprintf(name, sizeof name, "%.*s", TEXT_ARG(page->generation));
    struct key_name key = key_name(KEY_RULES, name);
    snprintf(from, sizeof from, "%" PRIu64, page->first * 2);
    snprintf(to, sizeof to, "%" PRIu64, (page->first + page->limit) * 2 - 1);
    questions_ask(questions, TEXT("LLEN"), key_text(&key));
    questions_ask(questions, TEXT("LRANGE"), key_text(&key), text_of(from), text_of(to));
}

static size_t rule_count(const struct page *page) {
    return redis_reply_count(page->rules) / 2;
}

/* The same field of every rule of the page. */
static void ask_of_each(struct questions *questions, const struct page *page, enum key_id id) {
    struct text arguments[LIMIT_MAX + 2];
    struct key_name key = key_name(id);
    size_t count = rule_count(page);
    arguments[0] = TEXT("HMGET");
    arguments[1] = key_text(&key);
    for (size_t i = 0; i < count; i++)
        arguments[2 + i] = redis_reply_text(redis_reply_at(page->rules, 2 * i));
    questions_ask_list(questions, 2 + count, arguments);
}

/* Fills the page; its replies are the questions'. */
static enum status read_page(struct questions *questions, struct page *page) {
    ask_generation(questions);
    enum status status = questions_read(questions);
    if (status != STATUS_OK)
        return status;
    page->generation = redis_reply_text(questions->replies[0]);
    if (page->generation.data == NULL)
        return STATUS_OK;
    ask_rules(questions, page);
    status = questions_read(questions);
    if (status != STATUS_OK)
        return status;
    page->total = (uint64_t)redis_reply_integer(questions->replies[1]) / 2;
    page->rules = questions->replies[2];
    if (rule_count(page) == 0 || rule_count(page) > page->limit)
        return STATUS_OK;
    ask_of_each(questions, page, KEY_RULE_HITS);
    ask_of_each(questions, page, KEY_RULE_LAST_HIT);
    status = questions_read(questions);
    page->hits = questions->replies[3];
    page->last_hits = questions->replies[4];
    return status;
}

/* The detector's object with what the commits know of it. */
static void write_rule(struct json_writer *json, const struct page *page, size_t index,
                       struct buffer *room) {
    struct text text = redis_reply_text(redis_reply_at(page->rules, 2 * index + 1));
    int64_t last = redis_reply_integer(redis_reply_at(page->last_hits, index));
    char time[CLOCK_RFC3339_SIZE] = "";
    if (text.length < 2 || text.data[text.length - 1] != '}')
        return;
    if (last > 0)
        clock_format_rfc3339((struct wall_time){last}, time);
    buffer_reset(room);
    buffer_append(room, text.data, text.length - 1);
    buffer_printf(room, ",\"hits\":%" PRId64 ",\"last_hit\":%s%s%s}",
                  redis_reply_integer(redis_reply_at(page->hits, index)), last > 0 ? "\"" : "",
                  last > 0 ? time : "null", last > 0 ? "\"" : "");
    json_raw(json, buffer_text(room));
}

static void write_page(struct json_writer *json, const struct page *page) {
    size_t count = page->hits != NULL ? rule_count(page) : 0;
    uint64_t behind = page->first + count;
    char cursor[24];
    struct buffer room;
    buffer_init(&room, ANSWER_MAX);
    snprintf(cursor, sizeof cursor, "%" PRIu64, behind);
    json_object_begin(json);
    json_key(json, "count");
    json_int(json, (int64_t)count);
    json_key(json, "total");
    json_int(json, (int64_t)page->total);
    json_key(json, "generation");
    json_text(json, page->generation);
    json_key(json, "rules");
    json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        write_rule(json, page, i, &room);
    json_array_end(json);
    json_key(json, "next_cursor");
    json_text(json, count > 0 && behind < page->total ? text_of(cursor) : (struct text){NULL, 0});
    json_object_end(json);
    buffer_fini(&room);
}

/* Reader's thread. The query is read again: it was valid. */
static void read_rules(struct redis_client *redis, struct http_request *request) {
    struct page page;
    struct questions questions;
    if (!read_query(request, &page))
        return;
    questions_init(&questions, redis);
    enum status status = read_page(&questions, &page);
    if (status == STATUS_OK) {
        struct json_answer answer;
        write_page(answer_begin(&answer), &page);
        answer_send(&answer, request, 200);
    } else {
        reads_answer_failure(request, redis, status);
    }
    questions_fini(&questions);
}

void route_rules(struct http_request *request) {
    struct page page;
    if (read_query(request, &page))
        reads_submit(ingest_of(request)->reads, request, read_rules);
    else
        count_drop(STATUS_BAD_VALUE);
}
