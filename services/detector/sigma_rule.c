/* sigma_rule.c: the head of a rule, and the order in which its parts are read. */
#include "services/detector/sigma_rule.h"

#include <xxhash.h>

static enum status refuse(const struct sigma_reader *reader, int line, const char *reason) {
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, line, "%s", reason);
}

enum status sigma_rule_read_text(const struct sigma_reader *reader, const struct sigma_node *map,
                                 const char *name, struct text *ret_text) {
    const struct sigma_node *node = sigma_node_member(map, name);
    if (node == NULL || sigma_node_is_null(node))
        return STATUS_OK;
    if (node->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line, "'%s' must be a text",
                            name);
    *ret_text = node->text;
    return STATUS_OK;
}

/* A UUID, which the specification recommends, or another word without blanks. */
static bool is_id(struct text text) {
    if (text.length == 0 || text.length > SIGMA_ID_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

/* A rule without an id gets one made of a text, in the form of UUID version 8. */
static struct text make_id(struct arena *arena, struct text text, uint64_t seed) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(text.data, text.length, seed);
    return arena_printf(arena, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(hash.high64 >> 32),
                        (unsigned)(hash.high64 >> 16 & 0xffff), (unsigned)(hash.high64 & 0xfff),
                        (unsigned)(0x8000 | (hash.low64 >> 48 & 0x3fff)),
                        (unsigned long long)(hash.low64 & 0xffffffffffffull));
}

/* A hash of all that stands below a node. */
static uint64_t hash_node(const struct sigma_node *node, uint64_t seed) {
    if (node->kind == SIGMA_NODE_SCALAR)
        return XXH3_64bits_withSeed(node->text.data, node->text.length, seed + 1);
    seed = XXH3_64bits_withSeed(&node->count, sizeof node->count, seed);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == SIGMA_NODE_MAP)
            seed = hash_node(&node->names[i], seed);
        seed = hash_node(&node->items[i], seed);
    }
    return seed;
}

void sigma_rule_make_other_id(struct sigma_rule *rule, struct arena *arena) {
    rule->id = make_id(arena, rule->title, hash_node(rule->root, 0));
    rule->incident = rule->names_incident ? rule->incident : rule->id;
}

static enum status read_id(const struct sigma_reader *reader, const struct sigma_node *root,
                           struct sigma_rule *rule) {
    struct text id = {NULL, 0};
    enum status status = sigma_rule_read_text(reader, root, "id", &id);
    if (status != STATUS_OK)
        return status;
    if (id.data != NULL && !is_id(id))
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, sigma_node_member(root, "id")->line,
                            "'id' is no UUID, nor another word of at most %d bytes", SIGMA_ID_MAX);
    rule->has_own_id = id.data != NULL;
    rule->id = rule->has_own_id ? id : make_id(reader->arena, rule->title, 0);
    return STATUS_OK;
}

static size_t count_characters(struct text text) {
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static enum status read_title(const struct sigma_reader *reader, const struct sigma_node *root,
                              struct sigma_rule *rule) {
    enum status status = sigma_rule_read_text(reader, root, "title", &rule->title);
    if (status == STATUS_OK && rule->title.length == 0)
        status = refuse(reader, root->line, "no 'title'");
    if (status == STATUS_OK && count_characters(rule->title) > SIGMA_TITLE_MAX)
        status = sigma_refuse(reader->error, STATUS_TOO_LARGE, root->line,
                              "'title' is longer than %d characters", SIGMA_TITLE_MAX);
    return status;
}

static enum status read_name(const struct sigma_reader *reader, const struct sigma_node *root,
                             struct sigma_rule *rule) {
    return sigma_rule_read_text(reader, root, "name", &rule->name);
}

/* A member that is one of a few words, in small letters however it is written. */
static enum status read_word(const struct sigma_reader *reader, const struct sigma_node *root,
                             const char *name, struct text *ret_word) {
    struct text text = {NULL, 0};
    enum status status = sigma_rule_read_text(reader, root, name, &text);
    if (status != STATUS_OK || text.data == NULL)
        return status;
    char *word = arena_alloc(reader->arena, text.length + 1);
    for (size_t i = 0; i < text.length; i++)
        word[i] = (char)(text.data[i] | (text.data[i] >= 'A' && text.data[i] <= 'Z' ? 0x20 : 0));
    *ret_word = (struct text){word, text.length};
    return STATUS_OK;
}

static enum status read_level(const struct sigma_reader *reader, const struct sigma_node *root,
                              struct sigma_rule *rule) {
    struct text level = TEXT("medium");
    enum status status = read_word(reader, root, "level", &level);
    if (status == STATUS_OK && !severity_parse_level(level, &rule->level))
        status = refuse(reader, sigma_node_member(root, "level")->line,
                        "'level' must be informational, low, medium, high or critical");
    return status;
}

static enum status read_status(const struct sigma_reader *reader, const struct sigma_node *root,
                               struct sigma_rule *rule) {
    enum status status = read_word(reader, root, "status", &rule->status);
    if (status == STATUS_OK && text_is(rule->status, "unsupported"))
        status =
            sigma_refuse(reader->error, STATUS_UNSUPPORTED, sigma_node_member(root, "status")->line,
                         "its author marked it 'status: unsupported'");
    return status;
}

/* Tags beyond FINDING_TAGS_MAX stay in the file: a finding has no room for them. */
static enum status read_tags(const struct sigma_reader *reader, const struct sigma_node *root,
                             struct sigma_rule *rule) {
    const struct sigma_node *tags = sigma_node_member(root, "tags");
    struct text_list *list = &rule->tags;
    if (tags == NULL || sigma_node_is_null(tags))
        return STATUS_OK;
    if (tags->kind != SIGMA_NODE_LIST)
        return refuse(reader, tags->line, "'tags' must be a list of texts");
    for (size_t i = 0; i < tags->count; i++) {
        const struct sigma_node *tag = &tags->items[i];
        if (tag->kind != SIGMA_NODE_SCALAR)
            return refuse(reader, tag->line, "'tags' must be a list of texts");
        if (tag->text.length > SIGMA_TAG_MAX)
            return sigma_refuse(reader->error, STATUS_TOO_LARGE, tag->line,
                                "a tag is longer than %d bytes", SIGMA_TAG_MAX);
        if (list->count < FINDING_TAGS_MAX)
            list->items[list->count++] = tag->text;
    }
    return STATUS_OK;
}

enum status sigma_rule_read_head(const struct sigma_reader *reader, const struct sigma_node *root,
                                 struct sigma_rule *rule) {
    static enum status (*const parts[])(const struct sigma_reader *, const struct sigma_node *,
                                        struct sigma_rule *) = {
        read_title, read_id, read_name, read_status, read_level, read_tags,
    };
    enum status status = STATUS_OK;
    rule->root = root;
    rule->line = root->line;
    for (size_t i = 0; status == STATUS_OK && i < sizeof parts / sizeof parts[0]; i++)
        status = parts[i](reader, root, rule);
    return status;
}

enum status sigma_rule_read_logsource(const struct sigma_reader *reader,
                                      const struct sigma_node *root,
                                      struct logsource *ret_logsource) {
    const struct sigma_node *map = sigma_node_member(root, "logsource");
    struct logsource logsource = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (map == NULL)
        return refuse(reader, root->line, "no 'logsource'");
    if (!sigma_node_is_null(map) && map->kind != SIGMA_NODE_MAP)
        return refuse(reader, map->line, "'logsource' must be a map");
    enum status status = sigma_rule_read_text(reader, map, "category", &logsource.category);
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, map, "product", &logsource.product);
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, map, "service", &logsource.service);
    if (status == STATUS_OK)
        *ret_logsource = logsource;
    return status;
}

/* One condition, or a list of which any will do. */
static enum status read_condition(const struct sigma_reader *reader, const struct sigma_node *node,
                                  struct sigma_rule *rule) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    struct sigma_condition *any = arena_zalloc(reader->arena, 1, sizeof *any);
    any->kind = SIGMA_CONDITION_OR;
    any->children = arena_zalloc(reader->arena, count + 1, sizeof(const struct sigma_condition *));
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *text = is_list ? &node->items[i] : node;
        if (text->kind != SIGMA_NODE_SCALAR)
            break;
        enum status status = sigma_condition_parse(reader, text->text, text->line, rule,
                                                   &any->children[any->count++]);
        if (status != STATUS_OK)
            return status;
    }
    if (any->count != count || count == 0)
        return refuse(reader, node->line, "'condition' must be a text or a list of texts");
    rule->condition = count == 1 ? any->children[0] : any;
    return STATUS_OK;
}

enum status sigma_rule_read_selections(const struct sigma_reader *reader,
                                       const struct sigma_node *map, struct sigma_rule *rule) {
    const struct sigma_node *condition = sigma_node_member(map, "condition");
    if (condition == NULL)
        return refuse(reader, map->line, "there is no 'condition'");
    enum status status = sigma_detection_read(reader, map, rule);
    return status != STATUS_OK ? status : read_condition(reader, condition, rule);
}

enum status sigma_rule_read(const struct sigma_reader *reader, const struct sigma_node *root,
                            struct sigma_rule *ret_rule) {
    struct sigma_rule rule = {.root = root};
    const struct sigma_node *detection = sigma_node_member(root, "detection");
    enum status status = sigma_rule_read_head(reader, root, &rule);
    if (status == STATUS_OK)
        status = sigma_rule_read_logsource(reader, root, &rule.logsource);
    if (status == STATUS_OK)
        status = sigma_rule_read_siem(reader, root, &rule);
    if (status == STATUS_OK && (detection == NULL || detection->kind != SIGMA_NODE_MAP))
        status = refuse(reader, root->line, "no map 'detection'");
    if (status == STATUS_OK)
        status = sigma_rule_read_selections(reader, detection, &rule);
    if (status == STATUS_OK)
        *ret_rule = rule;
    return status;
}
