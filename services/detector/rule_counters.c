/* rule_counters.c: one series a rule, up to a bound. */
#include "services/detector/rule_counters.h"

#include "common/counters.h"
#include "common/scoped.h"
#include "common/utf8.h"
#include "proto/vocabulary.h"

#include <stdlib.h>

#define NAME "siem_findings_total"
#define HELP "Findings by rule"
#define SHADOW_NAME "siem_shadow_hits_total"
#define SHADOW_HELP "Events matched by rules in the shadow, which raise nothing, by rule"
/* Of an id or a title; more is cut. */
#define LABEL_VALUE_MAX 64
#define LABELS_SIZE 256

struct known_rule {
    bool is_shadow;
    char labels[LABELS_SIZE];
    struct counter *counter;
};

struct rule_counters {
    const struct sigma_rules *rules;
    struct counter **by_index; /* NULL: until its first finding */
    struct counter *other;
    size_t known_count;
    struct known_rule known[RULE_COUNTERS_MAX];
};

struct rule_counters *rule_counters_new(void) {
    struct rule_counters *counters = calloc(1, sizeof *counters);
    if (counters == NULL)
        abort();
    return counters;
}

void rule_counters_destroy(struct rule_counters **counters) {
    if (*counters == NULL)
        return;
    free((*counters)->by_index);
    free(*counters);
    *counters = NULL;
}

/* The counter with these labels, or NULL. */
static struct counter *find(const struct rule_counters *counters, bool is_shadow,
                            const char *labels) {
    for (size_t i = 0; i < counters->known_count; i++) {
        if (counters->known[i].is_shadow == is_shadow &&
            strcmp(labels, counters->known[i].labels) == 0)
            return counters->known[i].counter;
    }
    return NULL;
}

static struct counter *other_counter(struct rule_counters *counters) {
    if (counters->other == NULL)
        counters->other = counter_new(NAME, "rule=\"other\",title=\"\",level=\"\"", HELP);
    return counters->other;
}

static struct counter *counter_of(struct rule_counters *counters,
                                  const struct sigma_loaded_rule *rule) {
    const struct finding *finding = &rule->finding;
    bool is_shadow = rule->mode == SIGMA_MODE_SHADOW;
    SCOPED_FINI(buffer) struct buffer labels;
    buffer_init(&labels, LABELS_SIZE);
    counters_append_label(&labels, "rule", utf8_cut(finding->rule_id, LABEL_VALUE_MAX));
    counters_append_label(&labels, "title", utf8_cut(finding->rule_title, LABEL_VALUE_MAX));
    counters_append_label(&labels, "level", text_of(severity_text(finding->level)));
    buffer_append(&labels, "", 1);
    if (!buffer_is_whole(&labels))
        return other_counter(counters);
    const char *text = buffer_text(&labels).data;
    struct counter *counter = find(counters, is_shadow, text);
    if (counter != NULL)
        return counter;
    if (counters->known_count == RULE_COUNTERS_MAX)
        return other_counter(counters);
    struct known_rule *known = &counters->known[counters->known_count++];
    known->is_shadow = is_shadow;
    memcpy(known->labels, text, labels.length);
    known->counter =
        counter_new(is_shadow ? SHADOW_NAME : NAME, known->labels, is_shadow ? SHADOW_HELP : HELP);
    return known->counter;
}

void rule_counters_use(struct rule_counters *counters, const struct sigma_rules *rules) {
    free(counters->by_index);
    counters->rules = rules;
    counters->by_index = calloc(rules->count + 1, sizeof(struct counter *));
    if (counters->by_index == NULL)
        abort();
    if (counters->known_count + rules->count > RULE_COUNTERS_MAX)
        return;
    for (size_t i = 0; i < rules->count; i++)
        counters->by_index[i] = counter_of(counters, &rules->rules[i]);
}

void rule_counters_add(struct rule_counters *counters, uint32_t rule) {
    struct counter **counter = &counters->by_index[rule];
    if (*counter == NULL)
        *counter = counter_of(counters, &counters->rules->rules[rule]);
    counter_add(*counter, 1);
}
