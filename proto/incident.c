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
