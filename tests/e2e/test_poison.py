"""What no detector survives, or no commit, is quarantined after three tries; all others go their way."""
import datetime
import json
import os
import subprocess

import msgpack
import zmq
from support.books import ledger_of
from support.pipeline import API_KEY, BIN, TOP, Pipeline
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


def siemctl(pipeline, *arguments):
    own = {"SIEM_URL": f"http://127.0.0.1:{pipeline.port}", "API_KEY": API_KEY}
    ended = subprocess.run([os.path.join(BIN, "siemctl"), *arguments], env=dict(pipeline.environment, **own), cwd=TOP,
                           capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def check_that_siemctl_gives_back(pipeline, events, day):
    """What was set aside is shown, and sent again when the cause is gone."""
    status, shown, _ = siemctl(pipeline, "quarantine", "--since", "1h")
    assert status == 0 and shown.splitlines()[-1] == "3 events set aside"
    assert all(f"suspicious_login  {event['source_ip']}" in shown for event in events)
    assert siemctl(pipeline, "quarantine", "--json", "--since", "1ms") == (0, "", "")
    pipeline.redis_bytes.xadd(pipeline.key("quarantine"), {"id": "none", "bytes": b"\x93"})
    status, lines, said = siemctl(pipeline, "quarantine", "--json")
    assert status == 1 and "1 of 4 can not be read" in said
    given = [json.loads(line) for line in lines.splitlines()]
    assert [event["source_ip"] for event in given] == [event["source_ip"] for event in events]
    assert [event["timestamp"][:19] for event in given] == [event["timestamp"][:19] for event in events]
    assert {(event["event_type"], event["metadata"]["tries"]) for event in given} == {("suspicious_login", 2)}
    path = os.path.join(pipeline.directory, "set_aside.ndjson")
    with open(path, "w") as file:
        file.write(lines)
    pipeline.redis.delete(day)
    status, said, errors = siemctl(pipeline, "replay", path)
    assert status == 0, said + errors
    wait_until(lambda: (ledger_of(pipeline) or {}).get("spooled") == 0, "all are committed", 40)
    assert pipeline.redis.hget(day, "total") == "3"


def test_a_batch_the_commit_fails_on_is_set_aside():
    """A key of the wrong type stops the commit script at every event of yesterday, and at no other: after half a minute they
    are booked as quarantined, so that their producer's window and spool move on."""
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    with Pipeline() as pipeline:
        api = pipeline.api()
        day = pipeline.key(yesterday.strftime("day:%Y%m%d"))
        pipeline.redis.set(day, "wrong")
        events = [{"event_type": "suspicious_login", "source_ip": f"203.0.113.{n}", "timestamp": yesterday.isoformat(),
                   "metadata": {"tries": 2}} for n in range(3)]
        assert api.logs(events).status == 202
        others = 0

        def is_settled():
            nonlocal others
            assert api.log({"event_type": "login_success"}).status == 200, "others are judged and committed all the while"
            others += 1
            return (ledger_of(pipeline) or {}).get("quarantined") == 3
        wait_until(is_settled, "the events are set aside", 120)
        ledger = wait_until(lambda: (ledger_of(pipeline) or {}).get("spooled") == 0 and ledger_of(pipeline),
                            "nothing waits any more", 40)
        assert (ledger["accepted"], ledger["committed"]) == (3 + others, others)
        assert ledger["balanced"] and ledger["in_flight"] == 0
        assert pipeline.redis.get(day) == "wrong"
        kept = [entry[1] for entry in pipeline.redis_bytes.xrange(pipeline.key("quarantine"))]
        assert [f"203.0.113.{n}".encode() in b" ".join(event.values()) for n, event in enumerate(kept)] == [True] * 3
        assert pipeline.metric("incident", 'siem_drops_total{reason="poison"}') == 3
        assert pipeline.metric("incident", 'siem_events_total{stage="commit",outcome="quarantined"}') == 3
        check_that_siemctl_gives_back(pipeline, events, day)
