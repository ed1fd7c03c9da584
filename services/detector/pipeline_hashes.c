/* pipeline_hashes.c: hashes_fields: "MD5=..." in one field becomes a field for each algorithm. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

#include <strings.h>

/* A part of a string. */
static struct sigma_string slice(struct sigma_string string, size_t from, size_t to) {
    return (struct sigma_string){string.data + from, string.marks + from, to - from};
}

/* The only such byte; SIZE_MAX: there is none, or there are several. */
static size_t find_only(struct sigma_string string, char byte) {
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < string.length; i++) {
        if (string.data[i] != byte)
            continue;
        if (found != SIZE_MAX)
            return SIZE_MAX;
        found = i;
    }
    return found;
}

static struct text name_by_length(size_t length) {
    switch (length) {
    case 32:
        return TEXT("MD5");
    case 40:
        return TEXT("SHA1");
    case 64:
        return TEXT("SHA256");
    case 128:
        return TEXT("SHA512");
    default:
        return (struct text){NULL, 0};
    }
}

/* The algorithm, spelt as the pipeline does; null when the pipeline does not name it. */
static struct text known_name(const struct pipeline_run *run, struct text name) {
    const struct sigma_node *known = sigma_node_member(run->item->node, "valid_hash_algos");
    for (size_t i = 0; name.data != NULL && i < known->count; i++) {
        struct text text = known->items[i].text;
        if (text.length == name.length && strncasecmp(text.data, name.data, name.length) == 0)
            return text;
    }
    return (struct text){NULL, 0};
}

/* Parts a string into the algorithm's name and the hash. */
static struct text split(const struct pipeline_run *run, struct sigma_string string,
                         struct sigma_string *ret_hash) {
    bool has_bar = memchr(string.data, '|', string.length) != NULL;
    size_t at = find_only(string, has_bar ? '|' : '=');
    if (at == SIZE_MAX) {
        *ret_hash = string;
        return known_name(run, name_by_length(string.length));
    }
    size_t from = 0;
    while (from < at && string.data[from] == '*')
        from++;
    *ret_hash = slice(string, at + 1, string.length);
    return known_name(run, (struct text){string.data + from, at - from});
}

/* Adds the hash to the item of its field, a new one when there is none yet. */
static void add_hash(const struct pipeline_run *run, struct sigma_detection *children,
                     size_t *count, struct text field, const struct sigma_value *like,
                     struct sigma_string hash) {
    struct arena *arena = run->reader->arena;
    size_t at = 0;
    while (at < *count && !text_equal(children[at].item.field, field))
        at++;
    struct sigma_item *item = &children[at].item;
    if (at == *count) {
        *item = (struct sigma_item){.line = like->line, .field = field};
        ++*count;
    }
    struct sigma_value *values = arena_zalloc(arena, item->count + 1, sizeof *values);
    if (item->count > 0)
        memcpy(values, item->values, item->count * sizeof *values);
    struct sigma_value *value = &values[item->count++];
    *value = (struct sigma_value){.kind = SIGMA_VALUE_TEXT,
                                  .line = like->line,
                                  .source = sigma_string_text(hash),
                                  .strings = {1, arena_zalloc(arena, 1, sizeof hash)}};
    value->strings.items[0] = hash;
    item->values = values;
}

/* The field of an algorithm; null, for a search in the whole event, when it would be "keyword". */
static struct text field_of(const struct pipeline_run *run, struct text algorithm) {
    struct text prefix = pipeline_text(run->item->node, "field_prefix");
    bool drops = pipeline_switch(run->item->node, "drop_algo_prefix");
    struct text field = arena_printf(run->reader->arena, "%.*s%.*s", TEXT_ARG(prefix),
                                     drops ? 0 : (int)algorithm.length, algorithm.data);
    return text_is(field, "keyword") ? (struct text){NULL, 0} : field;
}

enum status pipeline_split_hashes(struct pipeline_run *run, struct sigma_detection *detection,
                                  bool *ret_changed) {
    const struct sigma_item *item = &detection->item;
    struct sigma_detection *children =
        arena_zalloc(run->reader->arena, item->count + 1, sizeof *children);
    size_t count = 0;
    for (size_t i = 0; i < item->count; i++) {
        const struct sigma_value *value = &item->values[i];
        struct sigma_string hash;
        if (item->comparison != SIGMA_EQUALS || value->kind != SIGMA_VALUE_TEXT)
            return STATUS_OK;
        struct text algorithm = split(run, value->strings.items[0], &hash);
        if (algorithm.data != NULL)
            add_hash(run, children, &count, field_of(run, algorithm), value, hash);
    }
    if (count == 0)
        return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, item->line,
                            "none of its hashes is of an algorithm the pipeline knows");
    for (size_t i = 0; i < count; i++)
        children[i].item.written = item->written;
    sigma_edit_replace(detection, item->all ? SIGMA_DETECTION_ALL : SIGMA_DETECTION_ANY, children,
                       count);
    *ret_changed = true;
    return STATUS_OK;
}
