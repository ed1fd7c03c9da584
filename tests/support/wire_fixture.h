/* wire_fixture.h: two ends of a wire in one process, and short messages between them.
 *
 * Owner: open_pair/close_pair. Errors: whatever is not as it should be fails the test.
 */
#ifndef SIEM_TESTS_SUPPORT_WIRE_FIXTURE_H
#define SIEM_TESTS_SUPPORT_WIRE_FIXTURE_H

#include "common/clock.h"
#include "common/wire.h"

#include <poll.h>

#define DEADLINE_MS 60000

/* Goes on until a condition holds; fails when it does not in time. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        struct mono_time begun_ = clock_mono();                                                    \
        while (!(condition)) {                                                                     \
            cr_assert_lt(clock_elapsed_ms(begun_), DEADLINE_MS, "waited in vain: %s", #condition); \
            poll(NULL, 0, 2);                                                                      \
        }                                                                                          \
    } while (0)

/* Ports of the kernel's choice; the first queues four messages, the second drops. */
extern const struct wire_row pause_row, topic_row;

/* Sends a message of one frame or two; what is not taken stays whole. */
enum status send_words(struct wire *wire, const char *first, const char *second);

/* That a frame has these bytes. */
bool frame_is(zmq_msg_t *frame, const char *word);

/* Receives one message of one frame or two, waiting for it. */
void expect_words(struct wire *wire, const char *first, const char *second);

/* Things dropped for this reason since the start. */
uint64_t drops(enum status reason);

struct pair {
    struct wire *binder;
    struct wire *connector;
};

/* Both ends, connected. */
struct pair open_pair(const struct wire_row *row, bool binder_sends);
void close_pair(struct pair *pair);

/* A TCP connection to a wire's endpoint on this host, on which nothing was sent; the caller closes
 * it. */
int connect_plainly(const char *endpoint);

#endif
