/* cpu_quota.h: whether the kernel bounds the processor time of this process (docker's
 * --cpus, Kubernetes' CPU limits, systemd's CPUQuota=): then time spent waiting awake is missing
 * for work.
 *
 * Owner: nothing is kept. Threads: any. Errors: what can not be read bounds nothing. Limits:
 * control groups of version 2 (Debian's since 11); those of version 1 are not looked at. Source:
 * cgroup-v2.rst, cpu.max; cgroups(7), /proc/pid/cgroup.
 */
#ifndef SIEM_COMMON_CPU_QUOTA_H
#define SIEM_COMMON_CPU_QUOTA_H

#include <stdbool.h>

/* Whether the control group that `membership` tells of (/proc/self/cgroup), or one above it, has a
 * bound; `mount` is where they are mounted (/sys/fs/cgroup). */
bool cpu_quota_is_set(const char *membership, const char *mount);

#endif
