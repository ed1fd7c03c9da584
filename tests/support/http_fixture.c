/* http_fixture.c: an HTTP client that sends exactly what it is told. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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
    return recv(fd, &byte, 1, 0) <= 0;
}

void http_fixture_ask(int port, struct text bytes, struct http_reply *ret_reply) {
    int fd = http_fixture_connect(port);
    http_fixture_send(fd, bytes);
    http_fixture_read(fd, false, ret_reply);
    close(fd);
}

const char *http_fixture_body(const struct http_reply *reply) {
    const char *end = strstr(reply->text, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}
