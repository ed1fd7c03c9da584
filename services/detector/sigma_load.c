/* sigma_load.c: rule files of a directory and those below it. */
#include "services/detector/sigma_rules.h"

#include "services/detector/directory.h"
#include "services/detector/file_text.h"

#include <errno.h>

static void refuse_file(struct sigma_rules *rules, const char *path, enum status status) {
    struct sigma_error error;
    status = status == STATUS_TOO_LARGE
                 ? sigma_refuse(&error, status, 0, "larger than %d bytes", SIGMA_FILE_MAX)
                 : sigma_refuse(&error, status, 0, "cannot be read: %s", strerror(errno));
    if (status != STATUS_OK)
        sigma_rules_refuse(rules, path, &error);
}

static void on_unreadable(void *context, const char *path) {
    refuse_file(context, path, STATUS_IO_ERROR);
}

void sigma_rules_add_file(struct sigma_rules *rules, const char *path) {
    struct buffer source;
    buffer_init(&source, SIGMA_FILE_MAX);
    enum status status = file_text_read(path, &source);
    if (status == STATUS_OK)
        sigma_rules_add_text(rules, path, buffer_text(&source));
    else
        refuse_file(rules, path, status);
    buffer_fini(&source);
}

static void on_file(void *context, const char *path) {
    sigma_rules_add_file(context, path);
}

enum status sigma_rules_add_directory(struct sigma_rules *rules, const char *directory) {
    static const char *const endings[] = {".yml", ".yaml", NULL};
    const struct directory_visitor visitor = {endings, on_file, on_unreadable, rules};
    return directory_walk(directory, &visitor);
}
