/* idempotency_recover.c: what a process of this spool left open when it was killed: Redis knows the
 * tags and from which batch on to look, the spool knows which events stand there. */
#include "services/ingest/idempotency_private.h"

#include "common/log.h"
#include "proto/keys.h"

#include <stdio.h>
#include <stdlib.h>

/* Batches read in one go, so that the loop does not stand still. */
#define SEARCH_BATCHES 64

/* Decimal digits up to `end`, below 2^63; false when there are none. */
static bool take_number(struct text *rest, char end, uint64_t *ret_number) {
    uint64_t value = 0;
    size_t at = 0;
    for (; at < rest->length && rest->data[at] >= '0' && rest->data[at] <= '9' && at < 18; at++)
        value = value * 10 + (uint64_t)(rest->data[at] - '0');
    if (at == 0 || (at < rest->length ? rest->data[at] : '\0') != end)
        return false;
    size_t taken = at < rest->length ? at + 1 : at;
    *rest = (struct text){rest->data + taken, rest->length - taken};
    *ret_number = value;
    return true;
}

/* "PRODUCER-EPOCH-NUMBER FROM_SEQ" of another epoch of ours; false for one of this process, which
 * is under way, and for what is malformed. */
static bool read_orphan(const struct idempotency *idempotency, struct text tag, struct text place,
                        struct request_search *ret_search) {
    size_t lead = strlen(idempotency->producer_text) + 1;
    uint64_t epoch, number, from_seq;
    if (tag.length != IDEMPOTENCY_TAG_SIZE - 1 || place.length <= lead)
        return false;
    struct text rest = {place.data + lead, place.length - lead};
    if (!take_number(&rest, '-', &epoch) || !take_number(&rest, ' ', &number) ||
        !take_number(&rest, '\0', &from_seq) || epoch == idempotency->epoch || epoch > UINT32_MAX)
        return false;
    *ret_search = (struct request_search){.epoch = (uint32_t)epoch, .from_seq = from_seq};
    memcpy(ret_search->tag, tag.data, tag.length);
    snprintf(ret_search->owner, sizeof ret_search->owner, "%s-%llu-%llu",
             idempotency->producer_text, (unsigned long long)epoch, (unsigned long long)number);
    return true;
}

/* The orphans among the fields of the hash. */
static void read_orphans(struct idempotency *idempotency, const struct redis_reply *reply) {
    size_t fields = redis_reply_count(reply) / 2;
    struct request_search *items = calloc(fields + 1, sizeof *items);
    size_t count = 0;
    if (items == NULL)
        abort();
    for (size_t i = 0; i < fields; i++) {
        struct text tag = redis_reply_text(redis_reply_at(reply, 2 * i));
        struct text place = redis_reply_text(redis_reply_at(reply, 2 * i + 1));
        count += read_orphan(idempotency, tag, place, &items[count]);
    }
    pthread_mutex_lock(&idempotency->lock);
    idempotency->search =
        (struct spool_search){.producer = idempotency->producer, .items = items, .count = count};
    idempotency->recovery = RECOVERY_FOUND;
    pthread_mutex_unlock(&idempotency->lock);
}

void idempotency_find_orphans(struct idempotency *idempotency, struct redis_client *redis) {
    struct key_name name = key_name(KEY_IDEMPOTENCY_OPEN, idempotency->producer_text);
    struct redis_reply *reply = NULL;
    pthread_mutex_lock(&idempotency->lock);
    bool unknown = idempotency->recovery == RECOVERY_UNKNOWN;
    pthread_mutex_unlock(&idempotency->lock);
    if (unknown && redis_command(redis, &reply, TEXT("HGETALL"), key_text(&name)) == STATUS_OK)
        read_orphans(idempotency, reply);
    redis_reply_destroy(&reply);
}

/* Tells Redis what of each orphan is stored. */
static void release_orphans(struct idempotency *idempotency) {
    struct spool_search *search = &idempotency->search;
    for (size_t i = 0; i < search->count; i++) {
        const struct request_search *found = &search->items[i];
        struct idempotent *idempotent = idempotent_new(idempotency);
        memcpy(idempotent->tag, found->tag, sizeof found->tag);
        memcpy(idempotent->owner, found->owner, sizeof found->owner);
        idempotent->earlier.stored = found->stored;
        memcpy(idempotent->earlier.first_id, found->first_id, sizeof found->first_id);
        memcpy(idempotent->earlier.last_id, found->last_id, sizeof found->last_id);
        idempotent_say_release(idempotent);
    }
    if (search->count > 0)
        log_info("requests with an Idempotency-Key were looked up in the spool",
                 LOG_INT("requests", search->count));
    free(search->items);
    search->items = NULL;
}

/* The search itself needs no lock: the tick leaves it alone once it is found. */
bool idempotency_recover(struct idempotency *idempotency) {
    pthread_mutex_lock(&idempotency->lock);
    enum recovery recovery = idempotency->recovery;
    pthread_mutex_unlock(&idempotency->lock);
    if (recovery != RECOVERY_FOUND ||
        !out_events_search(idempotency->options.writer, &idempotency->search, SEARCH_BATCHES))
        return recovery == RECOVERY_DONE;
    release_orphans(idempotency);
    pthread_mutex_lock(&idempotency->lock);
    idempotency->recovery = RECOVERY_DONE;
    pthread_mutex_unlock(&idempotency->lock);
    return true;
}
