/* sql_shape.h: what a database would read where a request's parameter is put into a query.
 *
 * Every parameter's value (and every part of the path), decoded, is read as SQL three times: as it
 * is (the query has a number there), and, where such a quote is in it, as what stands behind an
 * opened ' or ". Each reading becomes a word: the sign : ' or " of the reading, and a letter for
 * each token:
 *   1 number, false   s string   e string that is still open at the end, z such an empty
 *   one   t string in quotes of the other kind, u the same, still open   v @variable, null, true   n name   f
 * function of SQL, g another, both with their parenthesis to follow   & and, or   = comparison   o
 * arithmetic   E select and other statements' verbs   U union   F from   W where   C case   H when
 * T then   B order by, group by, having, limit   I into, infile   c comment up to the end   k
 * comment with words in it ( ) , ; { } themselves   ? anything else Signs before a value (- ! ~ not
 * binary all any) give no letter. So rules tell a comparison whatever it compares, and prose by
 * names that stand side by side. Readings of fewer than two tokens are left out. Owner: the result
 * lives in the arena. Threads: pure. Errors: none. Limits: linear in the target's length. Source:
 * libinjection's idea of fingerprints (Galbraith, 2012).
 */
#ifndef SIEM_DETECTOR_SQL_SHAPE_H
#define SIEM_DETECTOR_SQL_SHAPE_H

#include "services/detector/arena.h"

/* The readings of a target, a blank between them; null when there are none. */
struct text sql_shape_of_target(struct arena *arena, struct text target);

#endif
