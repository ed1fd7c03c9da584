/* fields.h: an event as rules see it: named fields with values, case-folded where a rule asks.
 *
 * A name finds the top-level field, else the metadata member of that path; a member that is a list
 * gives several values, each of which may match. An event of type unknown is somebody else's: its
 * members stand above our `event_type` and `count`, which keywords do not search there.
 *
 * Owner: new/destroy; loading borrows the event until the next load. Threads: one at a time.
 * Limits: as many values as an event of EVENT_SIZE_MAX can hold; metadata deeper than
 * EVENT_METADATA_DEPTH_MAX, or with a path longer than FIELD_NAME_SIZE_MAX, has no name but is
 * still searched by keywords. Errors: metadata that is not one whole MessagePack map has no members
 * (its check is event_decode's).
 */
#ifndef SIEM_DETECTOR_FIELDS_H
#define SIEM_DETECTOR_FIELDS_H

#include "proto/event.h"
#include "services/detector/arena.h"
#include "services/detector/field_names.h"

enum value_kind {
    VALUE_NULL,
    VALUE_TEXT,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_SWITCH, /* true or false, in `integer` */
    VALUE_OTHER,  /* a map, an empty list, bytes: it exists, and matches nothing */
};

struct value {
    enum value_kind kind;
    int32_t field;      /* its number, -1: no rule names it */
    int32_t next;       /* the field's next value, -1: none */
    struct text text;   /* as sent; decimal for numbers */
    struct text folded; /* null: not folded yet, see fields_folded() */
    int64_t integer;
    double real; /* also of an INTEGER */
};

struct fields {
    const struct field_names *names;
    int32_t *first; /* by field number: index of its first value, -1: none */
    int32_t *last;
    uint32_t first_count;
    struct value *values;
    uint32_t count;
    uint32_t capacity;
    uint32_t searched;     /* values before this one are what keywords search */
    uint32_t members;      /* of these, values from this one on are of the metadata */
    struct bytes metadata; /* the event's, as it came */
    struct arena arena;    /* folded texts and decimals, until the next load */
};

/* True when a value has something to compare with. */
static inline bool value_is_comparable(const struct value *value) {
    return value->text.data != NULL && value->kind != VALUE_OTHER;
}

/* An empty view. */
struct fields *fields_new(void);

/* Frees it and nulls the pointer; NULL is fine. */
void fields_destroy(struct fields **fields);

/* Takes the fields of an event, under the names given. */
void fields_load(struct fields *fields, const struct field_names *names, const struct event *event);

/* Adds a value to a field: for enrichment, not searched by keywords. Borrows the text. */
void fields_add_text(struct fields *fields, uint32_t number, struct text text);

/* The same, for true or false. */
void fields_add_switch(struct fields *fields, uint32_t number, bool value);

/* The first value of a field, or NULL; then the next. */
static inline const struct value *fields_first(const struct fields *fields, uint32_t number) {
    int32_t at = fields->first[number];
    return at < 0 ? NULL : &fields->values[at];
}

static inline const struct value *fields_next(const struct fields *fields,
                                              const struct value *value) {
    return value->next < 0 ? NULL : &fields->values[value->next];
}

/* Folds the text of a value, for fields_folded(). */
void fields_fold(struct fields *fields, uint32_t index);

/* The case-folded text of one of its values; null when it has no text. */
static inline struct text fields_folded(struct fields *fields, const struct value *value) {
    if (value->folded.data == NULL && value->text.data != NULL)
        fields_fold(fields, (uint32_t)(value - fields->values));
    return value->folded;
}

/* For fields_metadata.c: a new value, null until its kind is set and what the kind needs; in its
 * place, for copies of a whole line of the cache are slow to wait for. Valid until the next. */
struct value *fields_append(struct fields *fields);

/* The same: completes the value that was appended last and puts it at the end of a field's (and of
 * its alias's); the numbers may be -1. */
void fields_complete(struct fields *fields, struct member_numbers numbers);

/* Adds the members of an event's metadata (fields_metadata.c). */
void fields_load_metadata(struct fields *fields, struct bytes metadata);

#endif
