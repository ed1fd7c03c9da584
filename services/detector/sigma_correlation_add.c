/* sigma_correlation_add.c: a correlation read and taken into a set; what it refers to comes later.
 */
#include "services/detector/sigma_add.h"

#include "services/detector/sigma_correlation.h"
#include "services/detector/sigma_doubts.h"

static void keep_text(struct arena *arena, struct text *text) {
    if (text->data != NULL)
        *text = arena_text(arena, *text);
}

/* Its texts are the file's until now. */
static void keep_texts(struct arena *arena, struct sigma_correlation *correlation) {
    struct correlation *wire = &correlation->correlation;
    keep_text(arena, &wire->rule_id);
    keep_text(arena, &wire->rule_title);
    keep_text(arena, &wire->incident);
    keep_text(arena, &correlation->name);
    keep_text(arena, &correlation->status);
    keep_text(arena, &correlation->details);
    for (uint32_t i = 0; i < wire->tags.count; i++)
        keep_text(arena, &wire->tags.items[i]);
    for (uint32_t i = 0; i < wire->rule_count; i++)
        keep_text(arena, &correlation->rules[i]);
    for (uint32_t i = 0; i < correlation->group_by.count; i++)
        keep_text(arena, &correlation->group_by.items[i]);
    for (uint32_t i = 0; i < correlation->fields.count; i++)
        keep_text(arena, &correlation->fields.items[i]);
    for (uint32_t i = 0; i < correlation->alias_count; i++) {
        keep_text(arena, &correlation->aliases[i].alias);
        keep_text(arena, &correlation->aliases[i].rule);
        keep_text(arena, &correlation->aliases[i].field);
    }
}

/* Where the id stands already; NULL: nowhere. */
static const char *find_id(const struct sigma_rules *rules, struct text id, int *ret_line) {
    for (size_t i = 0; i < rules->count; i++) {
        if (text_equal(rules->rules[i].finding.rule_id, id)) {
            *ret_line = rules->rules[i].line;
            return rules->rules[i].file;
        }
    }
    for (size_t i = 0; i < rules->correlation_count; i++) {
        if (text_equal(rules->correlations[i].correlation.rule_id, id)) {
            *ret_line = rules->correlations[i].line;
            return rules->correlations[i].file;
        }
    }
    return NULL;
}

static enum status check_room(const struct sigma_adding *adding,
                              const struct sigma_correlation *correlation) {
    int line = 0;
    const char *file = find_id(adding->rules, correlation->correlation.rule_id, &line);
    if (file != NULL)
        return sigma_refuse(adding->reader.error, STATUS_BAD_SYNTAX, correlation->line,
                            "its id is that of the rule in %s, line %d", file, line);
    if (adding->rules->correlation_count == CORRELATIONS_MAX)
        return sigma_refuse(adding->reader.error, STATUS_TOO_LARGE, correlation->line,
                            "more than %d correlations", CORRELATIONS_MAX);
    return STATUS_OK;
}

enum status sigma_add_correlation(struct sigma_adding *adding, const struct sigma_node *root) {
    struct sigma_rules *rules = adding->rules;
    struct sigma_correlation correlation;
    enum status status = sigma_correlation_read(&adding->reader, root, &correlation);
    if (status == STATUS_OK)
        status = check_room(adding, &correlation);
    if (status != STATUS_OK)
        return status;
    sigma_doubts_tell_correlation(adding, root, &correlation.correlation);
    correlation.file = adding->file;
    keep_texts(&rules->arena, &correlation);
    if (rules->settings.pipelines != NULL) {
        struct sigma_node *copy = arena_zalloc(&rules->arena, 1, sizeof *copy);
        *copy = sigma_node_copy(&rules->arena, root);
        correlation.root = copy;
    }
    rules->correlations =
        sigma_rules_grow(rules->correlations, rules->correlation_count,
                         &rules->correlation_capacity, sizeof *rules->correlations);
    rules->correlations[rules->correlation_count++] = correlation;
    return STATUS_OK;
}
