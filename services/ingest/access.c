/* access.c: the API key: where it comes from, and the comparison. */
#include "services/ingest/access.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_RANDOM_BYTES 32
#define KEY_FILE "api_key"

struct access {
    char key[ACCESS_KEY_MAX + 1];
    size_t length;
};

static struct access *give_up(struct access *access, const char *path, const char *remedy) {
    log_error("no API key", LOG_STRING("path", path), LOG_STRING("reason", strerror(errno)),
              LOG_STRING("remedy", remedy));
    free(access);
    return NULL;
}

/* Reads the kept key: its length, 0 when there is none, -1 when it cannot be read or is empty. */
static int read_key(const char *path, char key[ACCESS_KEY_MAX + 1]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t length = read(fd, key, ACCESS_KEY_MAX);
    close(fd);
    while (length > 0 && strchr(" \t\r\n", key[length - 1]) != NULL)
        length--;
    if (length <= 0) {
        errno = EINVAL;
        return -1;
    }
    key[length] = '\0';
    return (int)length;
}

/* Writes a new key so that it is whole or not there, whatever happens. */
static bool write_key(const char *path, const char *key) {
    char draft[4096];
    snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid());
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool written = dprintf(fd, "%s\n", key) > 0 && fsync(fd) == 0;
    close(fd);
    /* link, not rename: of two starting processes the first one's key stays. */
    bool placed = written && (link(draft, path) == 0 || errno == EEXIST);
    unlink(draft);
    return placed;
}

static bool make_key(const char *path) {
    uint8_t random[KEY_RANDOM_BYTES];
    char key[2 * KEY_RANDOM_BYTES + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(key + 2 * i, 3, "%02x", random[i]);
    return write_key(path, key);
}

struct access *access_new(const char *api_key, const char *state_dir) {
    struct access *access = calloc(1, sizeof *access);
    if (access == NULL)
        abort();
    access->length = strlen(api_key);
    if (access->length > ACCESS_KEY_MAX) {
        errno = E2BIG;
        return give_up(access, "API_KEY", "use a key of at most 512 bytes");
    }
    memcpy(access->key, api_key, access->length);
    if (access->length > 0)
        return access;
    char path[4000];
    snprintf(path, sizeof path, "%s/" KEY_FILE, state_dir);
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return give_up(access, state_dir, "let SIEM_STATE_DIR be a directory that can be written");
    int length = read_key(path, access->key);
    if (length == 0 && make_key(path))
        length = read_key(path, access->key);
    if (length <= 0)
        return give_up(access, path, "make the file readable, or set API_KEY");
    access->length = (size_t)length;
    log_info("API key is kept in a file", LOG_STRING("path", path));
    return access;
}

void access_destroy(struct access **access) {
    if (*access != NULL)
        explicit_bzero(*access, sizeof **access);
    free(*access);
    *access = NULL;
}

bool access_is_allowed(const struct access *access, struct text key) {
    if (key.data == NULL || key.length != access->length)
        return false;
    unsigned difference = 0;
    for (size_t i = 0; i < key.length; i++)
        difference |= (unsigned char)key.data[i] ^ (unsigned char)access->key[i];
    return difference == 0;
}

bool access_check(const struct access *access, struct http_request *request) {
    struct text key = http_header(request, "X-API-Key");
    if (access_is_allowed(access, key))
        return true;
    struct buffer body;
    buffer_init(&body, 256);
    if (key.data == NULL || key.length == 0) {
        buffer_append_text(
            &body, TEXT("{\"detail\":\"API Key is missing. Please provide 'X-API-Key' header.\"}"));
        http_answer_header(request, "WWW-Authenticate", "ApiKey");
        http_answer(request, 401, "application/json", &body);
    } else {
        buffer_append_text(&body, TEXT("{\"detail\":\"Invalid API Key. Access denied.\"}"));
        http_answer(request, 403, "application/json", &body);
    }
    return false;
}
