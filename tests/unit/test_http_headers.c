/* test_http_headers.c: what is a header's value, what names a host, and which headers may come but
 * once. */
#include "../support/http_echo.h"
#include "../support/http_fixture.h"

#include <criterion/criterion.h>

#define RAW HTTP_EXCHANGE_RAW
#define HOST "Host: here\r\n"

static struct http_server *server;

static void check(const struct http_exchange *exchanges, size_t count) {
    server =
        http_echo_new(&(struct http_options){.connections_max = 100, .request_timeout_ms = 60000});
    http_fixture_check(http_server_port(server), exchanges, count);
}

#define CHECK(exchanges) check(exchanges, sizeof(exchanges) / sizeof((exchanges)[0]))

static void teardown(void) {
    http_server_destroy(&server);
}

TestSuite(http_headers, .fini = teardown, .timeout = 300);

/* RFC 9110 §5.5: blanks around a value are no part of it. */
Test(http_headers, a_value_ends_before_the_blanks) {
#define VALUE(lines) RAW("GET /value HTTP/1.1\r\n" HOST lines "\r\n")
    static const struct http_exchange exchanges[] = {
        {"none", VALUE(""), 200, "\r\n\r\nnone", false},
        {"as it is", VALUE("X-Value: a b\r\n"), 200, "\r\n\r\n<a b>", false},
        {"spaces behind", VALUE("X-Value: key  \r\n"), 200, "\r\n\r\n<key>", false},
        {"tabulators", VALUE("X-Value:\tkey \t\r\n"), 200, "\r\n\r\n<key>", false},
        {"only blanks", VALUE("X-Value: \t \r\n"), 200, "\r\n\r\n<>", false},
        {"blanks behind a host", RAW("GET /hello HTTP/1.1\r\nHost: here \t\r\n\r\n"), 200, "hello",
         false},
        {"blanks at the head's end", RAW("GET /value HTTP/1.1\r\n" HOST "X-Value: a \r\n\r\n"), 200,
         "<a>", false},
        {"blanks around an item",
         RAW("GET /listed HTTP/1.1\r\n" HOST "X-List: a,\twanted\t\r\n\r\n"), 200, "listed", false},
    };
    CHECK(exchanges);
}

Test(http_headers, a_host_is_one_host) {
#define AT(host) RAW("GET /hello HTTP/1.1\r\nHost: " host "\r\n\r\n")
    static const struct http_exchange exchanges[] = {
        {"name", AT("soc.example"), 200, NULL, false},
        {"name and port", AT("soc.example:8000"), 200, NULL, false},
        {"empty port", AT("soc.example:"), 200, NULL, false},
        {"greatest port", AT("h:65535"), 200, NULL, false},
        {"address", AT("127.0.0.1:8000"), 200, NULL, false},
        {"IPv6", AT("[2001:db8::1]"), 200, NULL, false},
        {"IPv6 and port", AT("[::1]:80"), 200, NULL, false},
        {"nothing", AT(""), 200, NULL, false},
        {"port that is none", AT("h:x"), 400, "malformed Host", true},
        {"port with a sign", AT("h:+80"), 400, NULL, true},
        {"port beyond 65535", AT("h:65536"), 400, NULL, true},
        {"two ports", AT("h:80:80"), 400, NULL, true},
        {"port alone", AT(":80"), 400, NULL, true},
        {"open bracket", AT("[::1"), 400, NULL, true},
        {"brackets alone", AT("[]"), 400, NULL, true},
        {"no address in brackets", AT("[a:g]"), 400, NULL, true},
        {"IPv4 in brackets", AT("[127.0.0.1]"), 400, NULL, true},
        {"text behind brackets", AT("[::1]x"), 400, NULL, true},
        {"bracket in a name", AT("a]"), 400, NULL, true},
        {"IPv6 without brackets", AT("::1"), 400, NULL, true},
    };
    CHECK(exchanges);
}

/* Of two keys, a proxy may have looked at the other one. */
Test(http_headers, a_header_with_one_value_comes_once) {
#define TWICE(name) RAW("GET /hello HTTP/1.1\r\n" HOST name ": a\r\nX: y\r\n" name ": a\r\n\r\n")
    static const struct http_exchange exchanges[] = {
        {"key", TWICE("X-API-Key"), 400, "{\"detail\":\"Ambiguous X-API-Key\"}", true},
        {"authorization", TWICE("Authorization"), 400, "Ambiguous Authorization", true},
        {"idempotency", TWICE("Idempotency-Key"), 400, "Ambiguous Idempotency-Key", true},
        {"type", TWICE("Content-Type"), 400, "Ambiguous Content-Type", true},
        {"origin", TWICE("Origin"), 400, "Ambiguous Origin", true},
        {"whatever the case",
         RAW("GET /hello HTTP/1.1\r\n" HOST "X-API-Key: a\r\nx-api-key: b\r\n\r\n"), 400,
         "Ambiguous X-API-Key", true},
        {"a list", TWICE("Accept"), 200, "hello", false},
    };
    CHECK(exchanges);
}
