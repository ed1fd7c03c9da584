/* logsource.h: where a rule's events come from, and where an event came from: what routes rules.
 *
 * A rule is left out for an event only when both name a part (category, product or service) and the
 * two differ; unset is any. A rule for product "mini-siem" is about our normalised event, which
 * every event is: nothing conflicts with it. An event says itself (metadata.logsource), or its
 * shape does, by the table logsource.def. Owner: finders new/destroy; what a finder answers borrows
 * from the event or from the table. Threads: a finder is read-only. Errors: none: what is not known
 * stays null. Source: sigma-specification (logsource), pySigma's table of channels, Sysmon's of
 * events.
 */
#ifndef SIEM_DETECTOR_LOGSOURCE_H
#define SIEM_DETECTOR_LOGSOURCE_H

#include "services/detector/fields.h"

/* null: any, or not known. */
struct logsource {
    struct text category;
    struct text product;
    struct text service;
};

struct logsource_finder;

/* A finder of events whose fields have these names; adds the names it looks for. */
struct logsource_finder *logsource_finder_new(struct field_names *names);

/* Frees it and nulls the pointer; NULL is fine. */
void logsource_finder_destroy(struct logsource_finder **finder);

/* Where the event came from. `raw` is what its raw log says of that; it counts when nothing stands
 * above it. */
struct logsource logsource_find(const struct logsource_finder *finder, const struct fields *fields,
                                const struct logsource *raw);

/* Where a program's lines in syslog come from; null: nothing is known. */
struct logsource logsource_of_program(struct text program);

/* True when the rule is not about such events. */
bool logsource_conflicts(const struct logsource *rule, const struct logsource *event);

#endif
