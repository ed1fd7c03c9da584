/* nearest_name.c: edit distance with one row of memory. */
#include "common/nearest_name.h"

#include <stdio.h>
#include <string.h>

/* Insertions, deletions and replacements that turn `a` into `b` (Levenshtein). */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[NEAREST_NAME_SIZE + 1];
    size_t width = strlen(b) < NEAREST_NAME_SIZE ? strlen(b) : NEAREST_NAME_SIZE;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            diagonal = row[j];
            row[j] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[width];
}

void nearest_name_init(struct nearest_name *nearest, const char *wanted) {
    snprintf(nearest->wanted, sizeof nearest->wanted, "%s", wanted);
    nearest->hint[0] = '\0';
    nearest->distance = strlen(nearest->wanted) / 3 + 1;
}

void nearest_name_consider(struct nearest_name *nearest, const char *candidate) {
    size_t distance = edit_distance(nearest->wanted, candidate);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    snprintf(nearest->hint, sizeof nearest->hint, " (did you mean %.*s?)", NEAREST_NAME_SIZE - 1,
             candidate);
}
