/* msgpack_json.h: a MessagePack value as JSON. Bytes have no form in JSON and become null; a member
 * whose name is no text is left out.
 *
 * Threads: pure function. Errors: none. Limits: the depth was bounded when the value was unpacked.
 */
#ifndef SIEM_SIEMCTL_MSGPACK_JSON_H
#define SIEM_SIEMCTL_MSGPACK_JSON_H

#include "common/json_writer.h"
#include "common/msgpack_frame.h"

/* Writes the value. */
void msgpack_json_write(const msgpack_object *object, struct json_writer *json);

#endif
