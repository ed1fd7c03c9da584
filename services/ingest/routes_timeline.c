/* routes_timeline.c: GET /threats/timeline: the threats of the last hours, newest first. */
#include "common/counters.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/ingest/answer.h"
#include "services/ingest/ingest.h"
#include "services/ingest/query.h"
#include "services/ingest/questions.h"
#include "services/ingest/report.h"
#include "services/ingest/routes.h"
#include "services/ingest/threat_entry.h"

#include <inttypes.h>
#include <stdio.h>

#define HOURS_DEFAULT 24
#define HOURS_MAX 168
#define HOUR_MS INT64_C(3600000)
#define THREATS_LISTED "1000" /* at most; `total` says how many there are */

/* Reads the query; answers and returns false when it is wrong. */
static bool read_hours(struct http_request *request, uint64_t *ret_hours) {
    struct query_errors errors = {0};
    *ret_hours = HOURS_DEFAULT;
    query_number(request, (struct query_bounds){"hours", 1, HOURS_MAX}, ret_hours, &errors);
    return query_is_fine(request, &errors);
}

/* Members that are none of ours are left out, and counted. */
static int64_t write_threats(struct json_writer *json, const struct redis_reply *members) {
    SCOPED_FINI(msgpack_frame) struct msgpack_frame frame;
    msgpack_frame_init(&frame);
    int64_t count = 0;
    json_array_begin(json);
    for (size_t i = 0; i < redis_reply_count(members); i++) {
        struct text member = redis_reply_text(redis_reply_at(members, i));
        enum status status = threat_entry_write(member, true, &frame, json);
        if (status == STATUS_OK)
            count++;
        else
            count_drop(status);
    }
    json_array_end(json);
    return count;
}

static void answer_timeline(struct http_request *request, const struct questions *questions) {
    struct json_answer answer;
    struct json_writer *json = answer_begin(&answer);
    json_object_begin(json);
    json_key(json, "timeline");
    report_write_number(json, "count", write_threats(json, questions->replies[0]));
    report_write_number(json, "total", redis_reply_integer(questions->replies[1]));
    json_object_end(json);
    answer_send(&answer, request, 200);
}

/* Reader's thread. The query is read again: it was valid. */
static void read_timeline(struct redis_client *redis, struct http_request *request) {
    uint64_t hours = HOURS_DEFAULT;
    char from[24];
    struct key_name key = key_name(KEY_TIMELINE);
    if (!read_hours(request, &hours))
        return;
    snprintf(from, sizeof from, "%" PRId64, clock_wall().ms - (int64_t)hours * HOUR_MS);
    SCOPED_FINI(questions) struct questions questions;
    questions_init(&questions, redis);
    questions_ask(&questions, TEXT("ZREVRANGEBYSCORE"), key_text(&key), TEXT("+inf"), text_of(from),
                  TEXT("LIMIT"), TEXT("0"), TEXT(THREATS_LISTED));
    questions_ask(&questions, TEXT("ZCOUNT"), key_text(&key), text_of(from), TEXT("+inf"));
    if (questions_are_answered(&questions, request))
        answer_timeline(request, &questions);
}

void route_timeline(struct http_request *request) {
    uint64_t hours;
    if (read_hours(request, &hours))
        reads_submit(ingest_of(request)->reads, request, read_timeline);
    else
        count_drop(STATUS_BAD_VALUE);
}
