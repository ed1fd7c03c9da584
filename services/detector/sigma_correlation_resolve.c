/* sigma_correlation_resolve.c: what the correlations of a set refer to: found, checked for circles,
 * and told. */
#include "services/detector/sigma_correlation.h"

#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_rules.h"

/* Of rules below a correlation that pipelines are asked about; more are not looked at. */
#define LOGSOURCES_MAX 1024

struct text sigma_correlation_field(const struct sigma_correlation *correlation, struct text rule,
                                    struct text field) {
    for (uint32_t i = 0; i < correlation->alias_count; i++) {
        const struct sigma_alias *alias = &correlation->aliases[i];
        if (text_equal(alias->alias, field) && text_equal(alias->rule, rule))
            return alias->field;
    }
    return field;
}

/* What a reference finds. */
struct finding_out {
    struct text reference;
    struct sigma_referent referent;
    bool by_id;
    uint32_t count; /* of those with that name; an id stands above them */
};

static void look_at(struct finding_out *out, struct text id, struct text name,
                    struct sigma_referent referent) {
    bool has_id = text_equal(id, out->reference);
    bool has_name = name.data != NULL && text_equal(name, out->reference);
    if (out->by_id || (!has_id && !has_name))
        return;
    out->referent = referent;
    out->by_id = has_id;
    out->count++;
}

static enum status find(const struct sigma_rules *rules, const struct sigma_correlation *from,
                        struct text reference, struct sigma_referent *ret_referent,
                        struct sigma_error *error) {
    struct finding_out out = {.reference = reference};
    for (uint32_t i = 0; i < rules->count; i++)
        look_at(&out, rules->rules[i].finding.rule_id, rules->rules[i].name,
                (struct sigma_referent){false, i});
    for (uint32_t i = 0; i < rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &rules->correlations[i];
        if (correlation->line != 0)
            look_at(&out, correlation->correlation.rule_id, correlation->name,
                    (struct sigma_referent){true, i});
    }
    if (out.count == 0)
        return sigma_refuse(error, STATUS_NOT_FOUND, from->line,
                            "it refers to a rule that is not there: %.*s", TEXT_ARG(reference));
    if (out.count > 1 && !out.by_id)
        return sigma_refuse(error, STATUS_BAD_SYNTAX, from->line,
                            "%u rules are called '%.*s': refer to one by its id", out.count,
                            TEXT_ARG(reference));
    *ret_referent = out.referent;
    return STATUS_OK;
}

/* The inner correlation says nothing of an event but what it groups by. */
static enum status check_group(const struct sigma_correlation *outer, struct text reference,
                               const struct sigma_correlation *inner,
                               const struct text_names *names, struct sigma_error *error) {
    for (uint32_t i = 0; i < names->count; i++) {
        struct text field = sigma_correlation_field(outer, reference, names->items[i]);
        uint32_t at = 0;
        while (at < inner->group_by.count && !text_equal(inner->group_by.items[at], field))
            at++;
        if (at == inner->group_by.count)
            return sigma_refuse(error, STATUS_BAD_SYNTAX, outer->line,
                                "'%.*s' is no group-by field of the correlation '%.*s'",
                                TEXT_ARG(field), TEXT_ARG(reference));
    }
    return STATUS_OK;
}

static enum status resolve(const struct sigma_rules *rules, struct sigma_correlation *correlation,
                           struct sigma_error *error) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < correlation->correlation.rule_count; i++) {
        struct sigma_referent *referent = &correlation->referents[i];
        struct text reference = correlation->rules[i];
        status = find(rules, correlation, reference, referent, error);
        if (status != STATUS_OK || !referent->is_correlation)
            continue;
        const struct sigma_correlation *inner = &rules->correlations[referent->index];
        status = check_group(correlation, reference, inner, &correlation->group_by, error);
        if (status == STATUS_OK)
            status = check_group(correlation, reference, inner, &correlation->fields, error);
    }
    return status;
}

/* A refused one is there no more, for those that refer to it. */
static void drop(struct sigma_rules *rules, struct sigma_correlation *correlation,
                 const struct sigma_error *error) {
    sigma_rules_refuse(rules, correlation->file, error);
    correlation->line = 0;
    correlation->is_linked = false;
}

/* Refuses what leads nowhere, and then what leads to that, until all is sound. */
static void resolve_all(struct sigma_rules *rules) {
    struct sigma_error error;
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < rules->correlation_count; i++) {
            struct sigma_correlation *correlation = &rules->correlations[i];
            if (correlation->line == 0 || resolve(rules, correlation, &error) == STATUS_OK)
                continue;
            drop(rules, correlation, &error);
            changed = true;
        }
    }
}

/* Gives depths from the bottom up; true when the correlation has all it refers to. */
static bool link_next(struct sigma_rules *rules, struct sigma_correlation *correlation) {
    struct correlation *wire = &correlation->correlation;
    uint32_t depth = 0, late_by = 1;
    for (uint32_t i = 0; i < wire->rule_count; i++) {
        const struct sigma_referent *referent = &correlation->referents[i];
        if (!referent->is_correlation)
            continue;
        const struct sigma_correlation *inner = &rules->correlations[referent->index];
        if (!inner->is_linked)
            return false;
        uint32_t inner_late = inner->correlation.late_by + inner->correlation.waits;
        depth = inner->correlation.depth >= depth ? inner->correlation.depth + 1 : depth;
        late_by = inner_late > late_by ? inner_late : late_by;
    }
    wire->depth = depth;
    wire->late_by = late_by;
    correlation->is_linked = true;
    return true;
}

/* What cannot be linked stands in a circle, or above one. */
static void link_all(struct sigma_rules *rules) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < rules->correlation_count; i++) {
            struct sigma_correlation *correlation = &rules->correlations[i];
            if (correlation->line != 0 && !correlation->is_linked)
                changed |= link_next(rules, correlation);
        }
    }
    for (size_t i = 0; i < rules->correlation_count; i++) {
        struct sigma_correlation *correlation = &rules->correlations[i];
        struct sigma_error error;
        bool is_deep =
            correlation->is_linked && correlation->correlation.depth > CORRELATION_DEPTH_MAX;
        if (correlation->line == 0 || (correlation->is_linked && !is_deep))
            continue;
        if (sigma_refuse(&error, STATUS_BAD_SYNTAX, correlation->line, "%s",
                         is_deep ? "correlations refer to each other too deep"
                                 : "correlations refer to each other in a circle") != STATUS_OK)
            drop(rules, correlation, &error);
    }
}

/* What does not generate speaks for the rules it refers to. */
static void silence(struct sigma_rules *rules) {
    for (size_t i = 0; i < rules->correlation_count; i++) {
        const struct sigma_correlation *correlation = &rules->correlations[i];
        if (!correlation->is_linked || correlation->generates)
            continue;
        for (uint32_t j = 0; j < correlation->correlation.rule_count; j++) {
            const struct sigma_referent *referent = &correlation->referents[j];
            if (referent->is_correlation)
                rules->correlations[referent->index].correlation.raises = false;
            else
                rules->rules[referent->index].is_silent = true;
        }
    }
}

/* Gives the rules their links; true when a correlation had to be refused, and all must be made
 * anew. */
static bool make_links(struct sigma_rules *rules) {
    uint32_t link_count = 0;
    for (size_t i = 0; i < rules->count; i++)
        rules->rules[i].link_count = 0;
    for (size_t i = 0; i < rules->correlation_count; i++) {
        struct sigma_correlation *correlation = &rules->correlations[i];
        struct sigma_error error;
        if (!correlation->is_linked || correlation->mode == SIGMA_MODE_DISABLED ||
            sigma_correlation_make_links(rules, correlation, &link_count, &error) == STATUS_OK)
            continue;
        drop(rules, correlation, &error);
        return true;
    }
    return false;
}

/* Lists the logsources of the rules below a correlation. */
static size_t list_logsources(const struct sigma_rules *rules,
                              const struct sigma_correlation *correlation,
                              const struct logsource **list, size_t count) {
    for (uint32_t i = 0; i < correlation->correlation.rule_count && count < LOGSOURCES_MAX; i++) {
        const struct sigma_referent *referent = &correlation->referents[i];
        if (referent->is_correlation)
            count = list_logsources(rules, &rules->correlations[referent->index], list, count);
        else
            list[count++] = &rules->rules[referent->index].logsource;
    }
    return count;
}

/* Asks the pipelines about correlations that they were not asked about; true when one was refused,
 * and all must be made anew. */
static bool apply_pipelines(struct sigma_rules *rules) {
    struct sigma_error error;
    const struct sigma_reader reader = {&rules->arena, &error, NULL};
    const struct logsource *list[LOGSOURCES_MAX];
    for (size_t i = 0; i < rules->correlation_count; i++) {
        struct sigma_correlation *correlation = &rules->correlations[i];
        const struct sigma_node *root = correlation->root;
        if (!correlation->is_linked || root == NULL)
            continue;
        correlation->root = NULL;
        size_t count = list_logsources(rules, correlation, list, 0);
        if (sigma_pipelines_apply_to_correlation(rules->settings.pipelines, &reader, root, list,
                                                 count) == STATUS_OK)
            continue;
        drop(rules, correlation, &error);
        return true;
    }
    return false;
}

void sigma_correlations_link(struct sigma_rules *rules) {
    do {
        resolve_all(rules);
        link_all(rules);
    } while (apply_pipelines(rules) || make_links(rules));
    silence(rules);
}
