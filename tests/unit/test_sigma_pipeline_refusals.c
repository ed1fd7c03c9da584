/* test_sigma_pipeline_refusals.c: pipelines that are refused, and correlations that they refuse. */
#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_rules.h"

#include <criterion/criterion.h>

Test(sigma_pipeline_refusals, what_is_wrong_is_refused_with_its_line) {
    static const struct {
        const char *text;
        int line;
        const char *reason;
    } cases[] = {
        {"- a\n", 1, "must be a map"},
        {"priority: soon\n", 1, "priority"},
        {"transformations: x\n", 1, "must be a list"},
        {"transformations:\n  - x\n", 2, "'type'"},
        {"transformations:\n  - type: magic\n", 2, "'magic'"},
        {"transformation:\n  - type: magic\n", 1, "no parameter 'transformation'"},
        {"transformations:\n  - type: query_expression_placeholders\n", 2, "writes a query"},
        {"transformations:\n  - type: http_placeholders\n", 2, "SIEM_PLACEHOLDERS"},
        {"transformations:\n  - type: command_placeholders\n", 2, "SIEM_PLACEHOLDERS"},
        {"transformations:\n  - type: file_placeholders\n", 2, "SIEM_PLACEHOLDERS"},
        {"transformations:\n  - type: field_name_transform\n", 2, "field_name_mapping"},
        {"transformations:\n  - type: extract_fields\n", 2, "add_condition"},
        {"transformations:\n  - type: field_name_mapping\n", 2, "'mapping'"},
        {"transformations:\n  - type: replace_string\n    replacement: x\n    regex: '('\n", 4,
         "regular expression"},
        {"transformations:\n  - type: nest\n    items: x\n", 3, "'items'"},
        {"transformations:\n  - type: set_state\n    val: v\n    key: k\n    rule_conditions:\n"
         "      - type: weather\n",
         6, "'weather'"},
        {"transformations:\n  - type: set_state\n    val: v\n    key: k\n    rule_conditions: x\n",
         5, "list"},
        {"transformations:\n  - type: set_state\n    val: v\n    key: k\n    rule_cond_expr: a and "
         "b\n"
         "    rule_conditions: {a: {type: is_sigma_rule}}\n",
         5, "'b'"},
        {"vars: [a]\n", 1, "map"},
        {"vars: {a: {b: c}}\n", 1, "'a'"},
        {"a: [\n", 2, "YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sigma_error error = {0};
        struct sigma_pipelines *pipelines = sigma_pipelines_new();
        cr_expect_neq(sigma_pipelines_add_text(pipelines, text_of(cases[i].text), &error),
                      STATUS_OK, "%s", cases[i].text);
        cr_expect_eq(error.line, cases[i].line, "%s: line %d", cases[i].text, error.line);
        cr_expect_not_null(strstr(error.reason, cases[i].reason), "%s: %s", cases[i].text,
                           error.reason);
        sigma_pipelines_destroy(&pipelines);
    }
}

/* What a transformation or condition cannot have would be passed over in silence. */
Test(sigma_pipeline_refusals, parameters_are_checked) {
    static const struct {
        const char *item; /* flow style, without the braces */
        const char *reason;
    } cases[] = {
        {"type: add_condition, conditions: {a: b}, negate: true", "no parameter 'negate'"},
        {"type: add_condition, conditions: {a: b}, negated: maybe", "'negated' must be true or"},
        {"type: field_name_mapping, mapping: [a]", "'mapping' must be a map"},
        {"type: field_name_mapping, mapping: {a: {b: c}}", "'mapping' must be a map"},
        {"type: field_name_mapping, mapping: {a: [[b]]}", "'mapping' must be a map"},
        {"type: field_name_prefix, prefix: [a]", "'prefix' must be a text"},
        {"type: hashes_fields, valid_hash_algos: MD5", "must be a list"},
        {"type: set_state, key: k, value: v", "no parameter 'value'"},
        {"type: set_state, key: k", "needs 'val'"},
        {"type: convert_type, target_type: float", "must be one of str|num"},
        {"type: regex, method: brackets", "must be one of plain|"},
        {"type: case, method: title", "must be one of lower|"},
        {"type: set_value, value: [a]", "'value' must be a text"},
        {"type: set_value, value: x, force_type: num", "'x' is no number"},
        {"type: value_placeholders, include: [a], exclude: [b]", "exclude each other"},
        {"type: drop_detection_item, rule_cond_op: xor", "must be one of and|or"},
        {"type: drop_detection_item, rule_cond_expr: a", "needs 'rule_conditions'"},
        {"type: drop_detection_item, rule_cond_op: or, rule_cond_expr: a, "
         "rule_conditions: {a: {type: is_sigma_rule}}",
         "no 'rule_cond_op'"},
        {"type: drop_detection_item, rule_cond_expr: a, "
         "rule_conditions: {a: {type: is_sigma_rule}, b: {type: is_sigma_rule}}",
         "does not name condition 'b'"},
        {"type: drop_detection_item, rule_conditions: [{type: logsource, prodct: a}]",
         "'logsource' has no parameter 'prodct'"},
        {"type: drop_detection_item, rule_conditions: [{type: processing_state, key: k}]",
         "needs 'val'"},
        {"type: drop_detection_item, rule_conditions: [{type: rule_attribute, attribute: level, "
         "value: hgih}]",
         "'hgih' is no level"},
        {"type: drop_detection_item, rule_conditions: [{type: rule_attribute, attribute: title, "
         "value: a, op: like}]",
         "must be one of eq|"},
        {"type: drop_detection_item, detection_item_conditions: [{type: is_null, cond: some}]",
         "must be one of any|all"},
        {"type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: a}]",
         "must be a list"},
        {"type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [a], "
         "mode: glob}]",
         "must be one of plain|re"},
        {"type: nest, items: [{type: case, method: title}]", "must be one of lower|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        struct sigma_error error = {0};
        struct sigma_pipelines *pipelines = sigma_pipelines_new();
        snprintf(text, sizeof text, "transformations:\n  - {%s}\n", cases[i].item);
        cr_expect_neq(sigma_pipelines_add_text(pipelines, text_of(text), &error), STATUS_OK, "%s",
                      cases[i].item);
        cr_expect_eq(error.line, 2, "%s: line %d", cases[i].item, error.line);
        cr_expect_not_null(strstr(error.reason, cases[i].reason), "%s: %s", cases[i].item,
                           error.reason);
        sigma_pipelines_destroy(&pipelines);
    }
}

/* A pipeline may fail correlations, by what it knows of them. */
Test(sigma_pipeline_refusals, correlations_are_asked_about) {
    static const struct {
        const char *conditions;
        size_t refused;
    } cases[] = {
        {"{type: is_sigma_correlation_rule}", 2},
        {"{type: is_sigma_rule}, {type: tag, tag: attack.t1110}", 0},
        {"{type: tag, tag: attack.t1110}", 2}, /* and the one that refers to it */
        {"{type: rule_attribute, attribute: level, value: critical}", 1},
        {"{type: is_sigma_correlation_rule}, {type: logsource, product: p}", 2},
        {"{type: is_sigma_correlation_rule}, {type: logsource, product: q}", 0},
        {"{type: is_sigma_correlation_rule}, {type: contains_field, field: a}", 0},
        {"{type: is_sigma_correlation_rule}, {type: processing_state, key: k, val: v}", 2},
    };
    static const char rules_text[] =
        "title: T\nname: t\nlogsource: {product: p}\ndetection: {s: {a: x}, condition: s}\n---\n"
        "title: C\nname: c\ntags: [attack.t1110]\ncorrelation: {type: event_count, rules: [t], "
        "group-by: [a], timespan: 1m, condition: {gte: 2}}\n---\n"
        "title: D\nlevel: critical\ncorrelation: {type: event_count, rules: [c], "
        "group-by: [a], timespan: 1m, condition: {gte: 2}}\n";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char items[1024];
        snprintf(items, sizeof items,
                 "transformations: [{type: set_state, key: k, val: v}, {type: add_condition, "
                 "conditions: {n: 1}, "
                 "rule_conditions: [{type: is_sigma_correlation_rule}]}, {type: nest, items: "
                 "[{type: rule_failure, message: not here, rule_conditions: [%s]}]}]",
                 cases[i].conditions);
        struct sigma_error error;
        struct sigma_pipelines *pipelines = sigma_pipelines_new();
        cr_assert_eq(sigma_pipelines_add_text(pipelines, text_of(items), &error), STATUS_OK, "%s",
                     error.reason);
        struct sigma_rules *rules = sigma_rules_new();
        sigma_rules_use(rules, &(struct sigma_settings){NULL, pipelines});
        sigma_rules_add_text(rules, "test.yml", text_of(rules_text));
        sigma_rules_finish(rules);
        size_t linked = 0;
        for (size_t k = 0; k < rules->correlation_count; k++)
            linked += rules->correlations[k].is_linked;
        cr_expect_eq(rules->count, 1, "%s", cases[i].conditions);
        cr_expect_eq(rules->refusal_count, cases[i].refused, "%s", cases[i].conditions);
        cr_expect_eq(linked, 2 - cases[i].refused, "%s", cases[i].conditions);
        if (cases[i].refused > 0)
            cr_expect_str_eq(rules->refusals[0].error.reason, "not here");
        sigma_rules_destroy(&rules);
        sigma_pipelines_destroy(&pipelines);
    }
}
