/* json_text.h: what yajl lets pass in the text of a JSON document: ill-formed UTF-8 (it takes
 * overlong forms and surrogates) and \u escapes that are half a surrogate pair (it makes a '?' of
 * them).
 *
 * Threads: pure function. Source: RFC 8259 §7, §8.1, §8.2; RFC 3629.
 */
#ifndef SIEM_INGEST_JSON_TEXT_H
#define SIEM_INGEST_JSON_TEXT_H

#include "common/bytes.h"

/* NULL when nothing is wrong; else what is, and where. */
const char *json_text_fault(struct bytes document, size_t *ret_position);

#endif
