/* commit_script.h: the whole text of the commit's Lua script: commit.lua behind the tables it uses.
 *
 * Owner: the caller's buffer. Threads: pure functions. Source: Redis' eval scripts with shebang.
 */
#ifndef SIEM_INCIDENT_COMMIT_SCRIPT_H
#define SIEM_INCIDENT_COMMIT_SCRIPT_H

#include "common/buffer.h"

#define COMMIT_SCRIPT_SIZE_MAX (256 * 1024)

/* Appends the script. */
void commit_script_write(struct buffer *out);

#endif
