"""siemctl against a real pipeline: what it sends, shows and says with its exit status."""
import json
import os
import subprocess

import msgpack
import pytest
import zmq
from support.pipeline import API_KEY, BIN, START_SECONDS, TOP, Pipeline, die_with_parent
from support.waiting import wait_until

THREAT = ["send", "malware_detected", "username=eve"]


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline() as running:
        yield running


def environment(pipeline, **more):
    own = {"SIEM_URL": f"http://127.0.0.1:{pipeline.port}", "API_KEY": API_KEY, "SIEM_THREATS_FROM": pipeline.ipc("threats")}
    return dict(pipeline.environment, **dict(own, **more))


def siemctl(pipeline, *arguments, given=None, **more):
    """(exit status, stdout, stderr)"""
    ended = subprocess.run([os.path.join(BIN, "siemctl"), *arguments], env=environment(pipeline, **more), cwd=TOP,
                           input=given, stdin=None if given is not None else subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def verdict(pipeline, *arguments, **more):
    """The same, sent again while a busy machine has no verdict within its time."""
    def judged():
        answer = siemctl(pipeline, *arguments, **more)
        return None if "accepted" in answer[1] else answer
    return wait_until(judged, "a verdict in time")


def settled(pipeline):
    """The ledger, once everything is committed."""
    def ledger():
        found = json.loads(siemctl(pipeline, "status", "--json")[1])["ledger"]
        return found["spooled"] == 0 and found
    return wait_until(ledger, "everything is committed")


class Tail:
    """siemctl tail --json in the background."""

    def __init__(self, pipeline, *arguments, **more):
        self.path = os.path.join(pipeline.directory, "tail.out")
        self.errors = os.path.join(pipeline.directory, "tail.err")
        with open(self.path, "wb") as out, open(self.errors, "wb") as errors:
            self.popen = subprocess.Popen([os.path.join(BIN, "siemctl"), "tail", "--json", *arguments], stdout=out, stderr=errors,
                                          env=environment(pipeline, **more), cwd=TOP, preexec_fn=die_with_parent)

    def heard(self):
        with open(self.path) as out:
            return [json.loads(line) for line in out.read().split("\n")[:-1]]

    def said(self):
        with open(self.errors) as errors:
            return errors.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.terminate()
        assert self.popen.wait(120) == 0, self.said()


def test_send_prints_the_verdict(pipeline):
    status, out, err = verdict(pipeline, "send", "malware_detected", "source_ip=10.0.1.1", "metadata.family=x")
    assert status == 0 and not err
    assert out.startswith("THREAT  critical  malware_detected  INC-") and "\n  rule critical  " in out
    status, out, _ = verdict(pipeline, "send", "login_success", "username=ann")
    assert status == 0 and out.startswith("ok  info  login_success")
    status, out, _ = siemctl(pipeline, "send", "login_success", "--no-wait")
    assert status == 0 and out.startswith("accepted  ")


def test_send_json_is_the_answer_of_the_api(pipeline):
    status, out, _ = verdict(pipeline, "send", "malware_detected", "source_ip=10.0.1.2", "--json")
    answer = json.loads(out)
    assert status == 0 and answer["status"] == "threat_detected" and answer["log"]["source_ip"] == "10.0.1.2"


@pytest.mark.parametrize("given, accepted", [
    ('[{"event_type":"login_success"},{"event_type":"login_success"}]', 2),
    ('{"event_type":"login_success"}\n{"event_type":"login_success"}\n{"event_type":"login_success"}\n', 3)])
def test_send_takes_stdin(pipeline, given, accepted):
    assert siemctl(pipeline, "send", "-", given=given) == (0, f"accepted {accepted}, rejected 0\n", "")
    status, out, _ = verdict(pipeline, "send", given='{"event_type":"login_success"}')
    assert status == 0 and out.startswith("ok  ")


def test_send_takes_an_event_as_one_argument(pipeline):
    status, out, err = verdict(pipeline, "send", '{"event_type":"login_failed","source_ip":"203.0.113.9","count":12}')
    assert status == 0 and out.startswith("THREAT  ") and "login_failed" in out and not err
    status, out, err = siemctl(pipeline, "send", "{bad")
    assert status == 1 and "line 1" in out + err, err


def test_send_says_what_is_wrong(pipeline):
    status, _, err = siemctl(pipeline, "send", "login_failed", "count=none", "username:=7")
    assert status == 1 and "422" in err and "body → count" in err and "body → username" in err
    status, out, _ = siemctl(pipeline, "send", "-", given='{"event_type":"login_success"}\n{nonsense\n')
    assert status == 1 and "rejected 1" in out and "line 2" in out
    status, _, err = siemctl(pipeline, "send", "login_failed", API_KEY="wrong")
    assert status == 1 and "403" in err and "--api-key" in err
    assert siemctl(pipeline, "send", "login_failed", "souce_ip=x")[0] == 2
    status, _, err = siemctl(pipeline, "send", "/no/file")
    assert status == 2 and "no event type" in err
    status, out, err = verdict(pipeline, "send", "login_faild")
    assert status == 0 and out == "ok  info  unknown\n" and "did you mean login_failed?" in err
    assert verdict(pipeline, "send", "Login Success")[1:] == ("ok  info  login_success\n", "")
    status, _, err = siemctl(pipeline, "send", "login_failed", "--url", "http://127.0.0.1:1")
    assert status == 1 and "--url" in err


def test_send_finds_the_key_in_the_state_directory(pipeline, tmp_path):
    (tmp_path / "api_key").write_text(API_KEY + "\n")
    assert siemctl(pipeline, "send", "login_success", API_KEY="", SIEM_STATE_DIR=str(tmp_path))[0] == 0
    assert siemctl(pipeline, "send", "login_success", API_KEY="", SIEM_STATE_DIR="/nowhere")[0] == 1


def test_incidents_are_listed_shown_and_changed(pipeline):
    answer = json.loads(verdict(pipeline, "send", "malware_detected", "source_ip=10.0.2.1", "--json")[1])
    identity = answer["incident_id"]
    status, out, _ = siemctl(pipeline, "incidents", "--severity", "critical", "--status", "detected")
    assert status == 0 and out.startswith("ID ") and any(line.startswith(identity) for line in out.splitlines())
    status, out, _ = siemctl(pipeline, "incidents", identity)
    assert status == 0 and "10.0.2.1" in out
    status, out, _ = siemctl(pipeline, "incidents", identity, "--status", "resolved", "--note", "a scanner", "--resolution", "none")
    assert status == 0 and "a scanner" in out
    shown = json.loads(siemctl(pipeline, "incidents", identity, "--json")[1])
    assert (shown["status"], shown["analyst_notes"], shown["resolution"]) == ("resolved", "a scanner", "none")
    status, _, err = siemctl(pipeline, "incidents", identity, "--status", "detected", "--revision", "1")
    assert status == 1 and "412" in err
    status, _, err = siemctl(pipeline, "incidents", "INC-20000101-0001")
    assert status == 1 and "not found" in err
    assert siemctl(pipeline, "incidents", "--limit", "0")[0] == 2
    verdict(pipeline, "send", "malware_detected", "source_ip=10.0.2.2")
    assert siemctl(pipeline, "incidents", "--limit", "1")[1].endswith("\n1 incident, and older ones: raise --limit, or filter\n")
    assert siemctl(pipeline, "incidents", "--limit", "500")[0] == 0 and siemctl(pipeline, "incidents", "--limit", "501")[0] == 2


@pytest.mark.parametrize("command", ["send", "tail", "incidents", "status", "replay", "keys", "rules", "quarantine"])
def test_help_of_each_command(pipeline, command):
    status, out, _ = siemctl(pipeline, command, "--help")
    assert status == 0 and out.startswith(f"Usage: siemctl {command}")
    assert all(line == line.rstrip() for line in out.splitlines())


def test_status_knows_every_process_and_the_books(pipeline):
    def well():
        status, out, _ = siemctl(pipeline, "status", "--json")
        report = json.loads(out)
        return status == 0 and report["ok"] and not report["missing"] and report
    settled(pipeline)
    report = wait_until(well, "all is well")
    assert {row["service"] for row in report["processes"]} == {"ingest", "detector", "incident", "alerter"}
    assert report["ledger"]["accepted"] == report["ledger"]["committed"]
    status, out, _ = siemctl(pipeline, "status")
    assert status == 0 and "balanced" in out and "detector-1" in out
    assert pipeline["detector-1"].stop() == 0
    status, out, _ = siemctl(pipeline, "status")
    pipeline["detector-1"].start()
    assert status == 1 and "MISSING: no detector process" in out
    wait_until(well, "all is well again", START_SECONDS)


def test_replay_sends_every_line_once_and_tells_the_bad_ones(pipeline):
    before = settled(pipeline)
    lines = [json.dumps({"event_type": "login_success", "username": f"u{n}"}) for n in range(5000)]
    lines[1233], lines[4000] = "{nonsense", '{"event_type":"login_success","count":0}'
    path = os.path.join(pipeline.directory, "events.ndjson")
    with open(path, "w") as events:
        events.write("\n\n".join(lines))
    status, out, err = siemctl(pipeline, "replay", path, "--bulk", "300")
    assert status == 1 and out.startswith("accepted 4998, rejected 2; ")
    assert f"line {2 * 1233 + 1}: " in err and f"line {2 * 4000 + 1}: " in err and "count" in err
    assert settled(pipeline)["committed"] == before["committed"] + 4998


def test_replay_keeps_the_rate(pipeline):
    given = '{"event_type":"login_success"}\n' * 300
    status, out, _ = siemctl(pipeline, "replay", "-", "--rate", "300", given=given)
    seconds = float(out.split("; ")[1].split(" s,")[0])
    assert status == 0 and out.startswith("accepted 300, rejected 0; ") and 0.8 <= seconds < 60


def test_tail_shows_what_happens_and_what_happened(pipeline):
    with Tail(pipeline) as tail:
        wait_until(lambda: siemctl(pipeline, *THREAT, "source_ip=10.0.3.1")[0] == 0 and tail.heard(), "the tail hears threats")
        assert tail.heard()[-1]["source_ip"] == "10.0.3.1" and tail.heard()[-1]["username"] == "eve"
    status, out, _ = siemctl(pipeline, "tail", "threat.critical", "--since", "1h", "--count", "1")
    assert status == 0 and out.count("\n") == 1 and "malware_detected" in out


@pytest.mark.parametrize("topic, understood", [("thr", True), ("threat.cri", True), ("threat.critical.newer_than_we", True),
                                               ("critical", False), ("threat.grave", False), ("threats", False)])
def test_tail_refuses_what_no_topic_begins_with(pipeline, topic, understood):
    status, _, err = siemctl(pipeline, "tail", topic, "--redis-url", "no address")
    assert status == 2 and ("topics are threat.SEVERITY.TYPE" in err) == (not understood), err


class Publisher:
    """Publishes what a test wants, as the incident process would: to the stream first, then on THREATS."""

    def __init__(self, pipeline, endpoint, name):
        self.pipeline, self.name, self.seq = pipeline, name, 0
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PUB)
        self.socket.bind(endpoint)

    def threat(self, publish=True, store=True):
        self.seq += 1
        body = msgpack.packb({"version": 1, "publisher": self.name, "seq": self.seq, "severity": "low"})
        if store:
            self.pipeline.redis_bytes.xadd(self.pipeline.key("threats"), {
                "publisher": self.name, "seq": self.seq, "topic": "threat.low.unknown", "body": body})
        if publish:
            self.socket.send_multipart([b"threat.low.unknown", body])

    def heartbeat(self):
        self.socket.send_multipart([b"heartbeat", msgpack.packb({"version": 1, "publisher": self.name, "seq": self.seq})])

    def close(self):
        self.socket.close(0)
        self.context.term()


@pytest.fixture
def made_up(pipeline):
    """A publisher of this test's own, and a tail that hears it."""
    endpoint = pipeline.ipc("made-up")
    publisher = Publisher(pipeline, endpoint, "made-up-" + os.urandom(4).hex())
    with Tail(pipeline, SIEM_THREATS_FROM=endpoint) as tail:
        def numbers():
            return [threat["seq"] for threat in tail.heard() if threat["publisher"] == publisher.name]

        def connected():
            publisher.heartbeat()
            publisher.threat()
            return numbers()
        wait_until(connected, "the tail hears the publisher", every=0.2)
        publisher.first = numbers()[0]  # what it said before the tail began is not the tail's
        yield publisher, numbers, tail
    publisher.close()


def expect(publisher, numbers, wanted):
    """Each once, in order."""
    wait_until(lambda: numbers() == wanted, lambda: f"{wanted} instead of {numbers()}")
    assert publisher.seq >= wanted[-1]


def test_tail_fills_a_gap_in_order(made_up):
    publisher, numbers, _ = made_up
    for _ in range(3):
        publisher.threat(publish=False)
    publisher.threat()
    expect(publisher, numbers, list(range(publisher.first, publisher.seq + 1)))


def test_tail_hears_the_last_words_by_the_heartbeat(made_up):
    publisher, numbers, _ = made_up
    publisher.threat(publish=False)
    publisher.heartbeat()
    expect(publisher, numbers, list(range(publisher.first, publisher.seq + 1)))


def test_tail_hears_the_last_words_of_one_that_vanished(made_up):
    publisher, numbers, _ = made_up
    publisher.threat(publish=False)
    expect(publisher, numbers, list(range(publisher.first, publisher.seq + 1)))


def test_tail_says_what_nobody_has_any_more(made_up):
    publisher, numbers, tail = made_up
    publisher.threat(publish=False, store=False)
    lost = publisher.seq
    publisher.threat()
    expect(publisher, numbers, [number for number in range(publisher.first, publisher.seq + 1) if number != lost])
    wait_until(lambda: "1 threats missed" in tail.said(), "the loss is told")


def test_tail_survives_nonsense(made_up):
    publisher, numbers, tail = made_up
    publisher.socket.send_multipart([b"threat.x", os.urandom(100)])
    publisher.socket.send_multipart([b"threat.x", msgpack.packb([1, 2])])
    publisher.socket.send_multipart([b"one", b"two", b"three"])
    publisher.threat()
    expect(publisher, numbers, list(range(publisher.first, publisher.seq + 1)))
    assert "cannot be read" in tail.said()
