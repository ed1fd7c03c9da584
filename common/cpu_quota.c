/* cpu_quota.c: control groups of version 2, from this process's own up to the root. */
#include "common/cpu_quota.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The first line of a file that begins so; false when there is none. */
static bool read_line(const char *path, const char *begin, char *line, size_t size) {
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, (int)size, file) != NULL)
        found = strncmp(line, begin, strlen(begin)) == 0;
    if (file != NULL)
        (void)fclose(file);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

/* `cpu.max` is "max PERIOD" or "QUOTA PERIOD"; the root has none. */
static bool is_bounded(const char *mount, const char *group) {
    char path[2 * PATH_MAX], line[64];
    snprintf(path, sizeof path, "%s%s/cpu.max", mount, group);
    return read_line(path, "", line, sizeof line) && line[0] >= '0' && line[0] <= '9';
}

bool cpu_quota_is_set(const char *membership, const char *mount) {
    static const char unified[] = "0::";
    char line[PATH_MAX];
    if (!read_line(membership, unified, line, sizeof line))
        return false;
    char *group = line + strlen(unified);
    for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
        *end = '\0';
        if (is_bounded(mount, group))
            return true;
    }
    return false;
}
