/* wire_monitor.h: who is connected to a socket, and how much of what it sent libzmq holds, from
 * libzmq's monitor events and the kernel's counts, without a thread.
 *
 * The events wait in an inproc queue until wire_monitor_drain reads them; a full queue would stop
 * libzmq's I/O thread, so the wire drains it as it sends and receives. A connection counts as a
 * peer from its handshake on. libzmq does not say which connection a handshake belongs to, so while
 * a stranger is connected that never finishes one, the count may lag behind a peer that left; it is
 * never too low. Owner: new/destroy. Threads: the wire's. Limits: MONITOR_QUEUE_MAX events wait.
 * Source: zmq_socket_monitor(3); tcp(7), TCP_INFO; socket(7), SO_COOKIE.
 */
#ifndef SIEM_COMMON_WIRE_MONITOR_H
#define SIEM_COMMON_WIRE_MONITOR_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONITOR_QUEUE_MAX 100000

struct wire_monitor;

/* Watches `socket`, before it is bound or connected; NULL when libzmq has no more sockets. */
struct wire_monitor *wire_monitor_new(void *zmq_context, void *socket);

/* Stops watching; before the socket is closed. */
void wire_monitor_destroy(struct wire_monitor **monitor);

/* Reads the events that wait. */
void wire_monitor_drain(struct wire_monitor *monitor);

/* Forgets the connection to an endpoint the owner itself disconnects (libzmq reports no event
 * then). */
void wire_monitor_forget(struct wire_monitor *monitor, const char *endpoint);

/* Peers with a finished handshake, as of the last drain. */
int wire_monitor_peer_count(const struct wire_monitor *monitor);

/* Connections lost since the start, those that failed in the handshake not among them. */
uint64_t wire_monitor_peers_lost(const struct wire_monitor *monitor);

/* Notes that so many bytes of the connection with this descriptor are libzmq's no more. */
void wire_monitor_note_delivered(struct wire_monitor *monitor, int descriptor, size_t bytes);

/* Counts what libzmq holds of each TCP connection, in bytes on the wire; returns the most of one.
 * What the kernel has not handed over yet is not among it, nor what heartbeats may have been in the
 * time that it stands, which libzmq neither keeps nor delivers. Rather too little than too much: a
 * descriptor's next connection may be credited with what was delivered of the one before. */
uint64_t wire_monitor_count_held(struct wire_monitor *monitor, struct mono_time now);

/* Ends the connections of which that count found more than `max`, and returns how many: libzmq
 * finds them closed, and frees what it holds of them. */
int wire_monitor_cut_above(struct wire_monitor *monitor, uint64_t max);

#endif
