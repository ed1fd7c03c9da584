/* test_service.c: a service starts, drains when told to stop, stops at once when told twice, and
 * reloads. */
#include "common/clock.h"
#include "common/service.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 60000

/* The service under test runs in a child and tells its steps, one letter each, through a pipe. */
static int steps_write = -1;
static bool may_drain = true;
static bool start_fails;

static void tell(char step) {
    cr_assert_eq(write(steps_write, &step, 1), 1);
}

static enum status on_start(struct service *service) {
    cr_assert_not_null(service_loop(service));
    tell('s');
    return start_fails ? STATUS_UNAVAILABLE : STATUS_OK;
}

static void on_stop(struct service *service) {
    cr_assert(service_is_draining(service));
    tell('e');
}

static void on_reload(struct service *service) {
    cr_assert(service_is_alive(service));
    tell('r');
}

/* Tells the first question only, and says yes on the third if it may at all. */
static bool on_drained(struct service *service) {
    static int asked;
    (void)service;
    if (asked++ == 0)
        tell('d');
    return may_drain && asked >= 3;
}

static const struct service_spec spec = {
    .name = "tester",
    .summary = "Tests the skeleton.",
    .start = on_start,
    .stop = on_stop,
    .reload = on_reload,
    .drained = on_drained,
    .own_http = true,
};

struct child {
    pid_t pid;
    int steps;
};

/* Runs the service in a child with one argument besides its name. */
static struct child run_child(const char *argument) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_neq(pid, -1);
    if (pid == 0) {
        char name[] = "siem-tester", copy[64];
        char *argv[] = {name, copy, NULL};
        snprintf(copy, sizeof copy, "%s", argument);
        close(ends[0]);
        steps_write = ends[1];
        _exit(service_main(2, argv, &spec));
    }
    close(ends[1]);
    return (struct child){pid, ends[0]};
}

/* Waits until the child tells this step, or nothing any more ('\0'). */
static void expect_step(const struct child *child, char expected) {
    struct pollfd ready = {.fd = child->steps, .events = POLLIN};
    char step = '\0';
    cr_assert_eq(poll(&ready, 1, DEADLINE_MS), 1, "no step %c", expected);
    ssize_t length = read(child->steps, &step, 1);
    cr_assert_geq(length, 0);
    cr_assert_eq(step, expected, "step %c instead of %c", step, expected);
}

/* Waits for the end, which the pipe's end announces. */
static int end_of(struct child *child) {
    int status = 0;
    expect_step(child, '\0');
    cr_assert_eq(waitpid(child->pid, &status, 0), child->pid);
    close(child->steps);
    return status;
}

Test(service, sigterm_drains_then_stops) {
    struct child child = run_child("--log-level=error");
    expect_step(&child, 's');
    kill(child.pid, SIGTERM);
    expect_step(&child, 'd');
    expect_step(&child, 'e');
    int status = end_of(&child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(service, sighup_reloads_and_goes_on) {
    struct child child = run_child("--log-level=error");
    expect_step(&child, 's');
    kill(child.pid, SIGHUP);
    expect_step(&child, 'r');
    kill(child.pid, SIGINT);
    expect_step(&child, 'd');
    expect_step(&child, 'e');
    cr_expect_eq(end_of(&child), 0);
}

Test(service, a_second_signal_ends_at_once) {
    may_drain = false;
    struct child child = run_child("--log-level=error");
    expect_step(&child, 's');
    kill(child.pid, SIGTERM);
    expect_step(&child, 'd');
    kill(child.pid, SIGTERM);
    int status = end_of(&child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

Test(service, the_drain_timeout_bounds_the_drain) {
    may_drain = false;
    struct child child = run_child("--drain-timeout=30ms");
    expect_step(&child, 's');
    struct mono_time told = clock_mono();
    kill(child.pid, SIGTERM);
    expect_step(&child, 'd');
    expect_step(&child, 'e');
    cr_expect_geq(clock_elapsed_ms(told), 30);
    cr_expect_eq(end_of(&child), 0);
}

Test(service, a_failing_start_exits_1_without_stop) {
    start_fails = true;
    struct child child = run_child("--log-level=error");
    expect_step(&child, 's');
    int status = end_of(&child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

Test(service, wrong_arguments_exit_1_and_help_exits_0) {
    static const struct {
        const char *argument;
        int expected;
    } cases[] = {
        {"--drain-timeout=soon", 1}, {"--log-level=loud", 1}, {"operand", 1}, {"--help", 0},
        {"--help-markdown", 0},      {"--version", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct child child = run_child(cases[i].argument);
        int status = end_of(&child);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == cases[i].expected, "%s",
                  cases[i].argument);
    }
}
