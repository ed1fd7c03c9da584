/* http_target.h: an HTTP server in the fuzzer's own process, and a client that sends it bytes.
 *
 * Its routes are like the API's: they read arguments of the query as the API does, bodies whole and
 * in pieces. Owner: the server lives as long as the process. Errors: what the server must never do
 * aborts. Threads: the fuzzer's. Limits: HTTP_TARGET_REPLY_MAX bytes of reply are kept.
 */
#ifndef SIEM_FUZZ_HTTP_TARGET_H
#define SIEM_FUZZ_HTTP_TARGET_H

#include "common/bytes.h"

#define HTTP_TARGET_REPLY_MAX 65536

/* Sends the bytes on a connection of its own, ends it on our side, and reads until the server ends
 * it, too. The reply stays until the next call. */
struct text http_target_exchange(struct bytes request);

/* Aborts unless it holds. */
void http_target_require(bool holds);

#endif
