/* directory.c: scandir(3), directories within directories. */
#include "services/detector/directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool has_ending(const struct directory_visitor *visitor, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; visitor->endings[i] != NULL; i++) {
        size_t end_length = strlen(visitor->endings[i]);
        if (length > end_length && strcmp(name + length - end_length, visitor->endings[i]) == 0)
            return true;
    }
    return false;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status walk(const char *directory, const struct directory_visitor *visitor,
                        int depth_left);

static void visit(const char *directory, const char *name, const struct directory_visitor *visitor,
                  int depth_left) {
    char path[DIRECTORY_PATH_SIZE];
    struct stat found;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    errno = ENAMETOOLONG;
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &found) != 0) {
        if (has_ending(visitor, name))
            visitor->unreadable(visitor->context, path);
    } else if (S_ISDIR(found.st_mode)) {
        errno = ELOOP;
        if (depth_left == 0 || walk(path, visitor, depth_left - 1) != STATUS_OK)
            visitor->unreadable(visitor->context, path);
    } else if (S_ISREG(found.st_mode) && has_ending(visitor, name)) {
        visitor->file(visitor->context, path);
    }
}

static enum status walk(const char *directory, const struct directory_visitor *visitor,
                        int depth_left) {
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, compare_names);
    if (count < 0)
        return STATUS_NOT_FOUND;
    for (int i = 0; i < count; i++) {
        visit(directory, entries[i]->d_name, visitor, depth_left);
        free(entries[i]);
    }
    free(entries);
    return STATUS_OK;
}

enum status directory_walk(const char *directory, const struct directory_visitor *visitor) {
    return walk(directory, visitor, DIRECTORY_DEPTH_MAX);
}
