/* commit_script.h: the text of the commit's Lua: a library of one Redis function, made of
 * commit.lua, the modules it uses and tables expanded from proto/. A script's text would run as a
 * whole at every call; what a library makes is there from then on. Its name, also the function's,
 * has a hash of the text in it, so incident processes of different versions do not take each
 * other's place.
 *
 * Owner: init/fini. Threads: one at a time. Source: Redis' documentation of functions.
 */
#ifndef SIEM_INCIDENT_COMMIT_SCRIPT_H
#define SIEM_INCIDENT_COMMIT_SCRIPT_H

#include "common/buffer.h"

#define COMMIT_SCRIPT_SIZE_MAX (256 * 1024)

/* The libraries of all versions, as Redis matches names. */
#define COMMIT_LIBRARIES "siem_commit_*"

struct commit_script {
    struct buffer text;
    char function[32]; /* its name, and the library's */
};

/* Writes the library. */
void commit_script_init(struct commit_script *script);

/* Frees it. */
void commit_script_fini(struct commit_script *script);

#endif
