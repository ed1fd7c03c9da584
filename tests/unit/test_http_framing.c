/* test_http_framing.c: requests that two readers could see differently are refused, and nothing
 * behind them is served; libmicrohttpd's own refusals look like ours. */
#include "../support/http_echo.h"
#include "../support/http_fixture.h"
#include "common/buffer.h"
#include "common/scoped.h"

#include <criterion/criterion.h>
#include <unistd.h>

#define RAW HTTP_EXCHANGE_RAW
#define HOST "Host: here\r\n"
#define CHUNKED "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static struct http_server *server;
static int port;

static void setup(void) {
    server =
        http_echo_new(&(struct http_options){.connections_max = 100, .request_timeout_ms = 60000});
    port = http_server_port(server);
}

static void teardown(void) {
    http_server_destroy(&server);
}

TestSuite(http_framing, .init = setup, .fini = teardown, .timeout = 300);

Test(http_framing, refuses_framing_that_can_be_read_in_two_ways) {
    static const struct http_exchange exchanges[] = {
        {"length and encoding",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         400, "Ambiguous", true},
        {"two lengths",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
         400, "Content-Length", true},
        {"a list of lengths",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd"), 400, NULL, true},
        {"a signed length", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd"),
         400, NULL, true},
        {"two encodings",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: deflate\r\n\r\n0\r\n\r\n"),
         400, "Ambiguous", true},
        {"another encoding",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
         400, "Ambiguous", true},
        {"encoding in an old version",
         RAW("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, NULL,
         true},
        {"space before the colon",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd"), 400, NULL, true},
        {"odd name", RAW("GET /hello HTTP/1.1\r\n" HOST "Fo@: x\r\n\r\n"), 400, "header name",
         true},
        {"no host", RAW("GET /hello HTTP/1.1\r\n\r\n"), 400, NULL, true},
        {"two hosts", RAW("GET /hello HTTP/1.1\r\n" HOST HOST "\r\n"), 400, "Host", true},
        {"odd host", RAW("GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, "Host", true},
        {"control character", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n"), 400, NULL,
         true},
        {"other version", RAW("GET /hello HTTP/1.7\r\n" HOST "\r\n"), 505, NULL, true},
        {"bad chunk",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "Transfer-Encoding: chunked\r\n\r\n3 \n  \r\nfoo\r\n0\r\n\r\n"),
         400, NULL, true},
        {"header without a colon", RAW("GET /hello HTTP/1.1\r\n" HOST "foo\r\n\r\n"), 400, NULL,
         true},
        {"carriage return in a name",
         RAW("GET /hello HTTP/1.1\r\n" HOST "Content\rLength: 1\r\n\r\n"), 400, NULL, true},
        {"path that is no UTF-8", RAW("GET /%ff HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"query that is no UTF-8", RAW("GET /hello?q=%ff HTTP/1.1\r\n" HOST "\r\n"), 400, NULL,
         true},
        {"absolute path", RAW("GET http://evil/hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

/* A smuggled second request must never be answered. */
Test(http_framing, answers_nothing_behind_a_refused_request) {
    static struct http_reply reply;
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, TEXT("POST /echo HTTP/1.1\r\n" HOST
                               "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                               "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    http_fixture_read(fd, false, &reply);
    cr_assert_eq(reply.code, 400);
    http_fixture_read(fd, false, &reply);
    cr_assert_eq(reply.code, 0, "%s", reply.text);
    close(fd);
}

/* What libmicrohttpd reads as if it were clean. */
Test(http_framing, refuses_lines_that_are_no_lines) {
    static const struct http_exchange exchanges[] = {
        {"LF behind the request line", RAW("GET /hello HTTP/1.1\n" HOST "\r\n"), 400, NULL, true},
        {"LF behind a header", RAW("GET /hello HTTP/1.1\r\nA: b\n" HOST "\r\n"), 400, NULL, true},
        {"LF behind the last header", RAW("GET /hello HTTP/1.1\r\nHost: here\n\r\n"), 400, NULL,
         true},
        {"LF behind the last header, and a body",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\n\r\n\0\0\0"), 400, NULL, true},
        {"LF as the empty line", RAW("GET /hello HTTP/1.1\r\n" HOST "\n"), 400, NULL, true},
        {"LF alone", RAW("GET /hello HTTP/1.1\nHost: here\n\n"), 400, NULL, true},
        {"LF that hides a header",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "x:x\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n"),
         400, NULL, true},
        {"CR between headers", RAW("GET /hello HTTP/1.1\r\n" HOST "Foo: 1\rBar: 2\r\n\r\n"), 400,
         NULL, true},
        {"CR behind an empty header",
         RAW("POST /echo HTTP/1.1\r\n" HOST
             "x:\rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n"),
         400, NULL, true},
        {"CR before the empty line",
         RAW("GET /hello HTTP/1.1\r\n" HOST "\rZGET /hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL,
         true},
        {"folded value", RAW("GET /hello HTTP/1.1\r\n" HOST "Foo: a\r\n b\r\n\r\n"), 400, NULL,
         true},
        {"folded length",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Foo: bar\r\n Content-Length: 4\r\n\r\nabcd"), 400,
         NULL, true},
        {"folded name", RAW("GET /hello HTTP/1.1\r\n" HOST "name\r\n : value\r\n\r\n"), 400, NULL,
         true},
        {"space before the first header", RAW("GET /hello HTTP/1.1\r\n Host: here\r\n\r\n"), 400,
         NULL, true},
        {"header without a name", RAW("GET /hello HTTP/1.1\r\n" HOST ": x\r\n\r\n"), 400, NULL,
         true},
        {"NUL in a value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), 400, NULL, true},
        {"NUL at a value's end", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\0\r\n\r\n"), 400, NULL,
         true},
        {"NUL in a name", RAW("GET /hello HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n"), 400, NULL, true},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

Test(http_framing, finds_an_item_on_any_line_of_a_list) {
#define LISTED(lines) RAW("GET /listed HTTP/1.1\r\n" HOST lines "\r\n")
    static const struct http_exchange exchanges[] = {
        {"none", LISTED(""), 200, "missing", false},
        {"alone", LISTED("X-List: wanted\r\n"), 200, "listed", false},
        {"second item", LISTED("x-list: other ,, wanted \r\n"), 200, "listed", false},
        {"second line", LISTED("X-List: other\r\nX-List:\r\nX-List: wanted\r\n"), 200, "listed",
         false},
        {"in quotes", LISTED("X-List: a=\"b\\\",wanted,\"\r\n"), 200, "missing", false},
        {"behind quotes", LISTED("X-List: a=\"b,c\", wanted\r\n"), 200, "listed", false},
        {"behind quotes without an end", LISTED("X-List: \"a, wanted\r\n"), 200, "missing", false},
        {"part of an item", LISTED("X-List: wanted2, unwanted\r\n"), 200, "missing", false},
        {"another header", LISTED("X-Lists: wanted\r\n"), 200, "missing", false},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

Test(http_framing, refuses_request_lines_that_are_not_clean) {
    static const struct http_exchange exchanges[] = {
        {"two spaces before the target", RAW("GET  /hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL,
         true},
        {"two spaces behind the target", RAW("GET /hello  HTTP/1.1\r\n" HOST "\r\n"), 400, NULL,
         true},
        {"space in the target", RAW("GET /hello?a b HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"space behind the version", RAW("GET /hello HTTP/1.1 \r\n" HOST "\r\n"), 400, NULL, true},
        {"tabulator", RAW("GET\t/hello\tHTTP/1.1\r\n" HOST "\r\n"), 0, NULL, true},
        {"raw UTF-8", RAW("GET /hello?q=\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"fragment", RAW("GET /hello#here HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"NUL in the path", RAW("GET /hello%00x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"NUL in the query", RAW("GET /hello?q=%00 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"raw NUL", RAW("GET /hello\0x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"half an escape", RAW("GET /hello?q=%2 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"no escape", RAW("GET /hello?q=%zz HTTP/1.1\r\n" HOST "\r\n"), 400, NULL, true},
        {"other protocol", RAW("GET /hello ICE/1.0\r\n" HOST "\r\n"), 400, NULL, true},
        {"nearly the protocol", RAW("GET /hello IHTTP/1.0\r\n" HOST "\r\n"), 400, NULL, true},
        {"no version", RAW("GET /hello\r\n" HOST "\r\n"), 400, NULL, true},
        {"HTTP/2 preface", RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, NULL, true},
        {"no method", RAW(" /hello HTTP/1.1\r\n" HOST "\r\n"), 0, NULL, true},
        {"escaped space is one", RAW("GET /hello?q=%20%41 HTTP/1.1\r\n" HOST "\r\n"), 200, "hello",
         false},
        {"empty lines before a request", RAW("\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"), 200,
         "hello", false},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

Test(http_framing, refuses_chunks_that_are_not_clean) {
    static const struct http_exchange exchanges[] = {
        {"LF behind a size", RAW(CHUNKED "3\nfoo\r\n0\r\n\r\n"), 400, NULL, true},
        {"LF behind a chunk", RAW(CHUNKED "3\r\nfoo\n3\r\nbar\r\n0\r\n\r\n"), 400, NULL, true},
        {"empty extension", RAW(CHUNKED "2;\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"extension without a name", RAW(CHUNKED "2;=x\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"extension without an end", RAW(CHUNKED "2;a=\"b\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"extension with LF", RAW(CHUNKED "2;a\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"extension with CR", RAW(CHUNKED "2;a\rb\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"no semicolon", RAW(CHUNKED "2 erfrferferf\r\naa\r\n0 rrrr\r\n\r\n"), 400, NULL, true},
        {"size with a sign", RAW(CHUNKED "+2\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"size in another notation", RAW(CHUNKED "0x2\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"size beyond 64 bits", RAW(CHUNKED "10000000000000002\r\naa\r\n0\r\n\r\n"), 413, NULL,
         true},
        {"no size", RAW(CHUNKED "\r\naa\r\n0\r\n\r\n"), 400, NULL, true},
        {"longer than its size", RAW(CHUNKED "2\r\naaa\r\n0\r\n\r\n"), 400, NULL, true},
        {"good extensions", RAW(CHUNKED "2;a;b=c;d=\"e \\\" f\"\r\naa\r\n1\r\nb\r\n0\r\n\r\n"), 200,
         "\r\n\r\naab", true},
        {"data that looks like framing", RAW(CHUNKED "5\r\na\n5\r\n\r\n3\r\n\r\n0\r\n0\r\n\r\n"),
         200, "\r\n\r\na\n5\r\n\r\n0", true},
        {"trailers", RAW(CHUNKED "2\r\naa\r\n0\r\nVary: *\r\n\r\n"), 200, "\r\n\r\naa", true},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

/* However the bytes of a chunked body arrive, it is read alike. */
Test(http_framing, reads_chunks_that_come_in_pieces) {
    static struct http_reply reply;
    static const struct text request = HTTP_EXCHANGE_RAW(
        CHUNKED "3\r\na\nb\r\nb;x=\"y\"\r\n0123456789\n\r\n2\r\n\r\n\r\n0\r\n\r\n");
    size_t head = sizeof CHUNKED - 1;
    for (size_t cut = head; cut < request.length; cut++) {
        int fd = http_fixture_connect(port);
        http_fixture_send_piecewise(fd, request, cut);
        http_fixture_read(fd, false, &reply);
        cr_expect_eq(reply.code, 200, "cut at %zu: %s", cut - head, reply.text);
        cr_expect_str_eq(http_fixture_body(&reply), "a\nb0123456789\n\r\n");
        close(fd);
    }
}

/* libmicrohttpd answers these itself. */
Test(http_framing, words_all_refusals_alike) {
    static const struct http_exchange exchanges[] = {
        {"bad length", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n"), 400,
         "{\"detail\":\"Bad Request\"}", true},
        {"empty length", RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"), 400,
         "{\"detail\":", true},
        {"length beyond 64 bits",
         RAW("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000000000000000000000\r\n\r\n"), 413,
         "{\"detail\":\"Request body too large\"}", true},
        {"no colon", RAW("GET /hello HTTP/1.1\r\n" HOST "foo\r\n\r\n"), 400, "{\"detail\":", true},
    };
    http_fixture_check(port, exchanges, sizeof exchanges / sizeof exchanges[0]);
}

Test(http_framing, bounds_the_request_line_and_the_head) {
    static struct http_reply reply;
    static char request[40000];
    static const struct {
        const char *start;
        int code;
    } cases[] = {{"GET /", 414}, {"GET /hello HTTP/1.1\r\n" HOST "X: ", 431}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(request, 'a', sizeof request);
        memcpy(request, cases[i].start, strlen(cases[i].start));
        http_fixture_ask(port, (struct text){request, sizeof request}, &reply);
        cr_expect_eq(reply.code, cases[i].code, "%s: %d", cases[i].start, reply.code);
        cr_expect_not_null(strstr(reply.text, "nosniff"));
    }
}

/* What a request whose target repeats a text is answered. */
static int code_of_repeated(const char *path, const char *text, size_t count) {
    static struct http_reply reply;
    SCOPED_FINI(buffer) struct buffer request;
    buffer_init(&request, 64 * 1024);
    buffer_append_text(&request, text_of(path));
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&request, text_of(text));
    buffer_append_text(&request, TEXT(" HTTP/1.1\r\n" HOST "\r\n"));
    http_fixture_ask(port, buffer_text(&request), &reply);
    return reply.code;
}

/* What a request with a body is answered whose lines begin with a text and have so many bytes. */
static int code_of_lines(const char *line, int lines, int bytes) {
    static struct http_reply reply;
    SCOPED_FINI(buffer) struct buffer request;
    buffer_init(&request, 64 * 1024);
    buffer_append_text(&request, TEXT("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"));
    for (int i = 0; i < lines; i++)
        buffer_printf(&request, "%s%0*d\r\n", line, bytes / lines - (int)strlen(line) - 2, 0);
    buffer_append_text(&request, TEXT("\r\nhello"));
    http_fixture_ask(port, buffer_text(&request), &reply);
    return reply.code;
}

/* What a request is answered with many others behind it, which lie in the way. */
static int code_of_first(struct buffer *request) {
    static struct http_reply reply;
    for (int i = 0; i < 100; i++)
        buffer_append_text(request, TEXT("GET /hello HTTP/1.1\r\n" HOST "X: 0123456789\r\n\r\n"));
    http_fixture_ask(port, buffer_text(request), &reply);
    return reply.code;
}

static void append_headers(struct buffer *request, int count) {
    for (int i = 0; i < count; i++)
        buffer_printf(request, "X%d: v\r\n", i);
}

/* Of one whose head has so many bytes, most of them in the target. */
static int code_of_long_target(int headers, int bytes) {
    SCOPED_FINI(buffer) struct buffer request, rest;
    buffer_init(&request, 64 * 1024);
    buffer_init(&rest, 1024);
    buffer_append_text(&rest, TEXT(" HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"));
    append_headers(&rest, headers);
    buffer_append_text(&rest, TEXT("\r\n"));
    buffer_append_text(&request, TEXT("POST /echo?a="));
    buffer_printf(&request, "%0*d", bytes - (int)(request.length + rest.length), 0);
    buffer_append_text(&request, buffer_text(&rest));
    buffer_append_text(&request, TEXT("hello"));
    return code_of_first(&request);
}

/* Of one with a trailer of so many bytes behind its chunks. */
static int code_of_trailer(int headers, int bytes) {
    SCOPED_FINI(buffer) struct buffer request;
    buffer_init(&request, 64 * 1024);
    buffer_append_text(&request, TEXT("POST /echo HTTP/1.1\r\n" HOST));
    append_headers(&request, headers);
    buffer_append_text(&request, TEXT("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"));
    buffer_printf(&request, "Y: %0*d\r\n\r\n", bytes, 0);
    return code_of_first(&request);
}

/* Where a line ends with what libmicrohttpd has read, it makes much room for what is behind. */
Test(http_framing, answers_requests_with_more_behind_them) {
    for (int headers = 20; headers <= 80; headers += 20) {
        for (int bytes = 8000; bytes < 12500; bytes += 7) {
            int code = code_of_long_target(headers, bytes);
            bool is_served = code == 200;
            cr_expect(is_served || code == 431 || code == 414, "%d of %d: %d", headers, bytes,
                      code);
            cr_expect(is_served || bytes >= 8192, "%d of %d: %d", headers, bytes, code);
            cr_expect(is_served || bytes > 9000 || headers > 20, "%d of %d", headers, bytes);
        }
        for (int bytes = 6500; bytes < 8200; bytes++) {
            int code = code_of_trailer(headers, bytes);
            cr_expect(code == 200 || code == 400 || code == 431, "trailer, %d of %d: %d", headers,
                      bytes, code);
        }
    }
}

/* However headers fill the memory, there is an answer: what is handed to a route can be answered.
 */
Test(http_framing, answers_heads_that_fill_the_memory) {
    static const struct {
        const char *line;
        int lines;  /* at most */
        int served; /* bytes of so many lines, or fewer */
    } cases[] = {{"X: ", 6, 8000}, {"X: ", 60, 8000},       {"X: ", 90, 8000},
                 {"X: ", 150, 0},  {"Cookie: a=", 1, 5500}, {"Cookie: a=b; c=d; e=f; g=", 1, 5500}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int bytes = 40 * cases[i].lines; bytes < 16500; bytes += 37) {
            int code = code_of_lines(cases[i].line, cases[i].lines, bytes);
            if (bytes <= cases[i].served)
                cr_expect_eq(code, 200, "%d of %d: %d", cases[i].lines, bytes, code);
            else
                cr_expect(code == 200 || code == 431, "%d of %d: %d", cases[i].lines, bytes, code);
        }
    }
    cr_expect_eq(code_of_lines("X: ", 150, 6000), 431);
}

/* Whatever fills libmicrohttpd's memory, the request is refused, and nothing else happens. */
Test(http_framing, outlives_targets_that_fill_the_memory) {
    static const struct {
        const char *path, *text;
        size_t served; /* repetitions */
        int code;      /* then */
    } cases[] = {{"GET /hello?", "a&", 90, 200},
                 {"GET /hello?", "a=%41&", 90, 200},
                 {"GET /hello?a&b=", "x", 8000, 200},
                 {"GET /", "x", 8000, 404}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].text;
        for (size_t count = 1; count * strlen(text) < 17000; count += 41) {
            int code = code_of_repeated(cases[i].path, text, count);
            if (count <= cases[i].served)
                cr_expect_eq(code, cases[i].code, "%s, %zu: %d", text, count, code);
            else
                cr_expect(code == cases[i].code || code == 414 || code == 431, "%s, %zu: %d", text,
                          count, code);
        }
    }
    cr_expect_eq(code_of_repeated("GET /hello?", "a&", 1000), 431);
    cr_expect_eq(code_of_repeated("GET /hello", "", 0), 200, "alive");
}
