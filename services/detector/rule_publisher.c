/* rule_publisher.c: a state under a lock, written to Redis from the heartbeat's thread. */
#include "services/detector/rule_publisher.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/scoped.h"
#include "proto/keys.h"
#include "services/detector/rule_catalogue.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT_S TEXT("86400") /* a catalogue nobody uses any more */
#define LOADING_S TEXT("60") /* one whose writer died over it */
#define REFRESH_MS 10000
#define PUSH_AT_ONCE 256 /* elements */
#define REASON_SIZE 512

struct rule_publisher {
    const char *instance;
    pthread_mutex_t lock; /* of all down to the line */
    uint64_t generation;
    struct wall_time loaded; /* the last load's end, also of one that was refused */
    size_t rule_count, refusal_count;
    bool is_kept; /* that load was refused */
    char reason[REASON_SIZE];
    uint64_t answered; /* the request the last load was for */
    uint64_t heard;
    struct buffer catalogue; /* while the heartbeat's thread writes it, with that */
    /* The heartbeat's thread alone. */
    bool has_heard; /* the counter of requests was read once */
    uint64_t published;
    struct mono_time refreshed;
};

struct rule_publisher *rule_publisher_new(const char *instance) {
    struct rule_publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher == NULL)
        abort();
    publisher->instance = instance;
    pthread_mutex_init(&publisher->lock, NULL);
    buffer_init(&publisher->catalogue, CATALOGUE_SIZE_MAX);
    return publisher;
}

void rule_publisher_destroy(struct rule_publisher **publisher) {
    if (*publisher == NULL)
        return;
    buffer_fini(&(*publisher)->catalogue);
    pthread_mutex_destroy(&(*publisher)->lock);
    free(*publisher);
    *publisher = NULL;
}

void rule_publisher_use(struct rule_publisher *publisher, struct sigma_rules *rules,
                        uint64_t request) {
    struct buffer old;
    pthread_mutex_lock(&publisher->lock);
    old = publisher->catalogue;
    publisher->catalogue = rules->catalogue;
    publisher->generation = rules->generation;
    publisher->loaded = clock_wall();
    publisher->rule_count = rules->count;
    publisher->refusal_count = rules->refusal_count;
    publisher->is_kept = false;
    publisher->answered = request;
    pthread_mutex_unlock(&publisher->lock);
    buffer_fini(&old);
    buffer_init(&rules->catalogue, CATALOGUE_SIZE_MAX);
}

void rule_publisher_keep(struct rule_publisher *publisher, const char *reason, uint64_t request) {
    pthread_mutex_lock(&publisher->lock);
    publisher->loaded = clock_wall();
    publisher->is_kept = true;
    publisher->answered = request;
    snprintf(publisher->reason, sizeof publisher->reason, "%s", reason);
    pthread_mutex_unlock(&publisher->lock);
}

uint64_t rule_publisher_request(struct rule_publisher *publisher) {
    pthread_mutex_lock(&publisher->lock);
    uint64_t heard = publisher->heard;
    pthread_mutex_unlock(&publisher->lock);
    return heard;
}

static void write_number(struct json_writer *json, const char *name, uint64_t value) {
    json_key(json, name);
    json_int(json, (int64_t)value);
}

void rule_publisher_describe(struct rule_publisher *publisher, struct json_writer *json) {
    char text[CLOCK_RFC3339_SIZE], generation[GENERATION_TEXT_SIZE];
    pthread_mutex_lock(&publisher->lock);
    json_key(json, "rules");
    json_object_begin(json);
    json_key(json, "generation");
    json_string(json, generation_text(publisher->generation, generation));
    json_key(json, "time");
    json_string(json, clock_format_rfc3339(publisher->loaded, text));
    write_number(json, "loaded", publisher->rule_count);
    write_number(json, "refused", publisher->refusal_count);
    json_key(json, "kept");
    json_bool(json, publisher->is_kept);
    json_key(json, "reason");
    json_text(json, publisher->is_kept ? text_of(publisher->reason) : (struct text){NULL, 0});
    write_number(json, "request", publisher->answered);
    json_object_end(json);
    pthread_mutex_unlock(&publisher->lock);
}

/* Runs a command whose reply does not matter; false when it failed. */
static bool run(struct redis_client *redis, size_t count, const struct text *arguments) {
    struct redis_reply *reply = NULL;
    enum status status = redis_client_command(redis, count, arguments, &reply);
    redis_reply_destroy(&reply);
    return status == STATUS_OK;
}

#define RUN(redis, ...)                                                                            \
    run((redis), sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text),                       \
        (struct text[]){__VA_ARGS__})

/* An integer reply; -1 when Redis does not answer. */
static int64_t ask(struct redis_client *redis, struct text command, struct text key) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    if (redis_command(redis, &reply, command, key) != STATUS_OK)
        return -1;
    return redis_reply_integer(reply);
}

/* Appends the lines to a list, some at a time. */
static bool push_lines(struct redis_client *redis, struct text key, struct text lines) {
    struct text arguments[PUSH_AT_ONCE + 2] = {TEXT("RPUSH"), key};
    size_t count = 0;
    while (lines.length > 0) {
        const char *end = memchr(lines.data, '\n', lines.length);
        size_t length = (size_t)(end - lines.data);
        arguments[2 + count++] = (struct text){lines.data, length};
        lines = (struct text){end + 1, lines.length - length - 1};
        if (count < PUSH_AT_ONCE && lines.length > 0)
            continue;
        if (!run(redis, 2 + count, arguments) || !RUN(redis, TEXT("EXPIRE"), key, LOADING_S))
            return false;
        count = 0;
    }
    return true;
}

/* Writes the catalogue beside its place and then moves it there, so that nobody reads a part. */
static bool write_catalogue(struct rule_publisher *publisher, struct redis_client *redis,
                            struct text lines, const char *generation) {
    struct key_name list = key_name(KEY_RULES, generation);
    struct key_name loading = key_name(KEY_RULES_LOADING, publisher->instance);
    if (ask(redis, TEXT("EXISTS"), key_text(&list)) == 1)
        return true;
    return RUN(redis, TEXT("DEL"), key_text(&loading)) &&
           push_lines(redis, key_text(&loading), lines) &&
           RUN(redis, TEXT("RENAME"), key_text(&loading), key_text(&list));
}

/* Sees to it that Redis has the catalogue and its generation. */
static bool publish(struct rule_publisher *publisher, struct redis_client *redis, struct text lines,
                    uint64_t generation) {
    char text[GENERATION_TEXT_SIZE];
    struct key_name list = key_name(KEY_RULES, generation_text(generation, text));
    struct key_name present = key_name(KEY_RULES_GENERATION);
    bool is_new = publisher->published != generation;
    return write_catalogue(publisher, redis, lines, text) &&
           RUN(redis, TEXT("EXPIRE"), key_text(&list), KEPT_S) &&
           (is_new ? RUN(redis, TEXT("SET"), key_text(&present), text_of(text))
                   : RUN(redis, TEXT("SETNX"), key_text(&present), text_of(text)));
}

/* Publishes what is new or long ago. The catalogue is out of the lock meanwhile. */
static void publish_rules(struct rule_publisher *publisher, struct redis_client *redis) {
    pthread_mutex_lock(&publisher->lock);
    uint64_t generation = publisher->generation;
    struct buffer catalogue = publisher->catalogue;
    bool is_due =
        generation != publisher->published || clock_elapsed_ms(publisher->refreshed) >= REFRESH_MS;
    if (is_due)
        buffer_init(&publisher->catalogue, CATALOGUE_SIZE_MAX);
    pthread_mutex_unlock(&publisher->lock);
    if (!is_due)
        return;
    if (publish(publisher, redis, buffer_text(&catalogue), generation)) {
        publisher->published = generation;
        publisher->refreshed = clock_mono();
    }
    pthread_mutex_lock(&publisher->lock);
    bool is_present = publisher->generation == generation && publisher->catalogue.length == 0;
    if (is_present)
        publisher->catalogue = catalogue;
    pthread_mutex_unlock(&publisher->lock);
    if (!is_present)
        buffer_fini(&catalogue);
}

/* The first number heard is not for this process: it has just loaded its rules. */
static void hear_requests(struct rule_publisher *publisher, struct redis_client *redis) {
    struct key_name key = key_name(KEY_RULES_RELOAD);
    int64_t number = ask(redis, TEXT("GET"), key_text(&key));
    if (number < 0)
        return;
    pthread_mutex_lock(&publisher->lock);
    bool is_new = publisher->has_heard && publisher->heard != (uint64_t)number;
    publisher->heard = (uint64_t)number;
    if (!publisher->has_heard)
        publisher->answered = (uint64_t)number;
    publisher->has_heard = true;
    pthread_mutex_unlock(&publisher->lock);
    if (is_new) {
        log_info("the rules are to be loaded again", LOG_INT("request", number));
        kill(getpid(), SIGHUP);
    }
}

void rule_publisher_beat(struct rule_publisher *publisher, struct redis_client *redis) {
    publish_rules(publisher, redis);
    hear_requests(publisher, redis);
}
