/* test_cpu_quota.c: control groups as files in a temporary directory. */
#include "common/cpu_quota.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE "/system.slice/siem.service"

static char directory[] = "/tmp/siem-cgroup-XXXXXX";

/* Files below the directory; removed in the opposite order. */
static const char *const directories[] = {"", "/system.slice", SERVICE};
static const char *const files[] = {"/membership", "/cpu.max", "/system.slice/cpu.max",
                                    SERVICE "/cpu.max"};

static const char *path_of(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", directory, name);
    return path;
}

static void setup(void) {
    cr_assert_not_null(mkdtemp(directory));
    for (size_t i = 1; i < 3; i++)
        cr_assert_eq(mkdir(path_of(directories[i]), 0700), 0);
}

static void teardown(void) {
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(path_of(files[i]));
    for (size_t i = 3; i-- > 0;)
        cr_assert_eq(rmdir(path_of(directories[i])), 0);
}

TestSuite(cpu_quota, .init = setup, .fini = teardown);

/* NULL: no such file. */
static void write_file(const char *name, const char *text) {
    (void)unlink(path_of(name));
    if (text == NULL)
        return;
    FILE *file = fopen(path_of(name), "we");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

Test(cpu_quota, looks_at_the_group_and_those_above) {
    static const struct {
        const char *texts[4]; /* of the files */
        bool expected;
    } cases[] = {
        {{"0::" SERVICE "\n", NULL, "max 100000\n", "max 100000\n"}, false},
        {{"0::" SERVICE "\n", NULL, "max 100000\n", "50000 100000\n"}, true},
        {{"0::" SERVICE "\n", NULL, "150000 100000\n", "max 100000\n"}, true},
        {{"0::" SERVICE "\n", "200000 100000\n", NULL, NULL}, true},
        {{"0::/\n", "200000 100000\n", NULL, "50000 100000\n"}, true},
        {{"0::/\n", "max 100000\n", NULL, "50000 100000\n"}, false},
        {{"0::/elsewhere\n", NULL, NULL, "50000 100000\n"}, false},
        {{"12:cpu:" SERVICE "\n", "50000 100000\n", NULL, "50000 100000\n"}, false},
        {{"1:net_cls:/\n0::" SERVICE "\n", NULL, NULL, "50000 100000\n"}, true},
        {{"", "50000 100000\n", NULL, NULL}, false},
        {{NULL, "50000 100000\n", NULL, NULL}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char membership[PATH_MAX];
        for (size_t k = 0; k < 4; k++)
            write_file(files[k], cases[i].texts[k]);
        snprintf(membership, sizeof membership, "%s/membership", directory);
        cr_expect_eq(cpu_quota_is_set(membership, directory), cases[i].expected, "case %zu", i);
    }
}
