"""A normal client's latencies, quiet and beside clients that are slow on purpose."""
import re
import socket
import subprocess
import threading
import time

from support.api import Api
from support.waiting import pause

EVENT = {"event_type": "login_success", "username": "ann"}
PACE_SECONDS = 0.002
# slowhttptest's ways, and what each asks for.
WAYS = {
    "headers": ["-H", "-i", "2", "-t", "GET", "-x", "24", "-u", "{url}/dashboard"],
    "body": ["-B", "-i", "2", "-s", "8192", "-t", "POST", "-x", "10", "-u", "{url}/log"],
    "read": ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-u", "{url}{large}"],
}


def latencies(port, key, seconds, fresh):
    """Seconds of each POST /log in that time; every one must be answered 200. fresh: a connection for each."""
    api, taken, until = Api("127.0.0.1", port, key), [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        answer = api.log(EVENT)
        taken.append(time.monotonic() - began)
        assert answer.status == 200, answer
        if fresh:
            api.close()
        pause(PACE_SECONDS)
    api.close()
    return taken


def large_page(api):
    """A path whose answer is long: a script of the documentation."""
    return "/" + re.search(r"docs/[\w.-]*bundle[\w.-]*js", api.get("/docs").body.decode()).group(0)


def quantile(taken, part):
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * part))]


class SlowHttpTest:
    """with SlowHttpTest("headers", url, large): Debian's slowhttptest at work, all its connections open."""

    def __init__(self, way, url, large, connections, seconds, directory):
        arguments = [part.format(url=url, large=large) for part in WAYS[way]]
        self.connections = connections
        self.command = ["slowhttptest", "-c", str(connections), "-r", str(connections), "-p", "3", "-l", str(seconds), *arguments]
        self.directory, self.popen = directory, None

    def __enter__(self):
        self.popen = subprocess.Popen(self.command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.popen.terminate()
        self.popen.wait()


class Tricklers:
    """with Tricklers(port, [(start, piece), ...], count): connections that send `start`, then `piece` now and then,
    and read nothing."""

    def __init__(self, port, ways, count, every=0.5):
        self.port, self.ways, self.count, self.every = port, ways, count, every
        self.sockets, self.ending = [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def open(self, number):
        start, piece = self.ways[number % len(self.ways)]
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(start)
        connection.setblocking(False)
        return connection, piece

    def run(self):
        while not self.ending.wait(self.every):
            for place, (connection, piece) in enumerate(self.sockets):
                try:
                    if connection is not None and piece:
                        connection.send(piece)
                except BlockingIOError:
                    pass
                except OSError:
                    connection.close()
                    self.sockets[place] = (None, piece)

    def __enter__(self):
        self.sockets = [self.open(number) for number in range(self.count)]
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        for connection, _ in self.sockets:
            if connection is not None:
                connection.close()
