/* commit_script.c: the library of Redis functions that commits: tables, then the Lua files as
 * modules.
 */
#include "services/incident/commit_script.h"

#include "proto/day.h"
#include "proto/incident.h"
#include "proto/keys.h"
#include "proto/vocabulary.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

/* The Lua files, embedded by the build. */
extern const char commit_lua[];
extern const char commit_incidents_lua[];
extern const char commit_parts_lua[];
extern const char commit_totals_lua[];
extern const char correlation_append_lua[];
extern const char correlation_fire_lua[];
extern const char correlation_followers_lua[];
extern const char correlation_groups_lua[];
extern const char correlation_lua[];
extern const char correlation_measures_lua[];
extern const char correlation_terms_lua[];
extern const char correlation_time_lua[];
extern const char correlation_trim_lua[];
extern const char correlation_windows_lua[];
extern const char incident_alerts_lua[];
extern const char incident_episodes_lua[];
extern const char incident_indices_lua[];
extern const char incident_joining_lua[];
extern const char incident_messages_lua[];
extern const char incident_present_lua[];
extern const char incident_rules_lua[];
extern const char incident_store_lua[];

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

/* A file of its own scope, by the name the later ones know it by. */
static void write_module(struct buffer *out, const char *name, const char *lua) {
    buffer_printf(out, "local %s = (function()\n", name);
    buffer_append_text(out, text_of(lua));
    buffer_append_text(out, TEXT("end)()\n"));
}

struct module {
    const char *name, *lua;
};

/* Each may use those before it. */
static const struct module correlation_modules[] = {
    {"terms", correlation_terms_lua},         {"clock", correlation_time_lua},
    {"windows", correlation_windows_lua},     {"measures", correlation_measures_lua},
    {"groups", correlation_groups_lua},       {"append", correlation_append_lua},
    {"fire", correlation_fire_lua},           {"trim", correlation_trim_lua},
    {"followers", correlation_followers_lua},
};

static const struct module incident_modules[] = {
    {"present", incident_present_lua},   {"rule_lists", incident_rules_lua},
    {"store", incident_store_lua},       {"joining", incident_joining_lua},
    {"episodes", incident_episodes_lua}, {"indices", incident_indices_lua},
    {"alerts", incident_alerts_lua},     {"messages", incident_messages_lua},
};

/* A file that is made of modules, which are seen in it alone. */
static void write_composed(struct buffer *out, const char *name, const char *lua,
                           const struct module *modules, size_t count) {
    buffer_printf(out, "local %s = (function()\n", name);
    for (size_t i = 0; i < count; i++)
        write_module(out, modules[i].name, modules[i].lua);
    buffer_append_text(out, text_of(lua));
    buffer_append_text(out, TEXT("end)()\n"));
}

static void write_modules(struct buffer *out) {
    keys_lua_table(out);
    day_lua_table(out);
    write_incident_fields(out);
    write_severities(out);
    write_statuses(out);
    write_threat_pairs(out);
    write_module(out, "each_part", commit_parts_lua);
    write_module(out, "totals", commit_totals_lua);
    write_composed(out, "correlations", correlation_lua, correlation_modules,
                   sizeof correlation_modules / sizeof correlation_modules[0]);
    write_composed(out, "threats_into", commit_incidents_lua, incident_modules,
                   sizeof incident_modules / sizeof incident_modules[0]);
    write_module(out, "commit", commit_lua);
}

void commit_script_init(struct commit_script *script) {
    struct buffer modules;
    buffer_init(&modules, COMMIT_SCRIPT_SIZE_MAX);
    buffer_init(&script->text, COMMIT_SCRIPT_SIZE_MAX);
    write_modules(&modules);
    snprintf(script->function, sizeof(script->function), "siem_commit_%016" PRIx64,
             XXH3_64bits(modules.data, modules.length));
    buffer_printf(&script->text, "#!lua name=%s\nlocal function build()\n", script->function);
    buffer_append_text(&script->text, buffer_text(&modules));
    /* A library meets Redis' own functions only when it is called. */
    buffer_printf(&script->text,
                  "return commit\nend\nlocal commit\n"
                  "redis.register_function('%s', function(_, arguments)\n"
                  "    commit = commit or build()\n    return commit(arguments)\nend)\n",
                  script->function);
    assert(buffer_is_whole(&script->text));
    buffer_fini(&modules);
}

void commit_script_fini(struct commit_script *script) {
    buffer_fini(&script->text);
}
