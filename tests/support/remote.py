"""A pipeline that somebody else runs (deploy/up, docker-compose), as books.py and load.py want to see it."""
from support.api import Connections
from support.metrics import metric
from support.pipeline import KEY_PREFIX
from support.waiting import wait_until


class Remote:
    """REST at host:port with a key, and a redis.Redis with decode_responses."""

    def __init__(self, host, port, key, redis):
        self.connections, self.api_key, self.redis = Connections(host, port), key, redis

    def api(self, key=None):
        return self.connections.get(key or self.api_key)

    def key(self, name):
        return KEY_PREFIX + name

    def is_ready(self):
        try:
            return self.api().get("/readyz").status == 200
        except OSError:
            return False

    def wait_ready(self, seconds=120):
        wait_until(self.is_ready, "/readyz answers 200", seconds, every=0.2)

    def wait_detectors(self, number, seconds=60):
        """Waits until so many detectors are connected to ingest."""
        def connected():
            return metric(self.connections.host, self.connections.port, 'siem_wire_peers{wire="EVENTS"}') == number
        wait_until(connected, f"{number} detectors are connected", seconds, every=0.2)
