/* accept.h: which of two media types a client would rather have, by its Accept header.
 *
 * Owner: plain values. Threads: pure functions. Errors: what does not follow the grammar is passed
 * over. Source: RFC 9110 §12.5.1.
 */
#ifndef SIEM_INGEST_ACCEPT_H
#define SIEM_INGEST_ACCEPT_H

#include "common/bytes.h"

/* True when HTML is wanted more than JSON: a browser, not a client that takes anything. Null: no
 * header. */
bool accept_prefers_html(struct text accept);

#endif
