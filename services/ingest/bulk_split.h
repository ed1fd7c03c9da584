/* bulk_split.h: cuts the body of POST /logs, piece by piece as it arrives, into the texts of its
 * events: lines (NDJSON), or the elements of one JSON array.
 *
 * Lines end with LF; blank ones are passed over but counted in line numbers. Elements are found by
 * counting brackets outside of strings; whether they are JSON is for their parser to say. An item
 * inside one piece is given where it lies; one across pieces is copied together. Owner: init/fini;
 * items are borrowed for the call. Threads: one at a time. Errors: BAD_SYNTAX when an array is none
 * (nothing more is given then). Limits: an item larger than EVENT_JSON_MAX is given without its
 * text. Source: RFC 8259; ndjson.org.
 */
#ifndef SIEM_INGEST_BULK_SPLIT_H
#define SIEM_INGEST_BULK_SPLIT_H

#include "common/buffer.h"
#include "common/status.h"
#include "services/ingest/json_reader.h"

enum bulk_form { BULK_UNKNOWN, BULK_LINES, BULK_ARRAY };

/* Where an array's reader stands. */
enum bulk_place {
    BULK_BEFORE,  /* nothing but white space yet */
    BULK_FIRST,   /* behind [ */
    BULK_ELEMENT, /* in an element */
    BULK_AFTER,   /* behind ] */
};

struct bulk_item {
    struct bytes text;          /* data == NULL: larger than EVENT_JSON_MAX */
    size_t number;              /* of its line or element, from 1 */
    size_t offset;              /* where it starts in the body */
    struct json_position start; /* the same for people; of a line, in the line itself */
};

/* Called for each item; false ends the reading. */
typedef bool bulk_on_item(void *context, const struct bulk_item *item);

struct bulk_split {
    enum bulk_form form;
    bulk_on_item *on_item;
    void *context;
    struct buffer carry; /* the start of an item whose end is to come */
    bool oversize;       /* that item is too large: its text is not kept */
    bool stopped;        /* on_item said so, or the array is broken */
    size_t number;       /* items begun */
    size_t consumed;     /* bytes of the body before this piece */
    size_t item_offset;
    struct json_position item_start;
    struct json_position position; /* of an array: of the byte `counted` of this piece */
    size_t counted;
    enum bulk_place place;
    int depth;
    bool in_string;
    bool escaped;
    bool blank; /* the element has only white space so far */
    bool whole; /* it is a value that has ended: only a comma or the bracket may follow */
};

/* `form` BULK_UNKNOWN: an array when the first byte that is no white space is [, else lines. */
void bulk_split_init(struct bulk_split *split, enum bulk_form form, bulk_on_item *on_item,
                     void *context);

/* Frees the start of an item that was kept. */
void bulk_split_fini(struct bulk_split *split);

/* Takes a piece of the body. */
MUST_CHECK enum status bulk_split_feed(struct bulk_split *split, struct bytes piece);

/* The body is whole: the last line needs no LF, an array needs its end. */
MUST_CHECK enum status bulk_split_end(struct bulk_split *split);

/* Where an array's error is. */
struct json_position bulk_split_position(const struct bulk_split *split);

#endif
