/* wire.h: ZeroMQ sockets made from the rows of proto/wiring.def, and the only two ways to use them.
 *
 * Every option is set before bind or connect: IMMEDIATE 1, LINGER 0, SNDHWM/RCVHWM of the row,
 * MAXMSGSIZE 1 MiB, HANDSHAKE_IVL 5 s, no heartbeats. Sends and receives never wait.
 * Each counts its messages, bytes, refused sends and peers (siem_wire_*), by the row's name.
 * Owner: new/destroy. Threads: a wire belongs to one thread. Limits: WIRE_FRAMES_MAX frames a
 * message, 1 MiB a frame; libzmq itself bounds neither the frames of a message nor the
 * subscriptions of a peer, so the binding end cuts connections over TCP that have it hold more than
 * ours ever would (seen by wire_refresh, so a tick late; counted as STATUS_TOO_LARGE): 3 MiB of a
 * message that is not whole, 1 MiB sent to a sending end in the connection's life. How many peers
 * connect, and what comes over ipc://, is for the network's and the socket directory's permissions
 * to bound. Source: zmq_setsockopt(3).
 */
#ifndef SIEM_COMMON_WIRE_H
#define SIEM_COMMON_WIRE_H

#include "common/bytes.h"
#include "common/status.h"

#include <zmq.h>

#define WIRE_FRAMES_MAX 2
#define WIRE_FRAME_SIZE_MAX 1048576

enum wire_pattern { WIRE_PUSH_PULL, WIRE_PUB_SUB };
enum wire_full { WIRE_PAUSE, WIRE_DROP };

struct wire_row {
    const char *name;
    enum wire_pattern pattern;
    const char *endpoint;
    int high_water;
    enum wire_full when_full;
};

struct wire;
struct peers;

/* The message of one receive: up to WIRE_FRAMES_MAX frames. init once, close after each use. */
struct wire_message {
    zmq_msg_t frames[WIRE_FRAMES_MAX];
    int count;
};

/* Opens the binding end. `endpoint` NULL takes the row's. `sends` says the direction. On failure
 * logs the endpoint and the reason and returns NULL. */
struct wire *wire_bind(const struct wire_row *row, const char *endpoint, bool sends);

/* Opens the connecting end and keeps it connected to all addresses of `endpoints`, a
 * comma-separated list (see peers.h); call wire_refresh from a tick. Never fails for an unreachable
 * peer. */
struct wire *wire_connect(const struct wire_row *row, const char *endpoints, bool sends);

/* Closes it; queued messages are dropped (LINGER 0). */
void wire_destroy(struct wire **wire);

/* Connects and disconnects by the difference since the last resolve, and reads the socket monitor;
 * cheap when nothing changed. From a tick, at both ends. */
void wire_refresh(struct wire *wire);

/* The raw socket, for zloop/zpoller/zmq_poll and SUB topics; borrows. */
void *wire_socket(struct wire *wire);

/* Where the binding end really listens (the port after tcp://127.0.0.1:*); "" at the connecting
 * end. */
const char *wire_endpoint(const struct wire *wire);

/* Sends the frames as one message, taking their content when it returns STATUS_OK. STATUS_AGAIN:
 * the wire is full or has no peer, nothing was taken; a DROP wire then counts it as STATUS_FULL and
 * returns OK. STATUS_TOO_LARGE: a frame above WIRE_FRAME_SIZE_MAX; counted, nothing was taken, and
 * never will be. */
MUST_CHECK enum status wire_send(struct wire *wire, zmq_msg_t *frames, int count);

/* Makes a frame with a copy of the bytes. */
void wire_frame_copy(zmq_msg_t *frame, struct bytes bytes);

/* The bytes of a frame; borrows. */
struct bytes wire_frame_bytes(zmq_msg_t *frame);

/* Takes one whole message if one waits: STATUS_AGAIN if none does. A message with more than
 * WIRE_FRAMES_MAX frames is read to its end, counted and skipped (STATUS_BAD_FRAMES). After
 * STATUS_OK the caller closes it with wire_message_close. */
MUST_CHECK enum status wire_receive(struct wire *wire, struct wire_message *ret_message);

/* Frees a received message's frames. */
void wire_message_close(struct wire_message *message);

/* Peers now connected (from the socket monitor). */
int wire_peer_count(struct wire *wire);

/* How often a peer has gone (from the same); for evidence of loss. */
uint64_t wire_peers_lost(struct wire *wire);

#endif
