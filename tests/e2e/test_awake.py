"""Idle processors are kept awake while many wait for answers, where the machine lets ingest do that."""
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.pipeline import Pipeline
from support.waiting import wait_until

EVENT = {"event_type": "login_success", "username": "ann"}
CLIENTS = 48


@pytest.fixture
def pipeline():
    with Pipeline() as running:
        said = next(json.loads(line) for line in running["ingest"].log().splitlines() if "awake" in line)
        if "reason" in said:
            pytest.skip(f"{said['message']}: {said['reason']}")
        yield running


def latency_us():
    """What all who ask the kernel may be served with."""
    with open("/dev/cpu_dma_latency", "rb") as device:
        return int.from_bytes(device.read(4), "little")


def test_while_many_wait(pipeline):
    """While clients keep asking, and not for long after that."""
    over = threading.Event()

    def ask():
        while not over.is_set():
            assert pipeline.api().log(EVENT).status in (200, 202)

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask) for _ in range(CLIENTS)]
        try:
            wait_until(lambda: pipeline.metric("ingest", "http_keeping_awake") == 1 and latency_us() == 0, "the kernel is asked")
        finally:
            over.set()
        for future in asking:
            future.result()
    wait_until(lambda: pipeline.metric("ingest", "http_keeping_awake") == 0, "the kernel is asked no more")
