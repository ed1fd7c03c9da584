"""Idle processors are kept awake while many wait for answers, where the machine lets ingest do that."""
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from support.pipeline import Pipeline
from support.waiting import wait_until

EVENT = {"event_type": "login_success", "username": "ann"}
CLIENTS = 48


@pytest.fixture
def pipeline(request):
    with Pipeline(options=getattr(request, "param", None)) as running:
        said = [json.loads(line) for line in running["ingest"].log().splitlines() if "awake" in line][0]
        if "reason" in said:
            pytest.skip(f"{said['message']}: {said['reason']}")
        yield running


def latency_us():
    """What all who ask the kernel may be served with."""
    with open("/dev/cpu_dma_latency", "rb") as device:
        return int.from_bytes(device.read(4), "little")


@contextmanager
def many_ask(pipeline):
    """While the block lasts, clients ask; gives the list of their answers' statuses so far."""
    over, statuses = threading.Event(), []

    def ask():
        while not over.is_set():
            statuses.append(pipeline.api().log(EVENT).status)

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask) for _ in range(CLIENTS)]
        try:
            yield statuses
        finally:
            over.set()
        for future in asking:
            future.result()
    assert set(statuses) <= {200, 202}


def kept_awake(pipeline):
    return pipeline.metric("ingest", "http_keeping_awake") == 1


def test_while_many_get_their_verdicts(pipeline):
    """And not for long after that."""
    with many_ask(pipeline):
        wait_until(lambda: kept_awake(pipeline) and latency_us() == 0, "the kernel is asked")
    wait_until(lambda: not kept_awake(pipeline), "the kernel is asked no more")


@pytest.mark.parametrize("pipeline", [{"SIEM_VERDICT_TIMEOUT": "200ms"}], indirect=True)
def test_not_while_many_wait_in_vain(pipeline):
    """All are told together that their time is over, again and again."""
    assert pipeline["detector-1"].stop() == 0
    seen = []

    def enough():
        seen.append(kept_awake(pipeline))
        return len(statuses) > 10 * CLIENTS

    with many_ask(pipeline) as statuses:
        wait_until(enough, "they are told")
    assert len(seen) > 5 and not any(seen)
