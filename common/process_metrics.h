/* process_metrics.h: what the kernel knows of this process, in Prometheus' customary names.
 *
 * Threads: any. Errors: a value that cannot be read is left out. Source: /proc/self/stat and statm
 * (proc(5)); Prometheus' client library guidelines.
 */
#ifndef SIEM_COMMON_PROCESS_METRICS_H
#define SIEM_COMMON_PROCESS_METRICS_H

#include "common/json_writer.h"

/* Appends memory, processor time, open files, threads, start time and version in the text format.
 */
void process_metrics_render_prometheus(struct buffer *out);

/* Adds memory and processor time as members of the object being written. */
void process_metrics_render_json(struct json_writer *json);

#endif
