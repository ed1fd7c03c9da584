"""SIGTERM under load: ingest ends by itself with status 0, whatever is under way, and what was answered 2xx is counted once."""
import http.client
import threading

from support.api import Api
from support.books import settle
from support.pipeline import API_KEY, Pipeline
from support.waiting import wait_until

CLIENTS, ROUNDS, ANSWERS = 16, 6, 400
READS = ("/dashboard", "/incidents", "/ledger")
EVENT = {"event_type": "login_failed", "source_ip": "10.0.0.1", "count": 9}


class Mixed:
    """Clients on kept-alive connections, some that read and some that write, until told to end."""

    def __init__(self, port):
        self.ending, self.answers, self.stored, self.unknown = threading.Event(), 0, 0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(port, number), daemon=True) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, port, number):
        api, writes = Api("127.0.0.1", port, API_KEY), number % 4 == 3
        while not self.ending.is_set():
            try:
                status = (api.log(EVENT) if writes else api.get(READS[number % 3])).status
            except (OSError, http.client.HTTPException):
                status = 0
                self.ending.wait(0.005)
            with self.lock:
                self.answers += status != 0
                self.stored += writes and 200 <= status < 300
                self.unknown += writes and not 200 <= status < 300
        api.close()

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def test_stops_cleanly_under_load():
    with Pipeline(options={"SIEM_VERDICT_TIMEOUT": "2s"}) as pipeline:
        stored = unknown = 0
        for _ in range(ROUNDS):
            load = Mixed(pipeline.port)
            wait_until(lambda: load.answers >= ANSWERS, "the load runs")
            status = pipeline["ingest"].stop()
            load.end()
            assert status == 0, pipeline.tail("ingest")
            stored, unknown = stored + load.stored, unknown + load.unknown
            pipeline["ingest"].start()
            pipeline.wait_ready()
        assert stored <= settle(pipeline)["committed"] <= stored + unknown
