/* http_fixture.c: an HTTP client that sends exactly what it is told. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void give_up(const char *what) {
    perror(what);
    abort();
}

int http_fixture_connect(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval wait = {.tv_sec = HTTP_FIXTURE_WAIT_MS / 1000};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        give_up("connect");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
        give_up("setsockopt");
    return fd;
}

void http_fixture_send(int fd, struct text bytes) {
    size_t sent = 0;
    while (sent < bytes.length) {
        ssize_t count = send(fd, bytes.data + sent, bytes.length - sent, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        sent += (size_t)count;
    }
}

/* Whether the server has read what reached its end of the connection: the kernel's table of
 * connections tells how much waits there. */
static bool is_taken(int fd) {
    struct sockaddr_in mine;
    socklen_t length = sizeof mine;
    char line[512];
    bool taken = false;
    unsigned local = 0, remote = 0, unread = 0;
    FILE *table = fopen("/proc/net/tcp", "r");
    if (table == NULL || getsockname(fd, (struct sockaddr *)&mine, &length) != 0)
        give_up("/proc/net/tcp");
    while (fgets(line, sizeof line, table) != NULL) {
        if (sscanf(line, " %*u: %*x:%x %*x:%x %*x %*x:%x", &local, &remote, &unread) == 3 &&
            remote == ntohs(mine.sin_port))
            taken = unread == 0;
    }
    fclose(table);
    return taken;
}

void http_fixture_send_piecewise(int fd, struct text bytes, size_t cut) {
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        give_up("setsockopt");
    http_fixture_send(fd, (struct text){bytes.data, cut});
    for (int i = 0; i < HTTP_FIXTURE_WAIT_MS && !is_taken(fd); i++)
        (void)poll(NULL, 0, 1);
    http_fixture_send(fd, (struct text){bytes.data + cut, bytes.length - cut});
}

/* The length of a reply whose head is whole; 0 while it is not. */
static size_t reply_length(const struct http_reply *reply, bool head_only) {
    const char *end = strstr(reply->text, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *length = strcasestr(reply->text, "\r\nContent-Length:");
    size_t body = length != NULL && !head_only ? strtoul(length + 17, NULL, 10) : 0;
    return (size_t)(end - reply->text) + 4 + body;
}

void http_fixture_read(int fd, bool head_only, struct http_reply *ret_reply) {
    struct http_reply *reply = ret_reply;
    reply->code = 0;
    reply->closed = false;
    reply->length = 0;
    reply->text[0] = '\0';
    for (;;) {
        size_t wanted = reply_length(reply, head_only);
        if (wanted > 0 && reply->length >= wanted)
            break;
        size_t room = wanted > 0 ? wanted - reply->length : 1;
        ssize_t count = recv(fd, reply->text + reply->length, room, 0);
        if (count <= 0) {
            reply->closed = true;
            break;
        }
        reply->length += (size_t)count;
        reply->text[reply->length] = '\0';
    }
    if (strncmp(reply->text, "HTTP/1.1 ", 9) == 0)
        reply->code = (int)strtol(reply->text + 9, NULL, 10);
}

bool http_fixture_is_closed(int fd) {
    char byte;
    ssize_t count = recv(fd, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
}

void http_fixture_ask(int port, struct text bytes, struct http_reply *ret_reply) {
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, bytes);
    http_fixture_read(fd, false, ret_reply);
    close(fd);
}

static void check_exchange(int fd, const struct http_exchange *exchange) {
    static struct http_reply reply;
    http_fixture_send(fd, exchange->request);
    bool head = strncmp(exchange->request.data, "HEAD", 4) == 0;
    http_fixture_read(fd, head, &reply);
    cr_expect_eq(reply.code, exchange->code, "%s: %d, not %d", exchange->name, reply.code,
                 exchange->code);
    if (exchange->holds != NULL)
        cr_expect_not_null(strstr(reply.text, exchange->holds), "%s: %s", exchange->name,
                           reply.text);
    if (exchange->code != 0)
        cr_expect(strstr(reply.text, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL &&
                      strstr(reply.text, "\r\nCache-Control: ") != NULL &&
                      strstr(reply.text, "\r\nContent-Security-Policy: ") != NULL,
                  "%s: %s", exchange->name, reply.text);
    if (exchange->closes)
        cr_expect(http_fixture_is_closed(fd), "%s: goes on", exchange->name);
}

void http_fixture_check(int port, const struct http_exchange *exchanges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int fd = http_fixture_connect(port);
        check_exchange(fd, &exchanges[i]);
        close(fd);
    }
}

const char *http_fixture_body(const struct http_reply *reply) {
    const char *end = strstr(reply->text, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}
