/* cpu_latency.h: asks the kernel to let no idle processor sleep (its CPU latency QoS).
 *
 * A processor without work is halted. Waking it costs a few µs from the lightest sleep, and above
 * 100 from the deepest; on a virtual machine it is the host that wakes it, and may have given it
 * away (50 to 150 µs were measured on one). One that waits awake takes work up at once, needs no
 * interrupt for it, and is idle all the same: whoever has work gets it. It costs power, slows down
 * the other hardware thread of its core, and to a virtual machine's host it is busy; so it is for
 * busy times. It is all processors of the machine that stay awake, as long as anybody asks for it,
 * a process that is stopped, too.
 *
 * Owner: who opened the descriptor closes it, which ends the asking, too. Threads: one at a time
 * for a descriptor. Errors: told by what the functions return; nothing is logged. Limits: of use
 * where the shallowest idle state is one that polls (x86 with an idle driver); asked for on at most
 * CPU_LATENCY_PROCESSORS_MAX processors. Source: Linux, pm_qos_interface.rst, cpuidle.rst.
 */
#ifndef SIEM_COMMON_CPU_LATENCY_H
#define SIEM_COMMON_CPU_LATENCY_H

#include <stdbool.h>

#define CPU_LATENCY_DEVICE "/dev/cpu_dma_latency"
#define CPU_LATENCY_STATE "/sys/devices/system/cpu/cpu0/cpuidle/state0/name"
#define CPU_LATENCY_PROCESSORS_MAX 8

/* Why it is not worth asking on a machine with so many processors, whose shallowest idle state the
 * file `state` names; NULL: it is. */
const char *cpu_latency_obstacle(const char *state, int processors);

/* A descriptor with which nothing is asked for yet; negative: errno tells why there is none. */
int cpu_latency_open(const char *device);

/* Asks for it, or takes that back; false when the kernel did not take it. */
bool cpu_latency_ask(int descriptor, bool stay_awake);

#endif
