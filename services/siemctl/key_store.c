/* key_store.c: what siemctl does to the keys in Redis. */
#include "services/siemctl/key_store.h"

#include "common/redis_client.h"
#include "common/scoped.h"
#include "proto/keys.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 3000
#define SCRIPT_MAX (64 * 1024)
#define WHO_SIZE 192
#define NUMBER_SIZE 24

/* keys.lua, embedded by the build. */
extern const char keys_lua[];

struct key_store {
    struct redis_client *redis;
    struct redis_script *script;
    struct buffer text;
};

struct key_store *key_store_new(const char *redis_url) {
    struct key_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        abort();
    buffer_init(&store->text, SCRIPT_MAX);
    buffer_append_text(&store->text, TEXT("#!lua\n"));
    keys_lua_table(&store->text);
    buffer_append_text(&store->text, text_of(keys_lua));
    store->script = redis_script_new(buffer_text(&store->text));
    store->redis = redis_client_new(redis_url, TIMEOUT_MS, TIMEOUT_MS);
    if (store->redis == NULL)
        key_store_destroy(&store);
    return store;
}

void key_store_destroy(struct key_store **store) {
    struct key_store *self = *store;
    if (self == NULL)
        return;
    redis_client_destroy(&self->redis);
    redis_script_destroy(&self->script);
    buffer_fini(&self->text);
    free(self);
    *store = NULL;
}

const char *key_store_error(const struct key_store *store) {
    return redis_client_error(store->redis);
}

/* Who changes the keys, for the audit trail: siemctl, by a user on a host. */
static void write_who(char who[WHO_SIZE]) {
    char host[64] = "";
    const struct passwd *user = getpwuid(geteuid());
    gethostname(host, sizeof host - 1);
    snprintf(who, WHO_SIZE, "siemctl:%s@%s", user != NULL ? user->pw_name : "unknown", host);
}

/* Runs the script; what its answer means. */
static enum status change(struct key_store *store, const char *operation, struct text id,
                          struct text what, struct text record) {
    SCOPED(redis_reply)
    struct redis_reply *reply = NULL;
    char now[NUMBER_SIZE], kept[NUMBER_SIZE], who[WHO_SIZE];
    struct key_name slot = key_name(KEY_API_KEYS);
    snprintf(now, sizeof now, "%lld", (long long)clock_wall().ms);
    snprintf(kept, sizeof kept, "%d", API_KEYS_MAX);
    write_who(who);
    const struct text arguments[] = {
        text_of(operation), id, text_of(now), text_of(who), what, record, text_of(kept)};
    enum status status =
        redis_script_run(store->redis, store->script, key_text(&slot), 7, arguments, &reply);
    if (status != STATUS_OK)
        return status;
    struct text word = redis_reply_text(redis_reply_at(reply, 0));
    if (text_is(word, "ok"))
        return STATUS_OK;
    if (text_is(word, "full"))
        return STATUS_FULL;
    return text_is(word, "already") ? STATUS_DUPLICATE : STATUS_NOT_FOUND;
}

enum status key_store_add(struct key_store *store, const struct api_key *key) {
    SCOPED_FINI(buffer) struct buffer record;
    SCOPED_FINI(buffer) struct buffer what;
    buffer_init(&record, API_KEY_RECORD_MAX);
    buffer_init(&what, API_KEY_RECORD_MAX);
    api_key_encode(key, &record);
    buffer_append_text(&what, TEXT("key added, scopes "));
    scopes_write(key->scopes, &what);
    buffer_printf(&what, ", name %s", key->name);
    return change(store, "add", text_of(key->id), buffer_text(&what), buffer_text(&record));
}

enum status key_store_revoke(struct key_store *store, struct text id) {
    return change(store, "revoke", id, TEXT("key revoked"), TEXT(""));
}

static int compare_times(const void *left, const void *right) {
    const struct api_key *a = left, *b = right;
    return (a->created_ms < b->created_ms) - (a->created_ms > b->created_ms);
}

enum status key_store_list(struct key_store *store, struct api_key *ret_keys, size_t *ret_count) {
    SCOPED(redis_reply)
    struct redis_reply *records = NULL;
    SCOPED(redis_reply)
    struct redis_reply *revoked = NULL;
    struct key_name names[2] = {key_name(KEY_API_KEYS), key_name(KEY_API_KEYS_REVOKED)};
    size_t count = 0;
    enum status status =
        redis_command(store->redis, &records, TEXT("HGETALL"), key_text(&names[0]));
    if (status == STATUS_OK)
        status = redis_command(store->redis, &revoked, TEXT("HGETALL"), key_text(&names[1]));
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i + 1 < redis_reply_count(records) && count < API_KEYS_MAX; i += 2) {
        struct api_key *key = &ret_keys[count];
        if (api_key_decode(redis_reply_text(redis_reply_at(records, i)),
                           redis_reply_text(redis_reply_at(records, i + 1)), key) != STATUS_OK)
            continue;
        key->revoked_ms = redis_reply_integer(redis_reply_field(revoked, key->id));
        count++;
    }
    qsort(ret_keys, count, sizeof *ret_keys, compare_times);
    *ret_count = count;
    return STATUS_OK;
}
