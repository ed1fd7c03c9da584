/* sigma_correlation.c: a correlation's document. */
#include "services/detector/sigma_correlation.h"

#include "services/detector/sigma_modes.h"

/* Units of a timespan; months and years as pySigma has them. */
static const struct {
    char unit;
    uint64_t ms;
} units[] = {
    {'s', 1000},      {'m', 60000},       {'h', 3600000},      {'d', 86400000},
    {'w', 604800000}, {'M', 2629746000u}, {'y', 31556952000u},
};

static enum status refuse(const struct sigma_reader *reader, int line, const char *reason) {
    return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, line, "%s", reason);
}

/* A type without the ending by which pySigma tells temporal ones whose condition is a text. */
static struct text cut_extended(struct text type) {
    static const struct text ending = TEXT_CONSTANT("_extended"),
                             temporal = TEXT_CONSTANT("temporal");
    size_t kept = type.length > ending.length ? type.length - ending.length : 0;
    bool is_extended = kept >= temporal.length &&
                       memcmp(type.data, temporal.data, temporal.length) == 0 &&
                       memcmp(type.data + kept, ending.data, ending.length) == 0;
    return is_extended ? (struct text){type.data, kept} : type;
}

static enum status read_type(const struct sigma_reader *reader, const struct sigma_node *map,
                             struct sigma_correlation *correlation) {
    struct text text = {NULL, 0};
    enum status status = sigma_rule_read_text(reader, map, "type", &text);
    if (status != STATUS_OK)
        return status;
    if (text.data == NULL)
        return refuse(reader, map->line, "'correlation' has no 'type'");
    if (!correlation_type_parse(cut_extended(text), &correlation->correlation.kind))
        return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, map->line,
                            "'%.*s' is no type of correlation", TEXT_ARG(text));
    return STATUS_OK;
}

/* A text, or a list of texts, of at most `most`. */
static enum status read_names(const struct sigma_reader *reader, const struct sigma_node *node,
                              uint32_t most, struct text *names, uint32_t *ret_count) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    if (count > most)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, node->line, "more than %u names",
                            most);
    for (size_t i = 0; i < count; i++) {
        const struct sigma_node *name = is_list ? &node->items[i] : node;
        if (name->kind != SIGMA_NODE_SCALAR || name->text.length == 0)
            return refuse(reader, name->line, "a name, or a list of names, must stand here");
        for (size_t j = 0; j < i; j++) {
            if (text_equal(names[j], name->text))
                return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, name->line,
                                    "'%.*s' is named twice", TEXT_ARG(name->text));
        }
        if (name->text.length > FIELD_NAME_SIZE_MAX)
            return sigma_refuse(reader->error, STATUS_TOO_LARGE, name->line,
                                "a name is longer than %d bytes", FIELD_NAME_SIZE_MAX);
        names[i] = name->text;
    }
    *ret_count = (uint32_t)count;
    return STATUS_OK;
}

static enum status read_rules(const struct sigma_reader *reader, const struct sigma_node *map,
                              struct sigma_correlation *correlation) {
    const struct sigma_node *rules = sigma_node_member(map, "rules");
    if (rules == NULL || sigma_node_is_null(rules))
        return STATUS_OK;
    return read_names(reader, rules, CORRELATION_RULES_MAX, correlation->rules,
                      &correlation->correlation.rule_count);
}

static enum status read_group_by(const struct sigma_reader *reader, const struct sigma_node *map,
                                 struct sigma_correlation *correlation) {
    const struct sigma_node *fields = sigma_node_member(map, "group-by");
    if (fields == NULL || sigma_node_is_null(fields))
        return STATUS_OK;
    return read_names(reader, fields, SIGMA_GROUP_BY_MAX, correlation->group_by.items,
                      &correlation->group_by.count);
}

static enum status read_timespan(const struct sigma_reader *reader, const struct sigma_node *map,
                                 struct sigma_correlation *correlation) {
    struct text text = {NULL, 0};
    struct sigma_number number;
    enum status status = sigma_rule_read_text(reader, map, "timespan", &text);
    if (status != STATUS_OK)
        return status;
    if (text.data == NULL)
        return refuse(reader, map->line, "'correlation' has no 'timespan'");
    uint64_t unit_ms = 0;
    for (size_t i = 0; text.length > 1 && i < sizeof units / sizeof units[0]; i++)
        unit_ms = text.data[text.length - 1] == units[i].unit ? units[i].ms : unit_ms;
    if (unit_ms == 0 || text.data[0] < '0' || text.data[0] > '9' ||
        !sigma_number_parse((struct text){text.data, text.length - 1}, &number) ||
        !number.is_integer || number.integer <= 0)
        return refuse(reader, map->line,
                      "'timespan' must be a number and a unit (s, m, h, d, w, M), such as 90m");
    if ((uint64_t)number.integer > CORRELATION_TIMESPAN_MAX_MS / unit_ms)
        return sigma_refuse(reader->error, STATUS_TOO_LARGE, map->line,
                            "'timespan' is longer than 31 days");
    correlation->correlation.timespan_ms = (uint64_t)number.integer * unit_ms;
    return STATUS_OK;
}

static enum status read_generate(const struct sigma_reader *reader, const struct sigma_node *map,
                                 struct sigma_correlation *correlation) {
    const struct sigma_node *generate = sigma_node_member(map, "generate");
    if (generate != NULL && !sigma_node_switch(generate, &correlation->generates))
        return refuse(reader, generate->line, "'generate' must be true or false");
    return STATUS_OK;
}

static enum status read_alias(const struct sigma_reader *reader, struct text alias,
                              const struct sigma_node *map, struct sigma_correlation *correlation) {
    if (map->kind != SIGMA_NODE_MAP)
        return refuse(reader, map->line, "an alias must be a map of rules to their fields");
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].kind != SIGMA_NODE_SCALAR || map->items[i].text.length == 0 ||
            map->items[i].text.length > FIELD_NAME_SIZE_MAX)
            return refuse(reader, map->items[i].line, "an alias must name a field of each rule");
        if (correlation->alias_count == CORRELATION_ALIASES_MAX)
            return sigma_refuse(reader->error, STATUS_TOO_LARGE, map->line,
                                "more than %d fields with an alias", CORRELATION_ALIASES_MAX);
        correlation->aliases[correlation->alias_count++] =
            (struct sigma_alias){alias, map->names[i].text, map->items[i].text};
    }
    return STATUS_OK;
}

static enum status read_aliases(const struct sigma_reader *reader, const struct sigma_node *map,
                                struct sigma_correlation *correlation) {
    const struct sigma_node *aliases = sigma_node_member(map, "aliases");
    if (aliases == NULL || sigma_node_is_null(aliases))
        return STATUS_OK;
    if (aliases->kind != SIGMA_NODE_MAP)
        return refuse(reader, aliases->line, "'aliases' must be a map");
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < aliases->count; i++)
        status = read_alias(reader, aliases->names[i].text, &aliases->items[i], correlation);
    return status;
}

/* An alias of a rule that does not count would be passed over: a name misspelt, or an id for a
 * name. */
static enum status check_aliases(const struct sigma_reader *reader,
                                 const struct sigma_correlation *correlation) {
    for (uint32_t i = 0; i < correlation->alias_count; i++) {
        struct text rule = correlation->aliases[i].rule;
        uint32_t at = 0;
        while (at < correlation->correlation.rule_count &&
               !text_equal(correlation->rules[at], rule))
            at++;
        if (at == correlation->correlation.rule_count)
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, correlation->line,
                                "'aliases' has fields of '%.*s', which does not stand in 'rules'",
                                TEXT_ARG(rule));
    }
    return STATUS_OK;
}

/* Refuses what is misspelt, or an extension that would change what the rule means. */
static enum status check_members(const struct sigma_reader *reader, const struct sigma_node *map,
                                 const char *const *known, size_t count) {
    for (size_t i = 0; i < map->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < count; k++)
            is_known |= text_is(map->names[i].text, known[k]);
        if (!is_known)
            return sigma_refuse(reader->error, STATUS_UNSUPPORTED, map->names[i].line,
                                "a correlation has no '%.*s' here", TEXT_ARG(map->names[i].text));
    }
    return STATUS_OK;
}

static enum status read_body(const struct sigma_reader *reader, const struct sigma_node *map,
                             struct sigma_correlation *correlation) {
    static const char *const known[] = {"type",      "rules",   "group-by", "timespan",
                                        "condition", "aliases", "generate"};
    static enum status (*const parts[])(const struct sigma_reader *, const struct sigma_node *,
                                        struct sigma_correlation *) = {
        read_type, read_rules, read_group_by, read_timespan, read_generate, read_aliases,
    };
    if (map == NULL || map->kind != SIGMA_NODE_MAP)
        return refuse(reader, map != NULL ? map->line : 0, "'correlation' must be a map");
    enum status status = check_members(reader, map, known, sizeof known / sizeof known[0]);
    for (size_t i = 0; status == STATUS_OK && i < sizeof parts / sizeof parts[0]; i++)
        status = parts[i](reader, map, correlation);
    if (status == STATUS_OK)
        status = sigma_correlation_read_condition(reader, sigma_node_member(map, "condition"),
                                                  correlation);
    return status != STATUS_OK ? status : check_aliases(reader, correlation);
}

static enum status read_siem(const struct sigma_reader *reader, const struct sigma_node *siem,
                             struct sigma_correlation *correlation) {
    static const char *const known[] = {"incident", "details", "event_type", "mode"};
    struct correlation *wire = &correlation->correlation;
    struct text type = {NULL, 0};
    if (siem == NULL)
        return STATUS_OK;
    if (siem->kind != SIGMA_NODE_MAP)
        return refuse(reader, siem->line, "'siem' must be a map");
    enum status status = check_members(reader, siem, known, sizeof known / sizeof known[0]);
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, siem, "incident", &wire->incident);
    if (status == STATUS_OK &&
        (wire->incident.length == 0 || wire->incident.length > SIGMA_TITLE_MAX))
        status = refuse(reader, siem->line, "'siem.incident' must be a name");
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, siem, "details", &correlation->details);
    if (status == STATUS_OK)
        status = sigma_mode_read(reader, siem, &correlation->mode);
    if (status == STATUS_OK)
        status = sigma_rule_read_text(reader, siem, "event_type", &type);
    if (status == STATUS_OK && type.data != NULL && !event_type_parse(type, &wire->event_type))
        status = sigma_refuse(reader->error, STATUS_BAD_SYNTAX, siem->line,
                              "'%.*s' is no event type", TEXT_ARG(type));
    return status;
}

/* What is said of a group can name only what all its events have in common. */
static enum status check_details(const struct sigma_reader *reader,
                                 const struct sigma_correlation *correlation) {
    struct text left = correlation->details;
    const char *open;
    while (left.length > 0 && (open = memchr(left.data, '%', left.length)) != NULL) {
        left.length -= (size_t)(open + 1 - left.data);
        left.data = open + 1;
        const char *close = left.length > 0 ? memchr(left.data, '%', left.length) : NULL;
        if (close == NULL)
            return refuse(reader, correlation->line, "'siem.details': a % stands alone (write %%)");
        struct text field = {left.data, (size_t)(close - left.data)};
        if (field.length > 0 && !sigma_correlation_groups_by(correlation, field))
            return sigma_refuse(reader->error, STATUS_BAD_SYNTAX, correlation->line,
                                "'siem.details' can name group-by fields only, not '%.*s'",
                                TEXT_ARG(field));
        left.length -= field.length + 1;
        left.data = close + 1;
    }
    return STATUS_OK;
}

bool sigma_correlation_groups_by(const struct sigma_correlation *correlation, struct text field) {
    for (uint32_t i = 0; i < correlation->group_by.count; i++) {
        if (text_equal(correlation->group_by.items[i], field))
            return true;
    }
    return false;
}

enum status sigma_correlation_read(const struct sigma_reader *reader, const struct sigma_node *root,
                                   struct sigma_correlation *ret_correlation) {
    struct sigma_rule head = {.root = root};
    enum status status = sigma_rule_read_head(reader, root, &head);
    if (status != STATUS_OK)
        return status;
    struct sigma_correlation correlation = {
        .correlation = {.rule_id = head.id,
                        .rule_title = head.title,
                        .level = head.level,
                        .tags = head.tags,
                        .incident = head.id,
                        .raises = true,
                        .late_by = 1},
        .name = head.name,
        .status = head.status,
        .line = root->line,
    };
    status = read_body(reader, sigma_node_member(root, "correlation"), &correlation);
    if (status == STATUS_OK)
        status = read_siem(reader, sigma_node_member(root, "siem"), &correlation);
    if (status == STATUS_OK)
        status = check_details(reader, &correlation);
    if (status == STATUS_OK)
        *ret_correlation = correlation;
    return status;
}
