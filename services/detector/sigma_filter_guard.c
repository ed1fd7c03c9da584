/* sigma_filter_guard.c: samples of hits, and a filter's condition over a sample. */
#include "services/detector/sigma_filter_guard.h"

#include "services/detector/casefold.h"
#include "services/detector/sigma_regex.h"

/* What an ordinary value is: no rule names it, it is no number, address or date. */
#define ORDINARY TEXT("\u00a7ordinary\u00a7")

struct assignment {
    struct text field;
    struct text value;
};

/* A made-up event; fields not in it have an ordinary value. */
struct sample {
    struct arena *arena;
    size_t count;
    size_t capacity;
    struct assignment *items;
};

static struct assignment *find(const struct sample *sample, struct text field) {
    for (size_t i = 0; i < sample->count; i++)
        if (text_equal(sample->items[i].field, field))
            return &sample->items[i];
    return NULL;
}

static void set(struct sample *sample, struct text field, struct text value) {
    struct assignment *known = find(sample, field);
    if (known == NULL && sample->count == sample->capacity) {
        struct assignment *old = sample->items;
        sample->capacity = sample->capacity * 2 + 16;
        sample->items = arena_zalloc(sample->arena, sample->capacity, sizeof *sample->items);
        if (sample->count > 0)
            memcpy(sample->items, old, sample->count * sizeof *old);
    }
    if (known == NULL)
        known = &sample->items[sample->count++];
    *known = (struct assignment){field, value};
}

static struct text value_of(const struct sample *sample, struct text field) {
    const struct assignment *known = find(sample, field);
    return known != NULL ? known->value : ORDINARY;
}

/* A text the string matches: an ordinary value for `*`, one character for `?`. */
static struct text instance_of(struct arena *arena, struct sigma_string string) {
    struct text ordinary = ORDINARY;
    char *out = arena_alloc(arena, string.length * (ordinary.length + 1) + 1);
    size_t length = 0;
    for (size_t i = 0; i < string.length; i++) {
        if (string.marks[i] == SIGMA_MARK_ANY) {
            memcpy(out + length, ordinary.data, ordinary.length);
            length += ordinary.length;
        } else {
            out[length++] = string.marks[i] == SIGMA_MARK_ONE ? 'x' : string.data[i];
        }
    }
    arena_trim(arena, out, length);
    return (struct text){out, length};
}

static struct text join(struct arena *arena, struct text a, struct text b) {
    return arena_printf(arena, "%.*s%.*s", TEXT_ARG(a), TEXT_ARG(b));
}

/* Sets what the item asks for; `choice` says which of its values. */
static void sample_item(struct sample *sample, const struct sigma_item *item, size_t choice) {
    struct text joined = {"", 0};
    if (item->field.data == NULL || item->negated || item->part != TIME_PART_NONE ||
        item->comparison != SIGMA_EQUALS)
        return;
    for (size_t i = 0; i < item->count; i++) {
        const struct sigma_value *value = &item->values[i];
        if (!item->all && i != choice % item->count)
            continue;
        struct text made =
            value->kind == SIGMA_VALUE_TEXT
                ? instance_of(sample->arena, value->strings.items[choice % value->strings.count])
                : value->source;
        joined = join(sample->arena, joined, made);
    }
    set(sample, item->field, joined);
}

static void sample_detection(struct sample *sample, const struct sigma_detection *detection,
                             size_t choice) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        sample_item(sample, &detection->item, choice);
    for (size_t i = 0; i < detection->count; i++)
        if (detection->kind == SIGMA_DETECTION_ALL || i == choice % detection->count)
            sample_detection(sample, &detection->children[i], choice);
}

/* Makes the sample one that the condition holds for, as far as values can be made up; what it
 * excludes stays ordinary. */
static void sample_condition(struct sample *sample, const struct sigma_rule *rule,
                             const struct sigma_condition *condition, size_t choice) {
    if (condition->kind == SIGMA_CONDITION_SELECTION)
        sample_detection(sample, &rule->selections[condition->selection].detection, choice);
    for (size_t i = 0; condition->kind != SIGMA_CONDITION_NOT && i < condition->count; i++)
        if (condition->kind == SIGMA_CONDITION_AND || i == choice % condition->count)
            sample_condition(sample, rule, condition->children[i], choice);
}

static struct text fold(struct arena *arena, struct text text) {
    char *out = arena_alloc(arena, CASEFOLD_SIZE(text.length));
    size_t length = casefold_text(text, out);
    arena_trim(arena, out, length);
    return (struct text){out, length};
}

/* True when the string, in which marks are wildcards, is the whole text. */
static bool is_whole(struct sigma_string string, struct text text) {
    size_t s = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.length) {
        if (s < string.length && string.marks[s] == SIGMA_MARK_ANY) {
            star = s++;
            resume = t;
        } else if (s < string.length &&
                   (string.marks[s] == SIGMA_MARK_ONE || string.data[s] == text.data[t])) {
            s++;
            t++;
        } else if (star != SIZE_MAX) {
            s = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (s < string.length && string.marks[s] == SIGMA_MARK_ANY)
        s++;
    return s == string.length;
}

/* The same whatever the case. */
static bool string_matches(const struct sample *sample, struct sigma_string string,
                           struct text text) {
    struct arena *arena = sample->arena;
    struct sigma_string folded = {arena_alloc(arena, string.length + 1), string.marks,
                                  string.length};
    for (size_t i = 0; i < string.length; i++) {
        char byte = string.data[i];
        folded.data[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return is_whole(folded, fold(arena, text));
}

static bool regex_matches(const struct sigma_item *item, const struct sigma_value *value,
                          struct text text) {
    struct sigma_regex_flags flags = {item->ignore_case, item->multi_line, item->dot_all};
    struct sigma_regex *regex;
    struct sigma_error error;
    if (sigma_regex_new(value->source, flags, value->line, &regex, &error) != STATUS_OK)
        return false; /* the compiler refuses it later */
    struct sigma_regex_workspace *workspace = sigma_regex_workspace_new();
    bool matches = sigma_regex_search(regex, workspace, text) == SIGMA_REGEX_MATCHES;
    sigma_regex_workspace_destroy(&workspace);
    sigma_regex_destroy(&regex);
    return matches;
}

static bool value_matches(const struct sample *sample, const struct sigma_item *item,
                          const struct sigma_value *value, struct text text) {
    if (item->comparison == SIGMA_REGEX)
        return regex_matches(item, value, text);
    if (item->comparison == SIGMA_EXISTS)
        return value->is_on;
    if (item->comparison == SIGMA_FIELD)
        return text_equal(text, value_of(sample, value->source));
    if (item->comparison != SIGMA_EQUALS || item->part != TIME_PART_NONE ||
        value->kind == SIGMA_VALUE_NULL)
        return false;
    if (value->kind != SIGMA_VALUE_TEXT)
        return text_equal(value->source, text);
    for (size_t i = 0; i < value->strings.count; i++) {
        struct sigma_string string = value->strings.items[i];
        if (item->field.data == NULL)
            string = sigma_string_wrap(sample->arena, string, true, true);
        if (string_matches(sample, string, text))
            return true;
    }
    return false;
}

/* Keywords look at every value of the sample, and at an ordinary one. */
static bool keyword_matches(const struct sample *sample, const struct sigma_item *item,
                            const struct sigma_value *value) {
    bool matches = value_matches(sample, item, value, ORDINARY);
    for (size_t i = 0; !matches && i < sample->count; i++)
        matches = value_matches(sample, item, value, sample->items[i].value);
    return matches;
}

static bool item_matches(const struct sample *sample, const struct sigma_item *item) {
    size_t matched = 0;
    for (size_t i = 0; i < item->count; i++)
        matched += item->field.data == NULL ? keyword_matches(sample, item, &item->values[i])
                                            : value_matches(sample, item, &item->values[i],
                                                            value_of(sample, item->field));
    bool matches = item->all ? matched == item->count : matched > 0;
    return matches != item->negated;
}

static bool detection_matches(const struct sample *sample,
                              const struct sigma_detection *detection) {
    if (detection->kind == SIGMA_DETECTION_ITEM)
        return item_matches(sample, &detection->item);
    bool stops_at = detection->kind == SIGMA_DETECTION_ANY;
    for (size_t i = 0; i < detection->count; i++)
        if (detection_matches(sample, &detection->children[i]) == stops_at)
            return stops_at;
    return !stops_at;
}

static bool condition_matches(const struct sample *sample, const struct sigma_rule *rule,
                              const struct sigma_condition *condition) {
    if (condition->kind == SIGMA_CONDITION_SELECTION)
        return detection_matches(sample, &rule->selections[condition->selection].detection);
    if (condition->kind == SIGMA_CONDITION_NOT)
        return !condition_matches(sample, rule, condition->children[0]);
    bool stops_at = condition->kind == SIGMA_CONDITION_OR;
    for (size_t i = 0; i < condition->count; i++)
        if (condition_matches(sample, rule, condition->children[i]) == stops_at)
            return stops_at;
    return !stops_at;
}

enum status sigma_filter_guard(const struct sigma_filter *filter,
                               const struct sigma_reader *reader) {
    const struct sample ordinary = {.arena = reader->arena};
    if (condition_matches(&ordinary, &filter->body, filter->body.condition))
        return STATUS_OK;
    return sigma_refuse(reader->error, STATUS_REFUSED, filter->body.line,
                        "the filter would mute nearly every hit: its condition is false of an "
                        "ordinary event; an exclusion is written 'condition: not selection'");
}

enum status sigma_filter_guard_rule(const struct sigma_filter *filter,
                                    const struct sigma_rule *rule,
                                    const struct sigma_reader *reader) {
    for (size_t choice = 0; choice < SIGMA_SAMPLES_MAX; choice++) {
        struct sample sample = {.arena = reader->arena};
        sample_condition(&sample, rule, rule->condition, choice);
        if (condition_matches(&sample, &filter->body, filter->body.condition))
            return STATUS_OK;
    }
    return sigma_refuse(reader->error, STATUS_REFUSED, filter->body.line,
                        "the filter excludes what rule %.*s looks for, and is not applied to it: "
                        "none of the rule's sample hits would be left",
                        TEXT_ARG(rule->id));
}
