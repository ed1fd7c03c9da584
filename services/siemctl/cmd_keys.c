/* cmd_keys.c: siemctl keys: adds, lists and revokes keys of the API, in Redis, which all ingest
 * processes look at. */
#include "common/json_writer.h"
#include "common/scoped.h"
#include "services/siemctl/command.h"
#include "services/siemctl/key_store.h"
#include "services/siemctl/terminal.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_SIZE_MAX (1024 * 1024)

static struct keys_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/keys.def"
#undef OPTION
} arguments;

#define CONF_STRUCT struct keys_arguments
static const struct conf_option options[] = {
#define OPTION CONF_ROW
#include "services/siemctl/keys.def"
#undef OPTION
};
#undef CONF_STRUCT

/* What went wrong, with the remedy. */
static int fail(const struct key_store *store, const struct siemctl_config *config,
                enum status status) {
    if (status == STATUS_FULL)
        fprintf(stderr, "siemctl: there are %d keys, all in force; revoke some first.\n",
                API_KEYS_MAX);
    else if (status == STATUS_NOT_FOUND)
        fprintf(stderr, "siemctl: no such key; \"siemctl keys list\" shows them.\n");
    else
        fprintf(stderr, "siemctl: Redis at %s: %s. Is it right (--redis-url, SIEM_REDIS_URL)?\n",
                config->redis_url, key_store_error(store));
    return EXIT_FAILED;
}

/* The token alone goes to stdout, for KEY=$(siemctl keys add). */
static int add(struct key_store *store, const struct siemctl_config *config) {
    char token[API_KEY_TOKEN_LENGTH + 1];
    struct api_key key;
    struct text name = text_of(arguments.name);
    unsigned scopes = 0;
    if (scopes_parse(text_of(arguments.scopes), &scopes) != STATUS_OK)
        return command_usage_error(&command_keys, "scopes are ingest, read and admin, not \"%s\"",
                                   arguments.scopes);
    if (!api_key_name_is_valid(name))
        return command_usage_error(&command_keys, "a name has at most %d bytes of plain text",
                                   API_KEY_NAME_MAX);
    api_key_make(&key, token);
    key.scopes = scopes;
    key.created_ms = clock_wall().ms;
    key.expires_ms = arguments.expires_ms > 0 ? key.created_ms + arguments.expires_ms : 0;
    memcpy(key.name, name.data, name.length + 1);
    enum status status = key_store_add(store, &key);
    if (status != STATUS_OK)
        return fail(store, config, status);
    printf("%s\n", token);
    fprintf(stderr,
            "Key %s, good within a second. It is shown this once; only its digest is kept.\n",
            key.id);
    return EXIT_DONE;
}

static int revoke(struct key_store *store, const struct siemctl_config *config, const char *word) {
    struct text id = text_of(word);
    (void)api_key_token_id(text_of(word), &id);
    enum status status = key_store_revoke(store, id);
    if (status != STATUS_OK && status != STATUS_DUPLICATE)
        return fail(store, config, status);
    printf(status == STATUS_OK ? "revoked %.*s\n" : "%.*s was revoked already\n", TEXT_ARG(id));
    return EXIT_DONE;
}

/* What can be done with the key now. */
static const char *state_of(const struct api_key *key) {
    if (key->revoked_ms != 0)
        return "revoked";
    return key->expires_ms != 0 && key->expires_ms <= clock_wall().ms ? "expired" : "good";
}

/* A time, or null for none. */
static struct text time_text(int64_t ms, char room[CLOCK_RFC3339_SIZE]) {
    if (ms == 0)
        return (struct text){NULL, 0};
    return text_of(clock_format_rfc3339((struct wall_time){ms}, room));
}

static void print_table(const struct api_key *keys, size_t count) {
    static const char *const heads[] = {"ID",      "STATE",   "SCOPES", "CREATED",
                                        "EXPIRES", "REVOKED", "NAME"};
    struct table table;
    table_init(&table, sizeof heads / sizeof *heads, heads);
    for (size_t i = 0; i < count; i++) {
        char room[CLOCK_RFC3339_SIZE];
        SCOPED_FINI(buffer) struct buffer scopes;
        buffer_init(&scopes, 64);
        scopes_write(keys[i].scopes, &scopes);
        table_add(&table, text_of(keys[i].id));
        table_add(&table, text_of(state_of(&keys[i])));
        table_add(&table, buffer_text(&scopes));
        table_add(&table, time_text(keys[i].created_ms, room));
        table_add(&table, time_text(keys[i].expires_ms, room));
        table_add(&table, time_text(keys[i].revoked_ms, room));
        table_add(&table, keys[i].name[0] != '\0' ? text_of(keys[i].name) : time_text(0, room));
    }
    table_print(&table, stdout);
    table_fini(&table);
}

static void write_key(struct json_writer *json, const struct api_key *key) {
    char room[CLOCK_RFC3339_SIZE];
    SCOPED_FINI(buffer) struct buffer scopes;
    buffer_init(&scopes, 64);
    scopes_write(key->scopes, &scopes);
    json_object_begin(json);
    json_key(json, "id");
    json_string(json, key->id);
    json_key(json, "state");
    json_string(json, state_of(key));
    json_key(json, "scopes");
    json_text(json, buffer_text(&scopes));
    json_key(json, "created");
    json_text(json, time_text(key->created_ms, room));
    json_key(json, "expires");
    json_text(json, time_text(key->expires_ms, room));
    json_key(json, "revoked");
    json_text(json, time_text(key->revoked_ms, room));
    json_key(json, "name");
    json_string(json, key->name);
    json_object_end(json);
}

static void print_json(const struct api_key *keys, size_t count) {
    SCOPED_FINI(buffer) struct buffer out;
    struct json_writer json;
    buffer_init(&out, LIST_SIZE_MAX);
    json_writer_init(&json, &out);
    json_array_begin(&json);
    for (size_t i = 0; i < count; i++)
        write_key(&json, &keys[i]);
    json_array_end(&json);
    json_writer_fini(&json);
    printf("%.*s\n", TEXT_ARG(buffer_text(&out)));
}

static int list(struct key_store *store, const struct siemctl_config *config) {
    struct api_key *keys = calloc(API_KEYS_MAX, sizeof *keys);
    size_t count = 0;
    if (keys == NULL)
        abort();
    enum status status = key_store_list(store, keys, &count);
    if (status == STATUS_OK && arguments.json)
        print_json(keys, count);
    else if (status == STATUS_OK)
        print_table(keys, count);
    free(keys);
    return status == STATUS_OK ? EXIT_DONE : fail(store, config, status);
}

static int run(const struct siemctl_config *config, int count, char **operands) {
    const char *word = count > 0 ? operands[0] : "list";
    bool takes_id = strcmp(word, "revoke") == 0;
    bool known = takes_id || strcmp(word, "add") == 0 || strcmp(word, "list") == 0;
    if (!known)
        return command_usage_error(&command_keys, "\"%s\" is none of add, list, revoke", word);
    if (count > 1 + takes_id || (takes_id && count < 2))
        return command_usage_error(&command_keys,
                                   takes_id ? "revoke takes one key's id" : "too many arguments");
    SCOPED(key_store)
    struct key_store *store = key_store_new(config->redis_url);
    if (store == NULL)
        return EXIT_USAGE;
    if (takes_id)
        return revoke(store, config, operands[1]);
    return strcmp(word, "add") == 0 ? add(store, config) : list(store, config);
}

const struct command command_keys = {
    .name = "keys",
    .summary = "Adds, lists or revokes keys of the API.",
    .usage = "add | list | revoke ID",
    .examples = "  siemctl keys add --name \"firewall, Cologne\"\n"
                "  siemctl keys add --scopes ingest,read --expires 90d\n"
                "  siemctl keys list\n"
                "  siemctl keys revoke 3f9a1c20b7d4\n",
    .options = options,
    .options_count = sizeof options / sizeof *options,
    .arguments = &arguments,
    .run = run,
};
