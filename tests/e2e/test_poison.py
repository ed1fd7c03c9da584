"""An event no detector survives is quarantined after three deaths; the others of its batch go their way."""
import msgpack
import zmq
from support.books import ledger_of
from support.pipeline import Pipeline
from support.waiting import wait_until

DEADLY = 1  # index of the deadly event in its batch
DEATHS = 3


POLL_MS = 120000


def die_over(pipeline):
    """A detector that dies over one event, as the wire sees it: it takes the batch, and its successor
    reports the death; until it is told to skip something. Returns how often it died, and that delivery."""
    context = zmq.Context()
    events, findings = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    events.connect(pipeline.ipc("events"))
    findings.connect(pipeline.ipc("findings"))
    deaths = 0
    try:
        while True:
            assert events.poll(POLL_MS), "the batch comes (again)"
            delivery, batch = (msgpack.unpackb(frame) for frame in events.recv_multipart())
            if delivery[2]:
                return deaths, delivery
            version, producer, epoch, seq = batch[:4]
            findings.send(msgpack.packb([version, producer, epoch, seq, DEADLY]))
            deaths += 1
    finally:
        events.close(0)
        findings.close(1000)
        context.term()


def test_a_deadly_event_is_quarantined():
    with Pipeline() as pipeline:
        api = pipeline.api()
        assert pipeline["detector-1"].stop() == 0
        events = [{"event_type": "suspicious_login", "source_ip": f"203.0.113.{n}"} for n in range(4)]
        assert api.logs(events).status == 202
        deaths, delivery = die_over(pipeline)
        assert delivery[2] == [DEADLY], "the delivery says what to skip"
        # One that is sent again because nothing was heard for long may be under way beside it.
        late = sum(pipeline.metric("ingest", f'siem_batches_resent_total{{cause="{cause}"}}') for cause in ("timeout", "peer_lost"))
        assert DEATHS <= deaths <= DEATHS + late, f"{deaths} deaths"
        pipeline["detector-1"].start()
        wait_until(lambda: (ledger_of(pipeline) or {}).get("spooled") == 0, "nothing waits any more")
        ledger = ledger_of(pipeline)
        assert (ledger["accepted"], ledger["committed"], ledger["quarantined"]) == (4, 3, 1)
        assert api.get("/incidents").json["count"] == 3
        assert pipeline.redis.xlen(pipeline.key("quarantine")) == 1
        kept = pipeline.redis_bytes.xrange(pipeline.key("quarantine"))[0][1]
        assert b"203.0.113.1" in b" ".join(kept.values()), "its bytes are kept for replay"
