/* cpu_latency.c: a request is an open device, and the latency in µs that was written to it. */
#include "common/cpu_latency.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the kernel takes for no wish at all (PM_QOS_CPU_LATENCY_DEFAULT_VALUE). */
#define ANY_LATENCY_US 2000000000

static bool is_polling(const char *state) {
    char name[32] = "";
    FILE *file = fopen(state, "re");
    if (file == NULL)
        return false;
    bool polls = fgets(name, sizeof name, file) != NULL && strcmp(name, "POLL\n") == 0;
    (void)fclose(file);
    return polls;
}

const char *cpu_latency_obstacle(const char *state, int processors) {
    if (processors > CPU_LATENCY_PROCESSORS_MAX)
        return "there are too many processors";
    return is_polling(state) ? NULL : "the kernel has no idle state that polls";
}

int cpu_latency_open(const char *device) {
    return open(device, O_WRONLY | O_CLOEXEC);
}

bool cpu_latency_ask(int descriptor, bool stay_awake) {
    int32_t latency_us = stay_awake ? 0 : ANY_LATENCY_US;
    return write(descriptor, &latency_us, sizeof latency_us) == sizeof latency_us;
}
