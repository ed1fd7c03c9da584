/* outbox_private.h: what in_outbox.c (taking alerts) and outbox_steps.c (steps of outbox.lua)
 * share.
 *
 * Owner: in_outbox.c. Threads: the loop's. Errors: as in_outbox.h.
 */
#ifndef SIEM_ALERTER_OUTBOX_PRIVATE_H
#define SIEM_ALERTER_OUTBOX_PRIVATE_H

#include "proto/keys.h"
#include "services/alerter/in_outbox.h"

#include <stdatomic.h>

/* Room for a field of alert_state, and for a number. */
#define FIELD_SIZE (ALERT_ID_SIZE + 32)
#define NUMBER_SIZE 24

struct outbox {
    struct redis_client *redis;
    struct redis_script *script;
    struct buffer script_text;
    struct key_name key;
    char *consumer;
    char claim_ms[NUMBER_SIZE];
    char claim_cursor[ALERT_ID_SIZE];
    bool has_group;
    atomic_bool is_up;
};

/* Looks at how a command ended: says once when Redis goes and comes, and makes the group anew when
 * Redis has forgotten it. Gives the status back. */
enum status outbox_note(struct outbox *outbox, enum status status);

/* The group exists, from the stream's first entry on. */
MUST_CHECK enum status outbox_ensure_group(struct outbox *outbox);

/* The field of alert_state for an alert and a channel. */
void outbox_format_field(char out[FIELD_SIZE], const struct alert *alert, int channel);

#endif
