/* rules_test.c: siemctl rules test: judges one event by one file of rules, as a detector would. */
#include "services/siemctl/rules_trial.h"

#include "common/scoped.h"

#include "services/detector/file_text.h"

#include <errno.h>

/* The event's text: JSON as it stands, "-" for stdin, else a file. False after words on stderr. */
static bool read_event_text(const char *word, struct buffer *out) {
    size_t blanks = strspn(word, " \t\r\n");
    if (word[blanks] == '{') {
        buffer_append_text(out, text_of(word));
        return true;
    }
    const char *path = strcmp(word, "-") == 0 ? "/dev/stdin" : word;
    enum status status = file_text_read(path, out);
    if (status == STATUS_OK)
        return true;
    fprintf(stderr, "siemctl: %s: %s\n", word,
            status == STATUS_TOO_LARGE ? "is too large for an event" : strerror(errno));
    return false;
}

/* True when everything loaded; else says what did not. A file of filters or correlations alone has
 * nothing an event could match. */
static bool is_sound(const struct sigma_rules *rules, const char *path) {
    for (size_t i = 0; i < rules->refusal_count; i++)
        fprintf(stderr, "siemctl: %s:%d: %s\n", rules->refusals[i].file,
                rules->refusals[i].error.line, rules->refusals[i].error.reason);
    if (rules->refusal_count == 0 && rules->count == 0)
        fprintf(stderr, "siemctl: there is no detection rule in %s\n", path);
    return rules->refusal_count == 0 && rules->count > 0;
}

static int try_event(const struct rules_arguments *arguments, struct rules_trial *trial,
                     const struct event *event) {
    SCOPED_FINI(rules_enrichments) struct rules_enrichments enrichments;
    if (!rules_enrichments_init(&enrichments, arguments))
        return RULES_ERROR;
    judge_begin_batch(trial->judge);
    trial->judgement = judge_event(trial->judge, &enrichments.all, event);
    sigma_explanations_explain(trial->explanations, judge_fields(trial->judge));
    if (arguments->json)
        rules_trial_print_json(trial);
    else
        rules_trial_print(trial);
    return trial->judgement.matched_count > 0 ? RULES_YES : RULES_NO;
}

int rules_test(const struct rules_arguments *arguments, const char *rule, const char *event) {
    SCOPED_FINI(buffer) struct buffer text;
    buffer_init(&text, RULES_EVENT_MAX);
    SCOPED(sigma_explanations)
    struct sigma_explanations *explanations = sigma_explanations_new();
    SCOPED(rules_events)
    struct rules_events *events = rules_events_new();
    SCOPED(sigma_rules)
    struct sigma_rules *rules = rules_read(arguments, rule, explanations);
    if (rules == NULL || !is_sound(rules, rule) || !read_event_text(event, &text))
        return RULES_ERROR;
    const char *error = NULL;
    const struct event *read = rules_events_read(events, buffer_text(&text), &error);
    if (read == NULL) {
        fprintf(stderr, "siemctl: the event: %s\n", error);
        return RULES_ERROR;
    }
    SCOPED(judge)
    struct judge *judge = judge_new(rules);
    struct rules_trial trial = {.rules = rules, .explanations = explanations, .judge = judge};
    return try_event(arguments, &trial, read);
}
