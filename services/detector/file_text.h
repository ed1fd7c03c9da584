/* file_text.h: reads a whole small file. Owner: the buffer's. Threads: any. Limits: the buffer's
 * bound. */
#ifndef SIEM_DETECTOR_FILE_TEXT_H
#define SIEM_DETECTOR_FILE_TEXT_H

#include "common/buffer.h"
#include "common/status.h"

/* Appends the file's bytes. IO_ERROR (errno says why), or TOO_LARGE when they pass the buffer's
 * bound. */
MUST_CHECK enum status file_text_read(const char *path, struct buffer *out);

#endif
