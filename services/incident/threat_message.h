/* threat_message.h: the map of a threat (threat.def), as far as it is known before the commit.
 *
 * The script puts the map's head before these pairs and the pairs that only the commit decides
 * behind them: seq, change, incident_id, incident_severity, detection_count, alert_queued. Owner:
 * borrows. Threads: pure functions. Limits: texts are cut to DETAILS_SIZE_MAX, names to
 * NAME_SIZE_MAX.
 */
#ifndef SIEM_INCIDENT_THREAT_MESSAGE_H
#define SIEM_INCIDENT_THREAT_MESSAGE_H

#include "services/incident/incidents.h"

/* Room for "threat.critical.privilege_escalation" and its NUL. */
#define THREAT_TOPIC_SIZE 64

/* What a message is made of. */
struct threat_parts {
    const char *publisher;
    const char *event_id;
    const struct event *event;
    const struct judgement *judgement;
    uint64_t generation; /* of the rules; 0: not told */
};

/* Appends the map's head and the pairs known. */
void threat_message_begin(const struct threat_parts *parts, struct buffer *out);

/* Writes the topic, threat.SEVERITY.TYPE; returns `out`. */
const char *threat_topic(enum severity severity, enum event_type type, char out[THREAT_TOPIC_SIZE]);

/* Packs the pair of its rules. */
void threat_message_rules(msgpack_packer *packer, const struct event_findings *findings);

#endif
