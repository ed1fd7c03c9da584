/* raw_log.c: the fields of a parsed line put where rules ask for them. */
#include "services/detector/raw_log.h"

#include "services/detector/decode_target.h"
#include "services/detector/sql_shape.h"

#include <stdlib.h>

/* The fields of an access log's line, by the names of Sigma's taxonomy. */
enum web_field {
    WEB_CLIENT,
    WEB_CONTENT_SIZE,
    WEB_HOST,
    WEB_METHOD,
    WEB_REFERER,
    WEB_REFERRER,
    WEB_STATUS,
    WEB_URI,
    WEB_CLIENT_URI,
    WEB_EXTENSION,
    WEB_QUERY,
    WEB_DECODED,
    WEB_HEADERS,
    WEB_SHAPE,
    WEB_CLIENT_QUERY,
    WEB_STEM,
    WEB_USER_AGENT,
    WEB_CLIENT_USER_AGENT,
    WEB_USER,
    WEB_VERSION,
    WEB_FIELDS
};

static const char *const web_names[WEB_FIELDS] = {
    [WEB_CLIENT] = "c-ip",
    [WEB_CONTENT_SIZE] = "sc-bytes",
    [WEB_HOST] = "cs-host",
    [WEB_METHOD] = "cs-method",
    [WEB_REFERER] = "cs-referer",
    [WEB_REFERRER] = "cs-referrer",
    [WEB_STATUS] = "sc-status",
    [WEB_URI] = "cs-uri",
    [WEB_CLIENT_URI] = "c-uri",
    [WEB_EXTENSION] = "c-uri-extension",
    [WEB_QUERY] = "cs-uri-query",
    [WEB_DECODED] = "cs-uri-decoded",
    [WEB_HEADERS] = "cs-headers-decoded",
    [WEB_SHAPE] = "cs-uri-sql",
    [WEB_CLIENT_QUERY] = "c-uri-query",
    [WEB_STEM] = "cs-uri-stem",
    [WEB_USER_AGENT] = "cs-user-agent",
    [WEB_CLIENT_USER_AGENT] = "c-useragent",
    [WEB_USER] = "cs-username",
    [WEB_VERSION] = "cs-version",
};

struct raw_log_reader {
    const struct field_names *names;
    int32_t web[WEB_FIELDS]; /* numbers; -1: no rule asks for it */
};

struct raw_log_reader *raw_log_reader_new(const struct field_names *names) {
    struct raw_log_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        abort();
    reader->names = names;
    for (size_t i = 0; i < WEB_FIELDS; i++)
        reader->web[i] = field_names_member(names, text_of(web_names[i])).bare;
    return reader;
}

void raw_log_reader_destroy(struct raw_log_reader **reader) {
    free(*reader);
    *reader = NULL;
}

/* Adds up to two values to a field that the event does not have itself. */
static void add(struct fields *fields, int32_t number, struct text value, struct text second) {
    if (number < FIELD_NUMBER_FIRST_OTHER || fields_first(fields, (uint32_t)number) != NULL)
        return;
    fields_add_text(fields, (uint32_t)number, value);
    fields_add_text(fields, (uint32_t)number, second);
}

/* Parts a target at its question mark. Rules that ask for cs-uri-query often mean a path, so that
 * field has the whole target, too. */
static void add_target(const struct raw_log_reader *reader, struct fields *fields,
                       struct text target) {
    const struct text none = {NULL, 0};
    struct text stem = target, query = none, extension = none;
    const char *mark = target.data != NULL ? memchr(target.data, '?', target.length) : NULL;
    if (mark != NULL) {
        stem.length = (size_t)(mark - target.data);
        query = (struct text){mark + 1, target.length - stem.length - 1};
    }
    for (size_t i = stem.length; i > 0 && stem.data[i - 1] != '/' && extension.data == NULL; i--)
        if (stem.data[i - 1] == '.')
            extension = (struct text){stem.data + i, stem.length - i};
    add(fields, reader->web[WEB_URI], target, none);
    add(fields, reader->web[WEB_CLIENT_URI], target, none);
    add(fields, reader->web[WEB_STEM], stem, none);
    add(fields, reader->web[WEB_EXTENSION], extension, none);
    add(fields, reader->web[WEB_QUERY], query, target);
    add(fields, reader->web[WEB_CLIENT_QUERY], query, none);
    if (reader->web[WEB_DECODED] >= 0 && target.data != NULL)
        add(fields, reader->web[WEB_DECODED], decode_target(&fields->arena, target), none);
    if (reader->web[WEB_SHAPE] >= 0 && target.data != NULL)
        add(fields, reader->web[WEB_SHAPE], sql_shape_of_target(&fields->arena, target), none);
}

/* True when a header has a sign that an ordinary browser's has not, or calls a function. */
static bool is_odd(struct text header) {
    for (size_t i = 0; i < header.length; i++) {
        char byte = header.data[i], before = i > 0 ? header.data[i - 1] : ' ';
        bool is_call = byte == '(' && before != ' ' && before != ')';
        if (is_call || strchr("<>'\"`{}$%\\", byte) != NULL)
            return true;
    }
    return false;
}

/* What a client says of itself and of where it comes from, decoded as a target is; nothing where
 * that is what most say. */
static void add_headers(const struct raw_log_reader *reader, struct fields *fields,
                        const struct web_access *access) {
    const struct text headers[] = {access->referer, access->user_agent};
    struct text decoded[2] = {{NULL, 0}, {NULL, 0}};
    if (reader->web[WEB_HEADERS] < 0)
        return;
    for (size_t i = 0; i < 2; i++)
        if (headers[i].data != NULL && is_odd(headers[i]))
            decoded[i] = decode_target(&fields->arena, headers[i]);
    add(fields, reader->web[WEB_HEADERS], decoded[0], decoded[1]);
}

static void add_access(const struct raw_log_reader *reader, struct fields *fields,
                       const struct web_access *access) {
    const struct text none = {NULL, 0};
    const struct {
        enum web_field field;
        struct text value;
    } values[] = {
        {WEB_CLIENT, access->client},     {WEB_CONTENT_SIZE, access->size},
        {WEB_HOST, access->virtual_host}, {WEB_METHOD, access->method},
        {WEB_REFERER, access->referer},   {WEB_REFERRER, access->referer},
        {WEB_STATUS, access->status},     {WEB_USER_AGENT, access->user_agent},
        {WEB_USER, access->user},         {WEB_CLIENT_USER_AGENT, access->user_agent},
        {WEB_VERSION, access->version},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        add(fields, reader->web[values[i].field], values[i].value, none);
    add_headers(reader, fields, access);
    add_target(reader, fields, access->target.data != NULL ? access->target : access->request);
}

struct taking {
    const struct raw_log_reader *reader;
    struct fields *fields;
};

static void take_pair(void *context, struct text key, struct text value) {
    const struct taking *taking = context;
    if (key.length <= FIELD_NAME_SIZE_MAX)
        add(taking->fields, field_names_member(taking->reader->names, key).bare, value,
            (struct text){NULL, 0});
}

struct logsource raw_log_read(const struct raw_log_reader *reader, struct text line,
                              struct fields *fields) {
    struct logsource logsource = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct taking taking = {reader, fields};
    struct web_access access;
    if (line.data == NULL || line.length == 0)
        return logsource;
    if (parse_auditd(line, &fields->arena, take_pair, &taking)) {
        logsource.product = TEXT("linux");
        logsource.service = TEXT("auditd");
    } else if (parse_web_access(line, &access)) {
        add_access(reader, fields, &access);
        logsource.category = TEXT("webserver");
    } else {
        logsource = logsource_of_program(parse_syslog_program(line));
    }
    return logsource;
}
