/* sigma_compile.c: a rule's condition and selections to one tree of matchers. */
#include "services/detector/sigma_program.h"

struct compiler {
    const struct sigma_rule *rule;
    const struct sigma_target *target;
    const struct sigma_expression **selections; /* by index; NULL: not compiled yet */
    struct sigma_error *error;
};

static struct sigma_expression *new_expression(struct compiler *compiler,
                                               enum sigma_expression_kind kind, size_t count) {
    struct arena *arena = compiler->target->arena;
    struct sigma_expression *expression = arena_zalloc(arena, 1, sizeof *expression);
    expression->kind = kind;
    expression->count = count;
    expression->children = arena_zalloc(arena, count, sizeof(const struct sigma_expression *));
    return expression;
}

/* Adds up what the children test. */
static void count_tests(struct sigma_expression *expression) {
    for (size_t i = 0; i < expression->count; i++)
        if (expression->tests <= SIGMA_TESTS_MAX)
            expression->tests += expression->children[i]->tests;
    if (expression->tests > SIGMA_TESTS_MAX)
        expression->tests = SIGMA_TESTS_MAX + 1;
}

static enum status compile_item(struct compiler *compiler, const struct sigma_item *item,
                                const struct sigma_expression **ret_expression) {
    struct sigma_expression *matcher = new_expression(compiler, SIGMA_EXPRESSION_MATCHER, 0);
    enum status status =
        sigma_matcher_compile(item, compiler->target, &matcher->matcher, compiler->error);
    size_t groups = matcher->matcher.group_count;
    matcher->tests = groups > SIGMA_TESTS_MAX ? SIGMA_TESTS_MAX + 1 : (uint32_t)groups;
    *ret_expression = matcher;
    if (item->negated) {
        struct sigma_expression *negation = new_expression(compiler, SIGMA_EXPRESSION_NOT, 1);
        negation->children[0] = matcher;
        count_tests(negation);
        *ret_expression = negation;
    }
    return status;
}

static enum status compile_detection(struct compiler *compiler,
                                     const struct sigma_detection *detection,
                                     const struct sigma_expression **ret_expression) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return compile_item(compiler, &detection->item, ret_expression);
    if (detection->count == 1)
        return compile_detection(compiler, &detection->children[0], ret_expression);
    enum sigma_expression_kind kind =
        detection->kind == SIGMA_DETECTION_ALL ? SIGMA_EXPRESSION_AND : SIGMA_EXPRESSION_OR;
    struct sigma_expression *expression = new_expression(compiler, kind, detection->count);
    for (size_t i = 0; i < detection->count; i++) {
        enum status status =
            compile_detection(compiler, &detection->children[i], &expression->children[i]);
        if (status != STATUS_OK)
            return status;
    }
    count_tests(expression);
    *ret_expression = expression;
    return STATUS_OK;
}

/* A selection is compiled once, however often the condition names it. */
static enum status compile_selection(struct compiler *compiler, size_t index,
                                     const struct sigma_expression **ret_expression) {
    enum status status = STATUS_OK;
    if (compiler->selections[index] == NULL)
        status = compile_detection(compiler, &compiler->rule->selections[index].detection,
                                   &compiler->selections[index]);
    if (status == STATUS_OK)
        *ret_expression = compiler->selections[index];
    return status;
}

static enum status compile_condition(struct compiler *compiler,
                                     const struct sigma_condition *condition,
                                     const struct sigma_expression **ret_expression) {
    static const enum sigma_expression_kind kinds[] = {
        [SIGMA_CONDITION_AND] = SIGMA_EXPRESSION_AND,
        [SIGMA_CONDITION_OR] = SIGMA_EXPRESSION_OR,
        [SIGMA_CONDITION_NOT] = SIGMA_EXPRESSION_NOT,
    };
    if (condition->kind == SIGMA_CONDITION_SELECTION)
        return compile_selection(compiler, condition->selection, ret_expression);
    struct sigma_expression *expression =
        new_expression(compiler, kinds[condition->kind], condition->count);
    for (size_t i = 0; i < condition->count; i++) {
        enum status status =
            compile_condition(compiler, condition->children[i], &expression->children[i]);
        if (status != STATUS_OK)
            return status;
    }
    count_tests(expression);
    *ret_expression = expression;
    return STATUS_OK;
}

enum status sigma_compile(const struct sigma_rule *rule, const struct sigma_target *target,
                          const struct sigma_expression **ret_program, struct sigma_error *error) {
    struct compiler compiler = {.rule = rule, .target = target, .error = error};
    compiler.selections =
        arena_zalloc(target->arena, rule->selection_count, sizeof(const struct sigma_expression *));
    const struct sigma_expression *program = NULL;
    enum status status = compile_condition(&compiler, rule->condition, &program);
    if (status == STATUS_OK && program->tests > SIGMA_TESTS_MAX)
        return sigma_refuse(error, STATUS_TOO_LARGE, rule->line, "more than %d tests of fields",
                            SIGMA_TESTS_MAX);
    if (status == STATUS_OK)
        *ret_program = program;
    return status;
}
