/* alert.h: one alert, a copy of an entry of the outbox (proto/alert.def).
 *
 * Owner: init by alert_read, fini on the caller's struct; the texts live in it. Errors: BAD_TYPE
 * for an entry that is no stream entry, BAD_VALUE or BAD_TEXT when a required field is missing or
 * one is not UTF-8 (the alert is then given as it is, so that it can be kept as dead), TOO_LARGE
 * (it is given with its id alone). Threads: pure functions. Limits: ALERT_SIZE_MAX bytes.
 */
#ifndef SIEM_ALERTER_ALERT_H
#define SIEM_ALERTER_ALERT_H

#include "common/redis_client.h"

#define ALERT_ID_SIZE 44 /* two u64 with a hyphen, and NUL */
#define ALERT_SIZE_MAX 262144

struct alert {
    char id[ALERT_ID_SIZE]; /* of its entry */
    char *storage;          /* what the texts point into */
#define FIELD(name, need, unit, meaning) struct text name;
#include "proto/alert.def"
#undef FIELD
};

/* Copies an entry, an array of id and fields. */
MUST_CHECK enum status alert_read(const struct redis_reply *entry, struct alert *ret_alert);

/* Frees the texts. */
void alert_fini(struct alert *alert);

/* When it was queued: the milliseconds its id begins with. */
int64_t alert_queued_ms(const struct alert *alert);

/* Room for name and value of every field. */
#define FIELD(name, need, unit, meaning) +2
enum {
    ALERT_FIELD_TEXTS = 0
#include "proto/alert.def"
};
#undef FIELD

/* Writes name and value of every field it has; how many texts that is. */
size_t alert_fields(const struct alert *alert, struct text out[ALERT_FIELD_TEXTS]);

#endif
