/* redis_script.c: Lua scripts by their SHA-1, and functions by their name, loaded when Redis does
 * not know them. */
#include "common/redis_client.h"

#include <assert.h>
#include <stdlib.h>

#define SHA1_LENGTH 40
#define SCRIPT_ARGUMENTS_MAX 65536
#define CALL_WORDS 4

struct redis_script {
    struct text source;
    struct text function;       /* of a library; else null */
    char sha1[SHA1_LENGTH + 1]; /* of a script, as Redis answered */
    bool is_loaded;
};

struct redis_script *redis_script_new(struct text source) {
    struct redis_script *script = calloc(1, sizeof(*script));
    if (script == NULL)
        abort();
    script->source = source;
    return script;
}

struct redis_script *redis_script_new_library(struct text source, struct text function) {
    struct redis_script *script = redis_script_new(source);
    script->function = function;
    return script;
}

void redis_script_destroy(struct redis_script **script) {
    free(*script);
    *script = NULL;
}

static enum status load_library(struct redis_client *client, struct redis_script *script) {
    struct redis_reply *reply = NULL;
    enum status status = redis_command(client, &reply, TEXT("FUNCTION"), TEXT("LOAD"),
                                       TEXT("REPLACE"), script->source);
    redis_reply_destroy(&reply);
    script->is_loaded = script->is_loaded || status == STATUS_OK;
    return status;
}

enum status redis_script_load(struct redis_client *client, struct redis_script *script) {
    if (script->function.data != NULL)
        return load_library(client, script);
    struct redis_reply *reply = NULL;
    enum status status =
        redis_command(client, &reply, TEXT("SCRIPT"), TEXT("LOAD"), script->source);
    if (status != STATUS_OK)
        return status;
    struct text sha1 = redis_reply_text(reply);
    if (sha1.data == NULL || sha1.length != SHA1_LENGTH)
        status = STATUS_BAD_TYPE;
    else
        memcpy(script->sha1, sha1.data, SHA1_LENGTH);
    script->is_loaded = script->is_loaded || status == STATUS_OK;
    redis_reply_destroy(&reply);
    return status;
}

bool redis_script_is_loaded(const struct redis_script *script) {
    return script->is_loaded;
}

/* EVALSHA sha1 1 key argument..., or FCALL function 1 key argument...; gives a vector to free. */
static struct text *make_vector(const struct redis_script *script, struct text key, size_t count,
                                const struct text *arguments) {
    assert(script->is_loaded);
    assert(count <= SCRIPT_ARGUMENTS_MAX);
    bool is_function = script->function.data != NULL;
    struct text *vector = calloc(count + CALL_WORDS, sizeof(*vector));
    if (vector == NULL)
        abort();
    vector[0] = is_function ? TEXT("FCALL") : TEXT("EVALSHA");
    vector[1] = is_function ? script->function : (struct text){script->sha1, SHA1_LENGTH};
    vector[2] = TEXT("1");
    vector[3] = key;
    if (count > 0)
        memcpy(vector + CALL_WORDS, arguments, count * sizeof(*vector));
    return vector;
}

enum status redis_script_append(struct redis_client *client, struct redis_script *script,
                                struct text key, size_t count, const struct text *arguments) {
    struct text *vector = make_vector(script, key, count, arguments);
    enum status status = redis_client_append(client, count + CALL_WORDS, vector);
    free(vector);
    return status;
}

static bool met_noscript(const struct redis_client *client, enum status status) {
    return status == STATUS_REFUSED && redis_error_is_noscript(text_of(redis_client_error(client)));
}

enum status redis_script_run(struct redis_client *client, struct redis_script *script,
                             struct text key, size_t count, const struct text *arguments,
                             struct redis_reply **ret_reply) {
    enum status status = script->is_loaded ? STATUS_OK : redis_script_load(client, script);
    if (status != STATUS_OK)
        return status;
    struct text *vector = make_vector(script, key, count, arguments);
    status = redis_client_command(client, count + CALL_WORDS, vector, ret_reply);
    if (met_noscript(client, status)) {
        status = redis_script_load(client, script);
        if (status == STATUS_OK)
            status = redis_client_command(client, count + CALL_WORDS, vector, ret_reply);
    }
    free(vector);
    return status;
}
