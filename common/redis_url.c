/* redis_url.c: reads the address of a Redis. */
#include "common/redis_url.h"

#include <stdlib.h>

#define REDIS_PORT 6379

static char *copy_text(struct text text) {
    char *copy = strndup(text.data, text.length);
    if (copy == NULL)
        abort();
    return copy;
}

static int hex_digit(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *found = digit != '\0' ? strchr(digits, digit | 0x20) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* Replaces %41 by A in place; false when a percent sign starts no pair of digits. */
static bool decode_percent(char *text) {
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_digit(in[1]);
        int low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0)
            return false;
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *out = '\0';
    return true;
}

/* Reads all of `text` as a decimal number of at most `max`. */
static bool parse_number(struct text text, int max, int *ret_number) {
    int number = 0;
    if (text.length == 0 || text.length > 5)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    if (number > max)
        return false;
    *ret_number = number;
    return true;
}

/* host, host:port, [v6], [v6]:port */
static bool parse_host(struct text text, struct redis_url *url) {
    struct text host = text, port = {NULL, 0};
    if (text.length > 0 && text.data[0] == '[') {
        const char *end = memchr(text.data, ']', text.length);
        if (end == NULL)
            return false;
        host = (struct text){text.data + 1, (size_t)(end - text.data) - 1};
        size_t after = host.length + 2;
        if (after < text.length && text.data[after] != ':')
            return false;
        if (after < text.length)
            port = (struct text){text.data + after + 1, text.length - after - 1};
    } else {
        const char *colon = memchr(text.data, ':', text.length);
        if (colon != NULL) {
            host.length = (size_t)(colon - text.data);
            port = (struct text){colon + 1, text.length - host.length - 1};
        }
    }
    if (host.length == 0)
        return false;
    if (port.data != NULL && (!parse_number(port, 65535, &url->port) || url->port == 0))
        return false;
    url->host = copy_text(host);
    return true;
}

/* :password@ before the host; a user name is not supported. */
static bool parse_password(struct text text, struct redis_url *url) {
    if (text.length < 2 || text.data[0] != ':')
        return false;
    url->password = copy_text((struct text){text.data + 1, text.length - 1});
    return decode_percent(url->password);
}

static bool parse_tcp(const char *rest, struct redis_url *url) {
    const char *at = strrchr(rest, '@');
    if (at != NULL && !parse_password((struct text){rest, (size_t)(at - rest)}, url))
        return false;
    const char *host = at != NULL ? at + 1 : rest;
    const char *slash = strchr(host, '/');
    if (slash != NULL && slash[1] != '\0' &&
        !parse_number(text_of(slash + 1), 9999, &url->database))
        return false;
    size_t length = slash != NULL ? (size_t)(slash - host) : strlen(host);
    return parse_host((struct text){host, length}, url);
}

enum status redis_url_parse(const char *url, struct redis_url *ret_url) {
    struct redis_url parsed = {.port = REDIS_PORT};
    bool good = false;
    if (strncmp(url, "unix:///", 8) == 0 && url[8] != '\0') {
        parsed.path = copy_text(text_of(url + 7));
        good = true;
    } else if (strncmp(url, "redis://", 8) == 0) {
        good = parse_tcp(url + 8, &parsed);
    }
    if (!good) {
        redis_url_fini(&parsed);
        return STATUS_BAD_SYNTAX;
    }
    *ret_url = parsed;
    return STATUS_OK;
}

void redis_url_fini(struct redis_url *url) {
    if (url->password != NULL)
        explicit_bzero(url->password, strlen(url->password));
    free(url->password);
    free(url->host);
    free(url->path);
    *url = (struct redis_url){.port = REDIS_PORT};
}
