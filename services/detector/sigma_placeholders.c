/* sigma_placeholders.c: names and values, from maps, lists of lines and directories. */
#include "services/detector/sigma_placeholders.h"

#include "services/detector/directory.h"
#include "services/detector/file_text.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

struct sigma_placeholders {
    struct arena arena;
    size_t count;
    size_t capacity;
    struct sigma_placeholder *items;
};

struct sigma_placeholders *sigma_placeholders_new(void) {
    struct sigma_placeholders *placeholders = calloc(1, sizeof *placeholders);
    if (placeholders == NULL)
        abort();
    arena_init(&placeholders->arena);
    return placeholders;
}

void sigma_placeholders_destroy(struct sigma_placeholders **placeholders) {
    struct sigma_placeholders *all = *placeholders;
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->count; i++)
        free(all->items[i].values);
    free(all->items);
    arena_fini(&all->arena);
    free(all);
    *placeholders = NULL;
}

/* Room for one more; doubles the list when it is full. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    items = reallocarray(items, *capacity, size);
    if (items == NULL)
        abort();
    return items;
}

/* The entry of that name, a new one when there is none. */
static struct sigma_placeholder *entry_of(struct sigma_placeholders *placeholders,
                                          struct text name) {
    for (size_t i = 0; i < placeholders->count; i++)
        if (text_equal(placeholders->items[i].name, name))
            return &placeholders->items[i];
    placeholders->items = grow(placeholders->items, placeholders->count, &placeholders->capacity,
                               sizeof *placeholders->items);
    struct sigma_placeholder *entry = &placeholders->items[placeholders->count++];
    *entry = (struct sigma_placeholder){.name = arena_text(&placeholders->arena, name)};
    return entry;
}

static enum status add_value(struct sigma_placeholders *placeholders,
                             struct sigma_placeholder *entry, struct text value, int line,
                             struct sigma_error *error) {
    if (entry->count == SIGMA_PLACEHOLDER_VALUES_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, line,
                            "placeholder '%.*s' has more than %d values", TEXT_ARG(entry->name),
                            SIGMA_PLACEHOLDER_VALUES_MAX);
    entry->values = grow(entry->values, entry->count, &entry->capacity, sizeof *entry->values);
    entry->values[entry->count++] = arena_text(&placeholders->arena, value);
    return STATUS_OK;
}

enum status sigma_placeholders_add_map(struct sigma_placeholders *placeholders,
                                       const struct sigma_node *map, struct sigma_error *error) {
    if (map->kind != SIGMA_NODE_MAP)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, map->line,
                            "placeholders must be a map from names to values");
    for (size_t i = 0; i < map->count; i++) {
        struct sigma_placeholder *entry = entry_of(placeholders, map->names[i].text);
        const struct sigma_node *values = &map->items[i];
        size_t count = values->kind == SIGMA_NODE_LIST ? values->count : 1;
        for (size_t k = 0; k < count; k++) {
            const struct sigma_node *value =
                values->kind == SIGMA_NODE_LIST ? &values->items[k] : values;
            if (value->kind != SIGMA_NODE_SCALAR || sigma_node_is_null(value))
                return sigma_refuse(error, STATUS_BAD_SYNTAX, value->line,
                                    "placeholder '%.*s' must be a text or a list of texts",
                                    TEXT_ARG(entry->name));
            enum status status = add_value(placeholders, entry, value->text, value->line, error);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static enum status add_yaml(struct sigma_placeholders *placeholders, struct text source,
                            struct sigma_error *error) {
    struct sigma_documents documents = {0, NULL};
    struct arena arena;
    arena_init(&arena);
    enum status status = sigma_yaml_parse(source, &arena, &documents, error);
    for (size_t i = 0; status == STATUS_OK && i < documents.count; i++)
        status = sigma_placeholders_add_map(placeholders, documents.items[i], error);
    arena_fini(&arena);
    return status;
}

/* Adds the lines of a text to one name. */
static enum status add_lines(struct sigma_placeholders *placeholders, struct text name,
                             struct text source, struct sigma_error *error) {
    struct sigma_placeholder *entry = entry_of(placeholders, name);
    enum status status = STATUS_OK;
    for (int line = 1; status == STATUS_OK && source.length > 0; line++) {
        const char *end = memchr(source.data, '\n', source.length);
        size_t length = end != NULL ? (size_t)(end - source.data) : source.length;
        struct text value = {source.data, length};
        if (length > 0 && value.data[length - 1] == '\r')
            value.length--;
        value = text_trim_spaces(value);
        size_t taken = end != NULL ? length + 1 : length;
        source = (struct text){source.data + taken, source.length - taken};
        if (value.length > 0 && value.data[0] != '#')
            status = add_value(placeholders, entry, value, line, error);
    }
    return status;
}

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), end_length = strlen(end);
    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

/* The name of a path's file, without its directory and its last dot. */
static struct text stem_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return (struct text){name, dot != NULL ? (size_t)(dot - name) : strlen(name)};
}

struct loading {
    struct sigma_placeholders *placeholders;
    struct sigma_error *error;
    enum status status; /* of the first file that failed */
};

/* Puts the file's name before a reason. */
static enum status name_file(struct sigma_error *error, const char *path) {
    struct sigma_error inner = *error;
    return sigma_refuse(error, inner.status, inner.line, "%s, line %d: %.150s", path, inner.line,
                        inner.reason);
}

static void load_file(void *context, const char *path) {
    struct loading *loading = context;
    struct buffer source;
    if (loading->status != STATUS_OK)
        return;
    buffer_init(&source, SIGMA_PLACEHOLDER_FILE_MAX);
    enum status status = file_text_read(path, &source);
    if (status != STATUS_OK)
        status = sigma_refuse(loading->error, status, 0, "cannot be read: %s",
                              status == STATUS_TOO_LARGE ? "too large" : strerror(errno));
    else if (ends_in(path, ".txt"))
        status =
            add_lines(loading->placeholders, stem_of(path), buffer_text(&source), loading->error);
    else
        status = add_yaml(loading->placeholders, buffer_text(&source), loading->error);
    buffer_fini(&source);
    loading->status = status == STATUS_OK ? STATUS_OK : name_file(loading->error, path);
}

enum status sigma_placeholders_load(struct sigma_placeholders *placeholders, const char *path,
                                    struct sigma_error *error) {
    static const char *const endings[] = {".yml", ".yaml", ".txt", NULL};
    struct loading loading = {placeholders, error, STATUS_OK};
    const struct directory_visitor visitor = {endings, load_file, load_file, &loading};
    if (directory_walk(path, &visitor) != STATUS_OK)
        load_file(&loading, path);
    return loading.status;
}

void sigma_placeholders_forget(struct sigma_placeholders *placeholders,
                               const struct sigma_node *map) {
    for (size_t i = 0; map->kind == SIGMA_NODE_MAP && i < map->count; i++)
        entry_of(placeholders, map->names[i].text)->count = 0;
}

const struct sigma_placeholder *
sigma_placeholders_find(const struct sigma_placeholders *placeholders, struct text name) {
    for (size_t i = 0; placeholders != NULL && i < placeholders->count; i++)
        if (text_equal(placeholders->items[i].name, name))
            return &placeholders->items[i];
    return NULL;
}

uint64_t sigma_placeholders_hash(const struct sigma_placeholders *placeholders) {
    uint64_t hash = 0;
    for (size_t i = 0; placeholders != NULL && i < placeholders->count; i++) {
        const struct sigma_placeholder *item = &placeholders->items[i];
        hash = XXH3_64bits_withSeed(item->name.data, item->name.length, hash);
        for (size_t k = 0; k < item->count; k++)
            hash = XXH3_64bits_withSeed(item->values[k].data, item->values[k].length, hash + 1);
    }
    return hash;
}
