/* test_rule_counters.c: rules have a series each, up to a bound that no directory of rules passes.
 */
#include "services/detector/rule_counters.h"

#include "common/counters.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define RULES (RULE_COUNTERS_MAX + 50)

static char ids[RULES][16];
static struct sigma_loaded_rule loaded[RULES];

/* A set of `count` rules, named from `first` on. */
static struct sigma_rules make_rules(size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "rule-%zu", first + i);
        loaded[i].finding = (struct finding){
            .rule_id = text_of(ids[i]), .rule_title = TEXT("A \"title\""), .level = SEVERITY_HIGH};
    }
    return (struct sigma_rules){.rules = loaded, .count = count};
}

/* How many series of the page begin so. */
static size_t count_series(const char *start) {
    struct buffer out;
    buffer_init(&out, 1024 * 1024);
    counters_render_prometheus(&out);
    buffer_append(&out, "", 1);
    cr_assert(buffer_is_whole(&out));
    size_t count = 0;
    char line[128];
    snprintf(line, sizeof line, "\n%s", start);
    for (const char *at = buffer_text(&out).data; (at = strstr(at, line)) != NULL; at++)
        count++;
    buffer_fini(&out);
    return count;
}

static uint64_t read_rule(size_t number) {
    char labels[96];
    snprintf(labels, sizeof labels, "rule=\"rule-%zu\",title=\"A \\\"title\\\"\",level=\"high\"",
             number);
    return counter_read(counter_new("siem_findings_total", labels, ""));
}

Test(rule_counters, every_rule_of_a_small_set_is_shown_before_it_finds_anything) {
    struct rule_counters *counters = rule_counters_new();
    struct sigma_rules rules = make_rules(0, 3);
    rule_counters_use(counters, &rules);
    cr_expect_eq(count_series("siem_findings_total{"), 3);
    rule_counters_add(counters, 1);
    cr_expect_eq(read_rule(0), 0);
    cr_expect_eq(read_rule(1), 1);
    rule_counters_destroy(&counters);
}

Test(rule_counters, a_reload_goes_on_counting) {
    struct rule_counters *counters = rule_counters_new();
    struct sigma_rules rules = make_rules(0, 3);
    rule_counters_use(counters, &rules);
    rule_counters_add(counters, 2);
    rules = make_rules(2, 2); /* what was third is first now */
    rule_counters_use(counters, &rules);
    rule_counters_add(counters, 0);
    cr_expect_eq(read_rule(2), 2);
    cr_expect_eq(count_series("siem_findings_total{"), 4);
    rule_counters_destroy(&counters);
}

Test(rule_counters, of_many_rules_those_that_find_something_are_shown_up_to_the_bound) {
    struct rule_counters *counters = rule_counters_new();
    struct sigma_rules rules = make_rules(0, RULES);
    rule_counters_use(counters, &rules);
    cr_expect_eq(count_series("siem_findings_total{"), 0);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = RULES; i > 0; i--)
            rule_counters_add(counters, i - 1);
    cr_expect_eq(read_rule(RULES - 1), 2);
    cr_expect_eq(count_series("siem_findings_total{"), RULE_COUNTERS_MAX + 1);
    const char *other = "rule=\"other\",title=\"\",level=\"\"";
    cr_expect_eq(counter_read(counter_new("siem_findings_total", other, "")),
                 2 * (RULES - RULE_COUNTERS_MAX));
    rule_counters_destroy(&counters);
}
