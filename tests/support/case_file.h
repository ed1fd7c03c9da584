/* case_file.h: for tests: files of cases by other authors, one JSON object a line.
 *
 * Owner: a case is borrowed during the call. Threads: one. Errors: a line that is no JSON is passed
 * over. Limits: CASE_FILE_MAX bytes a file.
 */
#ifndef SIEM_TESTS_CASE_FILE_H
#define SIEM_TESTS_CASE_FILE_H

#include <stdbool.h>
#include <yajl/yajl_tree.h>

#define CASE_FILE_MAX (64 * 1024 * 1024)

/* Hands every case of SHARED/cases/NAME to `run`; false when the file is not there. */
bool case_file_run(const char *shared, const char *name, void (*run)(yajl_val root, void *context),
                   void *context);

/* A member of an object, NULL: it has none of that type; and one that is a text, "" when it is
 * none.
 */
yajl_val case_file_member(yajl_val object, const char *name, yajl_type type);
const char *case_file_string(yajl_val object, const char *name);

#endif
