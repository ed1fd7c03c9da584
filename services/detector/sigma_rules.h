/* sigma_rules.h: a set of rules, ready to judge events: programs, the names of their fields, and
 * what was refused on the way.
 *
 * Life: new, perhaps use, add files or directories, finish, then read-only. Adding only collects;
 * finish reads, applies filters and pipelines, and compiles. Rules stand gravest level first, then
 * by id: the order findings come in. Owner: new/destroy. Threads: one until finish, any
 * afterwards. Errors: a bad rule is put on the list of refusals with file, line and reason, and the
 * rest loads; a second rule with the same id is refused too. What loads and can hardly be meant is
 * put on the list of warnings: a condition that no event, or every event, fulfils, a selection that
 * no condition uses, a filter that concerns no rule. Limits: SIGMA_RULES_MAX rules,
 * SIGMA_FILE_MAX bytes a file, directories as deep as directory.h says.
 */
#ifndef SIEM_DETECTOR_SIGMA_RULES_H
#define SIEM_DETECTOR_SIGMA_RULES_H

#include "common/buffer.h"
#include "proto/packed_findings.h"
#include "services/detector/raw_log.h"
#include "services/detector/sentence.h"
#include "services/detector/sigma_correlation.h"
#include "services/detector/sigma_engine.h"
#include "services/detector/sigma_modes.h"

#define SIGMA_RULES_MAX 20000
#define SIGMA_FILE_MAX (1024 * 1024)

struct sigma_placeholders;
struct sigma_pipelines;
struct sigma_explanations;

/* What rules are read with; NULL: none. Borrowed until finish. */
struct sigma_settings {
    const struct sigma_placeholders *placeholders;
    const struct sigma_pipelines *pipelines;
};

struct sigma_loaded_rule {
    enum sigma_mode mode;
    bool is_silent; /* it only contributes to correlations */
    uint32_t link_count;
    const struct sigma_link *links; /* what it contributes */
    struct finding_form form;       /* what it says of an event */
    struct sentence details;
    size_t group_by_count;
    uint32_t group_by[SIGMA_GROUP_BY_MAX];
    struct finding finding; /* the same, for people; group_key and, where they are each event's
                               own, details are null */
    struct text name;       /* for references; null: none */
    struct text status;     /* as its author calls its maturity; null: none */
    struct logsource logsource;
    const struct sigma_expression *program;
    const char *file;
    int line;
};

/* A file's text, until finish. */
struct sigma_source {
    const char *file;
    char *text;
    size_t length;
};

/* A rule, or a file, that was not taken; or what there is to say of one that was. */
struct sigma_refusal {
    const char *file;
    struct sigma_error error;
};

struct sigma_rules {
    struct arena arena;
    struct field_names *names;
    struct logsource_finder *logsources;
    struct raw_log_reader *raw_log; /* NULL until finish */
    struct sigma_regex_list regexes;
    struct sigma_engine *engine; /* of the rules by their index; NULL until finish */
    struct sigma_settings settings;
    struct sigma_source *sources;
    size_t source_count;
    size_t source_capacity;
    struct sigma_loaded_rule *rules;
    size_t count;        /* those that are off stand last */
    size_t active_count; /* those that are not off: what the engine knows */
    bool has_shadows;
    size_t capacity;
    struct sigma_mode_lists modes;          /* until finish */
    struct sigma_correlation *correlations; /* those that are not linked were refused */
    size_t correlation_count;
    size_t correlation_capacity;
    struct sigma_refusal *refusals;
    size_t refusal_count;
    size_t refusal_capacity;
    struct sigma_refusal *warnings; /* what was taken and can hardly be meant */
    size_t warning_count;
    size_t warning_capacity;
    struct sigma_explanations *explanations; /* NULL, or where it is noted how rules are made up */
    struct buffer catalogue; /* rule_catalogue.h; empty unless a detector loaded the set */
    uint64_t generation;     /* of names and contents of all files, in their order */
};

/* An empty set. */
struct sigma_rules *sigma_rules_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void sigma_rules_destroy(struct sigma_rules **rules);

/* Reads the rules with these settings. */
void sigma_rules_use(struct sigma_rules *rules, const struct sigma_settings *settings);

/* Adds one file's text, by copying it. */
void sigma_rules_add_text(struct sigma_rules *rules, const char *file, struct text source);

/* Adds every *.yml and *.yaml of a directory and those below it, in order of their paths; names
 * that start with a dot are passed over. A file that cannot be read is a refusal. NOT_FOUND when
 * the directory cannot be read (errno says why). (sigma_load.c) */
MUST_CHECK enum status sigma_rules_add_directory(struct sigma_rules *rules, const char *directory);

/* The same with one file, whatever its name. (sigma_load.c) */
void sigma_rules_add_file(struct sigma_rules *rules, const char *path);

/* Puts a file on the list of refusals, for sigma_load.c. */
void sigma_rules_refuse(struct sigma_rules *rules, const char *file,
                        const struct sigma_error *error);

/* Puts it on the list of warnings. */
void sigma_rules_warn(struct sigma_rules *rules, const char *file, const struct sigma_error *error);

/* Reads all that was added; nothing may be added after. */
void sigma_rules_finish(struct sigma_rules *rules);

#endif
