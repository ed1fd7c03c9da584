/* field_names.h: the names rules use for fields, each with a number, so that an event's fields are
 * found by index.
 *
 * A name is a top-level field of event.def, a field that enrichment adds, a member of metadata
 * (nested ones by dotted path), or, with "metadata." before it, only that member. Numbers are dense
 * from 0; the top-level ones come first, in the table's order. Owner: new/destroy. Threads:
 * interning by one, lookups by any afterwards. Limits: FIELD_NAME_SIZE_MAX bytes a name;
 * FIELD_NAMES_MAX names, both checked where a rule is read.
 */
#ifndef SIEM_DETECTOR_FIELD_NAMES_H
#define SIEM_DETECTOR_FIELD_NAMES_H

#include "common/bytes.h"
#include "common/status.h"

#define FIELD_NAME_SIZE_MAX 255
#define FIELD_NAMES_MAX 65536

/* Numbers of the fields every event has, and of those enrichment adds. */
enum field_number {
#define FIELD(name, type, need, unit, meaning) FIELD_NUMBER_##name,
#include "proto/event.def"
#undef FIELD
    FIELD_NUMBER_off_hours,
    FIELD_NUMBER_source_ip_reputation,
    FIELD_NUMBER_FIRST_OTHER,
};

/* What a member of metadata is called: its numbers under the bare name and under "metadata.". */
struct member_numbers {
    int32_t bare; /* -1: no rule asks for it */
    int32_t full;
};

struct field_names;

/* The names above. */
struct field_names *field_names_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void field_names_destroy(struct field_names **names);

/* The number of a name, a new one when it was unknown. TOO_LARGE beyond the limits, BAD_VALUE for
 * an empty name. */
MUST_CHECK enum status field_names_intern(struct field_names *names, struct text name,
                                          uint32_t *ret_number);

/* Numbers handed out so far. */
uint32_t field_names_count(const struct field_names *names);

/* The numbers of the metadata member with this path. Enriched names are never a member's: nobody
 * can enrich an event from outside. */
struct member_numbers field_names_member(const struct field_names *names, struct text path);

#endif
