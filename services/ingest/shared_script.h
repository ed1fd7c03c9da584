/* shared_script.h: the Lua scripts by which ingest processes share something: the table of keys
 * (keys.def) before the file's own text.
 *
 * Owner: init/fini on the caller's struct. Threads: as redis_client.h says of scripts. Limits: a
 * text of SHARED_SCRIPT_MAX bytes (our own: more is our bug).
 */
#ifndef SIEM_INGEST_SHARED_SCRIPT_H
#define SIEM_INGEST_SHARED_SCRIPT_H

#include "common/redis_client.h"

#define SHARED_SCRIPT_MAX (64 * 1024)

struct shared_script {
    struct buffer text;
    struct redis_script *script;
};

/* The script of `count` texts, as embedded by the build, one behind the other. */
void shared_script_init(struct shared_script *shared, const char *const *texts, size_t count);

/* Frees both. */
void shared_script_fini(struct shared_script *shared);

#endif
