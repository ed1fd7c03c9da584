/* fuzz_raw_log.c: any text as a raw line, read into every field a line can have. */
#include "services/detector/raw_log.h"

#include "common/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct field_names *make_names(void) {
    static const char *const asked[] = {
        "c-ip",         "sc-bytes",
        "cs-host",      "cs-method",
        "cs-referer",   "cs-referrer",
        "sc-status",    "cs-uri",
        "c-uri",        "c-uri-extension",
        "cs-uri-query", "c-uri-query",
        "cs-uri-stem",  "cs-user-agent",
        "c-useragent",  "cs-username",
        "cs-version",   "type",
        "a0",           "a1",
        "name",         "exe",
        "SYSCALL",      "proctitle",
        "unit",         "cs-uri-decoded",
        "cs-uri-sql",   "cs-headers-decoded",
    };
    struct field_names *names = field_names_new();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        uint32_t number;
        if (field_names_intern(names, text_of(asked[i]), &number) != STATUS_OK)
            abort();
    }
    return names;
}

/* What a line gives must be text, as rules compare it. */
static void check_values(const struct fields *fields) {
    for (uint32_t i = 0; i < fields->count; i++) {
        struct text text = fields->values[i].text;
        if (text.data != NULL && !utf8_is_valid((const uint8_t *)text.data, text.length))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct field_names *names;
    static struct raw_log_reader *reader;
    static struct fields *fields;
    if (names == NULL) {
        names = make_names();
        reader = raw_log_reader_new(names);
        fields = fields_new();
    }
    if (!utf8_is_valid(data, size))
        return 0;
    const struct event event = {.raw_log = {(const char *)data, size}};
    fields_load(fields, names, &event);
    (void)raw_log_read(reader, event.raw_log, fields);
    check_values(fields);
    return 0;
}
