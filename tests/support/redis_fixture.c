/* redis_fixture.c: a real redis-server for one test. */
#include "tests/support/redis_fixture.h"

#include "common/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIMEOUT_MS 60000

static _Noreturn void run_server(const struct redis_fixture *redis) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left behind when the test crashes */
    int silence = open("/dev/null", O_WRONLY);
    dup2(silence, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket, "--dir",
           redis->directory, "--save", "", "--appendonly", "no", "--enable-debug-command", "yes",
           (char *)NULL);
    _exit(127);
}

static bool answers(const struct redis_fixture *redis) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", redis->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[8] = "";
    bool good = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1000) == 1 &&
                recv(fd, reply, sizeof(reply), 0) > 0;
    close(fd);
    return good;
}

void redis_fixture_restart(struct redis_fixture *redis) {
    redis->pid = fork();
    cr_assert_geq(redis->pid, 0);
    if (redis->pid == 0)
        run_server(redis);
    struct mono_time start = clock_mono();
    while (!answers(redis)) {
        cr_assert_lt(clock_elapsed_ms(start), START_TIMEOUT_MS, "redis-server does not answer");
        cr_assert_eq(waitpid(redis->pid, NULL, WNOHANG), 0, "redis-server does not start");
        poll(NULL, 0, 5);
    }
}

/* The password is set over the socket, so that it stands in no process list. */
static void set_password(const struct redis_fixture *redis, const char *password) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", redis->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char command[128], reply[8] = "";
    int length = snprintf(command, sizeof(command), "CONFIG SET requirepass \"%s\"\r\n", password);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(send(fd, command, (size_t)length, MSG_NOSIGNAL), length);
    cr_assert_gt(recv(fd, reply, sizeof(reply), 0), 0);
    cr_assert_eq(reply[0], '+');
    close(fd);
}

void redis_fixture_start(struct redis_fixture *redis, const char *password) {
    *redis = (struct redis_fixture){.directory = "/tmp/siem-redis-XXXXXX"};
    cr_assert_not_null(mkdtemp(redis->directory));
    snprintf(redis->socket, sizeof(redis->socket), "%s/redis.sock", redis->directory);
    snprintf(redis->url, sizeof(redis->url), "unix://%s", redis->socket);
    redis_fixture_restart(redis);
    if (password != NULL)
        set_password(redis, password);
}

void redis_fixture_kill(struct redis_fixture *redis) {
    if (redis->pid <= 0)
        return;
    kill(redis->pid, SIGKILL);
    waitpid(redis->pid, NULL, 0);
    redis->pid = 0;
}

void redis_fixture_stop(struct redis_fixture *redis) {
    redis_fixture_kill(redis);
    unlink(redis->socket);
    rmdir(redis->directory);
}
