/* cpu_quota.c: control groups of version 2, from this process's own up to the root. */
#include "common/cpu_quota.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The first line of a file; "" when it can not be read. */
static void read_line(const char *path, char *line, size_t size) {
    FILE *file = fopen(path, "re");
    line[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(line, (int)size, file) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    (void)fclose(file);
}

/* `cpu.max` is "max PERIOD" or "QUOTA PERIOD"; the root has none. */
static bool is_bounded(const char *mount, const char *group) {
    char path[2 * PATH_MAX], line[64];
    snprintf(path, sizeof path, "%s%s/cpu.max", mount, group);
    read_line(path, line, sizeof line);
    return line[0] >= '0' && line[0] <= '9';
}

bool cpu_quota_is_set(const char *membership, const char *mount) {
    static const char unified[] = "0::";
    char line[PATH_MAX];
    read_line(membership, line, sizeof line);
    if (strncmp(line, unified, strlen(unified)) != 0)
        return false;
    char *group = line + strlen(unified);
    for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
        *end = '\0';
        if (is_bounded(mount, group))
            return true;
    }
    return false;
}
