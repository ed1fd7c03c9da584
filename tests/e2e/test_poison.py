"""An event no detector survives is quarantined after three deaths; the others of its batch go their way."""
import msgpack
import zmq
from support.books import ledger_of
from support.pipeline import Pipeline
from support.waiting import wait_until

DEADLY = 1  # index of the deadly event in its batch
DEATHS = 3


def die_over(pipeline, deaths):
    """A detector that dies over one event, as the wire sees it: it takes the batch, and its successor
    reports the death. Returns the delivery that came after the last one."""
    context = zmq.Context()
    events, findings = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    events.connect(pipeline.ipc("events"))
    findings.connect(pipeline.ipc("findings"))
    try:
        for _ in range(deaths):
            assert events.poll(20000), "the batch comes (again)"
            _, batch = (msgpack.unpackb(frame) for frame in events.recv_multipart())
            version, producer, epoch, seq = batch[:4]
            findings.send(msgpack.packb([version, producer, epoch, seq, DEADLY]))
        assert events.poll(20000), "the batch comes once more"
        return msgpack.unpackb(events.recv_multipart()[0])
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
        delivery = die_over(pipeline, DEATHS)
        assert delivery[2] == [DEADLY], "the fourth delivery says what to skip"
        pipeline["detector-1"].start()
        wait_until(lambda: (ledger_of(pipeline) or {}).get("spooled") == 0, "nothing waits any more", 40)
        ledger = ledger_of(pipeline)
        assert (ledger["accepted"], ledger["committed"], ledger["quarantined"]) == (4, 3, 1)
        assert api.get("/incidents").json["count"] == 3
        assert pipeline.redis.xlen(pipeline.key("quarantine")) == 1
        kept = pipeline.redis_bytes.xrange(pipeline.key("quarantine"))[0][1]
        assert b"203.0.113.1" in b" ".join(kept.values()), "its bytes are kept for replay"
