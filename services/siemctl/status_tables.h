/* status_tables.h: the tables of siemctl status, from the processes' heartbeats, on stdout.
 *
 * Owner: borrows the list. Threads: the main thread. Errors: none; what a row lacks is "-".
 */
#ifndef SIEM_SIEMCTL_STATUS_TABLES_H
#define SIEM_SIEMCTL_STATUS_TABLES_H

#include "services/siemctl/processes.h"

/* Who runs, since when, and what it uses. */
void status_print_processes(const struct processes *processes);

/* What waits in each process, how long, and everything it dropped. */
void status_print_queues(const struct processes *processes);

#endif
