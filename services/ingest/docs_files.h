/* docs_files.h: the files of the API's documentation, in the program itself, so that the pages need
 * nothing beside it and nobody else's server.
 *
 * The table is made at build by docs/pages.mjs. Owner, threads: constants. Limits: of the build.
 */
#ifndef SIEM_INGEST_DOCS_FILES_H
#define SIEM_INGEST_DOCS_FILES_H

#include "common/bytes.h"

struct docs_file {
    const char *path;   /* where it is served */
    const char *type;   /* Content-Type */
    const char *policy; /* Content-Security-Policy of a page; NULL: the server's */
    const char *etag;   /* of `plain` */
    const char *gzip_etag;
    struct bytes plain;
    struct bytes gzip; /* the same compressed; empty when that gains nothing */
};

/* All of them. */
extern const struct docs_file docs_files[];

/* How many they are. */
extern const size_t docs_files_count;

#endif
