/* rule_publisher.h: tells the others, through Redis, which rules this detector judges by, and hears
 * from there when they are to be loaded again.
 *
 *   the loop ──use, keep──▶ state ──▶ the heartbeat's thread: the row's member "rules",
 *                                     the catalogue (keys.def: RULES), and RULES_RELOAD ──▶ SIGHUP
 *
 * Owner: new/destroy. Threads: use and keep are the loop's, describe and beat the heartbeat's; the
 * lock is held for copies only. Errors: what Redis does not take is tried again with a later beat.
 * Limits: a catalogue of CATALOGUE_SIZE_MAX, kept so that a Redis that was emptied gets it again.
 */
#ifndef SIEM_DETECTOR_RULE_PUBLISHER_H
#define SIEM_DETECTOR_RULE_PUBLISHER_H

#include "common/json_writer.h"
#include "common/redis_client.h"
#include "services/detector/sigma_rules.h"

struct rule_publisher;

/* A publisher for the process of this name; borrows the name. */
struct rule_publisher *rule_publisher_new(const char *instance);

/* Frees it and nulls the pointer; NULL is fine. */
void rule_publisher_destroy(struct rule_publisher **publisher);

/* These rules are in use now; takes their catalogue. `request` is the one that led to it. */
void rule_publisher_use(struct rule_publisher *publisher, struct sigma_rules *rules,
                        uint64_t request);

/* The rules stay as they are, for the new ones are broken, and why. */
void rule_publisher_keep(struct rule_publisher *publisher, const char *reason, uint64_t request);

/* The last request to load the rules that was heard; 0: none. */
uint64_t rule_publisher_request(struct rule_publisher *publisher);

/* Writes the member "rules" of the heartbeat's row. */
void rule_publisher_describe(struct rule_publisher *publisher, struct json_writer *json);

/* Publishes what is new, and raises SIGHUP when the rules are to be loaded. */
void rule_publisher_beat(struct rule_publisher *publisher, struct redis_client *redis);

#endif
