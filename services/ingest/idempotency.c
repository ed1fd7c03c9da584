/* idempotency.c: the way of a request with an Idempotency-Key. */
#include "services/ingest/idempotency_private.h"

#include "proto/keys.h"
#include "services/ingest/answer.h"
#include "services/ingest/reads.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* idempotency_records.lua and idempotency.lua, embedded by the build. */
extern const char idempotency_records_lua[];
extern const char idempotency_lua[];

#define HEADER "Idempotency-Key"
#define PRUNE_TICKS 40

static void on_tick(void *context, struct redis_client *redis) {
    struct idempotency *idempotency = context;
    idempotency_say_again(idempotency);
    idempotency_find_orphans(idempotency, redis);
    if (++idempotency->ticks % PRUNE_TICKS != 0)
        return;
    struct redis_reply *reply = NULL;
    struct key_name slot = key_name(KEY_IDEMPOTENCY_DONE);
    const struct text arguments[] = {
        TEXT("prune"), TEXT(""), TEXT(""), TEXT(""), text_of(idempotency->keep), TEXT("")};
    enum status status =
        redis_script_run(redis, idempotency->script.script, key_text(&slot), 6, arguments, &reply);
    (void)status; /* the next time will do */
    redis_reply_destroy(&reply);
}

static void write_number(char out[IDEMPOTENCY_NUMBER_SIZE], int64_t number) {
    snprintf(out, IDEMPOTENCY_NUMBER_SIZE, "%lld", (long long)number);
}

static void make_counters(struct idempotency *idempotency) {
    static const char name[] = "siem_idempotent_requests_total";
    static const char help[] = "Requests with an Idempotency-Key, by what became of them";
    idempotency->fresh = counter_new(name, "outcome=\"new\"", help);
    idempotency->replayed = counter_new(name, "outcome=\"replayed\"", help);
    idempotency->busy = counter_new(name, "outcome=\"busy\"", help);
    idempotency->other = counter_new(name, "outcome=\"other_body\"", help);
    idempotency->refused = counter_new(name, "outcome=\"unavailable\"", help);
    idempotency->evicted = counter_new("siem_limits_evicted_total", "table=\"idempotency\"",
                                       "Addresses and keys a limit forgot to make room for others");
}

struct idempotency *idempotency_new(const struct idempotency_options *options) {
    struct idempotency *idempotency = calloc(1, sizeof *idempotency);
    struct ledger_books books;
    if (idempotency == NULL)
        abort();
    idempotency->options = *options;
    out_events_books(options->writer, &books);
    idempotency->producer = books.producer;
    idempotency->epoch = books.epoch;
    snprintf(idempotency->producer_text, sizeof idempotency->producer_text, "%016llx",
             (unsigned long long)books.producer);
    write_number(idempotency->keep, options->keep_ms);
    write_number(idempotency->answers_max, options->answers_max);
    write_number(idempotency->bytes_max, options->bytes_max);
    const char *const texts[] = {idempotency_records_lua, idempotency_lua};
    shared_script_init(&idempotency->script, texts, 2);
    pthread_mutex_init(&idempotency->lock, NULL);
    make_counters(idempotency);
    out_events_expect_search(options->writer);
    rounds_add_tick(options->rounds, on_tick, idempotency);
    return idempotency;
}

void idempotency_destroy(struct idempotency **idempotency) {
    struct idempotency *self = *idempotency;
    if (self == NULL)
        return;
    while (self->again != NULL) {
        struct idempotent *next = self->again->next;
        idempotent_free(self->again);
        self->again = next;
    }
    free(self->search.items);
    shared_script_fini(&self->script);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *idempotency = NULL;
}

struct idempotent *idempotent_new(struct idempotency *idempotency) {
    struct idempotent *idempotent = calloc(1, sizeof *idempotent);
    if (idempotent == NULL)
        abort();
    atomic_fetch_add(&idempotency->open, 1);
    idempotent->idempotency = idempotency;
    buffer_init(&idempotent->body, SIZE_MAX);
    buffer_init(&idempotent->short_body, IDEMPOTENCY_ANSWER_MAX);
    return idempotent;
}

void idempotent_free(struct idempotent *idempotent) {
    atomic_fetch_sub(&idempotent->idempotency->open, 1);
    buffer_fini(&idempotent->body);
    buffer_fini(&idempotent->short_body);
    free(idempotent);
}

void idempotency_limits(const struct idempotency *idempotency, struct text ret_limits[3]) {
    ret_limits[0] = text_of(idempotency->keep);
    ret_limits[1] = text_of(idempotency->answers_max);
    ret_limits[2] = text_of(idempotency->bytes_max);
}

bool idempotency_is_settled(struct idempotency *idempotency) {
    return atomic_load(&idempotency->open) == 0;
}

/* A structured field's string, or the bare text that most senders write: 1..IDEMPOTENCY_KEY_MAX
 * printable characters. */
static bool read_key(struct text header, struct text *ret_key) {
    struct text key = header;
    if (key.length >= 2 && key.data[0] == '"' && key.data[key.length - 1] == '"')
        key = (struct text){key.data + 1, key.length - 2};
    for (size_t i = 0; i < key.length; i++) {
        if (key.data[i] < ' ' || key.data[i] > '~' || key.data[i] == '"')
            return false;
    }
    *ret_key = key;
    return key.length > 0 && key.length <= IDEMPOTENCY_KEY_MAX;
}

enum status idempotency_read_tag(const struct http_request *request, const struct access *access,
                                 char ret_tag[IDEMPOTENCY_TAG_SIZE]) {
    struct text header = http_header(request, HEADER);
    struct caller caller;
    struct text key;
    if (header.data == NULL)
        return STATUS_NOT_FOUND;
    if (!read_key(header, &key))
        return STATUS_BAD_SYNTAX;
    struct digest_stream stream;
    char hex[DIGEST_HEX_SIZE];
    (void)access_identify(access, request, &caller);
    digest_begin(&stream);
    digest_add_text(&stream, text_of(caller.id));
    digest_add_text(&stream, key);
    struct digest digest = digest_end(&stream);
    digest_format(&digest, hex);
    memcpy(ret_tag, hex, IDEMPOTENCY_TAG_SIZE - 1);
    ret_tag[IDEMPOTENCY_TAG_SIZE - 1] = '\0';
    return STATUS_OK;
}

void idempotency_answer_malformed(struct http_request *request) {
    count_drop(STATUS_BAD_SYNTAX);
    answer_detail(request, 400, HEADER " must be 1 to 255 printable characters, e.g. a UUID.");
}

void idempotency_answer_other(struct http_request *request) {
    count_drop(STATUS_CONFLICT);
    static const struct input_error error = {
        HEADER, "This key was used with another request. Use a new key.", "idempotency_key_reused",
        0};
    answer_invalid(request, "header", &error, 1);
}

bool idempotency_look(struct idempotency *idempotency, const struct access *access,
                      struct http_request *request, struct idempotent **ret_idempotent) {
    char tag[IDEMPOTENCY_TAG_SIZE];
    enum status status = idempotency_read_tag(request, access, tag);
    *ret_idempotent = NULL;
    if (status == STATUS_NOT_FOUND)
        return true;
    if (status != STATUS_OK) {
        idempotency_answer_malformed(request);
        return false;
    }
    if (atomic_load(&idempotency->open) >= IDEMPOTENCY_OPEN_MAX) {
        count_drop(STATUS_FULL);
        counter_add(idempotency->refused, 1);
        answer_detail(request, 503, "Too many requests with an " HEADER " are under way.");
        return false;
    }
    struct idempotent *idempotent = idempotent_new(idempotency);
    idempotent->request = request;
    memcpy(idempotent->tag, tag, sizeof tag);
    digest_begin(&idempotent->stream);
    digest_add_text(&idempotent->stream, http_path(request));
    *ret_idempotent = idempotent;
    return true;
}

void idempotent_add(struct idempotent *idempotent, struct bytes piece) {
    digest_add(&idempotent->stream, piece);
}

struct text idempotent_event_tag(const struct idempotent *idempotent, uint64_t ordinal,
                                 char out[IDEMPOTENCY_EVENT_TAG_SIZE]) {
    int length = snprintf(out, IDEMPOTENCY_EVENT_TAG_SIZE, "%s.%llu", idempotent->tag,
                          (unsigned long long)ordinal);
    return (struct text){out, (size_t)length};
}

void idempotent_drop(struct idempotent **idempotent) {
    if (*idempotent != NULL)
        idempotent_free(*idempotent);
    *idempotent = NULL;
}

/* A text of Redis into a room; what does not fit is not ours. */
static void copy_id(struct text text, char out[EVENT_ID_SIZE]) {
    out[0] = '\0';
    if (text.length >= EVENT_ID_SIZE)
        return;
    memcpy(out, text.data != NULL ? text.data : "", text.length);
    out[text.length] = '\0';
}

/* The first answer, again. */
static void answer_again(struct http_request *request, const struct redis_reply *reply) {
    struct buffer body;
    int64_t code = redis_reply_integer(redis_reply_at(reply, 1));
    buffer_init(&body, SIZE_MAX);
    buffer_append_text(&body, redis_reply_text(redis_reply_at(reply, 2)));
    http_answer_header(request, "Idempotent-Replayed", "true");
    http_answer(request, (int)code, "application/json", &body);
}

/* Says why the request is not ours. */
static void answer_reply(struct idempotent *idempotent, enum status status, struct text word,
                         const struct redis_reply *reply) {
    struct idempotency *idempotency = idempotent->idempotency;
    struct http_request *request = idempotent->request;
    if (status != STATUS_OK) {
        counter_add(idempotency->refused, 1);
        reads_answer_error(request, redis_reply_text(reply), status);
    } else if (text_is(word, "done") && redis_reply_count(reply) == 3) {
        counter_add(idempotency->replayed, 1);
        answer_again(request, reply);
    } else if (text_is(word, "busy")) {
        counter_add(idempotency->busy, 1);
        count_drop(STATUS_AGAIN);
        http_answer_header(request, "Retry-After", "1");
        answer_detail(request, 409,
                      "A request with this " HEADER " is still under way. Try again later.");
    } else {
        counter_add(idempotency->other, 1);
        idempotency_answer_other(request);
    }
}

/* Rounds' thread: whether the request is ours. */
static void on_reserved(struct round_job *job, enum status status,
                        const struct redis_reply *reply) {
    struct idempotent *idempotent = idempotent_of(job);
    struct http_request *request = idempotent->request;
    struct text word = {NULL, 0};
    if (status == STATUS_OK && redis_reply_count(reply) > 0)
        word = redis_reply_text(redis_reply_at(reply, 0));
    if (text_is(word, "go") && redis_reply_count(reply) == 4) {
        struct idempotent_earlier earlier;
        counter_add(idempotent->idempotency->fresh, 1);
        earlier.stored = (uint64_t)redis_reply_integer(redis_reply_at(reply, 1));
        copy_id(redis_reply_text(redis_reply_at(reply, 2)), earlier.first_id);
        copy_id(redis_reply_text(redis_reply_at(reply, 3)), earlier.last_id);
        idempotent->route.on_go(request, &earlier);
        return;
    }
    answer_reply(idempotent, status, word, reply);
    idempotent->route.on_stop(request);
    http_release(request);
    idempotent->request = NULL;
    if (status == STATUS_OK)
        idempotent_free(idempotent);
    else
        idempotent_say_release(idempotent); /* it may have been reserved all the same */
}

void idempotent_begin(struct idempotent *idempotent, const struct idempotent_route *route) {
    struct idempotency *idempotency = idempotent->idempotency;
    struct digest digest = digest_end(&idempotent->stream);
    digest_format(&digest, idempotent->print);
    snprintf(idempotent->owner, sizeof idempotent->owner, "%s-%u-%llu", idempotency->producer_text,
             idempotency->epoch,
             (unsigned long long)atomic_fetch_add(&idempotency->next_number, 1));
    idempotent->route = *route;
    http_defer(idempotent->request, route->deadline_ms, route->on_deadline);
    idempotent_say_reserve(idempotent, on_reserved);
}

void idempotent_finish(struct idempotent *idempotent, int code, struct buffer *body,
                       struct text short_body) {
    assert(code >= 200 && code < 300 && buffer_is_whole(body));
    idempotent->code = code;
    idempotent->body = *body;
    buffer_init(body, body->limit);
    if (idempotent->body.length > IDEMPOTENCY_ANSWER_MAX)
        buffer_append_text(&idempotent->short_body, short_body);
    idempotent_say_finish(idempotent);
}

void idempotent_answer(struct idempotent *idempotent, bool keep_body) {
    struct buffer body = idempotent->body;
    if (keep_body) {
        buffer_init(&body, SIZE_MAX);
        buffer_append_text(&body, buffer_text(&idempotent->body));
    } else {
        buffer_init(&idempotent->body, SIZE_MAX);
    }
    http_answer(idempotent->request, idempotent->code, "application/json", &body);
    http_release(idempotent->request);
    idempotent->request = NULL;
}

void idempotent_release(struct idempotent *idempotent, const struct idempotent_earlier *earlier) {
    idempotent->request = NULL;
    idempotent->earlier = *earlier;
    idempotent_say_release(idempotent);
}
