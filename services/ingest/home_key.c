/* home_key.c: where the first key comes from, and the comparison. */
#include "services/ingest/home_key.h"

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

/* What is behind the key is 0. */
struct home_key {
    char key[HOME_KEY_MAX + 1];
    size_t length;
};

static struct home_key *give_up(struct home_key *self, const char *path, const char *remedy) {
    log_error("no API key", LOG_STRING("path", path), LOG_STRING("reason", strerror(errno)),
              LOG_STRING("remedy", remedy));
    free(self);
    return NULL;
}

/* Reads the kept key: its length, 0 when there is none, -1 when it cannot be read or is empty. */
static int read_key(const char *path, char key[HOME_KEY_MAX + 1]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t length = read(fd, key, HOME_KEY_MAX);
    close(fd);
    while (length > 0 && strchr(" \t\r\n", key[length - 1]) != NULL)
        length--;
    if (length <= 0) {
        errno = EINVAL;
        return -1;
    }
    memset(key + length, 0, (size_t)(HOME_KEY_MAX + 1 - length));
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

struct home_key *home_key_new(const char *api_key, const char *state_dir) {
    struct home_key *self = calloc(1, sizeof *self);
    if (self == NULL)
        abort();
    /* Blanks around it are no part of a header's value: it could not be sent. */
    struct text key = text_trim_blanks(text_of(api_key));
    self->length = key.length;
    if (self->length > HOME_KEY_MAX || (self->length == 0 && api_key[0] != '\0')) {
        errno = self->length > 0 ? E2BIG : EINVAL;
        return give_up(self, "API_KEY", "use a key of 1 to 512 bytes that are no blanks");
    }
    memcpy(self->key, key.data, self->length);
    if (self->length > 0)
        return self;
    char path[4000];
    snprintf(path, sizeof path, "%s/" KEY_FILE, state_dir);
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
        return give_up(self, state_dir, "let SIEM_STATE_DIR be a directory that can be written");
    int length = read_key(path, self->key);
    if (length == 0 && make_key(path))
        length = read_key(path, self->key);
    if (length <= 0)
        return give_up(self, path, "make the file readable, or set API_KEY");
    self->length = (size_t)length;
    log_info("API key is kept in a file", LOG_STRING("path", path));
    return self;
}

void home_key_destroy(struct home_key **key) {
    if (*key != NULL)
        explicit_bzero(*key, sizeof **key);
    free(*key);
    *key = NULL;
}

/* Compares with the bytes and the zeros behind them, whatever the key's length is. */
bool home_key_is(const struct home_key *key, struct text sent) {
    if (sent.data == NULL || sent.length > HOME_KEY_MAX)
        return false;
    size_t difference = sent.length ^ key->length;
    for (size_t i = 0; i < sent.length; i++)
        difference |= (unsigned char)sent.data[i] ^ (unsigned char)key->key[i];
    return difference == 0;
}

bool home_key_is_weak(const struct home_key *key) {
    return key->length < HOME_KEY_STRONG;
}
