/* test_sigma_pipeline.c: what each transformation and condition of a pipeline does to a rule, seen
 * by the events it then matches. */
#include "services/detector/sigma_pipeline.h"
#include "tests/support/rule_bench.h"

#include <criterion/criterion.h>

/* A pipeline with these items (a YAML list in flow style). */
static struct sigma_pipelines *make(const char *items) {
    char text[8192];
    struct sigma_error error;
    struct sigma_pipelines *pipelines = sigma_pipelines_new();
    snprintf(text, sizeof text,
             "name: Test\npriority: 10\nvars: {users: [root, 'adm*'], port: 22}\n"
             "transformations: %s\n",
             items);
    enum status status = sigma_pipelines_add_text(pipelines, text_of(text), &error);
    cr_assert_eq(status, STATUS_OK, "%s: line %d: %s", items, error.line, error.reason);
    return pipelines;
}

struct pipeline_case {
    const char *items;
    const char *detection; /* flow style */
    const char *metadata;
    int found; /* -1: the rule is refused */
};

static void check(const struct pipeline_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char rule[4096], document[4096];
        struct sigma_pipelines *pipelines = make(cases[i].items);
        snprintf(rule, sizeof rule,
                 "title: T\nid: 13274ca3-01a9-419b-a43e-a6ae6ba4be47\nlevel: high\n"
                 "status: test\ntags: [attack.t1059]\n"
                 "logsource: {category: process_creation, product: windows}\ndetection: %s\n",
                 cases[i].detection);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",\"metadata\":%s}",
                 cases[i].metadata);
        struct rule_verdict verdict =
            rule_bench_judge_with(&(struct sigma_settings){NULL, pipelines}, rule, document);
        int found = verdict.refused ? -1 : (int)verdict.found;
        cr_expect_eq(found, cases[i].found, "%s on %s with %s: %d %s", cases[i].items,
                     cases[i].detection, cases[i].metadata, found, verdict.reason);
        sigma_pipelines_destroy(&pipelines);
    }
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])
#define FA "{s: {a: x}, condition: s}"

Test(sigma_pipeline, field_names) {
    static const struct pipeline_case cases[] = {
        {"[{type: field_name_mapping, mapping: {a: b}}]", FA, "{\"b\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: b}}]", FA, "{\"a\":\"x\"}", 0},
        {"[{type: field_name_mapping, mapping: {c: b}}]", FA, "{\"a\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: [b, c]}}]", FA, "{\"b\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: [b, c]}}]", FA, "{\"c\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: [b, c]}}]",
         "{s: {a|contains|all: [x, y]}, condition: not s}", "{\"b\":\"x\",\"c\":\"y\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: []}}]", "{s: {a: x, d: y}, condition: s}",
         "{\"d\":\"y\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: []}}]", FA, "{}", -1},
        {"[{type: field_name_mapping, mapping: {g: h}}]", "{s: {a|fieldref: g}, condition: s}",
         "{\"a\":\"x\",\"h\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {g: [h, k]}}]", "{s: {a|fieldref: g}, condition: s}",
         "{\"a\":\"x\",\"k\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {null: b}}]", "{s: [x], condition: s}",
         "{\"b\":\"axb\"}", 1},
        {"[{type: field_name_mapping, mapping: {null: b}}]", "{s: [x], condition: s}",
         "{\"c\":\"axb\"}", 0},
        {"[{type: field_name_prefix_mapping, mapping: {win.: 'w.e.'}}]",
         "{s: {win.a: x}, condition: s}", "{\"w\":{\"e\":{\"a\":\"x\"}}}", 1},
        {"[{type: field_name_prefix_mapping, mapping: {win.: [k., l.]}}]",
         "{s: {win.a: x}, condition: s}", "{\"l\":{\"a\":\"x\"}}", 1},
        {"[{type: field_name_prefix, prefix: 'w.'}]", FA, "{\"w\":{\"a\":\"x\"}}", 1},
        {"[{type: field_name_suffix, suffix: '.kw'}]", FA, "{\"a\":{\"kw\":\"x\"}}", 1},
        {"[{type: field_name_prefix, prefix: 'w.'}]", "{s: [x], condition: s}", "{\"a\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: b}}, {type: field_name_mapping, mapping: {b: "
         "c}}]",
         FA, "{\"c\":\"x\"}", 1},
    };
    CHECK(cases);
}

Test(sigma_pipeline, conditions_on_fields_and_items) {
    static const struct pipeline_case cases[] = {
        {"[{type: field_name_prefix, prefix: 'w.', field_name_conditions: [{type: include_fields, "
         "fields: [b]}]}]",
         "{s: {a: x, b: y}, condition: s}", "{\"a\":\"x\",\"w\":{\"b\":\"y\"}}", 1},
        {"[{type: field_name_prefix, prefix: 'w.', field_name_conditions: [{type: exclude_fields, "
         "fields: [b]}]}]",
         "{s: {a: x, b: y}, condition: s}", "{\"b\":\"y\",\"w\":{\"a\":\"x\"}}", 1},
        {"[{type: field_name_prefix, prefix: 'w.', field_name_conditions: [{type: include_fields, "
         "mode: re, fields: ['[bc]$']}]}]",
         "{s: {ab: x, b: y}, condition: s}", "{\"ab\":\"x\",\"w\":{\"b\":\"y\"}}", 1},
        {"[{type: field_name_prefix, prefix: 'w.', field_name_cond_not: true, "
         "field_name_conditions: [{type: include_fields, fields: [b]}]}]",
         "{s: {a: x, b: y}, condition: s}", "{\"b\":\"y\",\"w\":{\"a\":\"x\"}}", 1},
        {"[{type: drop_detection_item, detection_item_conditions: [{type: match_string, cond: any, "
         "pattern: 'x.*'}]}]",
         "{s: {a: xy, b: y}, condition: s}", "{\"b\":\"y\"}", 1},
        {"[{type: drop_detection_item, detection_item_conditions: [{type: match_string, cond: all, "
         "pattern: x}]}]",
         "{s: {a: [x, y], b: y}, condition: s}", "{\"b\":\"y\"}", 0},
        {"[{type: drop_detection_item, detection_item_conditions: [{type: is_null, cond: any}]}]",
         "{s: {a: null, b: y}, condition: s}", "{\"a\":\"x\",\"b\":\"y\"}", 1},
        {"[{type: drop_detection_item, detection_item_conditions: [{type: contains_wildcard, cond: "
         "any}]}]",
         "{s: {a|contains: x, b: y}, condition: s}", "{\"b\":\"y\"}", 1},
        {"[{type: drop_detection_item, detection_item_conditions: [{type: match_value, cond: any, "
         "value: 5}]}]",
         "{s: {a: 5, b: y}, condition: s}", "{\"b\":\"y\"}", 1},
        {"[{type: drop_detection_item, detection_item_cond_op: or, detection_item_conditions: "
         "[{type: match_string, cond: any, pattern: q}, {type: match_string, cond: any, pattern: "
         "x}]}]",
         "{s: {a: x, b: y}, condition: s}", "{\"b\":\"y\"}", 1},
        {"[{type: drop_detection_item, detection_item_cond_expr: 'p and not q', "
         "detection_item_conditions: {p: {type: match_string, cond: any, pattern: '.*'}, q: {type: "
         "match_string, cond: any, pattern: y}}}]",
         "{s: {a: x, b: y}, condition: s}", "{\"b\":\"y\"}", 1},
        /* the selection that is nothing any more takes its `not` with it */
        {"[{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: "
         "[a]}]}]",
         "{s: {b: y}, f: {a: x}, condition: s and not f}", "{\"a\":\"x\",\"b\":\"y\"}", 1},
        {"[{type: field_name_mapping, id: one, mapping: {a: b}}, {type: drop_detection_item, "
         "detection_item_conditions: [{type: processing_item_applied, processing_item_id: one}]}]",
         "{s: {a: x, c: y}, condition: s}", "{\"c\":\"y\"}", 1},
    };
    CHECK(cases);
}

#define WHEN(condition)                                                                            \
    "[{type: field_name_mapping, mapping: {a: b}, rule_conditions: [" condition "]}]"
#define APPLIES "{\"b\":\"x\"}"

Test(sigma_pipeline, conditions_on_rules) {
    static const struct pipeline_case cases[] = {
        {WHEN("{type: logsource, product: windows}"), FA, APPLIES, 1},
        {WHEN("{type: logsource, product: linux}"), FA, APPLIES, 0},
        {WHEN("{type: logsource, product: windows, category: process_creation}"), FA, APPLIES, 1},
        {WHEN("{type: logsource, product: windows, service: sysmon}"), FA, APPLIES, 0},
        {WHEN("{type: contains_field, field: a}"), FA, APPLIES, 1},
        {WHEN("{type: contains_field, field: q}"), FA, APPLIES, 0},
        {WHEN("{type: contains_detection_item, field: a, value: x}"), FA, APPLIES, 1},
        {WHEN("{type: contains_detection_item, field: a, value: y}"), FA, APPLIES, 0},
        {WHEN("{type: is_sigma_rule}"), FA, APPLIES, 1},
        {WHEN("{type: is_sigma_correlation_rule}"), FA, APPLIES, 0},
        {WHEN("{type: rule_attribute, attribute: level, value: medium, op: gte}"), FA, APPLIES, 1},
        {WHEN("{type: rule_attribute, attribute: level, value: critical, op: gte}"), FA, APPLIES,
         0},
        {WHEN("{type: rule_attribute, attribute: status, value: stable, op: lt}"), FA, APPLIES, 1},
        {WHEN("{type: rule_attribute, attribute: title, value: T}"), FA, APPLIES, 1},
        {WHEN("{type: rule_attribute, attribute: tags, value: attack.t1059, op: in}"), FA, APPLIES,
         1},
        {WHEN("{type: rule_attribute, attribute: nothing, value: T}"), FA, APPLIES, 0},
        {WHEN("{type: tag, tag: attack.t1059}"), FA, APPLIES, 1},
        {WHEN("{type: tag, tag: attack.t1060}"), FA, APPLIES, 0},
        {"[{type: set_state, key: k, val: v}, {type: field_name_mapping, mapping: {a: b}, "
         "rule_conditions: [{type: processing_state, key: k, val: v}]}]",
         FA, APPLIES, 1},
        {"[{type: set_state, key: k, val: v}, {type: field_name_mapping, mapping: {a: b}, "
         "rule_conditions: [{type: processing_state, key: k, val: w}]}]",
         FA, APPLIES, 0},
        {"[{type: set_state, id: one, key: k, val: v}, {type: field_name_mapping, mapping: {a: b}, "
         "rule_conditions: [{type: processing_item_applied, processing_item_id: one}]}]",
         FA, APPLIES, 1},
        {"[{type: field_name_mapping, mapping: {a: b}, rule_cond_op: or, rule_conditions: [{type: "
         "tag, tag: no}, {type: logsource, product: windows}]}]",
         FA, APPLIES, 1},
        {"[{type: field_name_mapping, mapping: {a: b}, rule_cond_not: true, rule_conditions: "
         "[{type: tag, tag: no}]}]",
         FA, APPLIES, 1},
        {"[{type: field_name_mapping, mapping: {a: b}, rule_cond_expr: 'w or t', rule_conditions: "
         "{w: {type: logsource, product: linux}, t: {type: tag, tag: attack.t1059}}}]",
         FA, APPLIES, 1},
    };
    CHECK(cases);
}

Test(sigma_pipeline, whole_rules) {
    static const struct pipeline_case cases[] = {
        {"[{type: add_condition, conditions: {Channel: Security}}]", FA,
         "{\"a\":\"x\",\"Channel\":\"Security\"}", 1},
        {"[{type: add_condition, conditions: {c: [d, e]}}]", FA, "{\"a\":\"x\",\"c\":\"e\"}", 1},
        {"[{type: add_condition, conditions: {c: [d, e]}}]", FA, "{\"a\":\"x\"}", 0},
        {"[{type: add_condition, negated: true, conditions: {c: d}}]", FA, "{\"a\":\"x\"}", 1},
        {"[{type: add_condition, negated: true, conditions: {c: d}}]", FA,
         "{\"a\":\"x\",\"c\":\"d\"}", 0},
        {"[{type: add_condition, template: true, conditions: {c: 'on $product/$service'}}]", FA,
         "{\"a\":\"x\",\"c\":\"on windows/None\"}", 1},
        {"[{type: add_condition, conditions: {c: d}}, {type: field_name_mapping, mapping: {c: e}}]",
         FA, "{\"a\":\"x\",\"e\":\"d\"}", 1},
        {"[{type: add_condition, conditions: {c: d}}]", "{s: {a: x}, t: {a: y}, condition: [s, t]}",
         "{\"a\":\"y\",\"c\":\"d\"}", 1},
        {"[{type: change_logsource, product: linux}]", FA,
         "{\"a\":\"x\",\"logsource\":{\"product\":\"linux\"}}", 1},
        {"[{type: change_logsource, product: linux}]", FA,
         "{\"a\":\"x\",\"logsource\":{\"product\":\"windows\"}}", 0},
        {"[{type: rule_failure, message: never here}]", FA, "{\"a\":\"x\"}", -1},
        {"[{type: detection_item_failure, message: no, field_name_conditions: [{type: "
         "include_fields, fields: [a]}]}]",
         FA, "{\"a\":\"x\"}", -1},
        {"[{type: detection_item_failure, message: no, field_name_conditions: [{type: "
         "include_fields, fields: [q]}]}]",
         FA, "{\"a\":\"x\"}", 1},
        {"[{type: nest, items: [{type: field_name_mapping, mapping: {a: b}}, {type: "
         "field_name_suffix, suffix: c}]}]",
         FA, "{\"bc\":\"x\"}", 1},
        {"[{type: set_custom_attribute, attribute: q, value: 1}, {type: add_field, field: q}]", FA,
         "{\"a\":\"x\"}", 1},
    };
    CHECK(cases);
}

Test(sigma_pipeline, values) {
    static const struct pipeline_case cases[] = {
        {"[{type: value_placeholders}]", "{s: {a|expand: '%users%'}, condition: s}",
         "{\"a\":\"administrator\"}", 1},
        {"[{type: value_placeholders}]", "{s: {a|contains|expand: ' %users% '}, condition: s}",
         "{\"a\":\"as root to\"}", 1},
        {"[{type: value_placeholders}]", "{s: {a|expand: '%nobody%'}, condition: s}",
         "{\"a\":\"x\"}", -1},
        {"[{type: value_placeholders, include: [users]}, {type: wildcard_placeholders}]",
         "{s: {a|expand: '%nobody%'}, condition: s}", "{\"a\":\"x\"}", 1},
        {"[{type: value_placeholders, exclude: [users]}]",
         "{s: {a|expand: '%users%'}, condition: s}", "{\"a\":\"root\"}", -1},
        {"[{type: wildcard_placeholders}]", "{s: {a|expand: 'x%nobody%y'}, condition: s}",
         "{\"a\":\"x..y\"}", 1},
        {"[{type: wildcard_placeholders}]", "{s: {a|re|expand: '^x%nobody%y$'}, condition: s}",
         "{\"a\":\"x..y\"}", 1},
        {"[{type: replace_string, regex: '^C:', replacement: 'D:'}]",
         "{s: {a|startswith: 'C:\\'}, condition: s}", "{\"a\":\"D:\\\\x\"}", 1},
        {"[{type: replace_string, regex: '(\\w+)@(\\w+)', replacement: '\\2.\\g<1>'}]",
         "{s: {a: 'me@here'}, condition: s}", "{\"a\":\"here.me\"}", 1},
        {"[{type: replace_string, regex: '\\*', replacement: 'star'}]",
         "{s: {a: 'x*'}, condition: s}", "{\"a\":\"xstar\"}", 1},
        {"[{type: replace_string, skip_special: true, regex: '\\*|x', replacement: 'y'}]",
         "{s: {a: 'x*'}, condition: s}", "{\"a\":\"yz\"}", 1},
        {"[{type: replace_string, regex: 'q*', replacement: '-'}]", "{s: {a: 'ab'}, condition: s}",
         "{\"a\":\"-a-b-\"}", 1},
        {"[{type: map_string, mapping: {x: y}}]", FA, "{\"a\":\"y\"}", 1},
        {"[{type: map_string, mapping: {x: [y, z]}}]", FA, "{\"a\":\"z\"}", 1},
        {"[{type: map_string, mapping: {q: y}}]", FA, "{\"a\":\"x\"}", 1},
        {"[{type: set_value, value: 7}]", FA, "{\"a\":7}", 1},
        {"[{type: convert_type, target_type: num}]", "{s: {a: '7'}, condition: s}", "{\"a\":7.0}",
         1},
        {"[{type: convert_type, target_type: num}]", FA, "{\"a\":\"x\"}", -1},
        {"[{type: convert_type, target_type: str}]", "{s: {a: 7}, condition: s}", "{\"a\":\"7\"}",
         1},
        {"[{type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File}]",
         "{s: {Hashes|contains: ['MD5=ab', 'sha1=cd']}, condition: s}", "{\"FileSHA1\":\"cdx\"}",
         1},
        {"[{type: hashes_fields, valid_hash_algos: [MD5], field_prefix: File}]",
         "{s: {Hashes: '00000000000000000000000000000000'}, condition: s}",
         "{\"FileMD5\":\"00000000000000000000000000000000\"}", 1},
        {"[{type: hashes_fields, valid_hash_algos: [MD5], field_prefix: Hash, drop_algo_prefix: "
         "true}]",
         "{s: {Hashes: 'MD5|ab'}, condition: s}", "{\"Hash\":\"ab\"}", 1},
        {"[{type: hashes_fields, valid_hash_algos: [SHA256]}]",
         "{s: {Hashes: 'MD5=ab'}, condition: s}", "{\"Hashes\":\"MD5=ab\"}", -1},
        {"[{type: hashes_fields, valid_hash_algos: [MD5], field_name_conditions: [{type: "
         "include_fields, fields: [Hashes]}]}]",
         "{s: {a: x, Hashes: 'MD5=ab'}, condition: s}", "{\"a\":\"x\",\"MD5\":\"ab\"}", 1},
    };
    CHECK(cases);
}

#define REGEX(method) "[{type: regex, method: " method "}]"
#define CASE(method) "[{type: case, method: " method "}]"

Test(sigma_pipeline, how_texts_are_written) {
    static const struct pipeline_case cases[] = {
        {REGEX("plain"), "{s: {a: Xy}, condition: s}", "{\"a\":\"Xy\"}", 1},
        {REGEX("plain"), "{s: {a: Xy}, condition: s}", "{\"a\":\"xy\"}", 0},
        {REGEX("plain"), "{s: {a: X*y.}, condition: s}", "{\"a\":\"X..y.\"}", 1},
        {REGEX("plain"), "{s: {a: X*y.}, condition: s}", "{\"a\":\"X..yz\"}", 0},
        {REGEX("plain"), "{s: {a: X}, condition: s}", "{\"a\":\"aXa\"}", 0}, /* all of it */
        {REGEX("plain"), "{s: [Xy], condition: s}", "{\"a\":\"aXya\"}", 1},
        {REGEX("plain"), "{s: [Xy], condition: s}", "{\"a\":\"axya\"}", 0},
        {REGEX("plain"), "{s: {a: 7}, condition: s}", "{\"a\":7}", 1},
        {REGEX("plain"), "{s: {a|expand: '%users%'}, condition: s}", "{\"a\":\"root\"}", -1},
        {REGEX("ignore_case_flag"), "{s: {a: Xy}, condition: s}", "{\"a\":\"xY\"}", 1},
        {REGEX("ignore_case_flag"), "{s: {a|cased: Xy}, condition: s}", "{\"a\":\"xY\"}", 1},
        {"[{type: regex}]", "{s: {a|cased|contains: Xy}, condition: s}", "{\"a\":\"axYa\"}", 1},
        {CASE("lower"), "{s: {a|cased: XÄY}, condition: s}", "{\"a\":\"xäy\"}", 1},
        {CASE("upper"), "{s: {a|cased|startswith: xäy}, condition: s}", "{\"a\":\"XÄYz\"}", 1},
        {CASE("upper"), "{s: {a|cased: x?y}, condition: s}", "{\"a\":\"XzY\"}", 1},
        {"[{type: case}]", "{s: {a|cased: XY}, condition: s}", "{\"a\":\"xy\"}", 1},
        {CASE("snake_case"), "{s: {a|cased: userNameID}, condition: s}",
         "{\"a\":\"user_name_i_d\"}", 1},
        {CASE("snake_case"), "{s: {a|cased: 'User*Name'}, condition: s}", "{\"a\":\"user.name\"}",
         1},
        {CASE("upper"), "{s: {a|re: x}, condition: s}", "{\"a\":\"x\"}", 1},
        {"["
         "{type: case, method: upper}, {type: value_placeholders}]",
         "{s: {a|cased|expand: 'x%users%'}, condition: s}", "{\"a\":\"Xroot\"}", 1},
    };
    CHECK(cases);
}

#define STRICT ", {type: strict_field_mapping_failure}]"

Test(sigma_pipeline, what_mappings_do_not_know_fails) {
    static const struct pipeline_case cases[] = {
        {"[{type: field_name_mapping, mapping: {a: b}}" STRICT, FA, "{\"b\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: a}}" STRICT, FA, "{\"a\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: null}}" STRICT, FA, "{\"a\":\"x\"}", -1},
        {"[{type: field_name_mapping, mapping: {c: b}}" STRICT, FA, "{\"a\":\"x\"}", -1},
        {"[{type: field_name_mapping, mapping: {a: [b, c]}}" STRICT, FA, "{\"c\":\"x\"}", 1},
        {"[{type: field_name_suffix, suffix: s}" STRICT, FA, "{\"as\":\"x\"}", 1},
        {"[{type: field_name_mapping, mapping: {a: b}, rule_conditions: [{type: logsource, "
         "product: linux}]}" STRICT,
         FA, "{\"a\":\"x\"}", -1},
        {"[{type: field_name_mapping, mapping: {a: b}}" STRICT, "{s: [x], condition: s}",
         "{\"c\":\"x\"}", 1},
    };
    CHECK(cases);
}

Test(sigma_pipeline, values_of_the_type_that_is_wanted) {
    static const struct pipeline_case cases[] = {
        {"[{type: set_value, value: 7, force_type: str}]", FA, "{\"a\":\"7\"}", 1},
        {"[{type: set_value, value: '7', force_type: num}]", FA, "{\"a\":7.0}", 1},
        {"[{type: set_value, value: null}]", FA, "{\"b\":\"x\"}", 1},
        {"[{type: set_value, value: 'y*'}]", "{s: {a|re: x}, condition: s}", "{\"a\":\"yes\"}", 1},
        {"[{type: set_value, value: 5}]", "{s: {a|gt: 9}, condition: s}", "{\"a\":5}", 1},
        {"[{type: replace_string, regex: '^4', replacement: 'n'}]", "{s: {a: 47}, condition: s}",
         "{\"a\":\"n7\"}", 1},
        {"[{type: replace_string, regex: '^4', replacement: 'n'}]", "{s: {a: 57}, condition: s}",
         "{\"a\":57}", 1},
        {"[{type: map_string, mapping: {x: null}}]", FA, "{\"a\":\"x\"}", 1},
        {"[{type: hashes_fields, valid_hash_algos: [MD5], field_prefix: keyword, "
         "drop_algo_prefix: true}]",
         "{s: {Hashes: 'MD5=ab'}, condition: s}", "{\"q\":\"xabx\"}", 1},
        {"[{type: set_custom_attribute, attribute: q, value: 7}, {type: rule_failure, message: m, "
         "rule_conditions: [{type: rule_attribute, attribute: q, value: 5, op: gt}]}]",
         FA, "{\"a\":\"x\"}", -1},
        {"[{type: set_custom_attribute, attribute: q, value: [u, v]}, {type: rule_failure, "
         "message: m, rule_conditions: [{type: rule_attribute, attribute: q, value: v, op: in}]}]",
         FA, "{\"a\":\"x\"}", -1},
        {"[{type: set_custom_attribute, attribute: level, value: low}, {type: rule_failure, "
         "message: m, rule_conditions: [{type: rule_attribute, attribute: level, value: low}]}]",
         FA, "{\"a\":\"x\"}", 1}, /* the rule's own stands above it */
        {"[{type: rule_failure, message: m, rule_conditions: [{type: rule_attribute, attribute: "
         "title, value: A, op: not_in}]}]",
         FA, "{\"a\":\"x\"}", 1},
    };
    CHECK(cases);
}

Test(sigma_pipeline, files_run_by_priority) {
    static const char late[] = "priority: 20\nvars: {v: late}\n"
                               "transformations: [{type: field_name_suffix, suffix: '2'}]\n";
    static const char early[] =
        "priority: 10\nvars: {v: early}\ntransformations:\n"
        "    - {type: field_name_suffix, suffix: '1'}\n    - {type: value_placeholders}\n";
    struct sigma_error error;
    struct sigma_pipelines *pipelines = sigma_pipelines_new();
    cr_assert_eq(sigma_pipelines_add_text(pipelines, text_of(late), &error), STATUS_OK);
    cr_assert_eq(sigma_pipelines_add_text(pipelines, text_of(early), &error), STATUS_OK);
    struct rule_verdict verdict = rule_bench_judge_with(
        &(struct sigma_settings){NULL, pipelines},
        "title: T\nlogsource: {product: a}\ndetection: {s: {a|expand: '%v%'}, condition: s}\n",
        "{\"event_type\":\"unknown\",\"metadata\":{\"a12\":\"late\"}}");
    cr_expect_eq(verdict.found, 1, "%s", verdict.reason);
    sigma_pipelines_destroy(&pipelines);
}

Test(sigma_pipeline, a_filter_is_mapped_with_its_rule) {
    struct sigma_pipelines *pipelines = make("[{type: field_name_mapping, mapping: {a: b, u: w}}]");
    static const char rules[] =
        "title: T\nlogsource: {product: p}\ndetection: {s: {a: x}, condition: s}\n---\n"
        "title: F\nlogsource: {product: p}\n"
        "filter: {rules: any, s: {u: me}, condition: not s}\n";
    const struct sigma_settings settings = {NULL, pipelines};
    cr_expect_eq(rule_bench_judge_with(&settings, rules,
                                       "{\"event_type\":\"unknown\",\"metadata\":{\"b\":\"x\"}}")
                     .found,
                 1);
    cr_expect_eq(rule_bench_judge_with(
                     &settings, rules,
                     "{\"event_type\":\"unknown\",\"metadata\":{\"b\":\"x\",\"w\":\"me\"}}")
                     .found,
                 0);
    sigma_pipelines_destroy(&pipelines);
}

/* Fields that are named beside the selections: by siem.group_by, and by correlations. */
Test(sigma_pipeline, names_of_groups_are_mapped_but_ours) {
    struct sigma_pipelines *pipelines =
        make("[{type: field_name_mapping, id: one, mapping: {u: [w, v]}}, "
             "{type: field_name_prefix, prefix: p., field_name_cond_not: true, "
             "field_name_conditions: [{type: processing_item_applied, processing_item_id: one}], "
             "rule_conditions: [{type: logsource, product: p}]}]");
    const struct sigma_settings settings = {NULL, pipelines};
    struct rule_verdict verdict = rule_bench_judge_with(
        &settings,
        "title: T\nlogsource: {product: p}\nsiem: {group_by: [u, x, username]}\n"
        "detection: {s: {a: b}, condition: s}\n",
        "{\"event_type\":\"unknown\",\"username\":\"me\",\"metadata\":{\"w\":\"1\",\"p\":{"
        "\"a\":\"b\",\"x\":\"22\"}}}");
    cr_expect_eq(verdict.found, 1, "%s", verdict.reason);
    cr_expect_str_eq(verdict.group_key, "7:unknown,1:1,2:22,2:me");
    struct arena arena;
    arena_init(&arena);
    const struct logsource ours = {{NULL, 0}, TEXT("p"), {NULL, 0}};
    const struct logsource others = {{NULL, 0}, TEXT("q"), {NULL, 0}};
    cr_expect(text_is(sigma_pipelines_map_field(pipelines, &arena, &ours, TEXT("x")), "p.x"));
    cr_expect(text_is(sigma_pipelines_map_field(pipelines, &arena, &others, TEXT("x")), "x"));
    cr_expect(text_is(sigma_pipelines_map_field(pipelines, &arena, &ours, TEXT("u")), "w"));
    cr_expect(text_is(sigma_pipelines_map_field(pipelines, &arena, &ours, TEXT("source_ip")),
                      "source_ip"));
    cr_expect(text_is(sigma_pipelines_map_field(NULL, &arena, &ours, TEXT("x")), "x"));
    arena_fini(&arena);
    sigma_pipelines_destroy(&pipelines);
}

/* Each shipped pipeline, a rule as its authors write it, and an event as the shipper sends it. */
Test(sigma_pipeline, the_shipped_ones_find_the_shippers_fields) {
    static const struct {
        const char *file;
        const char *logsource;
        const char *detection;
        const char *event;
        bool matches;
    } cases[] = {
        {"mini-siem", "product: linux", "{s: {src_ip|cidr: 10.0.0.0/8}, condition: s}",
         "\"source_ip\":\"10.0.0.9\"", true},
        {"mini-siem", "category: webserver", "{s: {c-ip: 10.0.0.9}, condition: s}",
         "\"metadata\":{\"c-ip\":\"10.0.0.9\"}", true},
        {"mini-siem", "product: linux", "{s: {User: root}, condition: s}", "\"username\":\"root\"",
         true},
        {"mini-siem", "product: linux", "{s: {User: null}, condition: s}",
         "\"metadata\":{\"User\":\"x\"}", false},
        {"sysmon", "product: windows, category: dns_query",
         "{s: {QueryName|endswith: .onion}, condition: s}",
         "\"metadata\":{\"EventID\":22,\"QueryName\":\"a.onion\"}", true},
        {"sysmon", "product: windows, category: dns_query",
         "{s: {QueryName|endswith: .onion}, condition: s}",
         "\"metadata\":{\"EventID\":3,\"QueryName\":\"a.onion\"}", false},
        {"windows-audit", "product: windows, category: process_creation",
         "{s: {Image|endswith: '\\cmd.exe', IntegrityLevel: System}, condition: s}",
         "\"metadata\":{\"Channel\":\"Security\",\"EventID\":4688,\"NewProcessName\":"
         "\"C:\\\\Windows\\\\cmd.exe\",\"MandatoryLabel\":\"S-1-16-16384\"}",
         true},
        {"windows-winlogbeat", "product: windows, category: process_creation",
         "{s: {CommandLine|contains: whoami, Channel|contains: Sysmon}, condition: s}",
         "\"metadata\":{\"winlog\":{\"channel\":\"Microsoft-Windows-Sysmon/Operational\",\"event_"
         "id\":1,\"event_data\":{\"CommandLine\":\"whoami /all\"}}}",
         true},
        {"windows-winlogbeat", "product: windows, category: process_creation",
         "{s: {CommandLine|contains: whoami}, condition: s}",
         "\"metadata\":{\"winlog\":{\"channel\":\"Microsoft-Windows-Sysmon/Operational\",\"event_"
         "id\":11,\"event_data\":{\"CommandLine\":\"whoami /all\"}}}",
         false},
        {"windows-evtx", "product: windows, service: security",
         "{s: {EventID: 4624, LogonType: 10}, condition: s}",
         "\"metadata\":{\"Event\":{\"System\":{\"Channel\":\"Security\",\"EventID\":{\"#text\":"
         "4624}},\"EventData\":{\"LogonType\":\"10\"}}}",
         true},
        {"linux-auditd", "product: linux, service: auditd",
         "{s: {type: EXECVE, a0: cat, a1: /etc/shadow}, condition: s}",
         "\"metadata\":{\"auditd\":{\"message_type\":\"execve\",\"data\":{\"a0\":\"cat\",\"a1\":"
         "\"/etc/shadow\"}}}",
         true},
        {"web-ecs", "category: webserver",
         "{s: {cs-method: GET, cs-uri-query|contains: '../', sc-status: 200}, condition: s}",
         "\"metadata\":{\"http\":{\"request\":{\"method\":\"get\"},\"response\":{\"status_code\":"
         "200}},\"url\":{\"query\":\"f=../../etc\"}}",
         true},
        {"web-nginx", "category: webserver",
         "{s: {cs-method: GET, cs-user-agent|contains: sqlmap}, condition: s}",
         "\"metadata\":{\"request_method\":\"GET\",\"http_user_agent\":\"sqlmap/1\"}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[128], rule[1024], document[1024];
        struct sigma_error error;
        struct sigma_pipelines *pipelines = sigma_pipelines_new();
        snprintf(path, sizeof path, "deploy/pipelines/%s.yml", cases[i].file);
        cr_assert_eq(sigma_pipelines_load(pipelines, path, &error), STATUS_OK, "%s", error.reason);
        snprintf(rule, sizeof rule, "title: T\nlogsource: {%s}\ndetection: %s\n",
                 cases[i].logsource, cases[i].detection);
        snprintf(document, sizeof document, "{\"event_type\":\"unknown\",%s}", cases[i].event);
        struct rule_verdict verdict =
            rule_bench_judge_with(&(struct sigma_settings){NULL, pipelines}, rule, document);
        cr_expect_eq(verdict.found, (size_t)cases[i].matches, "%s: %s with %s: %s", cases[i].file,
                     cases[i].detection, cases[i].event, verdict.reason);
        sigma_pipelines_destroy(&pipelines);
    }
}

Test(sigma_pipeline, the_shipped_ones_load_together) {
    struct sigma_error error;
    struct sigma_pipelines *pipelines = sigma_pipelines_new();
    cr_expect_eq(sigma_pipelines_load(pipelines, "deploy/pipelines", &error), STATUS_OK, "%s",
                 error.reason);
    cr_expect_neq(sigma_pipelines_load(pipelines, "deploy/nowhere", &error), STATUS_OK);
    cr_expect_not_null(strstr(error.reason, "deploy/nowhere"), "%s", error.reason);
    sigma_pipelines_destroy(&pipelines);
}
