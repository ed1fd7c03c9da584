/* test_cpu_latency.c: the device and what the kernel says of its idle states as files in a
 * temporary directory. */
#include "common/cpu_latency.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANY_US 2000000000

static char directory[] = "/tmp/siem-latency-XXXXXX";
static char device[PATH_MAX], state[PATH_MAX];

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static void setup(void) {
    cr_assert_not_null(mkdtemp(directory));
    snprintf(device, sizeof device, "%s/device", directory);
    snprintf(state, sizeof state, "%s/state", directory);
    write_file(device, "");
    write_file(state, "POLL\n");
}

static void teardown(void) {
    (void)unlink(device);
    (void)unlink(state);
    cr_assert_eq(rmdir(directory), 0);
}

TestSuite(cpu_latency, .init = setup, .fini = teardown);

Test(cpu_latency, is_asked_for_on_small_machines_that_can_poll) {
    cr_expect_null(cpu_latency_obstacle(state, 1));
    cr_expect_null(cpu_latency_obstacle(state, CPU_LATENCY_PROCESSORS_MAX));
    cr_expect_not_null(cpu_latency_obstacle(state, CPU_LATENCY_PROCESSORS_MAX + 1));
    write_file(state, "C1\n");
    cr_expect_not_null(cpu_latency_obstacle(state, 2));
    write_file(state, "");
    cr_expect_not_null(cpu_latency_obstacle(state, 2));
    cr_assert_eq(unlink(state), 0);
    cr_expect_not_null(cpu_latency_obstacle(state, 2));
}

Test(cpu_latency, writes_microseconds_as_the_kernel_reads_them) {
    int descriptor = cpu_latency_open(device);
    cr_assert_geq(descriptor, 0);
    cr_expect(cpu_latency_ask(descriptor, true));
    cr_expect(cpu_latency_ask(descriptor, false));
    close(descriptor);
    int32_t written[3] = {-1, -1, -1};
    FILE *file = fopen(device, "re");
    cr_assert_not_null(file);
    cr_expect_eq(fread(written, sizeof written[0], 3, file), 2);
    cr_assert_eq(fclose(file), 0);
    cr_expect_eq(written[0], 0);
    cr_expect_eq(written[1], ANY_US);
}

Test(cpu_latency, says_what_failed) {
    cr_assert_eq(unlink(device), 0);
    cr_expect_lt(cpu_latency_open(device), 0);
    cr_expect_not(cpu_latency_ask(-1, true));
}
