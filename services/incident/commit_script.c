/* commit_script.c: the whole text of the commit's Lua script: tables, correlation.lua, commit.lua.
 */
#include "services/incident/commit_script.h"

#include "proto/day.h"
#include "proto/incident.h"
#include "proto/keys.h"
#include "proto/vocabulary.h"

#include <assert.h>

/* commit.lua and correlation.lua, embedded by the build. */
extern const char commit_lua[];
extern const char correlation_lua[];

static void write_severities(struct buffer *out) {
    buffer_append_text(out, TEXT("local severity_rank = {"));
    for (int i = 0; i < SEVERITY_COUNT_; i++)
        buffer_printf(out, "%s = %d, ", severity_text((enum severity)i), i);
    buffer_append_text(out, TEXT("}\n"));
}

/* Ranks follow the table's order; a merged incident keeps the status that is furthest on. */
static void write_statuses(struct buffer *out) {
    buffer_append_text(out, TEXT("local status_rank = {"));
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++)
        buffer_printf(out, "%s = %d, ", incident_status_text((enum incident_status)i), i);
    buffer_append_text(out, TEXT("}\nlocal status_active = {"));
    for (int i = 0; i < INCIDENT_STATUS_COUNT_; i++) {
        enum incident_status status = (enum incident_status)i;
        buffer_printf(out, "%s = %s, ", incident_status_text(status),
                      incident_status_is_active(status) ? "true" : "false");
    }
    buffer_append_text(out, TEXT("}\n"));
}

/* Pairs every message on THREATS has. */
static void write_threat_pairs(struct buffer *out) {
    enum {
        REQUIRED = 1,
        OPTIONAL = 0,
        ALWAYS = 0
#define FIELD(name, type, need, unit, meaning) +need
#include "proto/threat.def"
#undef FIELD
    };
    buffer_printf(out, "local threat_pairs = %d\n", ALWAYS);
}

static void write_incident_fields(struct buffer *out) {
    buffer_append_text(out, TEXT("local incident_fields = {"));
    for (int i = 0; i < INCIDENT_FIELD_COUNT_; i++) {
        struct text name = incident_field_name((enum incident_field)i);
        buffer_printf(out, "\"%.*s\", ", TEXT_ARG(name));
    }
    buffer_append_text(out, TEXT("}\n"));
}

void commit_script_write(struct buffer *out) {
    /* The shebang makes a Redis that is out of memory refuse the script before it writes. */
    buffer_append_text(out, TEXT("#!lua\n"));
    keys_lua_table(out);
    day_lua_table(out);
    write_incident_fields(out);
    write_severities(out);
    write_statuses(out);
    write_threat_pairs(out);
    buffer_append_text(out, text_of(correlation_lua));
    buffer_append_text(out, text_of(commit_lua));
    assert(buffer_is_whole(out));
}
