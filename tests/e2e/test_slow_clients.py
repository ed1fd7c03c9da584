"""Hundreds of connections that dawdle lock nobody out, and do not stay. tests/faults/slow-clients measures with slowhttptest
how much slower a normal client is beside them."""
import pytest
from support.api import Api
from support.metrics import page, series
from support.pipeline import API_KEY, Pipeline
from support.slow_clients import Tricklers, large_page
from support.waiting import wait_until

PLACES, HELD, ENDED = 520, 500, 100
REQUESTS = 25
EVENT = {"event_type": "login_success", "username": "ann"}
KEY = f"X-API-Key: {API_KEY}\r\n".encode()
WAYS = {
    "headers": [(b"GET /dashboard HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n")],
    "body": [(b"POST /log HTTP/1.1\r\nHost: a\r\n" + KEY + b"Content-Length: 1000\r\n\r\n{", b" ")],
    "read": [(b"GET LARGE HTTP/1.1\r\nHost: a\r\n\r\n" * 100, b"")],
    "nothing": [(b"", b"")],
}


def options(**others):
    return {"SIEM_CONNECTIONS_MAX": str(PLACES), "SIEM_CONNECTIONS_PER_ADDRESS": "0", "SIEM_RATE_MIN": "1m", **others}


@pytest.fixture(scope="module")
def patient():
    """Slow clients outlive every test."""
    with Pipeline(options=options(SIEM_REQUEST_TIMEOUT="10m")) as running:
        yield running


@pytest.fixture(scope="module")
def strict():
    with Pipeline(options=options(SIEM_REQUEST_TIMEOUT="1s")) as running:
        yield running


def ways_of(pipeline, way):
    large = large_page(pipeline.api()).encode()
    return [(start.replace(b"LARGE", large), piece) for start, piece in WAYS[way]]


def numbers(pipeline):
    return series(page(*pipeline.metrics_address("ingest")))


def ask(pipeline, fresh):
    """So many requests of a normal client, each on a new connection or all on one; each is served."""
    api = Api("127.0.0.1", pipeline.port, API_KEY)
    for _ in range(REQUESTS):
        assert api.log(EVENT).status in (200, 202)
        if fresh:
            api.close()
    api.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_normal_client_is_served_while_slow_ones_are_held(patient, way):
    """Not after them, nor in their place: when it has all its answers every slow one is still there."""
    before = numbers(patient)
    with Tricklers(patient.port, ways_of(patient, way), HELD):
        wait_until(lambda: numbers(patient)["http_connections"] > HELD, "all slow ones are there")
        ask(patient, fresh=True)
        ask(patient, fresh=False)
        after = numbers(patient)
        assert after["http_connections"] > HELD
    for reason in ("timeout", "full"):
        name = f'siem_drops_total{{reason="{reason}"}}'
        assert after[name] == before[name], "nobody was ended"
    wait_until(lambda: numbers(patient)["http_connections"] < HELD / 10, "they have left", 60)


@pytest.mark.parametrize("way, refused", [("headers", 408), ("body", 408), ("read", None), ("nothing", None)])
def test_slow_ones_are_ended_at_their_deadline(strict, way, refused):
    """All of them, though they go on sending; each is counted: as timeout, unless it never said anything, and by the answer."""
    before = numbers(strict)

    def grown(name):
        now = numbers(strict)
        return now[name] - before[name]
    with Tricklers(strict.port, ways_of(strict, way), ENDED):
        if way != "nothing":
            wait_until(lambda: grown('siem_drops_total{reason="timeout"}') == ENDED, "all are counted", 60)
        wait_until(lambda: numbers(strict)["http_connections"] < ENDED / 10, "all are ended", 60)
        assert grown('http_refusals_total{status="408"}') == (ENDED if refused else 0)
    ask(strict, fresh=True)


def test_idle_connections_lock_nobody_out(patient):
    """Twice as many as there is room for, all idle: who comes later takes the place of one of them, which is counted."""
    before = numbers(patient)
    with Tricklers(patient.port, [(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"")], 2 * PLACES):
        ask(patient, fresh=True)
        wait_until(lambda: numbers(patient)["http_connections"] <= PLACES, "the others are gone")
        gave_way = numbers(patient)['siem_drops_total{reason="full"}'] - before['siem_drops_total{reason="full"}']
    assert gave_way >= PLACES, gave_way
