"""Hundreds of connections that dawdle neither slow a normal client down nor stay. tests/faults/slow-clients measures it
with slowhttptest."""
from statistics import median

import pytest
from support.pipeline import API_KEY, Pipeline
from support.slow_clients import Tricklers, large_page, latencies
from support.waiting import wait_until

REQUEST_SECONDS = 4
SECONDS = 2
CONNECTIONS = 500
KEY = f"X-API-Key: {API_KEY}\r\n".encode()
WAYS = {
    "headers": [(b"GET /dashboard HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n")],
    "body": [(b"POST /log HTTP/1.1\r\nHost: a\r\n" + KEY + b"Content-Length: 1000\r\n\r\n{", b" ")],
    "read": [(b"GET LARGE HTTP/1.1\r\nHost: a\r\n\r\n" * 100, b"")],
    "nothing": [(b"", b"")],
}


@pytest.fixture(scope="module")
def pipeline():
    options = {"SIEM_REQUEST_TIMEOUT": f"{REQUEST_SECONDS}s", "SIEM_CONNECTIONS_MAX": "520", "SIEM_CONNECTIONS_PER_ADDRESS": "0",
               "SIEM_RATE_MIN": "1m"}
    with Pipeline(options=options) as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_slow_clients_disturb_nobody_and_are_ended(pipeline, way):
    """More of them than there is room for beside others: the normal client gets in every time, and does not wait for the
    slow ones' end. How much slower it is on a quiet machine is measured by tests/faults/slow-clients."""
    large = large_page(pipeline.api()).encode()
    ways = [(start.replace(b"LARGE", large), piece) for start, piece in WAYS[way]]
    with Tricklers(pipeline.port, ways, CONNECTIONS):
        beside = median(latencies(pipeline.port, API_KEY, SECONDS, fresh=True))
        kept = median(latencies(pipeline.port, API_KEY, 1, fresh=False))
        wait_until(lambda: pipeline.metric("ingest", "http_connections") < 10, "the slow ones are ended")
    assert beside < REQUEST_SECONDS and kept < REQUEST_SECONDS, f"{beside:.4f} s and {kept:.4f} s beside them"
    assert pipeline.api().get("/healthz").status == 200


def test_idle_connections_lock_nobody_out(pipeline):
    """Twice as many as there is room for, all idle: who comes later is served at once."""
    with Tricklers(pipeline.port, [(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"")], 1040):
        assert len(latencies(pipeline.port, API_KEY, 1, fresh=True)) > 0
