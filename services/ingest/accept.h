/* accept.h: which of two media types a client would rather have, by its Accept header.
 *
 * Owner: plain values. Threads: pure functions. Errors: what does not follow the grammar is passed
 * over. Source: RFC 9110 §12.5.1.
 */
#ifndef SIEM_INGEST_ACCEPT_H
#define SIEM_INGEST_ACCEPT_H

#include "common/bytes.h"

/* What the range says that names a type most closely so far. */
struct accept_quality {
    int closeness; /* 0: none names it */
    int quality;   /* thousandths */
};

/* What a header says of both types; zeroes: nothing. */
struct accept {
    struct accept_quality html;
    struct accept_quality json;
};

/* Notes one item of the header in a struct accept; true, as http_header_each wants it. */
bool accept_note(struct text item, void *accept);

/* True when HTML is wanted more than JSON: a browser, not a client that takes anything. */
bool accept_prefers_html(const struct accept *accept);

#endif
