/* decoders.h: every decoder behind one signature, for tests that do the same to all of them.
 *
 * Each reads the bytes and, when they are accepted, every byte of what it was given, so that a
 * sanitizer sees a view that points outside the frame. Owner: nothing outlives the call. Threads:
 * one at a time.
 */
#ifndef SIEM_TESTS_DECODERS_H
#define SIEM_TESTS_DECODERS_H

#include "common/bytes.h"
#include "common/status.h"

struct decoder {
    const char *name;
    enum status (*decode)(struct bytes bytes);
};

enum status decode_event(struct bytes bytes);
enum status decode_batch(struct bytes bytes); /* and its events */
enum status decode_delivery(struct bytes bytes);
enum status decode_findings(struct bytes bytes);
enum status decode_crash_report(struct bytes bytes);
enum status decode_receipt(struct bytes bytes);
enum status
decode_free_form(struct bytes bytes); /* as msgpack-c objects, depth of control frames */

#endif
