/* fuzz_sigma_rule.c: any bytes as a file of rules, and what loads against an event. */
#include "services/detector/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* {"a": "xYz", "b": {"c": [1, true, nil]}} */
    static const uint8_t metadata[] = "\x82\xa1"
                                      "a\xa3xYz\xa1"
                                      "b\x81\xa1"
                                      "c\x93\x01\xc3\xc0";
    static const struct enrichments none = {NULL, NULL};
    struct event event = {.time_ms = 1,
                          .received_ms = 1,
                          .event_type = EVENT_TYPE_LOGIN_FAILED,
                          .count = 7,
                          .source_ip = TEXT("192.0.2.7"),
                          .raw_log = TEXT("GET /?q=\xc3\x84' OR 1=1 --x HTTP/1.1"),
                          .metadata = {metadata, sizeof metadata - 1}};
    struct sigma_rules *rules = sigma_rules_new();
    sigma_rules_add_text(rules, "any.yml", (struct text){(const char *)data, size});
    sigma_rules_finish(rules);
    struct judge *judge = judge_new(rules);
    (void)judge_event(judge, &none, &event);
    judge_destroy(&judge);
    sigma_rules_destroy(&rules);
    return 0;
}
