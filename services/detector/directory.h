/* directory.h: the files of a directory and those below it, in order of their paths.
 *
 * Names that start with a dot are passed over. Owner: paths are borrowed during the call. Threads:
 * any. Errors: NOT_FOUND when the directory itself cannot be read (errno says why); what cannot be
 * read in it is told to `unreadable`. Limits: DIRECTORY_DEPTH_MAX deep, DIRECTORY_PATH_SIZE bytes a
 * path.
 */
#ifndef SIEM_DETECTOR_DIRECTORY_H
#define SIEM_DETECTOR_DIRECTORY_H

#include "common/status.h"

#define DIRECTORY_DEPTH_MAX 16
#define DIRECTORY_PATH_SIZE 4096

struct directory_visitor {
    const char *const *endings; /* of the files asked for; NULL ends the list */
    void (*file)(void *context, const char *path);
    void (*unreadable)(void *context, const char *path); /* errno says why */
    void *context;
};

/* Visits every file with one of the endings. */
MUST_CHECK enum status directory_walk(const char *directory,
                                      const struct directory_visitor *visitor);

#endif
