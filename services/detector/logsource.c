/* logsource.c: the table's rows over an event's fields, and the comparison of two logsources. */
#include "services/detector/logsource.h"

#include "services/detector/sigma_yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#define OUR_PRODUCT "mini-siem"

enum role { ROLE_CHANNEL, ROLE_PROVIDER, ROLE_EVENT_ID };

struct member_row {
    enum role role;
    const char *field;
};

/* What a channel or a provider is. */
struct writer_row {
    struct text name;
    const char *product;
    const char *service;
};

struct event_id_row {
    const char *service;
    int64_t number;
    const char *category;
};

/* NULL: any value, or a part that is not known. */
struct shape_row {
    const char *field, *value;
    const char *category, *product, *service;
};

struct excludes_row {
    const char *category, *product;
};

struct narrower_row {
    size_t part; /* its offset in a logsource */
    const char *narrow, *wide;
};

#define NO_ROW(...)
#define MEMBER NO_ROW
#define CHANNEL NO_ROW
#define PROVIDER NO_ROW
#define EVENT_ID NO_ROW
#define SHAPE NO_ROW
#define PROGRAM NO_ROW
#define EXCLUDES NO_ROW
#define NARROWER NO_ROW

#undef MEMBER
#define MEMBER(role, field) {ROLE_##role, field},
static const struct member_row members[] = {
#include "services/detector/logsource.def"
};
#undef MEMBER
#define MEMBER NO_ROW

#undef CHANNEL
#define CHANNEL(name, product, service) {TEXT_CONSTANT(name), product, service},
static const struct writer_row channels[] = {
#include "services/detector/logsource.def"
};
#undef CHANNEL
#define CHANNEL NO_ROW

#undef PROVIDER
#define PROVIDER(name, product, service) {TEXT_CONSTANT(name), product, service},
static const struct writer_row providers[] = {
#include "services/detector/logsource.def"
};
#undef PROVIDER
#define PROVIDER NO_ROW

#undef EVENT_ID
#define EVENT_ID(service, number, category) {service, number, category},
static const struct event_id_row event_ids[] = {
#include "services/detector/logsource.def"
};
#undef EVENT_ID
#define EVENT_ID NO_ROW

#undef PROGRAM
#define PROGRAM(name, product, service) {TEXT_CONSTANT(name), product, service},
static const struct writer_row programs[] = {
#include "services/detector/logsource.def"
};
#undef PROGRAM
#define PROGRAM NO_ROW

#undef SHAPE
#define SHAPE(field, value, category, product, service) {field, value, category, product, service},
static const struct shape_row shapes[] = {
#include "services/detector/logsource.def"
};
#undef SHAPE
#define SHAPE NO_ROW

#undef EXCLUDES
#define EXCLUDES(category, product) {category, product},
static const struct excludes_row excludes[] = {
#include "services/detector/logsource.def"
};
#undef EXCLUDES
#define EXCLUDES NO_ROW

#undef NARROWER
#define NARROWER(part, narrow, wide) {offsetof(struct logsource, part), narrow, wide},
static const struct narrower_row narrowers[] = {
#include "services/detector/logsource.def"
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct logsource_finder {
    uint32_t category, product, service; /* of metadata.logsource */
    uint32_t members[COUNT(members)];    /* numbers of the rows' fields */
    uint32_t shapes[COUNT(shapes)];
};

static uint32_t number_of(struct field_names *names, const char *field) {
    uint32_t number = 0;
    enum status status = field_names_intern(names, text_of(field), &number);
    assert(status == STATUS_OK); /* short names, before any rule's */
    return number;
}

struct logsource_finder *logsource_finder_new(struct field_names *names) {
    struct logsource_finder *finder = calloc(1, sizeof *finder);
    if (finder == NULL)
        abort();
    finder->category = number_of(names, "metadata.logsource.category");
    finder->product = number_of(names, "metadata.logsource.product");
    finder->service = number_of(names, "metadata.logsource.service");
    for (size_t i = 0; i < COUNT(members); i++)
        finder->members[i] = number_of(names, members[i].field);
    for (size_t i = 0; i < COUNT(shapes); i++)
        finder->shapes[i] = number_of(names, shapes[i].field);
    return finder;
}

void logsource_finder_destroy(struct logsource_finder **finder) {
    free(*finder);
    *finder = NULL;
}

static bool is_same(struct text a, struct text b) {
    return a.length == b.length && strncasecmp(a.data, b.data, a.length) == 0;
}

/* The field's text, when it has one that is not empty. */
static struct text text_at(const struct fields *fields, uint32_t number) {
    const struct value *value = fields_first(fields, number);
    bool has_text = value != NULL && value->kind == VALUE_TEXT && value->text.length > 0;
    return has_text ? value->text : (struct text){NULL, 0};
}

/* The first value in that role, or NULL. */
static const struct value *value_in(const struct logsource_finder *finder,
                                    const struct fields *fields, enum role role) {
    for (size_t i = 0; i < COUNT(members); i++) {
        const struct value *value =
            members[i].role == role ? fields_first(fields, finder->members[i]) : NULL;
        if (value != NULL && value->text.length > 0)
            return value;
    }
    return NULL;
}

static const struct writer_row *find_writer(struct text name, const struct writer_row *rows,
                                            size_t count) {
    for (size_t i = 0; name.data != NULL && i < count; i++)
        if (is_same(rows[i].name, name))
            return &rows[i];
    return NULL;
}

static struct text text_in(const struct logsource_finder *finder, const struct fields *fields,
                           enum role role) {
    const struct value *value = value_in(finder, fields, role);
    return value != NULL ? value->text : (struct text){NULL, 0};
}

static const char *find_category(const struct value *number, const char *service) {
    struct sigma_number read = {0};
    if (number == NULL || !sigma_number_parse(number->text, &read) || !read.is_integer)
        return NULL;
    for (size_t i = 0; i < COUNT(event_ids); i++)
        if (event_ids[i].number == read.integer && strcmp(event_ids[i].service, service) == 0)
            return event_ids[i].category;
    return NULL;
}

/* Reads a Windows event, or one of its shape; false when it is none that the table knows. */
static bool find_by_writer(const struct logsource_finder *finder, const struct fields *fields,
                           struct logsource *logsource) {
    const struct writer_row *row =
        find_writer(text_in(finder, fields, ROLE_CHANNEL), channels, COUNT(channels));
    if (row == NULL)
        row = find_writer(text_in(finder, fields, ROLE_PROVIDER), providers, COUNT(providers));
    if (row == NULL)
        return false;
    const char *category = find_category(value_in(finder, fields, ROLE_EVENT_ID), row->service);
    *logsource =
        (struct logsource){text_of(category), text_of(row->product), text_of(row->service)};
    return true;
}

static bool find_by_shape(const struct logsource_finder *finder, const struct fields *fields,
                          struct logsource *logsource) {
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct value *value = fields_first(fields, finder->shapes[i]);
        const struct shape_row *row = &shapes[i];
        if (value == NULL || (row->value != NULL && (value->text.data == NULL ||
                                                     !is_same(text_of(row->value), value->text))))
            continue;
        *logsource = (struct logsource){text_of(row->category), text_of(row->product),
                                        text_of(row->service)};
        return true;
    }
    return false;
}

struct logsource logsource_find(const struct logsource_finder *finder, const struct fields *fields,
                                const struct logsource *raw) {
    struct logsource logsource = {text_at(fields, finder->category),
                                  text_at(fields, finder->product),
                                  text_at(fields, finder->service)};
    if (logsource.category.data != NULL || logsource.product.data != NULL ||
        logsource.service.data != NULL)
        return logsource;
    if (!find_by_writer(finder, fields, &logsource) && !find_by_shape(finder, fields, &logsource))
        logsource = *raw;
    return logsource;
}

struct logsource logsource_of_program(struct text program) {
    const struct writer_row *row = find_writer(program, programs, COUNT(programs));
    if (row == NULL)
        return (struct logsource){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    return (struct logsource){{NULL, 0}, text_of(row->product), text_of(row->service)};
}

/* True when events of the narrow kind are of the wide one, over any number of rows. */
static bool is_narrower(size_t part, struct text narrow, struct text wide) {
    for (size_t i = 0; i < COUNT(narrowers); i++) {
        const struct narrower_row *row = &narrowers[i];
        if (row->part == part && is_same(text_of(row->narrow), narrow) &&
            (is_same(text_of(row->wide), wide) || is_narrower(part, text_of(row->wide), wide)))
            return true;
    }
    return false;
}

static bool part_conflicts(size_t part, struct text rule, struct text event) {
    return rule.data != NULL && event.data != NULL && !is_same(rule, event) &&
           !is_narrower(part, event, rule);
}

/* True when the table says that such events are none of the rule's product. */
static bool is_excluded(const struct logsource *rule, const struct logsource *event) {
    if (rule->product.data == NULL || event->product.data != NULL || event->category.data == NULL)
        return false;
    for (size_t i = 0; i < COUNT(excludes); i++)
        if (is_same(text_of(excludes[i].product), rule->product) &&
            is_same(text_of(excludes[i].category), event->category))
            return true;
    return false;
}

bool logsource_conflicts(const struct logsource *rule, const struct logsource *event) {
    if (rule->product.data != NULL && is_same(rule->product, TEXT(OUR_PRODUCT)))
        return false;
    return is_excluded(rule, event) ||
           part_conflicts(offsetof(struct logsource, category), rule->category, event->category) ||
           part_conflicts(offsetof(struct logsource, product), rule->product, event->product) ||
           part_conflicts(offsetof(struct logsource, service), rule->service, event->service);
}
