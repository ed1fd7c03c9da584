/* spool_meta.c: the spool's directory and lock, and the small files that say who we are. */
#include "common/spool_internal.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_MAGIC 0x316d7073u /* "spm1" */
#define META_SIZE 32
#define FLOOR_SIZE 16

/* Says what is wrong with the directory, and what to do. */
static enum status refuse(const struct spool *spool, const char *what, const char *remedy) {
    log_error(what, LOG_STRING("directory", spool->directory), LOG_STRING("error", strerror(errno)),
              LOG_STRING("remedy", remedy));
    return STATUS_IO_ERROR;
}

/* Makes the directory with its parents. */
static bool make_directory(char *path) {
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
        if (!made) {
            *slash = '/';
            return false;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

enum status spool_meta_lock(struct spool *spool) {
    if (!make_directory(spool->directory))
        return refuse(spool, "the spool's directory cannot be made",
                      "make it, owned by this user, or set SIEM_STATE_DIR");
    spool->directory_fd = open(spool->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->directory_fd < 0)
        return refuse(spool, "the spool's directory cannot be opened",
                      "give this user the rights to it");
    spool->lock_fd = openat(spool->directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock_fd < 0)
        return refuse(spool, "the spool's lock cannot be made",
                      "give this user the rights to the directory, or make room on the disk");
    if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return refuse(spool, "another process has this spool open",
                      "stop it, or give this one its own SIEM_STATE_DIR");
    return STATUS_OK;
}

int64_t spool_meta_read(const struct spool *spool, const char *name, uint8_t *out, size_t size) {
    int fd = openat(spool->directory_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = pread(fd, out, size, 0);
    close(fd);
    return length;
}

/* Writes a file whole; false with errno. */
static bool write_file(const struct spool *spool, const char *name, struct bytes content,
                       bool sync) {
    int fd = openat(spool->directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool written = write(fd, content.data, content.length) == (ssize_t)content.length &&
                   (!sync || fsync(fd) == 0);
    int error = errno;
    close(fd);
    errno = error;
    return written;
}

enum status spool_meta_replace(struct spool *spool, const char *name, struct bytes content,
                               bool sync) {
    char temporary[SPOOL_NAME_SIZE];
    snprintf(temporary, sizeof temporary, "%s.new", name);
    if (!write_file(spool, temporary, content, sync) ||
        renameat(spool->directory_fd, temporary, spool->directory_fd, name) != 0 ||
        (sync && fsync(spool->directory_fd) != 0))
        return STATUS_IO_ERROR;
    return STATUS_OK;
}

/* Random bits; the kernel always has them once it is up. */
static uint64_t random_bits(void) {
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        abort();
    return bits;
}

/* Reads who we are; false when nobody is there yet, or the file is damaged. */
static bool meta_load(struct spool *spool) {
    uint8_t meta[META_SIZE];
    int64_t length = spool_meta_read(spool, "meta", meta, sizeof meta);
    if (length < 0)
        return false;
    if (length != META_SIZE || spool_get(meta, 4) != META_MAGIC ||
        spool_get(meta + 24, 8) != XXH3_64bits(meta, 24)) {
        log_error(
            "the spool's meta file is damaged; a new producer begins, stored batches keep theirs",
            LOG_STRING("directory", spool->directory));
        counter_add(spool->damaged_records, 1);
        return false;
    }
    spool->epoch = (uint32_t)spool_get(meta + 4, 4);
    spool->producer = spool_get(meta + 8, 8);
    spool->salt = spool_get(meta + 16, 8);
    return true;
}

/* The floor as it was last saved; 0 when unknown. */
static void floor_load(struct spool *spool) {
    uint8_t content[FLOOR_SIZE];
    if (spool_meta_read(spool, "floor", content, sizeof content) == FLOOR_SIZE &&
        spool_get(content + 8, 8) == XXH3_64bits(content, 8))
        spool->floor = spool->floor_saved = spool_get(content, 8);
}

enum status spool_meta_start(struct spool *spool) {
    if (!meta_load(spool)) {
        spool->producer = random_bits();
        spool->epoch = 0;
        if (!spool_recover_salt(spool, &spool->salt))
            spool->salt = random_bits();
    }
    floor_load(spool);
    if (spool->epoch == UINT32_MAX) { /* every number was used: begin as somebody else */
        spool->producer = random_bits();
        spool->epoch = 0;
    }
    spool->epoch++;
    uint8_t meta[META_SIZE];
    spool_put(meta, META_MAGIC, 4);
    spool_put(meta + 4, spool->epoch, 4);
    spool_put(meta + 8, spool->producer, 8);
    spool_put(meta + 16, spool->salt, 8);
    spool_put(meta + 24, XXH3_64bits(meta, 24), 8);
    if (spool_meta_replace(spool, "meta", (struct bytes){meta, sizeof meta}, true) != STATUS_OK)
        return refuse(spool, "the spool's meta file cannot be written",
                      "make room on the disk, and give this user the rights to the directory");
    return STATUS_OK;
}

void spool_meta_save_floor(struct spool *spool) {
    if (spool->floor == spool->floor_saved)
        return;
    uint8_t content[FLOOR_SIZE];
    spool_put(content, spool->floor, 8);
    spool_put(content + 8, XXH3_64bits(content, 8), 8);
    if (spool_meta_replace(spool, "floor", (struct bytes){content, sizeof content}, false) ==
        STATUS_OK)
        spool->floor_saved = spool->floor;
}
