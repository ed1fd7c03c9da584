/* sigma_condition.c: recursive descent over a condition.
 *
 *   or := and ("or" and)*      and := not ("and" not)*      not := "not" not | atom
 *   atom := "(" or ")" | ("1" | "any" | "all") "of" (pattern | "them") | identifier
 */
#include "services/detector/sigma_rule.h"

struct parser {
    struct text text;
    size_t at;         /* of the next token */
    struct text token; /* the present one; empty at the end */
    int line;
    int depth_left;
    struct arena *arena;
    const struct sigma_rule *rule;
    struct sigma_error *error;
};

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_name(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '*';
}

/* Moves to the next token: a name or pattern, or any other single character. */
static void next_token(struct parser *parser) {
    struct text text = parser->text;
    while (parser->at < text.length && is_space(text.data[parser->at]))
        parser->at++;
    size_t start = parser->at;
    while (parser->at < text.length && is_name(text.data[parser->at]))
        parser->at++;
    if (parser->at == start && parser->at < text.length)
        parser->at++;
    parser->token = (struct text){text.data + start, parser->at - start};
}

static bool is_token(const struct parser *parser, const char *word) {
    return text_is(parser->token, word);
}

static bool at_end(const struct parser *parser) {
    return parser->token.length == 0;
}

static enum status refuse(struct parser *parser, const char *expected) {
    if (at_end(parser))
        return sigma_refuse(parser->error, STATUS_BAD_SYNTAX, parser->line,
                            "condition ends where %s should stand", expected);
    if (is_token(parser, "|"))
        return sigma_refuse(parser->error, STATUS_UNSUPPORTED, parser->line,
                            "condition with | (the old aggregation): write a correlation rule");
    return sigma_refuse(parser->error, STATUS_BAD_SYNTAX, parser->line,
                        "condition has '%.*s' where %s should stand", TEXT_ARG(parser->token),
                        expected);
}

static struct sigma_condition *new_condition(struct parser *parser, enum sigma_condition_kind kind,
                                             size_t capacity) {
    struct sigma_condition *condition = arena_zalloc(parser->arena, 1, sizeof *condition);
    condition->kind = kind;
    condition->children =
        arena_zalloc(parser->arena, capacity, sizeof(const struct sigma_condition *));
    return condition;
}

static const struct sigma_condition *select_one(struct parser *parser, size_t index) {
    struct sigma_condition *condition = new_condition(parser, SIGMA_CONDITION_SELECTION, 0);
    condition->selection = index;
    return condition;
}

/* True when the pattern, in which * is any run, is the whole name. */
static bool matches_pattern(struct text pattern, struct text name) {
    size_t p = 0, n = 0, star = SIZE_MAX, resume = 0;
    while (n < name.length) {
        if (p < pattern.length && pattern.data[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.length && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.length && pattern.data[p] == '*')
        p++;
    return p == pattern.length;
}

/* True when "of <pattern>" takes the selection: those that begin with _ only by a pattern that
 * does. */
static bool is_selected(struct text pattern, struct text name) {
    bool hidden = name.length > 0 && name.data[0] == '_';
    if (hidden && (pattern.length == 0 || pattern.data[0] != '_'))
        return false;
    return text_is(pattern, "them") || matches_pattern(pattern, name);
}

/* Reads what follows "1", "any" or "all" and "of". */
static enum status parse_selector(struct parser *parser, enum sigma_condition_kind kind,
                                  const struct sigma_condition **ret_condition) {
    const struct sigma_rule *rule = parser->rule;
    struct text pattern = parser->token;
    if (at_end(parser) || !is_name(pattern.data[0]))
        return refuse(parser, "a pattern or 'them'");
    struct sigma_condition *condition = new_condition(parser, kind, rule->selection_count);
    for (size_t i = 0; i < rule->selection_count; i++)
        if (is_selected(pattern, rule->selections[i].name))
            condition->children[condition->count++] = select_one(parser, i);
    if (condition->count == 0)
        return sigma_refuse(parser->error, STATUS_BAD_SYNTAX, parser->line,
                            "condition: no selection is called like '%.*s'", TEXT_ARG(pattern));
    next_token(parser);
    *ret_condition = condition;
    return STATUS_OK;
}

static enum status parse_identifier(struct parser *parser,
                                    const struct sigma_condition **ret_condition) {
    const struct sigma_rule *rule = parser->rule;
    for (size_t i = 0; i < rule->selection_count; i++) {
        if (!text_equal(rule->selections[i].name, parser->token))
            continue;
        *ret_condition = select_one(parser, i);
        next_token(parser);
        return STATUS_OK;
    }
    return sigma_refuse(parser->error, STATUS_BAD_SYNTAX, parser->line,
                        "condition: there is no selection '%.*s'", TEXT_ARG(parser->token));
}

/* Takes "1 of", "any of" or "all of" when they stand here. */
static bool take_quantifier(struct parser *parser, enum sigma_condition_kind *ret_kind) {
    bool all = is_token(parser, "all");
    if (!all && !is_token(parser, "1") && !is_token(parser, "any"))
        return false;
    struct parser ahead = *parser;
    next_token(&ahead);
    if (!is_token(&ahead, "of"))
        return false;
    *parser = ahead;
    next_token(parser);
    *ret_kind = all ? SIGMA_CONDITION_AND : SIGMA_CONDITION_OR;
    return true;
}

static enum status parse_or(struct parser *parser, const struct sigma_condition **ret_condition);

static bool is_operator(const struct parser *parser) {
    return is_token(parser, "and") || is_token(parser, "or") || is_token(parser, "not") ||
           is_token(parser, "of");
}

static enum status parse_atom(struct parser *parser, const struct sigma_condition **ret_condition) {
    enum sigma_condition_kind kind;
    if (is_token(parser, "(")) {
        next_token(parser);
        enum status status = parse_or(parser, ret_condition);
        if (status != STATUS_OK)
            return status;
        if (!is_token(parser, ")"))
            return refuse(parser, "')'");
        next_token(parser);
        return STATUS_OK;
    }
    if (take_quantifier(parser, &kind))
        return parse_selector(parser, kind, ret_condition);
    if (at_end(parser) || !is_name(parser->token.data[0]) || is_operator(parser))
        return refuse(parser, "a selection");
    return parse_identifier(parser, ret_condition);
}

static enum status parse_not(struct parser *parser, const struct sigma_condition **ret_condition) {
    if (parser->depth_left == 0)
        return sigma_refuse(parser->error, STATUS_TOO_LARGE, parser->line,
                            "condition is nested too deep");
    if (!is_token(parser, "not"))
        return parse_atom(parser, ret_condition);
    next_token(parser);
    struct sigma_condition *condition = new_condition(parser, SIGMA_CONDITION_NOT, 1);
    condition->count = 1;
    parser->depth_left--;
    enum status status = parse_not(parser, &condition->children[0]);
    parser->depth_left++;
    if (status == STATUS_OK)
        *ret_condition = condition;
    return status;
}

/* Adds a child, with room for twice as many when there is none left. */
static void add_child(struct parser *parser, struct sigma_condition *chain, size_t *capacity,
                      const struct sigma_condition *child) {
    if (chain->count == *capacity) {
        const struct sigma_condition **old = chain->children;
        *capacity = *capacity == 0 ? 4 : *capacity * 2;
        chain->children = arena_zalloc(parser->arena, *capacity, sizeof *chain->children);
        if (chain->count > 0)
            memcpy(chain->children, old, chain->count * sizeof *old);
    }
    chain->children[chain->count++] = child;
}

/* Reads a chain of `next` joined by the word; one alone stays what it is. */
static enum status
parse_chain(struct parser *parser, const char *word, enum sigma_condition_kind kind,
            enum status (*next)(struct parser *, const struct sigma_condition **),
            const struct sigma_condition **ret_condition) {
    struct sigma_condition *chain = new_condition(parser, kind, 0);
    size_t capacity = 0;
    const struct sigma_condition *child = NULL;
    enum status status = next(parser, &child);
    while (status == STATUS_OK && is_token(parser, word)) {
        add_child(parser, chain, &capacity, child);
        next_token(parser);
        status = next(parser, &child);
    }
    if (status != STATUS_OK)
        return status;
    if (chain->count > 0)
        add_child(parser, chain, &capacity, child);
    *ret_condition = chain->count > 0 ? chain : child;
    return STATUS_OK;
}

static enum status parse_and(struct parser *parser, const struct sigma_condition **ret_condition) {
    return parse_chain(parser, "and", SIGMA_CONDITION_AND, parse_not, ret_condition);
}

static enum status parse_or(struct parser *parser, const struct sigma_condition **ret_condition) {
    if (parser->depth_left == 0)
        return sigma_refuse(parser->error, STATUS_TOO_LARGE, parser->line,
                            "condition is nested too deep");
    parser->depth_left--;
    enum status status = parse_chain(parser, "or", SIGMA_CONDITION_OR, parse_and, ret_condition);
    parser->depth_left++;
    return status;
}

enum status sigma_condition_parse(const struct sigma_reader *reader, struct text text, int line,
                                  const struct sigma_rule *rule,
                                  const struct sigma_condition **ret_condition) {
    struct parser parser = {.text = text,
                            .line = line,
                            .depth_left = SIGMA_CONDITION_DEPTH_MAX,
                            .arena = reader->arena,
                            .rule = rule,
                            .error = reader->error};
    const struct sigma_condition *condition = NULL;
    next_token(&parser);
    enum status status = parse_or(&parser, &condition);
    if (status == STATUS_OK && !at_end(&parser))
        status = refuse(&parser, "'and', 'or' or the end");
    if (status == STATUS_OK)
        *ret_condition = condition;
    return status;
}
