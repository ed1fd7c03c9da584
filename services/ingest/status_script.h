/* status_script.h: the whole text of status.lua: its tables, expanded from proto/, before it.
 *
 * Threads: pure function. Limits: the caller's buffer (STATUS_SCRIPT_MAX suffices).
 */
#ifndef SIEM_INGEST_STATUS_SCRIPT_H
#define SIEM_INGEST_STATUS_SCRIPT_H

#include "common/buffer.h"

#define STATUS_SCRIPT_MAX (64 * 1024)
#define STATUS_SCRIPT_ARGUMENTS 14

/* Appends the script. */
void status_script_write(struct buffer *out);

#endif
