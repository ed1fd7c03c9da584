/* status_script.c: puts status.lua together. */
#include "services/ingest/status_script.h"

#include "proto/day.h"
#include "proto/incident.h"
#include "proto/keys.h"

#include <assert.h>

/* status.lua and what stands before it, embedded by the build. */
extern const char status_lua[];
extern const char idempotency_records_lua[];

void status_script_write(struct buffer *out) {
    /* The shebang makes a Redis that is out of memory refuse the script before it writes. */
    buffer_append_text(out, TEXT("#!lua\n"));
    keys_lua_table(out);
    day_lua_table(out);
    buffer_append_text(out, TEXT("local incident_fields = {"));
    for (int i = 0; i < INCIDENT_FIELD_COUNT_; i++) {
        struct text name = incident_field_name((enum incident_field)i);
        buffer_printf(out, "\"%.*s\", ", TEXT_ARG(name));
    }
    buffer_append_text(out, TEXT("}\n"));
    buffer_append_text(out, text_of(idempotency_records_lua));
    buffer_append_text(out, text_of(status_lua));
    assert(buffer_is_whole(out));
}
