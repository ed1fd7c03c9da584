/* wiring.h: the wires between processes, expanded from wiring.def. Threads: constants. */
#ifndef SIEM_PROTO_WIRING_H
#define SIEM_PROTO_WIRING_H

#include "common/wire.h"

enum wire_id {
#define WIRE(name, pattern, binder, connector, endpoint, message, high_water, when_full)           \
    WIRE_##name,
#include "proto/wiring.def"
#undef WIRE
    WIRE_COUNT_
};

/* The row of a wire; static. */
const struct wire_row *wire_row(enum wire_id id);

#endif
