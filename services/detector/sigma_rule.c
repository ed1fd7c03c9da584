/* sigma_rule.c: the head of a rule, and the order in which its parts are read. */
#include "services/detector/sigma_rule.h"

#include <xxhash.h>

struct reader {
    const struct sigma_node *root;
    struct arena *arena;
    struct sigma_error *error;
    struct sigma_rule *rule;
};

/* Reads a scalar member; null when it is absent. */
static enum status read_text(struct reader *reader, const struct sigma_node *map, const char *name,
                             struct text *ret_text) {
    const struct sigma_node *node = sigma_node_member(map, name);
    if (node == NULL || sigma_node_is_null(node))
        return STATUS_OK;
    if (node->kind != SIGMA_NODE_SCALAR)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line, "'%s' must be a text",
                            name);
    *ret_text = node->text;
    return STATUS_OK;
}

static bool is_uuid(struct text text) {
    if (text.length != 36)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                     (byte >= 'A' && byte <= 'F');
        if (dash ? byte != '-' : !digit)
            return false;
    }
    return true;
}

/* A rule without an id gets one made of its title, in the form of UUID version 8. */
static struct text make_id(struct reader *reader, struct text title) {
    XXH128_hash_t hash = XXH3_128bits(title.data, title.length);
    return arena_printf(reader->arena, "%08x-%04x-8%03x-%04x-%012llx",
                        (unsigned)(hash.high64 >> 32), (unsigned)(hash.high64 >> 16 & 0xffff),
                        (unsigned)(hash.high64 & 0xfff),
                        (unsigned)(0x8000 | (hash.low64 >> 48 & 0x3fff)),
                        (unsigned long long)(hash.low64 & 0xffffffffffffull));
}

static enum status read_id(struct reader *reader) {
    struct text id = {NULL, 0};
    enum status status = read_text(reader, reader->root, "id", &id);
    if (status != STATUS_OK)
        return status;
    if (id.data != NULL && !is_uuid(id))
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX,
                            sigma_node_member(reader->root, "id")->line, "'id' is no UUID");
    reader->rule->id = id.data != NULL ? id : make_id(reader, reader->rule->title);
    return STATUS_OK;
}

static enum status read_title(struct reader *reader) {
    struct text *title = &reader->rule->title;
    enum status status = read_text(reader, reader->root, "title", title);
    if (status == STATUS_OK && title->length == 0)
        status = sigma_refuse(reader->error, STATUS_BAD_SYNTAX, reader->root->line, "no 'title'");
    if (status == STATUS_OK && title->length > SIGMA_TITLE_MAX)
        status = sigma_refuse(reader->error, STATUS_TOO_LARGE, reader->root->line,
                              "'title' is longer than %d bytes", SIGMA_TITLE_MAX);
    return status;
}

static enum status read_level(struct reader *reader) {
    struct text level = TEXT("medium");
    enum status status = read_text(reader, reader->root, "level", &level);
    if (status == STATUS_OK && !severity_parse_level(level, &reader->rule->level))
        status = sigma_refuse(reader->error, STATUS_BAD_SYNTAX,
                              sigma_node_member(reader->root, "level")->line,
                              "'level' must be informational, low, medium, high or critical");
    return status;
}

static enum status read_status(struct reader *reader) {
    struct text text = {NULL, 0};
    enum status status = read_text(reader, reader->root, "status", &text);
    if (status == STATUS_OK && text_is(text, "unsupported"))
        status = sigma_refuse(reader->error, STATUS_UNSUPPORTED,
                              sigma_node_member(reader->root, "status")->line,
                              "its author marked it 'status: unsupported'");
    return status;
}

/* Tags beyond FINDING_TAGS_MAX stay in the file: a finding has no room for them. */
static enum status read_tags(struct reader *reader) {
    const struct sigma_node *tags = sigma_node_member(reader->root, "tags");
    struct text_list *list = &reader->rule->tags;
    if (tags == NULL || sigma_node_is_null(tags))
        return STATUS_OK;
    for (size_t i = 0; i < tags->count; i++) {
        if (tags->kind != SIGMA_NODE_LIST || tags->items[i].kind != SIGMA_NODE_SCALAR)
            break;
        if (tags->items[i].text.length > SIGMA_TAG_MAX)
            return sigma_refuse(reader->error, STATUS_TOO_LARGE, tags->items[i].line,
                                "a tag is longer than %d bytes", SIGMA_TAG_MAX);
        if (list->count < FINDING_TAGS_MAX)
            list->items[list->count++] = tags->items[i].text;
        if (i + 1 == tags->count)
            return STATUS_OK;
    }
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, tags->line,
                        "'tags' must be a list of texts");
}

static enum status read_logsource(struct reader *reader) {
    const struct sigma_node *logsource = sigma_node_member(reader->root, "logsource");
    if (logsource == NULL)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, reader->root->line, "no 'logsource'");
    if (sigma_node_is_null(logsource))
        return STATUS_OK;
    if (logsource->kind != SIGMA_NODE_MAP)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, logsource->line,
                            "'logsource' must be a map");
    enum status status =
        read_text(reader, logsource, "category", &reader->rule->logsource.category);
    if (status == STATUS_OK)
        status = read_text(reader, logsource, "product", &reader->rule->logsource.product);
    if (status == STATUS_OK)
        status = read_text(reader, logsource, "service", &reader->rule->logsource.service);
    return status;
}

/* One condition, or a list of which any will do. */
static enum status read_condition(struct reader *reader, const struct sigma_node *node) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    struct sigma_condition *any = arena_zalloc(reader->arena, 1, sizeof *any);
    any->kind = SIGMA_CONDITION_OR;
    any->children = arena_zalloc(reader->arena, count, sizeof *any->children);
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *text = is_list ? &node->items[i] : node;
        if (text->kind != SIGMA_NODE_SCALAR)
            break;
        enum status status =
            sigma_condition_parse(text->text, text->line, reader->arena, reader->rule,
                                  &any->children[any->count++], reader->error);
        if (status != STATUS_OK)
            return status;
    }
    if (any->count != count || count == 0)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                            "'condition' must be a text or a list of texts");
    reader->rule->condition = count == 1 ? any->children[0] : any;
    return STATUS_OK;
}

static enum status read_detection(struct reader *reader) {
    const struct sigma_node *detection = sigma_node_member(reader->root, "detection");
    if (detection == NULL || detection->kind != SIGMA_NODE_MAP)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, reader->root->line,
                            "no map 'detection'");
    const struct sigma_node *condition = sigma_node_member(detection, "condition");
    if (condition == NULL)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, detection->line,
                            "'detection' has no 'condition'");
    enum status status =
        sigma_detection_read(detection, reader->arena, reader->rule, reader->error);
    return status != STATUS_OK ? status : read_condition(reader, condition);
}

static enum status read_group_by(struct reader *reader, const struct sigma_node *list) {
    struct sigma_rule *rule = reader->rule;
    if (list == NULL) {
        rule->group_by[rule->group_by_count++] = TEXT("source_ip");
        rule->group_by[rule->group_by_count++] = TEXT("username");
        return STATUS_OK;
    }
    if (list->kind != SIGMA_NODE_LIST || list->count > SIGMA_GROUP_BY_MAX)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, list->line,
                            "'siem.group_by' must be a list of at most %d fields",
                            SIGMA_GROUP_BY_MAX);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != SIGMA_NODE_SCALAR || list->items[i].text.length == 0)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, list->items[i].line,
                                "'siem.group_by' must name fields");
        rule->group_by[rule->group_by_count++] = list->items[i].text;
    }
    return STATUS_OK;
}

/* Refuses a misspelt member of `siem`. */
static enum status check_siem(struct reader *reader, const struct sigma_node *siem) {
    static const char *const known[] = {"incident", "group_by", "details"};
    if (siem->kind != SIGMA_NODE_MAP)
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line, "'siem' must be a map");
    for (size_t i = 0; i < siem->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            is_known |= text_is(siem->names[i].text, known[k]);
        if (!is_known)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->names[i].line,
                                "'siem' has no '%.*s' (it has incident, group_by, details)",
                                TEXT_ARG(siem->names[i].text));
    }
    return STATUS_OK;
}

static enum status read_siem(struct reader *reader) {
    const struct sigma_node *siem = sigma_node_member(reader->root, "siem");
    struct sigma_rule *rule = reader->rule;
    rule->incident = rule->id;
    if (siem == NULL)
        return read_group_by(reader, NULL);
    enum status status = check_siem(reader, siem);
    if (status == STATUS_OK)
        status = read_text(reader, siem, "incident", &rule->incident);
    if (status == STATUS_OK &&
        (rule->incident.length == 0 || rule->incident.length > SIGMA_TITLE_MAX))
        status =
            sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line,
                         "'siem.incident' must be a name of at most %d bytes", SIGMA_TITLE_MAX);
    if (status == STATUS_OK)
        status = read_text(reader, siem, "details", &rule->details);
    if (status == STATUS_OK)
        status = read_group_by(reader, sigma_node_member(siem, "group_by"));
    return status;
}

/* What this program does not do yet is refused as a whole. */
static enum status check_kind(const struct sigma_node *root, struct sigma_error *error) {
    if (root->kind != SIGMA_NODE_MAP)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, root->line, "a rule must be a map");
    if (sigma_node_member(root, "correlation") != NULL)
        return sigma_refuse(error, STATUS_UNSUPPORTED, root->line,
                            "correlation rules are not supported");
    if (sigma_node_member(root, "filter") != NULL)
        return sigma_refuse(error, STATUS_UNSUPPORTED, root->line, "filters are not supported");
    if (sigma_node_member(root, "action") != NULL)
        return sigma_refuse(error, STATUS_UNSUPPORTED, root->line,
                            "rule collections ('action') are not supported");
    return STATUS_OK;
}

enum status sigma_rule_read(const struct sigma_node *root, struct arena *arena,
                            struct sigma_rule *ret_rule, struct sigma_error *error) {
    static enum status (*const parts[])(struct reader *) = {
        read_title, read_id,        read_status, read_level,
        read_tags,  read_logsource, read_siem,   read_detection,
    };
    struct sigma_rule rule = {.line = root->line};
    struct reader reader = {root, arena, error, &rule};
    enum status status = check_kind(root, error);
    for (size_t i = 0; status == STATUS_OK && i < sizeof parts / sizeof parts[0]; i++)
        status = parts[i](&reader);
    if (status == STATUS_OK)
        *ret_rule = rule;
    return status;
}
