/* heartbeat.c: writes the process's row into Redis once a second, on a thread of its own, so that a
 * hanging Redis never holds up the loop. */
#include "common/counters.h"
#include "common/json_writer.h"
#include "common/log.h"
#include "common/redis_client.h"
#include "common/service_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define HEARTBEAT_INTERVAL_MS 1000
#define HEARTBEAT_TIMEOUT_MS 2000
#define HEARTBEAT_SIZE_MAX (256 * 1024)

struct heartbeat {
    struct service *service;
    struct redis_client *redis;
    struct buffer value;
    char field[SERVICE_INSTANCE_SIZE + 64];
    bool failing;
    bool stopping; /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
};

static void write_time(struct json_writer *json, const char *name, struct wall_time time) {
    char text[CLOCK_RFC3339_SIZE];
    json_key(json, name);
    json_string(json, clock_format_rfc3339(time, text));
}

static void write_text(struct json_writer *json, const char *name, const char *value) {
    json_key(json, name);
    json_string(json, value);
}

/* The row: {"service","instance","pid","host","version","started","time","draining","counters":{}}.
 */
static void render_row(struct heartbeat *heartbeat, struct buffer *counters) {
    const struct service *service = heartbeat->service;
    struct json_writer json;
    buffer_reset(&heartbeat->value);
    json_writer_init(&json, &heartbeat->value);
    json_object_begin(&json);
    write_text(&json, "service", service->spec->name);
    write_text(&json, "instance", service->instance);
    json_key(&json, "pid");
    json_int(&json, getpid());
    write_text(&json, "host", service->host);
    write_text(&json, "version", SIEM_VERSION);
    write_time(&json, "started", service->started);
    write_time(&json, "time", clock_wall());
    json_key(&json, "draining");
    json_bool(&json, service_is_draining(service));
    json_key(&json, "counters");
    json_raw(&json, buffer_text(counters));
    if (service->spec->describe != NULL)
        service->spec->describe(heartbeat->service, &json);
    json_object_end(&json);
    json_writer_fini(&json);
}

/* Logs when Redis goes and comes, not at every beat. */
static void note_outcome(struct heartbeat *heartbeat, enum status status) {
    bool failing = status != STATUS_OK;
    if (failing && !heartbeat->failing)
        log_warning("heartbeat not written; trying on",
                    LOG_STRING("reason", redis_client_error(heartbeat->redis)));
    if (!failing && heartbeat->failing)
        log_info("heartbeat written again");
    heartbeat->failing = failing;
}

static void beat(struct heartbeat *heartbeat) {
    struct buffer counters;
    buffer_init(&counters, HEARTBEAT_SIZE_MAX / 2);
    counters_render_json(&counters);
    render_row(heartbeat, &counters);
    buffer_fini(&counters);
    struct redis_reply *reply = NULL;
    enum status status = redis_command(heartbeat->redis, &reply, TEXT("HSET"),
                                       text_of(heartbeat->service->spec->heartbeat_key),
                                       text_of(heartbeat->field), buffer_text(&heartbeat->value));
    redis_reply_destroy(&reply);
    note_outcome(heartbeat, status);
    const struct service_spec *spec = heartbeat->service->spec;
    if (status == STATUS_OK && spec->beat != NULL)
        spec->beat(heartbeat->service, heartbeat->redis);
}

/* A clean end leaves no row; after any other end readers drop it by its age. */
static void remove_row(struct heartbeat *heartbeat) {
    struct redis_reply *reply = NULL;
    enum status status = heartbeat->failing
                             ? STATUS_UNAVAILABLE
                             : redis_command(heartbeat->redis, &reply, TEXT("HDEL"),
                                             text_of(heartbeat->service->spec->heartbeat_key),
                                             text_of(heartbeat->field));
    redis_reply_destroy(&reply);
    if (status != STATUS_OK)
        log_warning("heartbeat row left to expire by its age");
}

/* Waits for the next beat; false when it is time to stop. */
static bool wait_for_next(struct heartbeat *heartbeat, struct mono_time due) {
    struct timespec until = {due.ns / 1000000000, due.ns % 1000000000};
    pthread_mutex_lock(&heartbeat->lock);
    int outcome = 0;
    while (!heartbeat->stopping && outcome == 0)
        outcome = pthread_cond_timedwait(&heartbeat->wake, &heartbeat->lock, &until);
    bool go_on = !heartbeat->stopping;
    pthread_mutex_unlock(&heartbeat->lock);
    return go_on;
}

static void *run(void *context) {
    struct heartbeat *heartbeat = context;
    struct mono_time due;
    do {
        due = clock_mono_add_ms(clock_mono(), HEARTBEAT_INTERVAL_MS);
        beat(heartbeat);
    } while (wait_for_next(heartbeat, due));
    remove_row(heartbeat);
    return NULL;
}

/* A condition variable that waits by the monotonic clock. */
static void init_wake(pthread_cond_t *wake) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct heartbeat *heartbeat_new(struct service *service) {
    if (service->spec->heartbeat_key == NULL)
        return NULL;
    struct redis_client *redis =
        redis_client_new(service->common.redis_url, HEARTBEAT_TIMEOUT_MS, HEARTBEAT_TIMEOUT_MS);
    if (redis == NULL)
        return NULL;
    struct heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
    if (heartbeat == NULL)
        abort();
    heartbeat->service = service;
    heartbeat->redis = redis;
    buffer_init(&heartbeat->value, HEARTBEAT_SIZE_MAX);
    snprintf(heartbeat->field, sizeof heartbeat->field, "%s/%s", service->spec->name,
             service->instance);
    pthread_mutex_init(&heartbeat->lock, NULL);
    init_wake(&heartbeat->wake);
    if (pthread_create(&heartbeat->thread, NULL, run, heartbeat) != 0)
        abort();
    return heartbeat;
}

void heartbeat_destroy(struct heartbeat **heartbeat) {
    struct heartbeat *self = *heartbeat;
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    redis_client_destroy(&self->redis);
    buffer_fini(&self->value);
    free(self);
    *heartbeat = NULL;
}
