/* rules.h: the parts of siemctl rules, one file each; cmd_rules.c has the table that names them.
 *
 * check, test and backtest work offline, with the detector's own library: siemctl is a tool that
 * looks into the detector and reads events as ingest does, not a service beside them, so it may.
 * Owner, threads: the main thread; backtest has workers. Errors: on stderr; each gives the exit
 * status.
 */
#ifndef SIEM_SIEMCTL_RULES_H
#define SIEM_SIEMCTL_RULES_H

#include "services/detector/judge.h"
#include "services/detector/rule_set.h"
#include "services/siemctl/command.h"

#include <stdio.h>

#define THREADS_MAX 256

/* Bytes of one event, at most; more would not be taken by the API either. */
#define RULES_EVENT_MAX (128 * 1024)

struct rules_arguments {
#define OPTION CONF_FIELD
#include "services/siemctl/rules.def"
#undef OPTION
};

/* Of test: a rule matched, none did, there was an error; of check: all is well, something was
 * refused, there was an error. */
enum rules_exit { RULES_YES = 0, RULES_NO = 1, RULES_ERROR = 2 };

/* Reads the rules of a directory, or of one file, as a detector does; NULL after words on stderr.
 * `explanations` may be NULL. */
struct sigma_rules *rules_read(const struct rules_arguments *arguments, const char *path,
                               struct sigma_explanations *explanations);

/* Enrichments, and what owns them. */
struct rules_enrichments {
    struct enrich_time *time;
    struct enrich_reputation *reputation;
    struct enrichments all;
};

/* Makes the enrichments the arguments ask for; false after words on stderr. */
MUST_CHECK bool rules_enrichments_init(struct rules_enrichments *enrichments,
                                       const struct rules_arguments *arguments);

/* Frees them; half-built is fine. */
void rules_enrichments_fini(struct rules_enrichments *enrichments);

/* Events as JSON, by ingest's own parser: as posted to /log, which have a text `event_type`, or any
 * other object, whose members are the event's fields then; its time is its member `timestamp` or
 * `@timestamp` (RFC 3339). */
struct rules_events;

/* A reader of events. */
struct rules_events *rules_events_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void rules_events_destroy(struct rules_events **events);

/* Reads one, borrowed until the next; NULL when it is none, and why. */
const struct event *rules_events_read(struct rules_events *events, struct text document,
                                      const char **ret_error);

/* True when the event read last says when it was; else its time is that of its reading. */
bool rules_events_is_dated(const struct rules_events *events);

/* siemctl rules check DIR (rules_check.c). */
int rules_check(const struct rules_arguments *arguments, const char *path);

/* siemctl rules test RULE EVENT (rules_test.c). */
int rules_test(const struct rules_arguments *arguments, const char *rule, const char *event);

/* siemctl rules backtest DIR FILE (rules_backtest.c). */
int rules_backtest(const struct rules_arguments *arguments, const char *path, const char *file);

/* siemctl rules list: GET /rules (rules_list.c). */
int rules_list(const struct rules_arguments *arguments, const struct siemctl_config *config);

/* siemctl rules reload: has all detectors load their rules, and tells what came of it
 * (rules_reload.c). */
int rules_reload(const struct rules_arguments *arguments, const struct siemctl_config *config);

#endif
