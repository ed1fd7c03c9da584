/* key_ring.c: reads the keys from Redis, and finds one. */
#include "services/ingest/key_ring.h"

#include "common/counters.h"
#include "common/log.h"
#include "proto/keys.h"

#include <pthread.h>
#include <stdlib.h>

#define VERSION_SIZE 32

struct key_ring {
    pthread_mutex_t lock;
    struct api_key *keys; /* ascending by id */
    size_t count;
    bool known;                 /* they were read once */
    char version[VERSION_SIZE]; /* of what was read */
    struct gauge *keys_gauge;
    char (*revoked)[API_KEY_ID_LENGTH + 1]; /* ids that were revoked at any time; a ring */
    size_t revoked_count;                   /* ever noted */
};

struct key_ring *key_ring_new(void) {
    struct key_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        abort();
    pthread_mutex_init(&ring->lock, NULL);
    ring->keys_gauge = gauge_new("siem_api_keys", NULL, "Keys of the API that are not revoked");
    ring->revoked = calloc(API_KEYS_MAX, sizeof *ring->revoked);
    if (ring->revoked == NULL)
        abort();
    return ring;
}

void key_ring_destroy(struct key_ring **ring) {
    struct key_ring *self = *ring;
    if (self == NULL)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self->keys);
    free(self->revoked);
    free(self);
    *ring = NULL;
}

static int compare_ids(const void *left, const void *right) {
    const struct api_key *a = left, *b = right;
    return memcmp(a->id, b->id, API_KEY_ID_LENGTH);
}

static bool was_revoked(const struct key_ring *ring, const char *id) {
    size_t count = ring->revoked_count < API_KEYS_MAX ? ring->revoked_count : API_KEYS_MAX;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(ring->revoked[i], id, API_KEY_ID_LENGTH) == 0)
            return true;
    }
    return false;
}

/* A key that is revoked now is for as long as this process lives; one that was and is not any more
 * stands there again because Redis lost something. */
static void hold_revocation(struct key_ring *ring, struct api_key *key) {
    bool known = was_revoked(ring, key->id);
    if (key->revoked_ms != 0 && !known) {
        memcpy(ring->revoked[ring->revoked_count % API_KEYS_MAX], key->id, API_KEY_ID_LENGTH);
        ring->revoked_count++;
    }
    if (key->revoked_ms != 0 || !known)
        return;
    key->revoked_ms = 1;
    log_warning("Redis no longer knows that a key was revoked; it stays refused here",
                LOG_STRING("key", key->id),
                LOG_STRING("remedy", "revoke it again, for processes that start later"));
}

/* The keys of a reply of HGETALL, in `keys`; how many. */
static size_t read_keys(struct key_ring *ring, const struct redis_reply *records,
                        const struct redis_reply *revoked, struct api_key *keys) {
    size_t count = 0, active = 0;
    for (size_t i = 0; i + 1 < redis_reply_count(records) && count < API_KEYS_MAX; i += 2) {
        struct text id = redis_reply_text(redis_reply_at(records, i));
        struct text record = redis_reply_text(redis_reply_at(records, i + 1));
        struct api_key *key = &keys[count];
        enum status status = api_key_decode(id, record, key);
        if (status != STATUS_OK) {
            count_drop(status);
            log_warning("a key's record in Redis is malformed", LOG_TEXT("key", id));
            continue;
        }
        key->revoked_ms = redis_reply_integer(redis_reply_field(revoked, key->id));
        hold_revocation(ring, key);
        active += key->revoked_ms == 0;
        count++;
    }
    gauge_set(ring->keys_gauge, (int64_t)active);
    return count;
}

/* Reads all of them, and puts them in the place of what was known. */
static enum status read_ring(struct key_ring *ring, struct redis_client *redis) {
    struct key_name names[2] = {key_name(KEY_API_KEYS), key_name(KEY_API_KEYS_REVOKED)};
    struct redis_reply *replies[2] = {NULL, NULL};
    enum status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++)
        status = redis_command(redis, &replies[i], TEXT("HGETALL"), key_text(&names[i]));
    if (status == STATUS_OK) {
        struct api_key *keys = calloc(API_KEYS_MAX, sizeof *keys);
        if (keys == NULL)
            abort();
        size_t count = read_keys(ring, replies[0], replies[1], keys);
        qsort(keys, count, sizeof *keys, compare_ids);
        pthread_mutex_lock(&ring->lock);
        struct api_key *old = ring->keys;
        ring->keys = keys;
        ring->count = count;
        ring->known = true;
        pthread_mutex_unlock(&ring->lock);
        free(old);
    }
    redis_reply_destroy(&replies[0]);
    redis_reply_destroy(&replies[1]);
    return status;
}

/* The version is read first: what changes after that is seen at the next look. */
void key_ring_refresh(void *context, struct redis_client *redis) {
    struct key_ring *ring = context;
    struct key_name name = key_name(KEY_API_KEYS_VERSION);
    struct redis_reply *reply = NULL;
    char version[VERSION_SIZE] = "";
    if (redis_command(redis, &reply, TEXT("GET"), key_text(&name)) != STATUS_OK)
        return;
    struct text text = redis_reply_text(reply);
    if (text.length < sizeof version)
        memcpy(version, text.data != NULL ? text.data : "", text.length);
    redis_reply_destroy(&reply);
    if (ring->known && strcmp(version, ring->version) == 0)
        return;
    if (read_ring(ring, redis) == STATUS_OK)
        memcpy(ring->version, version, sizeof version);
}

enum status key_ring_find(struct key_ring *ring, struct text token, struct wall_time now,
                          struct api_key *ret_key) {
    struct api_key wanted = {0};
    struct text id;
    if (!api_key_token_id(token, &id))
        return STATUS_NOT_FOUND;
    memcpy(wanted.id, id.data, API_KEY_ID_LENGTH);
    pthread_mutex_lock(&ring->lock);
    bool known = ring->known;
    const struct api_key *found =
        ring->count == 0 ? NULL
                         : bsearch(&wanted, ring->keys, ring->count, sizeof wanted, compare_ids);
    if (found != NULL)
        wanted = *found;
    pthread_mutex_unlock(&ring->lock);
    if (!known)
        return STATUS_UNAVAILABLE;
    struct digest digest = digest_of(token);
    if (found == NULL || !digest_equal(&digest, &wanted.digest))
        return STATUS_NOT_FOUND;
    if (wanted.revoked_ms != 0 || (wanted.expires_ms != 0 && wanted.expires_ms <= now.ms))
        return STATUS_REFUSED;
    *ret_key = wanted;
    return STATUS_OK;
}
