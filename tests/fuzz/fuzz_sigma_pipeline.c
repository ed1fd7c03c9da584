/* fuzz_sigma_pipeline.c: any bytes as a pipeline, and what loads run over a few rules. */
#include "services/detector/sigma_pipeline.h"
#include "services/detector/sigma_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules_text[] =
    "title: A\nname: A\nlogsource: {category: process_creation, product: windows}\nlevel: high\n"
    "tags: [attack.t1059]\ndetection:\n"
    "    s: {a|contains: [x, 'y*z'], b: 5, Hashes: ['MD5=ab', 'SHA1=cd'], c: null}\n"
    "    t:\n        - {d|re: '^x', e|fieldref: a}\n        - {f|expand: '%users%x%hosts%'}\n"
    "    k: [word, other]\n    condition: s and not 1 of t* or k\n"
    "---\ntitle: F\nlogsource: {product: windows}\n"
    "filter: {rules: any, s: {u: me}, condition: not s}\n"
    "---\ntitle: C\nname: c\ntags: [attack.t1110]\n"
    "correlation: {type: event_count, rules: [A], group-by: [a], timespan: 1m,"
    " condition: {gte: 2}}\n"
    "---\ntitle: D\ncorrelation: {type: temporal, rules: [A, c], group-by: [a], timespan: 1m}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sigma_error error;
    struct sigma_pipelines *pipelines = sigma_pipelines_new();
    struct sigma_rules *rules = sigma_rules_new();
    enum status status =
        sigma_pipelines_add_text(pipelines, (struct text){(const char *)data, size}, &error);
    const struct sigma_settings settings = {NULL, pipelines};
    sigma_rules_use(rules, &settings);
    sigma_rules_add_text(rules, "rules.yml", text_of(rules_text));
    if (status == STATUS_OK)
        sigma_rules_finish(rules);
    sigma_rules_destroy(&rules);
    sigma_pipelines_destroy(&pipelines);
    return 0;
}
