/* threat_message.h: a message of THREATS (threat.def), read and shown.
 *
 * Owner: a view borrows from the body and the frame's zone. Threads: one at a time. Errors: of
 * msgpack_frame.h; BAD_TYPE when it is no map with publisher and seq, BAD_VERSION for a major
 * version unknown here. Keys unknown here are shown in JSON and ignored in lines.
 */
#ifndef SIEM_SIEMCTL_THREAT_MESSAGE_H
#define SIEM_SIEMCTL_THREAT_MESSAGE_H

#include "common/json_writer.h"
#include "common/msgpack_frame.h"

struct threat_message {
    struct text publisher;
    uint64_t seq;
    const msgpack_object *map;
};

/* Reads a body; `frame` owns the memory until its next unpack. */
MUST_CHECK enum status threat_message_decode(struct bytes body, struct msgpack_frame *frame,
                                             struct threat_message *ret_message);

/* Prints it as one line for people on stdout. */
void threat_message_print(const struct threat_message *message);

/* Appends the whole map as JSON. */
void threat_message_write_json(const struct threat_message *message, struct buffer *out);

#endif
