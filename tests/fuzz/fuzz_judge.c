/* fuzz_judge.c: any bytes as an event, judged by the rules that ship. */
#include "services/detector/judge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sigma_rules *load_rules(void) {
    struct sigma_rules *rules = sigma_rules_new();
    if (sigma_rules_add_directory(rules, SIEM_RULES) != STATUS_OK)
        abort();
    sigma_rules_finish(rules);
    if (rules->count == 0)
        abort();
    return rules;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct enrichments none = {NULL, NULL};
    static struct sigma_rules *rules;
    static struct judge *judge;
    static struct msgpack_frame frame;
    struct event event;
    if (rules == NULL) {
        rules = load_rules();
        judge = judge_new(rules);
        msgpack_frame_init(&frame);
    }
    if (event_decode((struct bytes){data, size}, &frame, &event) == STATUS_OK)
        (void)judge_event(judge, &none, &event);
    return 0;
}
