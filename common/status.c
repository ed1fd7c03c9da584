/* status.c: the rows of proto/status.def as lookups. */
#include "common/status.h"

#include <assert.h>

struct status_row {
    const char *reason;
    const char *sentence;
};

static const struct status_row rows[] = {
#define STATUS(name, reason, sentence) {reason, sentence},
#include "proto/status.def"
#undef STATUS
};

static const struct status_row *row_of(enum status status) {
    assert((unsigned)status < STATUS_COUNT_);
    return &rows[status];
}

const char *status_reason(enum status status) {
    return row_of(status)->reason;
}

const char *status_sentence(enum status status) {
    return row_of(status)->sentence;
}
