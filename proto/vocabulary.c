/* vocabulary.c: the closed lists as lookups in both directions. */
#include "proto/vocabulary.h"

#include <assert.h>

static const struct text event_types[] = {
#define TYPE(name, number, text) [number] = TEXT_CONSTANT(text),
#include "proto/event_type.def"
#undef TYPE
};

static const struct text severities[] = {
#define SEVERITY(name, number, text, level) [number] = TEXT_CONSTANT(text),
#include "proto/severity.def"
#undef SEVERITY
};

static const struct text sigma_levels[] = {
#define SEVERITY(name, number, text, level) [number] = TEXT_CONSTANT(level),
#include "proto/severity.def"
#undef SEVERITY
};

static const struct text incident_statuses[] = {
#define INCIDENT_STATUS(name, text, active) TEXT_CONSTANT(text),
#include "proto/incident_status.def"
#undef INCIDENT_STATUS
};

static const struct text correlation_types[] = {
#define CORRELATION_TYPE(name, number, text, values) [number] = TEXT_CONSTANT(text),
#include "proto/correlation_type.def"
#undef CORRELATION_TYPE
};

/* The place of a text in a list, -1 when it is not there. */
static int index_of(const struct text *list, int count, struct text text) {
    for (int i = 0; i < count; i++)
        if (text_equal(list[i], text))
            return i;
    return -1;
}

const char *event_type_text(enum event_type type) {
    assert((unsigned)type < EVENT_TYPE_COUNT_);
    return event_types[type].data;
}

const char *severity_text(enum severity severity) {
    assert((unsigned)severity < SEVERITY_COUNT_);
    return severities[severity].data;
}

const char *incident_status_text(enum incident_status status) {
    assert((unsigned)status < INCIDENT_STATUS_COUNT_);
    return incident_statuses[status].data;
}

bool event_type_parse(struct text text, enum event_type *ret_type) {
    int index = index_of(event_types, EVENT_TYPE_COUNT_, text);
    if (index >= 0)
        *ret_type = (enum event_type)index;
    return index >= 0;
}

bool severity_parse(struct text text, enum severity *ret_severity) {
    int index = index_of(severities, SEVERITY_COUNT_, text);
    if (index >= 0)
        *ret_severity = (enum severity)index;
    return index >= 0;
}

bool severity_parse_level(struct text sigma_level, enum severity *ret_severity) {
    int index = index_of(sigma_levels, SEVERITY_COUNT_, sigma_level);
    if (index >= 0)
        *ret_severity = (enum severity)index;
    return index >= 0;
}

bool incident_status_parse(struct text text, enum incident_status *ret_status) {
    int index = index_of(incident_statuses, INCIDENT_STATUS_COUNT_, text);
    if (index >= 0)
        *ret_status = (enum incident_status)index;
    return index >= 0;
}

bool incident_status_is_active(enum incident_status status) {
    static const bool active[] = {
#define INCIDENT_STATUS(name, text, active) active,
#include "proto/incident_status.def"
#undef INCIDENT_STATUS
    };
    assert((unsigned)status < INCIDENT_STATUS_COUNT_);
    return active[status];
}

const char *correlation_type_text(enum correlation_type type) {
    assert((unsigned)type < CORRELATION_TYPE_COUNT_);
    return correlation_types[type].data;
}

bool correlation_type_parse(struct text text, enum correlation_type *ret_type) {
    int index = index_of(correlation_types, CORRELATION_TYPE_COUNT_, text);
    if (index >= 0)
        *ret_type = (enum correlation_type)index;
    return index >= 0;
}

enum correlation_values correlation_type_values(enum correlation_type type) {
    static const enum correlation_values values[] = {
#define CORRELATION_TYPE(name, number, text, values) [number] = CORRELATION_VALUES_##values,
#include "proto/correlation_type.def"
#undef CORRELATION_TYPE
    };
    assert((unsigned)type < CORRELATION_TYPE_COUNT_);
    return values[type];
}
