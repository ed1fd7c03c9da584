/* sigma_correlation_expression.c: recursive descent over a condition of rules that are seen or not.
 *
 *   or := and ("or" and)*   and := not ("and" not)*   not := "not" not | "(" or ")" | rule
 *
 * It becomes postfix. Of rules in order, those that must be seen are numbered first, in the order
 * of the list of rules; for them only "and" and "not" of a rule make sense.
 */
#include "services/detector/sigma_correlation.h"

#define DEPTH_MAX 32

struct parser {
    const struct sigma_reader *reader;
    struct sigma_correlation *correlation;
    struct text text;
    size_t at;
    struct text token; /* empty at the end */
    int line;
    int depth_left;
    bool names_rules; /* there is no list of rules: the text makes it */
    bool seen[CORRELATION_RULES_MAX];
    bool negated[CORRELATION_RULES_MAX];
};

static enum status parse_or(struct parser *parser);

static enum status refuse(const struct parser *parser, const char *reason) {
    return sigma_refuse(parser->reader->error, STATUS_BAD_SYNTAX, parser->line, "%s", reason);
}

static bool is_name(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

static void next_token(struct parser *parser) {
    struct text text = parser->text;
    while (parser->at < text.length && strchr(" \t\r\n", text.data[parser->at]) != NULL)
        parser->at++;
    size_t start = parser->at;
    while (parser->at < text.length && is_name(text.data[parser->at]))
        parser->at++;
    parser->at += parser->at == start && parser->at < text.length;
    parser->token = (struct text){text.data + start, parser->at - start};
}

static bool take_word(struct parser *parser, const char *word) {
    if (!text_is(parser->token, word))
        return false;
    next_token(parser);
    return true;
}

static enum status put(struct parser *parser, uint8_t item) {
    struct correlation_expression *expression = &parser->correlation->correlation.expression;
    if (expression->count == CORRELATION_EXPRESSION_MAX)
        return sigma_refuse(parser->reader->error, STATUS_TOO_LARGE, parser->line,
                            "'condition' is too long");
    expression->items[expression->count++] = item;
    return STATUS_OK;
}

/* The place of the rule the token names. */
static enum status find_rule(struct parser *parser, uint32_t *ret_place) {
    struct sigma_correlation *correlation = parser->correlation;
    uint32_t count = correlation->correlation.rule_count, place = 0;
    while (place < count && !text_equal(correlation->rules[place], parser->token))
        place++;
    if (place == count && (!parser->names_rules || count == CORRELATION_RULES_MAX))
        return sigma_refuse(parser->reader->error, STATUS_BAD_SYNTAX, parser->line,
                            "'%.*s' is not among 'rules'", TEXT_ARG(parser->token));
    if (place == count) {
        correlation->rules[place] = parser->token;
        correlation->correlation.rule_count++;
    }
    *ret_place = place;
    return STATUS_OK;
}

static enum status parse_atom(struct parser *parser) {
    if (take_word(parser, "(")) {
        enum status status = parse_or(parser);
        if (status == STATUS_OK && !take_word(parser, ")"))
            status = refuse(parser, "a ')' is missing in 'condition'");
        return status;
    }
    static const char *const words[] = {"and", "or", "not"};
    bool is_rule = parser->token.length > 0 && is_name(parser->token.data[0]);
    for (size_t i = 0; i < 3; i++)
        is_rule &= !text_is(parser->token, words[i]);
    if (!is_rule)
        return refuse(parser, "'condition' lacks the name of a rule");
    uint32_t place = 0;
    enum status status = find_rule(parser, &place);
    if (status != STATUS_OK)
        return status;
    parser->seen[place] = true;
    next_token(parser);
    return put(parser, (uint8_t)(place + 1));
}

static enum status parse_not(struct parser *parser) {
    if (parser->depth_left == 0)
        return sigma_refuse(parser->reader->error, STATUS_TOO_LARGE, parser->line,
                            "'condition' is nested too deep");
    if (!take_word(parser, "not"))
        return parse_atom(parser);
    parser->depth_left--;
    enum status status = parse_not(parser);
    parser->depth_left++;
    return status != STATUS_OK ? status : put(parser, EXPRESSION_NOT);
}

static enum status parse_and(struct parser *parser) {
    enum status status = parse_not(parser);
    while (status == STATUS_OK && take_word(parser, "and")) {
        status = parse_not(parser);
        if (status == STATUS_OK)
            status = put(parser, EXPRESSION_AND);
    }
    return status;
}

static enum status parse_or(struct parser *parser) {
    parser->depth_left--;
    enum status status = parser->depth_left > 0 ? parse_and(parser) : refuse(parser, "too deep");
    while (status == STATUS_OK && take_word(parser, "or")) {
        status = parse_and(parser);
        if (status == STATUS_OK)
            status = put(parser, EXPRESSION_OR);
    }
    parser->depth_left++;
    return status;
}

/* In order there are only rules, each once, each seen or not, all of it joined by "and". */
static enum status check_order(struct parser *parser) {
    const struct correlation_expression *expression = &parser->correlation->correlation.expression;
    for (uint32_t i = 0; i < expression->count; i++) {
        uint8_t item = expression->items[i], before = i > 0 ? expression->items[i - 1] : 0;
        bool is_rule = item < EXPRESSION_AND;
        if (item == EXPRESSION_OR || (item == EXPRESSION_NOT && before >= EXPRESSION_AND))
            return refuse(parser, "temporal_ordered takes rules, and rules that are not seen, "
                                  "joined by 'and'");
        if (item == EXPRESSION_NOT)
            parser->negated[before - 1] = true;
        for (uint32_t j = 0; is_rule && j < i; j++) {
            if (expression->items[j] == item)
                return refuse(parser, "temporal_ordered takes every rule once");
        }
    }
    return STATUS_OK;
}

/* Numbers those that must be seen first; what is left of the expression is that the others are not.
 */
static enum status put_in_order(struct parser *parser) {
    struct sigma_correlation *correlation = parser->correlation;
    struct correlation *wire = &correlation->correlation;
    struct text rules[CORRELATION_RULES_MAX];
    enum status status = check_order(parser);
    uint32_t count = 0;
    for (int negated = 0; negated < 2; negated++) {
        for (uint32_t i = 0; i < wire->rule_count; i++) {
            if (parser->negated[i] == (negated == 1))
                rules[count++] = correlation->rules[i];
        }
        wire->in_order = negated == 0 ? count : wire->in_order;
    }
    if (status == STATUS_OK && wire->in_order == 0)
        status = refuse(parser, "'condition' lacks a rule that is seen");
    if (status != STATUS_OK)
        return status;
    memcpy(correlation->rules, rules, count * sizeof rules[0]);
    wire->comparisons = (struct correlation_comparisons){1, {{CORRELATION_GTE, wire->in_order}}};
    wire->expression.count = 0;
    for (uint32_t i = wire->in_order; status == STATUS_OK && i < count; i++) {
        status = put(parser, (uint8_t)(i + 1));
        if (status == STATUS_OK)
            status = put(parser, EXPRESSION_NOT);
        if (status == STATUS_OK && i > wire->in_order)
            status = put(parser, EXPRESSION_AND);
    }
    return status;
}

enum status sigma_correlation_read_expression(const struct sigma_reader *reader,
                                              const struct sigma_node *node,
                                              struct sigma_correlation *correlation) {
    struct parser parser = {.reader = reader,
                            .correlation = correlation,
                            .text = node->text,
                            .line = node->line,
                            .depth_left = DEPTH_MAX,
                            .names_rules = correlation->correlation.rule_count == 0};
    next_token(&parser);
    enum status status = parse_or(&parser);
    if (status == STATUS_OK && parser.token.length > 0)
        status = refuse(&parser, "'condition' goes on behind its end");
    for (uint32_t i = 0; status == STATUS_OK && i < correlation->correlation.rule_count; i++) {
        if (!parser.seen[i])
            status = sigma_refuse(reader->error, STATUS_BAD_SYNTAX, node->line,
                                  "'condition' does not name '%.*s', which stands in 'rules'",
                                  TEXT_ARG(correlation->rules[i]));
    }
    if (status == STATUS_OK && correlation->correlation.kind == CORRELATION_TEMPORAL_ORDERED)
        status = put_in_order(&parser);
    return status;
}
