/* top_sources.c: the most frequent addresses of several days, by a threshold. */
#include "services/ingest/top_sources.h"

#include "common/scoped.h"
#include "proto/keys.h"
#include "services/ingest/name_sums.h"
#include "services/ingest/questions.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const size_t depths[] = {30, 1000, TOP_SOURCES_DEPTH_MAX};
#define DEPTHS (sizeof depths / sizeof depths[0])

/* One look at the days, to some depth. */
struct look {
    const struct report_day *days;
    size_t day_count, depth;
    struct questions questions;
    struct name_sums sums;
    int64_t least[TOP_SOURCES_DAYS_MAX]; /* no name beyond the depth has more; 0: there is none */
    struct top_sources top;
};

static void look_fini(struct look *look) {
    questions_fini(&look->questions);
    name_sums_fini(&look->sums);
}

static enum status read_lists(struct look *look) {
    char last[24];
    snprintf(last, sizeof last, "%zu", look->depth - 1);
    for (size_t day = 0; day < look->day_count; day++) {
        struct key_name key = key_name(KEY_DAY_ADDRESSES, look->days[day].key);
        questions_ask(&look->questions, TEXT("ZREVRANGE"), key_text(&key), TEXT("0"), text_of(last),
                      TEXT("WITHSCORES"));
    }
    return questions_read(&look->questions);
}

/* Sums up what the lists say. */
static void add_lists(struct look *look) {
    size_t names = 0;
    for (size_t day = 0; day < look->day_count; day++)
        names += redis_reply_count(look->questions.replies[day]) / 2;
    name_sums_init(&look->sums, names);
    for (size_t day = 0; day < look->day_count; day++) {
        const struct redis_reply *list = look->questions.replies[day];
        size_t count = redis_reply_count(list) / 2;
        int64_t number = 0;
        for (size_t i = 0; i < count; i++) {
            number = redis_reply_integer(redis_reply_at(list, 2 * i + 1));
            name_sums_add(&look->sums, redis_reply_text(redis_reply_at(list, 2 * i)), number,
                          (unsigned)day);
        }
        look->least[day] = count == look->depth ? number : 0;
    }
}

/* What a name may have at most on days it was not listed. */
static int64_t unlisted_most(const struct look *look, uint32_t lists) {
    int64_t sum = 0;
    for (size_t day = 0; day < look->day_count; day++)
        sum += (lists >> day & 1) == 0 ? look->least[day] : 0;
    return sum;
}

static bool goes_before(const struct name_sum *sum, const struct top_source *source) {
    if (sum->sum != source->threats)
        return sum->sum > source->threats;
    return text_compare(sum->name, text_of(source->name)) < 0;
}

/* Puts a name into its place among the first, if it has one. */
static void rank(struct top_sources *top, const struct name_sum *sum) {
    size_t place = top->count;
    while (place > 0 && goes_before(sum, &top->sources[place - 1]))
        place--;
    if (place == TOP_SOURCES_MAX || sum->name.length >= TOP_SOURCES_NAME_SIZE)
        return;
    top->count += top->count < TOP_SOURCES_MAX;
    memmove(&top->sources[place + 1], &top->sources[place],
            (top->count - 1 - place) * sizeof top->sources[0]);
    struct top_source *source = &top->sources[place];
    memcpy(source->name, sum->name.data, sum->name.length);
    source->name[sum->name.length] = '\0';
    source->threats = sum->sum;
}

static void rank_all(struct look *look) {
    look->top.count = 0;
    for (size_t i = 0; i < look->sums.count; i++)
        rank(&look->top, &look->sums.items[i]);
}

/* What the last of the first has; a name with less is none of them. */
static int64_t threshold(const struct look *look) {
    return look->top.count < TOP_SOURCES_MAX ? 0 : look->top.sources[TOP_SOURCES_MAX - 1].threats;
}

/* Asks for the numbers of one day that its list left open, of the names at these places. */
static void ask_scores(struct look *look, size_t day, const size_t *places, size_t count) {
    struct key_name key = key_name(KEY_DAY_ADDRESSES, look->days[day].key);
    struct text *arguments = calloc(2 + count, sizeof *arguments);
    if (arguments == NULL)
        abort();
    arguments[0] = TEXT("ZMSCORE");
    arguments[1] = key_text(&key);
    for (size_t i = 0; i < count; i++)
        arguments[2 + i] = look->sums.items[places[i]].name;
    questions_ask_list(&look->questions, 2 + count, arguments);
    free(arguments);
}

/* Completes the sums of the names at these places; each open day is asked for all of them. */
static enum status read_scores(struct look *look, const size_t *places, size_t count) {
    size_t replies[TOP_SOURCES_DAYS_MAX] = {0};
    for (size_t day = 0; day < look->day_count; day++) {
        if (look->least[day] == 0)
            continue;
        replies[day] = look->questions.asked;
        ask_scores(look, day, places, count);
    }
    enum status status = questions_read(&look->questions);
    for (size_t day = 0; day < look->day_count && status == STATUS_OK; day++) {
        const struct redis_reply *scores = look->questions.replies[replies[day]];
        for (size_t i = 0; i < count && replies[day] != 0; i++) {
            struct name_sum *item = &look->sums.items[places[i]];
            if ((item->lists >> day & 1) == 0)
                item->sum += redis_reply_integer(redis_reply_at(scores, i));
        }
    }
    return status;
}

/* Completes the sums of the names that may be among the first. */
static enum status complete(struct look *look) {
    size_t *places = calloc(look->sums.count + 1, sizeof *places);
    size_t count = 0;
    if (places == NULL)
        abort();
    rank_all(look);
    for (size_t i = 0; i < look->sums.count; i++) {
        int64_t unlisted = unlisted_most(look, look->sums.items[i].lists);
        if (unlisted > 0 && look->sums.items[i].sum + unlisted >= threshold(look))
            places[count++] = i;
    }
    enum status status = count > 0 ? read_scores(look, places, count) : STATUS_OK;
    free(places);
    rank_all(look);
    return status;
}

/* Looks to a depth; tells whether names beyond it can be passed over. */
static enum status look_at(struct look *look, struct redis_client *redis, bool *ret_is_proven) {
    questions_init(&look->questions, redis);
    enum status status = read_lists(look);
    if (status != STATUS_OK)
        return status;
    add_lists(look);
    status = complete(look);
    *ret_is_proven = unlisted_most(look, 0) <= threshold(look);
    return status;
}

enum status top_sources_read(struct redis_client *redis, const struct report_day *days,
                             size_t day_count, struct top_sources *ret_sources) {
    assert(day_count <= TOP_SOURCES_DAYS_MAX && 2 * day_count <= QUESTIONS_MAX);
    enum status status = STATUS_OK;
    bool is_proven = false;
    for (size_t i = 0; i < DEPTHS && status == STATUS_OK && !is_proven; i++) {
        SCOPED_FINI(look)
        struct look look = {.days = days, .day_count = day_count, .depth = depths[i]};
        status = look_at(&look, redis, &is_proven);
        if (status == STATUS_OK)
            *ret_sources = look.top;
    }
    return status;
}
