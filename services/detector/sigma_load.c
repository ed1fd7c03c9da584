/* sigma_load.c: rule files of a directory and those below it. */
#include "services/detector/sigma_rules.h"

#include "services/detector/file_text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A path longer than this is refused. */
#define PATH_SIZE 4096

static bool ends_in(const char *name, const char *end) {
    size_t length = strlen(name), end_length = strlen(end);
    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static bool is_rule_file(const char *name) {
    return ends_in(name, ".yml") || ends_in(name, ".yaml");
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void refuse_file(struct sigma_rules *rules, const char *path, enum status status) {
    struct sigma_error error;
    status = status == STATUS_TOO_LARGE
                 ? sigma_refuse(&error, status, 0, "larger than %d bytes", SIGMA_FILE_MAX)
                 : sigma_refuse(&error, status, 0, "cannot be read: %s", strerror(errno));
    if (status != STATUS_OK)
        sigma_rules_refuse(rules, path, &error);
}

static void add_file(struct sigma_rules *rules, const char *path) {
    struct buffer source;
    buffer_init(&source, SIGMA_FILE_MAX);
    enum status status = file_text_read(path, &source);
    if (status == STATUS_OK)
        sigma_rules_add_text(rules, path, buffer_text(&source));
    else
        refuse_file(rules, path, status);
    buffer_fini(&source);
}

static enum status add_directory(struct sigma_rules *rules, const char *directory, int depth_left);

static void add_entry(struct sigma_rules *rules, const char *directory, const char *name,
                      int depth_left) {
    char path[PATH_SIZE];
    struct stat found;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    errno = ENAMETOOLONG;
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &found) != 0) {
        if (is_rule_file(name))
            refuse_file(rules, path, STATUS_IO_ERROR);
    } else if (S_ISDIR(found.st_mode)) {
        if (depth_left == 0 || add_directory(rules, path, depth_left - 1) != STATUS_OK)
            refuse_file(rules, path, STATUS_IO_ERROR);
    } else if (S_ISREG(found.st_mode) && is_rule_file(name)) {
        add_file(rules, path);
    }
}

static enum status add_directory(struct sigma_rules *rules, const char *directory, int depth_left) {
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, compare_names);
    if (count < 0)
        return STATUS_NOT_FOUND;
    for (int i = 0; i < count; i++) {
        add_entry(rules, directory, entries[i]->d_name, depth_left);
        free(entries[i]);
    }
    free(entries);
    return STATUS_OK;
}

enum status sigma_rules_add_directory(struct sigma_rules *rules, const char *directory) {
    return add_directory(rules, directory, SIGMA_DIRECTORY_DEPTH_MAX);
}
