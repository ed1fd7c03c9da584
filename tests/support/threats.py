"""A subscriber of THREATS that keeps everything it hears."""
import threading

import msgpack
import zmq


class ThreatListener:
    """Collects (topic, map) of every threat; heartbeats are kept apart."""

    def __init__(self, endpoint, topic=b""):
        self.heard, self.heartbeats = [], []
        self.stopping = threading.Event()
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 100000)
        self.socket.setsockopt(zmq.SUBSCRIBE, topic)
        self.socket.connect(endpoint)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            if self.socket.poll(50):
                topic, body = self.socket.recv_multipart()
                message = msgpack.unpackb(body)
                kept = self.heartbeats if topic == b"heartbeat" else self.heard
                kept.append((topic.decode(), message))

    def threats(self):
        return [message for _, message in list(self.heard)]

    def close(self):
        self.stopping.set()
        self.thread.join()
        self.socket.close(0)
        self.context.term()
