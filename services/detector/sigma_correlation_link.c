/* sigma_correlation_link.c: what each rule contributes to the correlations above it, with every
 * field by its number in that rule's events. */
#include "services/detector/sigma_correlation.h"

#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_rules.h"

/* A step of the way up from a rule: a correlation, and the rule or correlation below it. */
struct step {
    const struct sigma_correlation *correlation;
    struct text reference;                  /* how it calls what is below */
    const struct step *below;               /* NULL: the rule itself */
    const struct sigma_loaded_rule *bottom; /* that rule */
    uint32_t *link_count;                   /* of the set */
};

/* A field of a step's correlation, as the rule's events call it: each correlation on the way down
 * may call it otherwise, and so may the pipelines. */
static struct text name_below(struct sigma_rules *rules, const struct step *step,
                              struct text field) {
    const struct sigma_loaded_rule *bottom = step->bottom;
    for (; step != NULL; step = step->below)
        field = sigma_correlation_field(step->correlation, step->reference, field);
    return sigma_pipelines_map_field(rules->settings.pipelines, &rules->arena, &bottom->logsource,
                                     field);
}

static enum status number_fields(struct sigma_rules *rules, const struct step *step,
                                 const struct text_names *names, uint32_t *numbers,
                                 struct sigma_error *error) {
    for (uint32_t i = 0; i < names->count; i++) {
        struct text field = name_below(rules, step, names->items[i]);
        if (field_names_intern(rules->names, field, &numbers[i]) != STATUS_OK)
            return sigma_refuse(error, STATUS_TOO_LARGE, step->correlation->line,
                                "the set of rules names too many fields");
    }
    return STATUS_OK;
}

/* The sentence, which was checked, with the rule's names for the group's fields. */
static struct text translate(struct sigma_rules *rules, const struct step *step) {
    struct text left = step->correlation->details, out = {"", 0};
    const char *open;
    while (left.length > 0 && (open = memchr(left.data, '%', left.length)) != NULL) {
        size_t words = (size_t)(open - left.data), rest = left.length - words - 1;
        const char *close = memchr(open + 1, '%', rest);
        struct text field = {open + 1, (size_t)(close - open) - 1};
        struct text name = name_below(rules, step, field);
        out = arena_printf(&rules->arena, "%.*s%.*s%%%.*s%%", TEXT_ARG(out), (int)words, left.data,
                           TEXT_ARG(name));
        left = (struct text){close + 1, rest - field.length - 1};
    }
    return arena_printf(&rules->arena, "%.*s%.*s", TEXT_ARG(out), TEXT_ARG(left));
}

static enum status make_details(struct sigma_rules *rules, const struct step *step,
                                struct sigma_link *link, struct sigma_error *error) {
    const struct sigma_correlation *correlation = step->correlation;
    if (correlation->details.data == NULL) {
        link->details = sentence_of_words(correlation->correlation.rule_title, &rules->arena);
        return STATUS_OK;
    }
    if (sentence_compile(translate(rules, step), &rules->arena, rules->names, &link->details) !=
        STATUS_OK)
        return sigma_refuse(error, STATUS_TOO_LARGE, correlation->line,
                            "the set of rules names too many fields");
    return STATUS_OK;
}

static enum status make_parents(struct sigma_rules *rules, const struct step *step,
                                struct sigma_link *link, struct sigma_error *error);

static enum status make_link(struct sigma_rules *rules, const struct step *step, uint32_t rule,
                             struct sigma_link *link, struct sigma_error *error) {
    const struct sigma_correlation *correlation = step->correlation;
    *link = (struct sigma_link){
        .correlation = (uint32_t)(correlation - rules->correlations),
        .rule = rule,
        .group_by_count = correlation->group_by.count,
        .value_count = correlation->fields.count,
        .address_at = -1,
        .user_at = -1,
    };
    if (++*step->link_count > CORRELATION_LINKS_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, correlation->line,
                            "correlations refer to each other in more than %d ways",
                            CORRELATION_LINKS_MAX);
    enum status status = number_fields(rules, step, &correlation->group_by, link->group_by, error);
    if (status == STATUS_OK)
        status = number_fields(rules, step, &correlation->fields, link->values, error);
    if (status == STATUS_OK)
        status = make_details(rules, step, link, error);
    for (uint32_t i = 0; i < link->group_by_count; i++) {
        if (link->group_by[i] == FIELD_NUMBER_source_ip)
            link->address_at = (int)i;
        if (link->group_by[i] == FIELD_NUMBER_username)
            link->user_at = (int)i;
    }
    return status != STATUS_OK ? status : make_parents(rules, step, link, error);
}

/* True for a sound correlation that refers to this one, as its rule `at`. */
static bool refers_to(const struct sigma_correlation *outer, uint32_t at,
                      const struct sigma_rules *rules, const struct sigma_correlation *inner) {
    const struct sigma_referent *referent = &outer->referents[at];
    return referent->is_correlation && &rules->correlations[referent->index] == inner;
}

static enum status make_parents(struct sigma_rules *rules, const struct step *step,
                                struct sigma_link *link, struct sigma_error *error) {
    struct sigma_link *parents =
        arena_zalloc(&rules->arena, CORRELATION_PARENTS_MAX, sizeof *parents);
    enum status status = STATUS_OK;
    link->parents = parents;
    size_t outer_count =
        step->correlation->mode == SIGMA_MODE_ACTIVE ? rules->correlation_count : 0;
    for (size_t i = 0; i < outer_count; i++) {
        const struct sigma_correlation *outer = &rules->correlations[i];
        bool listens = outer->is_linked && outer->mode != SIGMA_MODE_DISABLED;
        for (uint32_t j = 0; listens && j < outer->correlation.rule_count; j++) {
            if (!refers_to(outer, j, rules, step->correlation))
                continue;
            if (link->parent_count == CORRELATION_PARENTS_MAX)
                return sigma_refuse(error, STATUS_TOO_LARGE, step->correlation->line,
                                    "more than %d correlations refer to it",
                                    CORRELATION_PARENTS_MAX);
            const struct step above = {outer, outer->rules[j], step, step->bottom,
                                       step->link_count};
            status = make_link(rules, &above, j + 1, &parents[link->parent_count++], error);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static void add_link(struct sigma_rules *rules, struct sigma_loaded_rule *rule,
                     const struct sigma_link *link) {
    struct sigma_link *links = arena_zalloc(&rules->arena, rule->link_count + 1, sizeof *links);
    if (rule->link_count > 0)
        memcpy(links, rule->links, rule->link_count * sizeof *links);
    links[rule->link_count++] = *link;
    rule->links = links;
}

enum status sigma_correlation_make_links(struct sigma_rules *rules,
                                         const struct sigma_correlation *correlation,
                                         uint32_t *link_count, struct sigma_error *error) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < correlation->correlation.rule_count; i++) {
        const struct sigma_referent *referent = &correlation->referents[i];
        if (referent->is_correlation)
            continue;
        const struct step step = {correlation, correlation->rules[i], NULL,
                                  &rules->rules[referent->index], link_count};
        struct sigma_link link;
        status = make_link(rules, &step, i + 1, &link, error);
        if (status == STATUS_OK)
            add_link(rules, &rules->rules[referent->index], &link);
    }
    return status;
}
