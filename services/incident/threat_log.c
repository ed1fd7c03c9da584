/* threat_log.c: threats in the log. */
#include "services/incident/threat_log.h"

#include "common/log.h"

/* The text of a pair; null when it has none. */
static struct text text_of_pair(const msgpack_object *map, const char *key) {
    struct text text = {NULL, 0};
    enum status status = msgpack_read_text(msgpack_member(map, key), &text);
    return status == STATUS_OK ? text : (struct text){NULL, 0};
}

static void write_line(enum log_level level, const msgpack_object *map) {
    static const char *const names[] = {"severity",       "event_type",  "source_ip", "username",
                                        "threat_details", "incident_id", "change",    "event_id"};
    enum { NAMES = sizeof names / sizeof *names };
    struct log_field fields[NAMES + 1] = {{NULL, LOG_KIND_INT, {NULL, 0}, 0}};
    for (size_t i = 0; i < NAMES; i++)
        fields[i] = LOG_TEXT(names[i], text_of_pair(map, names[i]));
    log_write(level, "threat", fields);
}

void threat_log(struct bytes body, struct msgpack_frame *frame) {
    if (!log_is_on(LOG_LEVEL_WARNING) ||
        msgpack_frame_unpack(frame, body, MSGPACK_DEPTH_MAX) != STATUS_OK)
        return;
    bool repeats = text_is(text_of_pair(&frame->root, "change"), "repeated");
    enum log_level level = repeats ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
    if (log_is_on(level))
        write_line(level, &frame->root);
}
