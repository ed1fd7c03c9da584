/* random_rules.c: grammar by grammar, each choice by a generator of 64 bits. */
#include "tests/support/random_rules.h"

#define COUNT(items) (sizeof(items) / sizeof((items)[0]))
/* Characters of the longest words: more bytes than a filter of literals takes. */
#define LONG_WORD 9000
#define PICK(source, items) ((items)[random_below((source), COUNT(items))])

/* Few characters: letters in both cases, those that fold to them from afar, wildcards, what
 * windash, regular expressions and Windows paths care about, and some of two to four bytes. */
static const char *const characters[] = {"a", "b", "A", "B", "k",      "K", "s", "1",
                                         "2", "-", "/", "*", "?",      ".", " ", "\\",
                                         "ä", "Ä", "ß", "ſ", "\u212a", "€", "😀"};
static const char *const fields[] = {"a", "b",       "c",     "d.e",        "metadata.a",
                                     "x", "raw_log", "count", "event_type", "username"};
static const char *const numbers[] = {"0", "1", "2", "12", "-1", "1.0", "1.5", "0x0c", "1e3"};
static const char *const networks[] = {"10.0.0.0/8", "10.1.2.3", "192.168.0.0/16", "'::1'",
                                       "'2001:db8::/32'"};
static const char *const addresses[] = {"10.1.2.3",    "192.168.7.7", "::1",
                                        "2001:db8::7", "11.0.0.1",    "10.1.2"};
static const char *const categories[] = {"test", "other", "process_creation"};

uint32_t random_below(struct random_source *source, uint32_t limit) {
    source->state += 0x9e3779b97f4a7c15ull;
    uint64_t mixed = source->state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)((mixed ^ (mixed >> 31)) >> 11) % limit;
}

static bool one_in(struct random_source *source, uint32_t times) {
    return random_below(source, times) == 0;
}

static void add(struct buffer *out, const char *string) {
    buffer_append_text(out, text_of(string));
}

/* A word of at most `most` characters. */
static void add_word(struct random_source *source, struct buffer *out, uint32_t most) {
    /* Half of all words keep to the first characters, so that they meet. */
    uint32_t kinds = one_in(source, 2) ? 6 : COUNT(characters);
    for (uint32_t left = random_below(source, most + 1); left > 0; left--)
        add(out, characters[random_below(source, kinds)]);
}

static void add_regex(struct random_source *source, struct buffer *out, uint32_t depth);

static void add_regex_atom(struct random_source *source, struct buffer *out, uint32_t depth) {
    static const char *const atoms[] = {"a",
                                        "b",
                                        "k",
                                        "S",
                                        "1",
                                        ".",
                                        "\\d",
                                        "\\w",
                                        "\\s",
                                        "\\W",
                                        "\\S",
                                        "\\b",
                                        "^",
                                        "$",
                                        "[ab]",
                                        "[^a]",
                                        "[a-k1]",
                                        "[^\\w]",
                                        "\\.",
                                        "\\\\",
                                        "ä",
                                        "\\x61",
                                        "[^\\x00-\\x7f]",
                                        "(?i)a",
                                        "\\A",
                                        "\\z",
                                        "\\p{L}",
                                        "(?=a)",
                                        "(?i:k)",
                                        "\\h",
                                        "é?",
                                        "[a-ä]",
                                        " ",
                                        "\\x{e4}"};
    if (depth > 0 && one_in(source, 4)) {
        add(out, one_in(source, 2) ? "(" : "(?:");
        add_regex(source, out, depth - 1);
        add(out, ")");
    } else {
        add(out, PICK(source, atoms));
    }
}

static void add_regex(struct random_source *source, struct buffer *out, uint32_t depth) {
    static const char *const quantifiers[] = {"*", "+", "?", "{2}", "{1,3}", "{0,2}?", "*?", "+?"};
    for (uint32_t branch = 0; branch == 0 || one_in(source, 4); branch++) {
        add(out, branch > 0 ? "|" : "");
        for (uint32_t left = 1 + random_below(source, 4); left > 0; left--) {
            add_regex_atom(source, out, depth);
            if (one_in(source, 3))
                add(out, PICK(source, quantifiers));
        }
    }
}

enum value_choice { WORDS, NUMBERS, NETWORKS, REGEXES, FIELDS, SWITCHES };

/* A value in single quotes, or bare when it is a number or a switch. */
static void add_value(struct random_source *source, struct buffer *out, enum value_choice choice) {
    struct buffer word;
    buffer_init(&word, SIZE_MAX);
    if (choice == WORDS && !one_in(source, 8))
        add_word(source, &word, 6);
    else if (choice == REGEXES)
        add_regex(source, &word, 2);
    if (choice == WORDS || choice == REGEXES) {
        add(out, "'");
        buffer_append_text(out, buffer_text(&word));
        add(out, "'");
    } else {
        add(out, choice == NUMBERS    ? PICK(source, numbers)
                 : choice == NETWORKS ? PICK(source, networks)
                 : choice == FIELDS   ? PICK(source, fields)
                                      : (one_in(source, 2) ? "true" : "false"));
    }
    buffer_fini(&word);
}

/* Modifiers, and what values they need. */
static const struct {
    const char *modifiers;
    enum value_choice choice;
} modifiers[] = {
    {"", WORDS},
    {"", WORDS},
    {"", NUMBERS},
    {"", SWITCHES},
    {"|contains", WORDS},
    {"|contains", WORDS},
    {"|contains", WORDS},
    {"|startswith", WORDS},
    {"|endswith", WORDS},
    {"|endswith", WORDS},
    {"|contains|all", WORDS},
    {"|cased", WORDS},
    {"|contains|cased", WORDS},
    {"|endswith|cased", WORDS},
    {"|windash|contains", WORDS},
    {"|base64offset|contains", WORDS},
    {"|wide|contains", WORDS},
    {"|neq", WORDS},
    {"|re", REGEXES},
    {"|re|i", REGEXES},
    {"|re|m|s", REGEXES},
    {"|cidr", NETWORKS},
    {"|lt", NUMBERS},
    {"|gte", NUMBERS},
    {"|exists", SWITCHES},
    {"|fieldref", FIELDS},
    {"|fieldref|startswith", FIELDS},
    {"|hour|gte", NUMBERS},
};

/* A list of values, two at least. */
static void add_list(struct random_source *source, struct buffer *out, enum value_choice choice) {
    add(out, "[");
    for (uint32_t left = 2 + random_below(source, 3); left > 0; left--) {
        add_value(source, out, choice);
        add(out, left > 1 ? ", " : "]\n");
    }
}

static void add_item(struct random_source *source, struct buffer *out, const char *indent) {
    uint32_t kind = random_below(source, COUNT(modifiers));
    if (one_in(source, 8)) {
        static const char *const keywords[] = {"", "", "|all", "|re", "|cased", "|re|i"};
        const char *keyword = PICK(source, keywords);
        buffer_printf(out, "%s'%s': ", indent, keyword);
        add_list(source, out, strncmp(keyword, "|re", 3) == 0 ? REGEXES : WORDS);
    } else if (one_in(source, 12)) {
        buffer_printf(out, "%s%s: null\n", indent, PICK(source, fields));
    } else {
        buffer_printf(out, "%s%s%s: ", indent, PICK(source, fields), modifiers[kind].modifiers);
        if (modifiers[kind].choice != SWITCHES && one_in(source, 2)) {
            add_list(source, out, modifiers[kind].choice);
        } else {
            add_value(source, out, modifiers[kind].choice);
            add(out, "\n");
        }
    }
}

static void add_selection(struct random_source *source, struct buffer *out, uint32_t number) {
    buffer_printf(out, "    s%u:\n", number);
    if (one_in(source, 4)) {
        for (uint32_t left = 1 + random_below(source, 3); left > 0; left--)
            add_item(source, out, "        - ");
        return;
    }
    for (uint32_t left = 1 + random_below(source, 3); left > 0; left--)
        add_item(source, out, "        ");
}

static void add_condition(struct random_source *source, struct buffer *out, uint32_t selections,
                          uint32_t depth) {
    add(out, one_in(source, 3) ? "not " : "");
    if (depth == 0 || one_in(source, 3)) {
        if (one_in(source, 4))
            add(out, one_in(source, 2) ? "1 of s*" : "all of them");
        else
            buffer_printf(out, "s%u", random_below(source, selections));
        return;
    }
    add(out, "(");
    add_condition(source, out, selections, depth - 1);
    add(out, one_in(source, 2) ? " and " : " or ");
    add_condition(source, out, selections, depth - 1);
    add(out, ")");
}

void random_rule(struct random_source *source, uint32_t number, struct buffer *out) {
    uint32_t selections = 1 + random_below(source, 3);
    buffer_printf(out, "title: T%u\nid: 00000000-0000-4000-8000-%012u\nlogsource:\n", number,
                  number);
    if (one_in(source, 3))
        buffer_printf(out, "    category: %s\n", PICK(source, categories));
    if (one_in(source, 3))
        buffer_printf(out, "    product: %s\n", one_in(source, 3) ? "mini-siem" : "windows");
    add(out, "    definition: any\ndetection:\n");
    for (uint32_t i = 0; i < selections; i++)
        add_selection(source, out, i);
    add(out, "    condition: ");
    add_condition(source, out, selections, 2);
    add(out, "\n");
}

/* A word as a JSON string. */
static void add_json_word(struct random_source *source, struct buffer *out) {
    struct buffer word;
    buffer_init(&word, SIZE_MAX);
    add_word(source, &word, one_in(source, 48) ? LONG_WORD : one_in(source, 8) ? 60 : 8);
    add(out, "\"");
    for (size_t i = 0; i < word.length; i++) {
        if (word.data[i] == '\\')
            add(out, "\\");
        buffer_append(out, &word.data[i], 1);
    }
    add(out, one_in(source, 16) ? "\\n\"" : "\"");
    buffer_fini(&word);
}

static void add_json_value(struct random_source *source, struct buffer *out) {
    static const char *const plain[] = {
        "0",   "1",    "2",    "12",         "-1",
        "1.5", "1000", "true", "false",      "null",
        "{}",  "[]",   "\"\"", "1764318620", "\"2025-11-28T01:30:20Z\""};
    uint32_t kind = random_below(source, 8);
    if (kind == 0)
        buffer_printf(out, "\"%s\"", PICK(source, addresses));
    else if (kind < 3)
        add(out, PICK(source, plain));
    else
        add_json_word(source, out);
}

static void add_json_member(struct random_source *source, struct buffer *out, const char *name) {
    buffer_printf(out, "\"%s\":", name);
    if (!one_in(source, 6)) {
        add_json_value(source, out);
        return;
    }
    add(out, "[");
    for (uint32_t left = 1 + random_below(source, 3); left > 0; left--) {
        add_json_value(source, out);
        add(out, left > 1 ? "," : "");
    }
    add(out, "]");
}

void random_event(struct random_source *source, struct buffer *out) {
    static const char *const names[] = {"a", "b", "c", "x", "unnamed"};
    buffer_printf(out, "{\"event_type\":\"%s\"", one_in(source, 2) ? "unknown" : "login_failed");
    if (one_in(source, 2)) {
        add(out, ",\"raw_log\":");
        add_json_word(source, out);
    }
    if (one_in(source, 3))
        buffer_printf(out, ",\"count\":%u", 1 + random_below(source, 12));
    add(out, ",\"metadata\":{\"d\":{");
    add_json_member(source, out, "e");
    add(out, "}");
    if (one_in(source, 2))
        buffer_printf(out, ",\"logsource\":{\"category\":\"%s\"}", PICK(source, categories));
    for (size_t i = 0; i < COUNT(names); i++) {
        if (one_in(source, 3))
            continue;
        add(out, ",");
        add_json_member(source, out, names[i]);
    }
    add(out, "}}");
}
