#!/usr/bin/python3
"""proto/examples/subscriber.py prints every threat exactly once, whatever was lost on the way.

A publisher played by this test stores each threat in a real Redis and then publishes it, or does not, as
if ZeroMQ had dropped it. usage: test_subscriber.py SUBSCRIBER
"""
import contextlib
import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading

import msgpack
import redis
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.waiting import wait_until

STREAM = "siem:{0}:threats"
DEADLINE_S = 120


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running_redis(directory):
    """A Redis that remembers what it was told over a kill; gives its client."""
    path = f"{directory}/redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", path, "--dir", directory,
               "--appendonly", "yes", "--appendfsync", "always", "--logfile", f"{directory}/log"]
    store = redis.from_url(f"unix://{path}")

    def answers():
        with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError):
            return store.ping()
    with running(*command):
        wait_until(answers, "Redis")
        yield store


class Wire:
    """THREATS, bound; knows when a subscription has arrived."""

    def __init__(self, context):
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.topics = set()

    def is_subscribed(self):
        while self.socket.poll(0, zmq.POLLIN):
            self.topics.add(self.socket.recv())
        return {b"\1threat.", b"\1heartbeat"} <= self.topics


class Publisher:
    """One incident process as its subscribers see it."""

    def __init__(self, wire, name):
        self.wire, self.name, self.seq = wire, name, 0

    def threat(self, store, sent=True, severity="high"):
        self.seq += 1
        topic = f"threat.{severity}.login_failed"
        body = msgpack.packb({"version": 1, "publisher": self.name, "seq": self.seq})
        store.xadd(STREAM, {"publisher": self.name, "seq": self.seq, "topic": topic, "body": body})
        if sent:
            self.wire.socket.send_multipart([topic.encode(), body])
        return self.name, self.seq

    def heartbeat(self):
        body = {"version": 1, "publisher": self.name, "seq": self.seq}
        self.wire.socket.send_multipart([b"heartbeat", msgpack.packb(body)])


class Output:
    """The lines of a subscriber, as (publisher, seq), as they come."""

    def __init__(self, pipe):
        self.lines = queue.Queue()
        threading.Thread(target=self.read, args=(pipe,), daemon=True).start()

    def read(self, pipe):
        for line in pipe:
            threat = json.loads(line)
            self.lines.put((threat["publisher"], threat["seq"]))

    def expect(self, expected):
        for threat in expected:
            actual = self.lines.get(timeout=DEADLINE_S)
            assert actual == threat, f"{actual} instead of {threat}"
        assert self.lines.empty(), "something was printed twice"


@contextlib.contextmanager
def subscribed(subscriber, wire, directory, *prefix):
    """A running subscriber whose subscription has arrived; gives its output and its messages."""
    with open(f"{directory}/messages", "w+", encoding="utf-8") as messages:
        wire.topics.clear()
        url = f"unix://{directory}/redis.sock"
        with running(subscriber, wire.endpoint, url, *prefix, stdout=subprocess.PIPE,
                     stderr=messages) as process:
            wait_until(wire.is_subscribed, "the subscription")
            yield Output(process.stdout), lambda: pathlib.Path(messages.name).read_text("utf-8")
            assert process.poll() is None, "the subscriber ended by itself: " + messages.read()


def check_gaps(subscriber, wire, directory):
    first, second = Publisher(wire, "first"), Publisher(wire, "second")
    with running_redis(directory) as store:
        for _ in range(5):
            first.threat(store)  # before the subscriber: not its business
        with subscribed(subscriber, wire, directory) as (output, messages):
            first.heartbeat()
            output.expect([first.threat(store) for _ in range(10)])  # nothing is lost
            lost = [first.threat(store, sent=False) for _ in range(3)]
            output.expect(lost + [first.threat(store)])  # the next message shows the gap
            lost = [first.threat(store, sent=False) for _ in range(2500)]
            first.heartbeat()
            output.expect(lost)  # the heartbeat shows it
            output.expect([second.threat(store, sent=False), second.threat(store)])
            output.expect([first.threat(store), second.threat(store), first.threat(store)])
            output.expect([second.threat(store, sent=False)])  # it dies before it publishes
            assert messages() == "", messages()


def check_outage(subscriber, wire, directory):
    publisher = Publisher(wire, "steady")
    with running_redis(directory) as store, \
            subscribed(subscriber, wire, directory) as (output, messages):
        publisher.heartbeat()
        output.expect([publisher.threat(store)])
        lost = [publisher.threat(store, sent=False) for _ in range(3)]
        store.shutdown(nosave=True)
        publisher.heartbeat()
        wait_until(lambda: "redis:" in messages(), "a complaint about Redis")
        with running_redis(directory):
            publisher.heartbeat()
            output.expect(lost)
        assert "lost for good" not in messages(), messages()


def check_prefix(subscriber, wire, directory):
    publisher = Publisher(wire, "chatty")
    with running_redis(directory) as store, \
            subscribed(subscriber, wire, directory, "threat.critical") as (output, messages):
        publisher.heartbeat()
        wanted = []
        for number in range(20):
            publisher.threat(store, sent=number % 3 == 0)
            wanted.append(publisher.threat(store, sent=number % 2 == 0, severity="critical"))
        publisher.heartbeat()
        output.expect(wanted)
        assert messages() == "", messages()


def main():
    subscriber = str(pathlib.Path(sys.argv[1]).resolve())
    with zmq.Context() as context:
        for check in (check_gaps, check_outage, check_prefix):
            wire = Wire(context)
            try:
                with tempfile.TemporaryDirectory() as directory:
                    check(subscriber, wire, directory)
            finally:
                wire.socket.close()
            print(f"{check.__name__}: passed", flush=True)


main()
