/* test_detector.c: the process as its neighbours see it: batches in, findings out, nothing lost
 * when it has to wait, rules read again on SIGHUP, and a predecessor's crash reported. */
#include "services/detector/scratch_page.h"

#include "common/clock.h"
#include "common/wire.h"
#include "proto/wiring.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 60000
#define PATH_SIZE 256

#define RULE                                                                                       \
    "title: T\nid: 13274ca3-01a9-419b-a43e-a6ae6ba4be47\nlogsource:\nlevel: %s\n"                  \
    "detection: {s: {event_type: login_failed}, condition: s}\n"

static char directory[64];
static struct wire *events, *findings;
static pid_t pid;

static const char *path_of(const char *name) {
    static char paths[4][PATH_SIZE];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_SIZE, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_rule(const char *text) {
    write_file("rules/rule.yml", text);
}

static void write_level(const char *level) {
    char text[512];
    snprintf(text, sizeof text, RULE, level);
    write_rule(text);
}

static void bind_events(void) {
    char endpoint[PATH_SIZE];
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("events"));
    events = wire_bind(wire_row(WIRE_EVENTS), endpoint, true);
    cr_assert_not_null(events);
}

static void bind_findings(void) {
    char endpoint[PATH_SIZE];
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path_of("findings"));
    findings = wire_bind(wire_row(WIRE_FINDINGS), endpoint, false);
    cr_assert_not_null(findings);
}

/* Starts the detector, with its log in a file. */
static void start_detector(void) {
    char arguments[6][PATH_SIZE + 32];
    char *argv[8] = {NULL};
    posix_spawn_file_actions_t actions;
    snprintf(arguments[0], sizeof arguments[0], "siem-detector");
    snprintf(arguments[1], sizeof arguments[1], "--events-from=ipc://%s", path_of("events"));
    snprintf(arguments[2], sizeof arguments[2], "--findings-to=ipc://%s", path_of("findings"));
    snprintf(arguments[3], sizeof arguments[3], "--rules-dir=%s", path_of("rules"));
    snprintf(arguments[4], sizeof arguments[4], "--scratch-dir=%s", path_of("scratch"));
    snprintf(arguments[5], sizeof arguments[5], "--metrics-listen=");
    for (int i = 0; i < 6; i++)
        argv[i] = arguments[i];
    char redis[] = "--redis-url=unix:///nonexistent/redis.sock";
    argv[6] = redis;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, path_of("log"), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    cr_assert_eq(posix_spawn(&pid, SIEM_DETECTOR, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
}

static void start(void) {
    snprintf(directory, sizeof directory, "/tmp/detector-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    unsetenv("SIEM_SHARED"); /* other tests' own; a detector takes no name it does not know */
    cr_assert_eq(mkdir(path_of("rules"), 0700), 0);
    cr_assert_eq(mkdir(path_of("scratch"), 0700), 0);
    write_level("high");
    bind_events();
}

/* Ends the detector with a signal; its exit status, or -1. */
static int end_detector(int number) {
    int status = 0;
    if (pid == 0)
        return -1;
    kill(pid, number);
    waitpid(pid, &status, 0);
    pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stop(void) {
    end_detector(SIGKILL);
    wire_destroy(&events);
    wire_destroy(&findings);
    static const char *const names[] = {"rules/rule.yml",
                                        "rules/broken.yml",
                                        "scratch/detector-1.page",
                                        "log",
                                        "events",
                                        "findings",
                                        "rules",
                                        "scratch",
                                        ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(path_of(names[i]));
}

TestSuite(detector, .init = start, .fini = stop);

/* Waits until the socket can do what is asked; fails the test at the deadline. */
static void wait_for(struct wire *wire, short what) {
    zmq_pollitem_t item = {.socket = wire_socket(wire), .events = what};
    cr_assert_eq(zmq_poll(&item, 1, DEADLINE_MS), 1, "nothing came within the deadline");
}

static void send_batch(uint64_t seq) {
    struct event event = {
        .time_ms = 1, .received_ms = 1, .event_type = EVENT_TYPE_LOGIN_FAILED, .count = 1};
    struct batch_head head = {.producer = 1, .epoch = 1, .seq = seq, .count = 2};
    struct delivery delivery = {.attempt = 1};
    struct buffer first, second;
    zmq_msg_t frames[2];
    buffer_init(&first, BATCH_SIZE_MAX);
    buffer_init(&second, BATCH_SIZE_MAX);
    delivery_encode(&delivery, &first);
    batch_encode_head(&head, &second);
    event_encode(&event, &second);
    event_encode(&event, &second);
    wire_frame_copy(&frames[0], buffer_bytes(&first));
    wire_frame_copy(&frames[1], buffer_bytes(&second));
    wait_for(events, ZMQ_POLLOUT);
    cr_assert_eq(wire_send(events, frames, 2), STATUS_OK);
    buffer_fini(&first);
    buffer_fini(&second);
}

/* Takes the next message on FINDINGS. */
static struct wire_message receive(void) {
    struct wire_message message;
    wait_for(findings, ZMQ_POLLIN);
    cr_assert_eq(wire_receive(findings, &message), STATUS_OK);
    return message;
}

/* Takes findings; the number of their batch, and the level of the first. */
static uint64_t receive_findings(enum severity *ret_level) {
    struct wire_message message = receive();
    struct msgpack_frame frame;
    struct findings_view view;
    struct batch_head head;
    cr_assert_eq(message.count, 2);
    msgpack_frame_init(&frame);
    cr_assert_eq(findings_decode(wire_frame_bytes(&message.frames[0]), &frame, &view), STATUS_OK);
    cr_assert_eq(batch_peek_head(wire_frame_bytes(&message.frames[1]), &head), STATUS_OK);
    cr_assert_eq(view.entry_count, 2);
    *ret_level = view.entries[0].findings[0].level;
    msgpack_frame_fini(&frame);
    wire_message_close(&message);
    return head.seq;
}

Test(detector, judges_and_stops_cleanly) {
    enum severity level;
    bind_findings();
    start_detector();
    send_batch(5);
    cr_expect_eq(receive_findings(&level), 5);
    cr_expect_eq(level, SEVERITY_HIGH);
    cr_expect_eq(end_detector(SIGTERM), 0);
}

Test(detector, waits_while_nobody_takes_findings_and_loses_nothing) {
    enum severity level;
    start_detector();
    for (uint64_t seq = 0; seq < 40; seq++)
        send_batch(seq);
    bind_findings();
    for (uint64_t seq = 0; seq < 40; seq++)
        cr_assert_eq(receive_findings(&level), seq);
    cr_expect_eq(end_detector(SIGTERM), 0);
}

Test(detector, garbage_does_not_stop_it) {
    enum severity level;
    zmq_msg_t frames[2];
    bind_findings();
    start_detector();
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)"\xdd\xff\xff\xff\xff", 5});
    wait_for(events, ZMQ_POLLOUT);
    cr_assert_eq(wire_send(events, frames, 1), STATUS_OK);
    wire_frame_copy(&frames[0], (struct bytes){(const uint8_t *)"\x93\x01\x01\x90", 4});
    wire_frame_copy(&frames[1], (struct bytes){(const uint8_t *)"\xc1", 1});
    wait_for(events, ZMQ_POLLOUT);
    cr_assert_eq(wire_send(events, frames, 2), STATUS_OK);
    send_batch(8);
    cr_expect_eq(receive_findings(&level), 8);
}

/* Waits until the log holds a text `times` times. */
static void wait_for_log(const char *text, int times) {
    struct mono_time start_time = clock_mono();
    for (;;) {
        static char log[1 << 16];
        int found = 0;
        FILE *file = fopen(path_of("log"), "r");
        size_t length = file != NULL ? fread(log, 1, sizeof log - 1, file) : 0;
        if (file != NULL)
            fclose(file);
        log[length] = '\0';
        for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
            found++;
        if (found >= times)
            return;
        cr_assert_lt(clock_elapsed_ms(start_time), DEADLINE_MS, "the log never said: %s", text);
        zmq_poll(NULL, 0, 20);
    }
}

Test(detector, reads_its_rules_again_on_sighup_and_keeps_them_when_the_new_ones_are_bad) {
    enum severity level;
    bind_findings();
    start_detector();
    send_batch(1);
    receive_findings(&level);
    write_level("low");
    kill(pid, SIGHUP);
    wait_for_log("rules loaded", 2);
    send_batch(2);
    cr_expect_eq(receive_findings(&level), 2);
    cr_expect_eq(level, SEVERITY_LOW);
    write_rule("title: [");
    kill(pid, SIGHUP);
    wait_for_log("stay as they were", 1);
    send_batch(3);
    cr_expect_eq(receive_findings(&level), 3);
    cr_expect_eq(level, SEVERITY_LOW);
}

Test(detector, reads_its_rules_again_when_a_file_changes_unless_one_is_broken_by_it) {
    enum severity level;
    bind_findings();
    start_detector();
    send_batch(1);
    receive_findings(&level);
    write_level("low");
    wait_for_log("rules loaded", 2);
    send_batch(2);
    cr_expect_eq(receive_findings(&level), 2);
    cr_expect_eq(level, SEVERITY_LOW);
    write_file("rules/broken.yml", "title: [");
    write_level("critical");
    wait_for_log("stay as they were", 1);
    send_batch(3);
    cr_expect_eq(receive_findings(&level), 3);
    cr_expect_eq(level, SEVERITY_LOW, "the whole set stays as it was");
    remove(path_of("rules/broken.yml"));
    wait_for_log("rules loaded", 3);
    send_batch(4);
    cr_expect_eq(receive_findings(&level), 4);
    cr_expect_eq(level, SEVERITY_CRITICAL);
}

Test(detector, reports_the_event_a_predecessor_died_over_before_all_else) {
    struct scratch_page *page;
    struct crash_report report;
    enum severity level;
    struct batch_head head = {.producer = 11, .epoch = 2, .seq = 33, .count = 9};
    cr_assert_eq(scratch_page_open(path_of("scratch"), &page), STATUS_OK);
    scratch_page_begin(page, &head);
    scratch_page_mark(page, 4);
    scratch_page_destroy(&page);
    start_detector();
    send_batch(1);
    bind_findings();
    struct wire_message message = receive();
    cr_assert_eq(message.count, 1);
    cr_assert_eq(crash_report_decode(wire_frame_bytes(&message.frames[0]), &report), STATUS_OK);
    cr_expect_eq(report.producer, 11);
    cr_expect_eq(report.seq, 33);
    cr_expect_eq(report.index, 4);
    wire_message_close(&message);
    cr_expect_eq(receive_findings(&level), 1);
    cr_expect_eq(end_detector(SIGTERM), 0);
    cr_assert_eq(scratch_page_open(path_of("scratch"), &page), STATUS_OK);
    cr_expect_not(scratch_page_find_crash(page, &report), "it is reported once");
    scratch_page_destroy(&page);
}

Test(detector, does_not_start_without_rules) {
    int status = 0;
    write_rule("title: [");
    start_detector();
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    pid = 0;
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    wait_for_log("put at least one", 1);
    wait_for_log("rule.yml", 1);
}
