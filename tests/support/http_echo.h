/* http_echo.h: a small HTTP server for tests of what every server does.
 *
 * Routes: GET /hello answers "hello", POST /echo its body (up to 64 KiB), POST /later nothing
 * before HTTP_ECHO_LATER_MS, GET /peer the client's address, GET /listed whether X-List has the
 * item "wanted", GET /value what X-Value is, in angle brackets, GET /large HTTP_ECHO_LARGE bytes.
 * Owner: the caller destroys the server. Errors: one that does not start fails the test.
 */
#ifndef SIEM_TESTS_HTTP_ECHO_H
#define SIEM_TESTS_HTTP_ECHO_H

#include "common/http_server.h"

#define HTTP_ECHO_LATER_MS 4000
#define HTTP_ECHO_LARGE (32 * 1024 * 1024)

/* Starts one on a free port of 127.0.0.1 with two workers, unless `options` says otherwise. */
struct http_server *http_echo_new(const struct http_options *options);

#endif
