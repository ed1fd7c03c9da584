"""Idempotency-Key: a request that is sent again is answered as the first one, and counts nothing twice: at either of
two ingest processes, at the same moment, and whatever is killed in between."""
import http.client
import json
import signal
import threading
import uuid

import pytest
from support.books import counted, ledger_of
from support.load import event_of
from support.pipeline import Pipeline
from support.waiting import pause, wait_until

EVENT = {"event_type": "login_success", "username": "ann"}
THREAT = {"event_type": "malware_detected", "source_ip": "203.0.113.200"}


def running(**options):
    pipeline = Pipeline(options=options)
    pipeline.second = pipeline.add_ingest(2)
    return pipeline


@pytest.fixture(scope="module")
def pipeline():
    with running() as started:
        wait_until(lambda: started.second().get("/readyz").status == 200, "the second ingest is ready")
        yield started


def send(api, path, body, key):
    return api.request("POST", path, body, {"Idempotency-Key": key})


def settle(pipeline, total):
    """Waits for that many events, and sees that no more come."""
    wait_until(lambda: counted(pipeline) >= total, "all are counted")
    wait_until(lambda: (ledger_of(pipeline) or {}).get("spooled") == 0, "nothing is on its way")
    assert counted(pipeline) == total


def fresh():
    return str(uuid.uuid4())


def test_a_verdict_is_given_again(pipeline):
    before, key = counted(pipeline), fresh()
    first = send(pipeline.api(), "/log", THREAT, key)
    assert first.status == 200 and first.headers["Idempotent-Replayed"] is None
    for api in (pipeline.api(), pipeline.second()):
        again = send(api, "/log", THREAT, f'"{key}"')
        assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (200, first.body, "true")
    other = send(pipeline.second(), "/log", EVENT, key)
    assert other.status == 422 and other.json["error"] == "Validation Error"
    assert other.json["details"][0]["field"] == "header → Idempotency-Key"
    assert send(pipeline.api(), "/logs", THREAT, key).status == 422, "another path is another request"
    settle(pipeline, before + 1)


def test_a_bulk_is_given_again(pipeline):
    before, key = counted(pipeline), fresh()
    body = "\n".join([json.dumps(EVENT)] * 700 + ["{broken"]).encode()
    first = send(pipeline.api(), "/logs", body, key)
    assert first.status == 202 and (first.json["accepted"], first.json["rejected"]) == (700, 1)
    again = send(pipeline.second(), "/logs", body, key)
    assert (again.status, again.body) == (202, first.body)
    assert send(pipeline.api(), "/logs", body + b"\n" + json.dumps(EVENT).encode(), key).status == 422
    settle(pipeline, before + 700)


def test_an_answer_without_verdict_is_given_again(pipeline):
    before, key = counted(pipeline), fresh()
    headers = {"Idempotency-Key": key, "Prefer": "respond-async"}
    first = pipeline.api().request("POST", "/log", EVENT, headers)
    again = pipeline.second().request("POST", "/log", EVENT, headers)
    assert first.status == again.status == 202 and first.body == again.body
    assert first.headers["Preference-Applied"] == "respond-async"
    settle(pipeline, before + 1)


def test_refused_requests_may_be_corrected(pipeline):
    """What was refused reserved nothing: the same key goes for the next try, whatever its body."""
    before, key = counted(pipeline), fresh()
    assert send(pipeline.api(), "/log", {"event_type": 5}, key).status == 422
    assert send(pipeline.api(), "/logs", b"{", key).status == 422
    assert send(pipeline.second(), "/log", EVENT, key).status == 200
    settle(pipeline, before + 1)


@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"a"b"'])
def test_malformed_keys(pipeline, key):
    answer = send(pipeline.api(), "/log", EVENT, key)
    assert answer.status == 400 and "Idempotency-Key" in answer.json["detail"]


def test_keys_of_different_callers_are_different(pipeline):
    import subprocess
    from support.pipeline import BIN, TOP
    import os
    before, key = counted(pipeline), fresh()
    ended = subprocess.run([os.path.join(BIN, "siemctl"), "keys", "add"], env=pipeline.environment, cwd=TOP,
                           capture_output=True, text=True, check=True, timeout=120)
    other = pipeline.api(ended.stdout.strip())
    wait_until(lambda: send(other, "/log", THREAT, key).status == 200, "the key is known")
    assert send(pipeline.api(), "/log", EVENT, key).status == 200
    settle(pipeline, before + 2)


def test_at_the_same_moment_one_goes_through(pipeline):
    """Many at once, at both processes: each key is stored once; the others wait and get the same answer."""
    before, keys = counted(pipeline), [fresh() for _ in range(10)]
    answers = {key: [] for key in keys}
    lock = threading.Lock()

    def client(connect):
        api = connect()
        for key in keys:
            answer = send(api, "/log", EVENT, key)
            while answer.status == 409:
                assert answer.headers["Retry-After"] == "1"
                pause(0.02)
                answer = send(api, "/log", EVENT, key)
            with lock:
                answers[key].append((answer.status, answer.body))
        api.close()
    threads = [threading.Thread(target=client, args=(connect,)) for connect in (pipeline.api, pipeline.second) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in keys:
        assert len(answers[key]) == 8 and len(set(answers[key])) == 1 and answers[key][0][0] == 200, answers[key]
    settle(pipeline, before + len(keys))


def test_a_status_change_is_given_again(pipeline):
    event = {"event_type": "suspicious_login", "source_ip": "203.0.113.201"}
    identity = wait_until(lambda: pipeline.api().log(event).json.get("incident_id"), "a verdict in time")
    path, key = f"/incidents/{identity}/status", fresh()
    first = send(pipeline.api(), path, {"status": "analyzing", "analyst_notes": "mine"}, key)
    assert first.status == 200
    changed = send(pipeline.api(), path, {"status": "in_progress"}, fresh())
    assert changed.json["incident"]["revision"] == first.json["incident"]["revision"] + 1
    again = send(pipeline.second(), path, {"status": "analyzing", "analyst_notes": "mine"}, key)
    assert (again.status, again.body, again.headers["ETag"]) == (200, first.body, first.headers["ETag"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert send(pipeline.second(), path, {"status": "resolved"}, key).status == 422
    assert send(pipeline.second(), path, {"status": "resolved"}, "").status == 400
    now = pipeline.api().get(f"/incidents/{identity}").json
    assert (now["status"], now["revision"]) == ("in_progress", changed.json["incident"]["revision"])


def test_redis_keeps_what_is_bounded(pipeline):
    tags = pipeline.redis.zcard(pipeline.key("idempotency_done"))
    names = list(pipeline.redis.scan_iter(pipeline.key("idempotency:*"), count=1000))
    assert tags == len(names) > 0
    held = sum(pipeline.redis.strlen(name) + 200 for name in names)
    assert int(pipeline.redis.get(pipeline.key("idempotency_bytes"))) == held


class Killer:
    """Clients that send each of their requests until it is taken, while ingest is killed under them."""

    def __init__(self, pipeline, clients, requests, kills):
        self.pipeline, self.requests, self.sent, self.replayed = pipeline, requests, 0, 0
        self.lock = threading.Lock()
        self.events, self.failed = 0, []
        threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(clients)]
        for thread in threads:
            thread.start()
        for kill in range(kills):
            wait_until(lambda: self.sent >= (kill + 1) * clients * requests // (kills + 2), "the load goes on", 120)
            pipeline["ingest"].kill()
            pipeline["ingest"].start()
        for thread in threads:
            thread.join()
        assert not self.failed, self.failed[:3]

    def run(self, client):
        api, number = self.pipeline.api(), 0
        for request in range(self.requests):
            bulk = request % 3 == 0
            count = 700 if bulk else 1
            events = [event_of(client, n) for n in range(number, number + count)]
            number += count
            body = b"".join(json.dumps(event).encode() + b"\n" for event in events) if bulk else events[0]
            self.until_taken(api, "/logs" if bulk else "/log", body, count)
        api.close()

    def until_taken(self, api, path, body, count):
        key = fresh()
        while True:
            try:
                answer = send(api, path, body, key)
            except (OSError, http.client.HTTPException):
                pause(0.05)
                continue
            if answer.status in (409, 503):
                pause(0.05)
                continue
            with self.lock:
                self.sent += 1
                self.events += count
                if answer.status not in (200, 202):
                    self.failed.append(answer)
            return


def test_killed_ingest_counts_once():
    """kill -9 between any two steps: everything is counted once, although every client tries until it is taken."""
    with Pipeline(options={"SIEM_VERDICT_TIMEOUT": "2s"}) as pipeline:
        killer = Killer(pipeline, clients=4, requests=40, kills=5)
        pipeline.wait_ready()
        settle(pipeline, killer.events)
        assert pipeline.redis.keys(pipeline.key("idempotency_open:*")) == [], "nothing is left open"
        assert "were looked up in the spool" in pipeline["ingest"].log()


def test_without_redis_nothing_is_guessed():
    with Pipeline(options={"SIEM_VERDICT_TIMEOUT": "300ms"}) as pipeline:
        key = fresh()
        pipeline["redis"].signal(signal.SIGSTOP)
        try:
            refused = send(pipeline.api(), "/log", EVENT, key)
            assert refused.status == 503 and refused.headers["Retry-After"]
            assert pipeline.api().log(EVENT).status == 202, "without a key it is stored"
        finally:
            pipeline["redis"].signal(signal.SIGCONT)
        pipeline.wait_ready()
        answer = wait_until(lambda: [a for a in [send(pipeline.api(), "/log", EVENT, key)] if a.status in (200, 202)],
                            "the reservation that may have got through is given back")
        assert answer
        settle(pipeline, 2)


def test_the_oldest_answers_go_first():
    with Pipeline(options={"SIEM_IDEMPOTENCY_MAX": "5", "SIEM_IDEMPOTENCY_KEEP": "10m"}) as pipeline:
        keys = [fresh() for _ in range(8)]
        for key in keys:
            assert send(pipeline.api(), "/log", EVENT, key).status in (200, 202)
        replayed = [send(pipeline.api(), "/log", EVENT, key).headers["Idempotent-Replayed"] for key in reversed(keys[3:])]
        assert replayed == ["true"] * 5
        assert pipeline.metric("ingest", 'siem_limits_evicted_total{table="idempotency"}') == 3
        assert send(pipeline.api(), "/log", EVENT, keys[0]).headers["Idempotent-Replayed"] is None
