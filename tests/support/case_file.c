/* case_file.c: lines of a file as JSON. */
#include "tests/support/case_file.h"

#include "services/detector/file_text.h"

#include <stdio.h>

#define PATH_SIZE 4096

yajl_val case_file_member(yajl_val object, const char *name, yajl_type type) {
    const char *path[] = {name, NULL};
    return object != NULL ? yajl_tree_get(object, path, type) : NULL;
}

const char *case_file_string(yajl_val object, const char *name) {
    yajl_val value = case_file_member(object, name, yajl_t_string);
    return value != NULL ? value->u.string : "";
}

bool case_file_run(const char *shared, const char *name, void (*run)(yajl_val root, void *context),
                   void *context) {
    char path[PATH_SIZE];
    struct buffer text;
    buffer_init(&text, CASE_FILE_MAX);
    snprintf(path, sizeof path, "%s/cases/%s", shared, name);
    bool is_read = file_text_read(path, &text) == STATUS_OK;
    buffer_append(&text, "", 1);
    for (char *line = is_read ? (char *)text.data : NULL, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        yajl_val root = line[0] != '\0' ? yajl_tree_parse(line, NULL, 0) : NULL;
        if (root != NULL)
            run(root, context);
        yajl_tree_free(root);
    }
    buffer_fini(&text);
    return is_read;
}
