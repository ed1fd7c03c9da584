/* tree_match.c: and, or and not over patterns. */
#include "tests/support/tree_match.h"

static bool group_matches(const struct sigma_patterns *group, uint32_t field, struct fields *fields,
                          struct sigma_workspace *workspace) {
    for (size_t i = 0; i < group->count; i++)
        if (sigma_pattern_matches(&group->items[i], field, fields, workspace))
            return true;
    return false;
}

static bool matcher_matches(const struct sigma_matcher *matcher, struct fields *fields,
                            struct sigma_workspace *workspace) {
    for (size_t i = 0; i < matcher->group_count; i++)
        if (!group_matches(&matcher->groups[i], matcher->field, fields, workspace))
            return false;
    return true;
}

bool tree_match(const struct sigma_expression *program, struct fields *fields,
                struct sigma_workspace *workspace) {
    if (program->kind == SIGMA_EXPRESSION_MATCHER)
        return matcher_matches(&program->matcher, fields, workspace);
    if (program->kind == SIGMA_EXPRESSION_NOT)
        return !tree_match(program->children[0], fields, workspace);
    bool stops_at = program->kind == SIGMA_EXPRESSION_OR;
    for (size_t i = 0; i < program->count; i++)
        if (tree_match(program->children[i], fields, workspace) == stops_at)
            return stops_at;
    return !stops_at;
}
