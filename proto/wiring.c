/* wiring.c: the rows of wiring.def, as wire.c takes them. */
#include "proto/wiring.h"

#include <assert.h>

static const struct wire_row rows[] = {
#define WIRE(name, pattern, binder, connector, endpoint, message, high_water, when_full)           \
    {#name, WIRE_##pattern, endpoint, high_water, WIRE_##when_full},
#include "proto/wiring.def"
#undef WIRE
};

const struct wire_row *wire_row(enum wire_id id) {
    assert((unsigned)id < WIRE_COUNT_);
    return &rows[id];
}
