/* pipeline_values.c: transformations of the values of items. */
#include "services/detector/pipeline_private.h"

#include "services/detector/sigma_edit.h"

/* ---- placeholders ---- */

static enum status expand(struct pipeline_run *run, struct sigma_detection *detection,
                          bool *ret_changed, bool to_wildcard) {
    const struct sigma_expansion expansion = {
        .values = run->pipelines->vars,
        .to_wildcard = to_wildcard,
        .must_know = true,
        .include = sigma_node_member(run->item->node, "include"),
        .exclude = sigma_node_member(run->item->node, "exclude"),
    };
    if (!detection->item.expands)
        return STATUS_OK;
    *ret_changed = true;
    return sigma_expand_item(run->reader, &expansion, &detection->item);
}

static enum status expand_values(struct pipeline_run *run, struct sigma_detection *detection,
                                 bool *ret_changed) {
    return expand(run, detection, ret_changed, false);
}

static enum status expand_wildcards(struct pipeline_run *run, struct sigma_detection *detection,
                                    bool *ret_changed) {
    return expand(run, detection, ret_changed, true);
}

/* ---- strings ---- */

/* A string being made; wildcards that are not touched stay what they are. */
struct making {
    struct buffer data;
    struct buffer marks;
    bool interprets; /* * and ? of a replacement are wildcards */
};

static void append_part(struct making *making, struct sigma_string string, size_t from, size_t to) {
    buffer_append(&making->data, string.data + from, to - from);
    buffer_append(&making->marks, string.marks + from, to - from);
}

static void append_byte(struct making *making, char byte, bool is_escaped) {
    uint8_t mark = SIGMA_MARK_LITERAL;
    if (making->interprets && !is_escaped)
        mark = byte == '*' ? SIGMA_MARK_ANY : byte == '?' ? SIGMA_MARK_ONE : SIGMA_MARK_LITERAL;
    buffer_append(&making->data, &byte, 1);
    buffer_append(&making->marks, &mark, 1);
}

/* The number of the group that \1 or \g<1> at the start of the text names, and its length. */
static bool read_reference(struct text text, size_t *ret_group, size_t *ret_length) {
    const char *at = text.data;
    bool is_long = text.length > 4 && memcmp(at, "\\g<", 3) == 0 && at[4] == '>';
    char digit = is_long ? at[3] : text.length > 1 && at[0] == '\\' ? at[1] : 0;
    if (digit < '0' || digit > '9')
        return false;
    *ret_group = (size_t)(digit - '0');
    *ret_length = is_long ? 5 : 2;
    return true;
}

/* Appends a replacement: its references are what the groups matched. */
static void append_replacement(struct making *making, struct text replacement,
                               struct sigma_string string, const struct sigma_regex_group *groups) {
    for (size_t i = 0; i < replacement.length;) {
        struct text rest = {replacement.data + i, replacement.length - i};
        size_t group, length = 1;
        if (read_reference(rest, &group, &length)) {
            if (groups[group].from != SIZE_MAX && groups[group].to >= groups[group].from)
                append_part(making, string, groups[group].from, groups[group].to);
        } else if (rest.length > 1 && rest.data[0] == '\\' &&
                   (rest.data[1] == '\\' || rest.data[1] == '*' || rest.data[1] == '?')) {
            append_byte(making, rest.data[1], true);
            length = 2;
        } else {
            append_byte(making, rest.data[0], false);
        }
        i += length;
    }
}

/* Where the character at `at` ends, for a search that goes on behind an empty match. */
static size_t character_end(struct text text, size_t at) {
    size_t end = at + 1;
    while (end < text.length && ((unsigned char)text.data[end] & 0xc0) == 0x80)
        end++;
    return end;
}

/* Appends the string with every match replaced. */
static void append_replaced(const struct pipeline_run *run, struct making *making,
                            struct sigma_string string) {
    struct text replacement = pipeline_text(run->item->node, "replacement");
    struct text text = sigma_string_text(string);
    struct sigma_regex_group groups[REGEX_GROUPS_MAX];
    size_t at = 0;
    while (at <= text.length && sigma_regex_find(run->item->regex, text, at, groups)) {
        size_t from = groups[0].from, to = groups[0].to;
        append_part(making, string, at, from);
        append_replacement(making, replacement, string, groups);
        at = to;
        if (to == from) {
            at = to < text.length ? character_end(text, to) : to + 1;
            append_part(making, string, to, at <= text.length ? at : to);
        }
    }
    if (at < text.length)
        append_part(making, string, at, text.length);
}

/* Replaces only between wildcards and placeholders. */
static void append_replaced_parts(const struct pipeline_run *run, struct making *making,
                                  struct sigma_string string) {
    for (size_t at = 0; at < string.length;) {
        bool is_literal = string.marks[at] == SIGMA_MARK_LITERAL;
        size_t end = at;
        while (end < string.length && (string.marks[end] == SIGMA_MARK_LITERAL) == is_literal)
            end++;
        struct sigma_string part = {string.data + at, string.marks + at, end - at};
        if (is_literal)
            append_replaced(run, making, part);
        else
            append_part(making, string, at, end);
        at = end;
    }
}

static struct sigma_string replaced_string(const struct pipeline_run *run,
                                           struct sigma_string string) {
    bool skips = pipeline_switch(run->item->node, "skip_special");
    struct making making = {.interprets =
                                !skips || pipeline_switch(run->item->node, "interpret_special")};
    buffer_init(&making.data, PIPELINE_FILE_MAX);
    buffer_init(&making.marks, PIPELINE_FILE_MAX);
    if (skips || sigma_expand_is_open(string))
        append_replaced_parts(run, &making, string);
    else
        append_replaced(run, &making, string);
    struct sigma_string made = sigma_string_literal(run->reader->arena, buffer_text(&making.data));
    if (made.length > 0)
        memcpy(made.marks, making.marks.data, made.length);
    buffer_fini(&making.data);
    buffer_fini(&making.marks);
    return made;
}

/* A value that is no text becomes one. */
static void make_text(const struct pipeline_run *run, struct sigma_value *value) {
    value->kind = SIGMA_VALUE_TEXT;
    value->strings =
        (struct sigma_strings){1, arena_zalloc(run->reader->arena, 1, sizeof(struct sigma_string))};
    value->strings.items[0] = sigma_string_literal(run->reader->arena, value->source);
}

/* A number in whose digits something is to be replaced becomes a text. */
static void spell_number(const struct pipeline_run *run, struct sigma_value *value) {
    struct sigma_regex_group groups[REGEX_GROUPS_MAX];
    if (value->kind == SIGMA_VALUE_NUMBER &&
        sigma_regex_find(run->item->regex, value->source, 0, groups))
        make_text(run, value);
}

static enum status replace_string(struct pipeline_run *run, struct sigma_detection *detection,
                                  bool *ret_changed) {
    struct sigma_item *item = &detection->item;
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        spell_number(run, value);
        for (size_t k = 0; k < value->strings.count; k++) {
            struct sigma_string *string = &value->strings.items[k];
            *string = replaced_string(run, *string);
            value->source = sigma_string_text(*string);
            *ret_changed = true;
        }
    }
    return STATUS_OK;
}

/* ---- whole values ---- */

/* Makes values of a scalar or a list, in place of one; appends them. */
static enum status append_values(const struct pipeline_run *run, struct sigma_item *item,
                                 const struct sigma_node *node) {
    bool is_list = node->kind == SIGMA_NODE_LIST;
    size_t count = is_list ? node->count : 1;
    struct sigma_value *values =
        arena_zalloc(run->reader->arena, item->count + count + 1, sizeof *values);
    if (item->count > 0)
        memcpy(values, item->values, item->count * sizeof *values);
    item->values = values;
    for (size_t i = 0; i < count; i++) {
        enum status status = sigma_detection_read_value(
            run->reader, is_list ? &node->items[i] : node, false, &values[item->count++]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static const struct sigma_node *find_mapped(const struct sigma_node *mapping,
                                            const struct sigma_value *value) {
    if (value->kind != SIGMA_VALUE_TEXT || value->strings.count != 1)
        return NULL;
    struct text text = sigma_string_text(value->strings.items[0]);
    for (size_t i = 0; mapping->kind == SIGMA_NODE_MAP && i < mapping->count; i++)
        if (text_equal(mapping->names[i].text, text) && !sigma_node_is_null(&mapping->items[i]))
            return &mapping->items[i];
    return NULL;
}

static enum status map_string(struct pipeline_run *run, struct sigma_detection *detection,
                              bool *ret_changed) {
    const struct sigma_node *mapping = sigma_node_member(run->item->node, "mapping");
    struct sigma_item *item = &detection->item, mapped = *item;
    mapped.count = 0;
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++) {
        const struct sigma_node *to = find_mapped(mapping, &item->values[i]);
        if (to != NULL) {
            enum status status = append_values(run, &mapped, to);
            if (status != STATUS_OK)
                return status;
            *ret_changed = true;
            continue;
        }
        struct sigma_value *values =
            arena_zalloc(run->reader->arena, mapped.count + 1, sizeof *values);
        memcpy(values, mapped.values, mapped.count * sizeof *values);
        values[mapped.count++] = item->values[i];
        mapped.values = values;
    }
    if (*ret_changed)
        *item = mapped;
    return STATUS_OK;
}

/* The value a pipeline sets, as the type it wants. */
static struct sigma_node value_to_set(const struct pipeline_run *run) {
    struct sigma_node node = *sigma_node_member(run->item->node, "value");
    struct text type = pipeline_text(run->item->node, "force_type");
    if (type.data != NULL)
        node.plain = text_is(type, "num");
    return node;
}

static enum status set_value(struct pipeline_run *run, struct sigma_detection *detection,
                             bool *ret_changed) {
    const struct sigma_item *item = &detection->item;
    struct sigma_node *node = arena_zalloc(run->reader->arena, 1, sizeof *node);
    struct sigma_item changed = {.line = item->line,
                                 .written = item->written,
                                 .field = item->field,
                                 .all = item->all,
                                 .cased = item->cased,
                                 .negated = item->negated,
                                 .applied = item->applied};
    *node = value_to_set(run);
    for (size_t i = 0; i < item->count; i++) {
        enum status status = append_values(run, &changed, node);
        if (status != STATUS_OK)
            return status;
    }
    detection->item = changed;
    *ret_changed = true;
    return STATUS_OK;
}

static enum status convert_type(struct pipeline_run *run, struct sigma_detection *detection,
                                bool *ret_changed) {
    bool to_number = text_is(pipeline_text(run->item->node, "target_type"), "num");
    struct sigma_item *item = &detection->item;
    for (size_t i = 0; item->comparison == SIGMA_EQUALS && i < item->count; i++) {
        struct sigma_value *value = &item->values[i];
        if (value->kind == SIGMA_VALUE_NULL)
            continue;
        if (to_number && !sigma_number_parse(value->source, &value->number))
            return sigma_refuse(run->reader->error, STATUS_UNSUPPORTED, value->line,
                                "a pipeline wants a number where '%.*s' is",
                                TEXT_ARG(value->source));
        if (to_number)
            value->kind = SIGMA_VALUE_NUMBER;
        else if (value->kind != SIGMA_VALUE_TEXT)
            make_text(run, value);
        *ret_changed = true;
    }
    return STATUS_OK;
}

#define PLACEHOLDERS "include[] exclude[]"

static const struct transformation_kind kinds[] = {
    {"case", NULL, pipeline_change_case, "method=lower|upper|snake_case", false, false},
    {"convert_type", NULL, convert_type, "!target_type=str|num", false, false},
    {"hashes_fields", NULL, pipeline_split_hashes,
     "!valid_hash_algos[] field_prefix drop_algo_prefix?", false, false},
    {"map_string", NULL, map_string, "!mapping{}", false, false},
    {"regex", NULL, pipeline_match_as_regex, "method=plain|ignore_case_flag|ignore_case_brackets",
     false, false},
    {"replace_string", NULL, replace_string, "!regex !replacement skip_special? interpret_special?",
     false, false},
    {"set_value", NULL, set_value, "!value force_type=str|num", false, false},
    {"value_placeholders", NULL, expand_values, PLACEHOLDERS, false, false},
    {"wildcard_placeholders", NULL, expand_wildcards, PLACEHOLDERS, false, false},
};

const struct transformation_kind *pipeline_values_kind(struct text name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}
