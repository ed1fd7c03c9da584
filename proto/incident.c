/* incident.c: the names of an incident's fields. */
#include "proto/incident.h"

#include <assert.h>

static const struct text names[] = {
#define FIELD(name, need, unit, meaning) TEXT_CONSTANT(#name),
#include "proto/incident.def"
#undef FIELD
};

struct text incident_field_name(enum incident_field field) {
    assert((unsigned)field < INCIDENT_FIELD_COUNT_);
    return names[field];
}

bool incident_field_parse(struct text name, enum incident_field *ret_field) {
    for (int i = 0; i < INCIDENT_FIELD_COUNT_; i++) {
        if (text_equal(names[i], name)) {
            *ret_field = (enum incident_field)i;
            return true;
        }
    }
    return false;
}
