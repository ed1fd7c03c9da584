/* test_http_front.c: what stands between a server and its clients: proxies, browsers of other
 * origins, the way to https. */
#include "../support/http_echo.h"
#include "../support/http_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define RAW HTTP_EXCHANGE_RAW
#define HOST "Host: here.example:81\r\n"
#define GET(path, headers) RAW("GET " path " HTTP/1.1\r\n" HOST headers "\r\n")
#define PREFLIGHT(origin)                                                                          \
    RAW("OPTIONS /echo HTTP/1.1\r\n" HOST "Origin: " origin "\r\n"                                 \
        "Access-Control-Request-Method: POST\r\n\r\n")

static struct http_server *server;

static void check(struct http_options options, const struct http_exchange *exchanges,
                  size_t count) {
    options.connections_max = 100;
    options.request_timeout_ms = 60000;
    server = http_echo_new(&options);
    http_fixture_check(http_server_port(server), exchanges, count);
}

#define CHECK(options, exchanges)                                                                  \
    check((struct http_options)options, exchanges, sizeof(exchanges) / sizeof((exchanges)[0]))

static void teardown(void) {
    http_server_destroy(&server);
}

TestSuite(http_front, .fini = teardown, .timeout = 300);

#define OPTIONS(...)                                                                               \
    { __VA_ARGS__ }

/* The last address counts that is no trusted proxy; what a client writes before it does not. */
Test(http_front, a_trusted_proxy_tells_whom_it_speaks_for) {
    static const struct http_exchange exchanges[] = {
        {"nothing said", GET("/peer", ""), 200, "\r\n\r\n127.0.0.1", false},
        {"one address", GET("/peer", "X-Forwarded-For: 203.0.113.9\r\n"), 200,
         "\r\n\r\n203.0.113.9", false},
        {"forged before it", GET("/peer", "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n"), 200,
         "\r\n\r\n203.0.113.9", false},
        {"another proxy behind it",
         GET("/peer", "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.2.3.4\r\n"), 200,
         "\r\n\r\n203.0.113.9", false},
        {"two lines", GET("/peer", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.2.3.4\r\n"),
         200, "\r\n\r\n203.0.113.9", false},
        {"proxies only", GET("/peer", "X-Forwarded-For: 10.1.1.1,10.2.3.4\r\n"), 200,
         "\r\n\r\n10.1.1.1", false},
        {"with a port", GET("/peer", "X-Forwarded-For: 203.0.113.9:4711\r\n"), 200,
         "\r\n\r\n203.0.113.9", false},
        {"IPv6", GET("/peer", "X-Forwarded-For: [2001:DB8::1]:4711\r\n"), 200,
         "\r\n\r\n2001:db8::1", false},
        {"no address", GET("/peer", "X-Forwarded-For: 203.0.113.9, unknown\r\n"), 200,
         "\r\n\r\n127.0.0.1", false},
        {"no address behind a proxy", GET("/peer", "X-Forwarded-For: x\x09y, 10.2.3.4\r\n"), 200,
         "\r\n\r\n10.2.3.4", false},
        {"empty", GET("/peer", "X-Forwarded-For: \r\n"), 200, "\r\n\r\n127.0.0.1", false},
        {"commas", GET("/peer", "X-Forwarded-For: ,,\r\n"), 200, "\r\n\r\n127.0.0.1", false},
    };
    CHECK(OPTIONS(.trusted_proxies = "127.0.0.1, 10.0.0.0/8"), exchanges);
}

Test(http_front, anybody_else_is_himself) {
    static const struct http_exchange exchanges[] = {
        {"an address", GET("/peer", "X-Forwarded-For: 203.0.113.9\r\n"), 200, "\r\n\r\n127.0.0.1",
         false},
        {"no redirection", GET("/peer", "X-Forwarded-Proto: http\r\n"), 200, "\r\n\r\n127.0.0.1",
         false},
    };
    CHECK(OPTIONS(.trusted_proxies = "10.0.0.0/8", .https_only = true), exchanges);
}

Test(http_front, sends_to_https_who_came_to_a_proxy_without_it) {
    static const struct http_exchange exchanges[] = {
        {"plain", GET("/hello", "X-Forwarded-Proto: http\r\n"), 308,
         "\r\nLocation: https://here.example/hello\r\n", false},
        {"behind what the client wrote",
         GET("/hello", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n"), 308, NULL,
         false},
        {"by TLS", GET("/hello", "X-Forwarded-Proto: https\r\n"), 200,
         "\r\nStrict-Transport-Security: max-age=86400\r\n", false},
        {"not said", GET("/hello", ""), 200, "hello", false},
    };
    CHECK(OPTIONS(.trusted_proxies = "127.0.0.0/8", .https_only = true, .hsts_ms = 86400000),
          exchanges);
}

Test(http_front, a_redirecting_port_serves_nothing_else) {
    static const struct http_exchange exchanges[] = {
        {"path", GET("/hello", ""), 308, "\r\nLocation: https://here.example:8443/hello\r\n",
         false},
        {"query", GET("/a%20b?x=1&y=%26z&flag&t=10:00,1", ""), 308,
         "\r\nLocation: https://here.example:8443/a%20b?x=1&y=%26z&flag&t=10:00,1\r\n", false},
        {"line ends", GET("/a%0d%0aSet-Cookie:%20x", ""), 308,
         "\r\nLocation: https://here.example:8443/a%0D%0ASet-Cookie:%20x\r\n", false},
        {"two slashes", GET("//evil.example/", ""), 308,
         "\r\nLocation: https://here.example:8443//evil.example/\r\n", false},
        {"a body", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 308,
         "\r\nLocation: https://here.example:8443/echo\r\n", false},
        {"IPv6", RAW("GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 308,
         "\r\nLocation: https://[::1]:8443/hello\r\n", false},
        {"odd host", RAW("GET /hello HTTP/1.1\r\nHost: a;b\r\n\r\n"), 400, NULL, false},
        {"no host", RAW("GET /hello HTTP/1.0\r\n\r\n"), 400, NULL, true},
        {"no HSTS without TLS", GET("/hello", ""), 308, "{\"detail\":\"Use https\"}", false},
    };
    CHECK(OPTIONS(.redirect = true, .https_port = 8443, .hsts_ms = 86400000), exchanges);
}

/* A slash too many, as FastAPI's clients may have one. */
Test(http_front, paths_without_the_slash_are_named) {
    static const struct http_exchange exchanges[] = {
        {"a slash", GET("/hello/", ""), 307, "\r\nLocation: /hello\r\n", false},
        {"some slashes and a query", GET("/hello//?a=1&b=%26", ""), 307,
         "\r\nLocation: /hello?a=1&b=%26\r\n", false},
        {"another method", GET("/echo/", ""), 307, "\r\nLocation: /echo\r\n", false},
        {"a body", RAW("POST /echo/ HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 307,
         "\r\nLocation: /echo\r\n", false},
        {"no route", GET("/nowhere/", ""), 404, "{\"detail\":\"Not Found\"}", false},
        {"another host", GET("//evil.example/", ""), 404, NULL, false},
        {"only slashes", GET("//", ""), 404, NULL, false},
    };
    CHECK(OPTIONS(.redirect = false), exchanges);
}

Test(http_front, a_target_too_long_to_be_copied_is_refused) {
    static struct http_reply reply;
    static char request[2000];
    server = http_echo_new(&(struct http_options){
        .redirect = true, .connections_max = 10, .request_timeout_ms = 60000});
    int length = snprintf(request, sizeof request, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", 1500, 0);
    http_fixture_ask(http_server_port(server), (struct text){request, (size_t)length}, &reply);
    cr_expect_eq(reply.code, 414, "%d", reply.code);
}

Test(http_front, pages_of_named_origins_may_use_the_api) {
    static const struct http_exchange exchanges[] = {
        {"preflight", PREFLIGHT("https://soc.example"), 204,
         "\r\nAccess-Control-Allow-Origin: https://soc.example\r\n", false},
        {"its methods", PREFLIGHT("https://soc.example"), 204,
         "\r\nAccess-Control-Allow-Methods: GET, POST\r\n", false},
        {"its headers", PREFLIGHT("https://soc.example"), 204,
         "\r\nAccess-Control-Allow-Headers: X-API-Key\r\n", false},
        {"its variance", PREFLIGHT("https://soc.example"), 204, "\r\nVary: Origin\r\n", false},
        {"another named", PREFLIGHT("http://localhost:3000"), 204,
         "\r\nAccess-Control-Allow-Origin: http://localhost:3000\r\n", false},
        {"not named", PREFLIGHT("https://evil.example"), 403, "\r\nVary: Origin\r\n", false},
        {"nearly named", PREFLIGHT("https://soc.example.evil.example"), 403, NULL, false},
        {"null", PREFLIGHT("null"), 403, NULL, false},
        {"request", GET("/hello", "Origin: https://soc.example\r\n"), 200,
         "\r\nAccess-Control-Allow-Origin: https://soc.example\r\n", false},
        {"error", GET("/nowhere", "Origin: https://soc.example\r\n"), 404,
         "\r\nAccess-Control-Allow-Origin: https://soc.example\r\n", false},
        {"no origin", GET("/hello", ""), 200, "\r\nVary: Origin\r\n", false},
        {"options without a preflight's headers",
         RAW("OPTIONS /echo HTTP/1.1\r\n" HOST "Origin: https://soc.example\r\n\r\n"), 405, NULL,
         false},
    };
    CHECK(OPTIONS(.cors = {"https://soc.example, http://localhost:3000", "GET, POST", "X-API-Key"}),
          exchanges);
}

/* A header that must not be in an answer. */
static void expect_absent(struct text request, const char *header) {
    static struct http_reply reply;
    http_fixture_ask(http_server_port(server), request, &reply);
    cr_expect_null(strcasestr(reply.text, header), "%s", reply.text);
}

Test(http_front, other_pages_may_not) {
    static const struct http_exchange exchange = {
        "", GET("/hello", "Origin: https://evil.example\r\n"), 200, "hello", false};
    check((struct http_options){.cors = {"https://soc.example", "GET", "X"}}, &exchange, 1);
    expect_absent(exchange.request, "Access-Control");
}

Test(http_front, all_pages_may_with_a_star) {
    static const struct http_exchange exchanges[] = {
        {"preflight", PREFLIGHT("https://any.example"), 204,
         "\r\nAccess-Control-Allow-Origin: *\r\n", false},
        {"request", GET("/hello", "Origin: null\r\n"), 200,
         "\r\nAccess-Control-Allow-Origin: *\r\n", false},
    };
    CHECK(OPTIONS(.cors = {"*", "GET", "X"}), exchanges);
    expect_absent(exchanges[1].request, "\r\nVary:");
}

Test(http_front, cors_is_off_unless_it_is_set) {
    static const struct http_exchange exchanges[] = {
        {"preflight", PREFLIGHT("https://soc.example"), 405, "\r\nAllow: POST\r\n", false},
    };
    CHECK(OPTIONS(.cors = {"", "GET", "X"}), exchanges);
    expect_absent(exchanges[0].request, "Access-Control");
}

Test(http_front, wrong_options_stop_the_start) {
    static const struct http_options wrong[] = {
        {.trusted_proxies = "10.0.0.0/33"},
        {.trusted_proxies = "proxy.example"},
        {.cors = {"soc.example", "GET", "X"}},
        {.cors = {"https://soc.example/", "GET", "X"}},
        {.cors = {"https://Soc.example", "GET", "X"}},
        {.cors = {"https://a b", "GET", "X"}},
        {.cors = {"https://", "GET", "X"}},
        {.cors = {"https://soc.example", "GET POST", "X"}},
        {.cors = {"https://soc.example", "GET", "X:"}},
        {.cors = {"https://soc.example", "GET,,POST", "X"}},
        {.cors = {"https://soc.example", "GET", "X-A, X B"}},
        {.cors = {"https://soc.example", "GET", "X\xc3\xa4"}},
        {.cors = {"null", "GET", "X"}},
        {.cors = {"https://*.example", "GET", "X"}},
        {.cors = {"https://soc.example, null", "GET", "X"}},
        {.cors = {"*, https://soc.example", "GET", "X"}},
        {.cors = {"https://soc.example, *", "GET", "X"}},
        {.tls_certificate = "/nowhere", .tls_key = "/nowhere"},
        {.tls_certificate = "/dev/null"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct http_options options = wrong[i];
        options.listen = "127.0.0.1:0";
        options.workers = 1;
        options.connections_max = 1;
        cr_expect_null(http_server_new(&options), "%zu", i);
    }
}
