"""The alerter alone, against a real Redis and a local receiver: what it promises of each alert in the outbox."""
import http.server
import json
import os
import signal
import threading
import time
from email.utils import formatdate

import pytest
import redis

from support.pipeline import BIN, KEY_PREFIX, REPORT, Process, free_port
from support.waiting import pause, wait_until

GROUP = "alerter"
OUTBOX, CHANNELS = KEY_PREFIX + "outbox", KEY_PREFIX + "channels"
DEAD, STATE = KEY_PREFIX + "dead_alerts", KEY_PREFIX + "alert_state"
HELD_SECONDS = 110  # a held answer comes at last, before the time-out of its request (SIEM_ALERT_TIMEOUT below)


class Receiver:
    """A webhook whose answers the test decides: answer(number, body) -> (status, headers), number from 1."""

    def __init__(self):
        self.answer = lambda number, body: (200, {})
        self.requests = []  # (monotonic time, body) in order of arrival
        self.connections = 0
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with receiver.lock:
                    receiver.connections += 1

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver.lock:
                    receiver.requests.append((time.monotonic(), body))
                    number = len(receiver.requests)
                status, headers = receiver.answer(number, body)
                content = headers.pop("content", b"ok")
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None  # a killed alerter resets its connections
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def count(self, word=""):
        """Requests whose body holds the word."""
        with self.lock:
            return sum(word in json.dumps(body) for _, body in self.requests)

    def gaps(self):
        """Seconds between one request and the next."""
        with self.lock:
            times = [at for at, _ in self.requests]
        return [later - earlier for earlier, later in zip(times, times[1:])]


class Stand:
    """A Redis, a receiver, and as many alerters as the test starts."""

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(os.path.join(directory, "logs"))
        self.socket = os.path.join(directory, "redis.sock")
        self.server = Process("redis", ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", directory,
                                        "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
                              dict(os.environ), directory)
        self.server.start()
        self.redis = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        self.wait_for_redis()
        self.receiver = Receiver()
        self.alerters = {}

    def wait_for_redis(self):
        def answers():
            try:
                return self.redis.ping()
            except redis.exceptions.RedisError:
                return False
        wait_until(answers, "Redis answers")

    def alerter(self, name="one", **options):
        """Starts an alerter and waits until its group is there."""
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}
        environment.update({
            "SIEM_REDIS_URL": "unix://" + self.socket, "SIEM_INSTANCE": name, "SLACK_WEBHOOK_URL": self.receiver.url,
            "SIEM_METRICS_LISTEN": f"127.0.0.1:{port}", "SIEM_THREATS_FROM": f"ipc://{self.directory}/threats",
            "SIEM_ALERT_ALLOW_HTTP": "1", "SIEM_ALERT_ALLOW_PRIVATE": "127.0.0.0/8",
            "SIEM_ALERT_RETRY": "20ms", "SIEM_ALERT_TIMEOUT": "2m", "SIEM_ALERT_CLAIM": "1s", "SIEM_DRAIN_TIMEOUT": "5s"})
        environment.update(options)
        process = Process(name, [os.path.join(BIN, "siem-alerter")], environment, self.directory)
        process.port = port
        process.start()
        self.alerters[name] = process
        wait_until(lambda: '"started"' in process.log() or not process.running, "the alerter starts")
        assert process.running, process.log()
        return process

    def queue(self, identity, **fields):
        """What commit.lua writes."""
        entry = {"kind": "opened", "incident_id": identity, "severity": "high", "event_type": "login_failed",
                 "source_ip": "203.0.113.9", "user": "alice", "title": "Brute Force Attack from 203.0.113.9",
                 "details": "8 failed logins", "event_id": "0123456789abcdef-1-7.0", "time_ms": "1767225600000"}
        entry.update(fields)
        return self.redis.xadd(OUTBOX, {name: value for name, value in entry.items() if value is not None})

    def wait_empty(self):
        """Nothing is left of any alert but what is dead."""
        wait_until(lambda: self.redis.xlen(OUTBOX) == 0 and self.redis.xpending(OUTBOX, GROUP)["pending"] == 0
                   and not self.redis.exists(STATE), "the outbox is empty")

    def metrics(self, name="one"):
        """The process's numbers by series."""
        from urllib.request import urlopen
        with urlopen(f"http://127.0.0.1:{self.alerters[name].port}/metrics", timeout=60) as page:
            lines = page.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}

    def close(self):
        for process in self.alerters.values():
            process.stop()
        self.redis.close()
        self.server.kill()
        self.receiver.server.shutdown()
        self.receiver.server.server_close()
        for process in self.alerters.values():
            assert not REPORT.search(process.log()), process.log()


@pytest.fixture
def stand(tmp_path):
    place = Stand(str(tmp_path))
    yield place
    place.close()


def test_an_alert_is_delivered_once_and_leaves_nothing_behind(stand):
    stand.alerter()
    stand.queue("INC-20260101-0001")
    wait_until(lambda: stand.receiver.count(), "delivered")
    stand.wait_empty()
    assert stand.receiver.count() == 1
    body = stand.receiver.requests[0][1]
    text = json.dumps(body)
    for part in ("high", "login_failed", "203.0.113.9", "alice", "8 failed logins", "INC-20260101-0001"):
        assert part in text
    assert body["text"] == "[HIGH] Brute Force Attack from 203.0.113.9 (INC-20260101-0001)"
    assert stand.metrics()['siem_alerts_total{channel="slack",outcome="delivered"}'] == 1


def test_alerts_queued_before_the_first_alerter_are_delivered(stand):
    for number in range(100):
        stand.queue(f"INC-{number:04}")
    stand.alerter()
    stand.wait_empty()
    assert stand.receiver.count() == 100
    assert all(stand.receiver.count(f"INC-{number:04}") == 1 for number in range(100))
    assert stand.receiver.connections <= 8, "connections are kept and used again"


def test_retry_after_is_honoured_for_the_whole_channel(stand):
    stand.receiver.answer = lambda number, body: (429, {"Retry-After": "1"}) if number == 1 else (200, {})
    stand.alerter(SIEM_ALERT_CONCURRENCY="1")
    for number in range(3):
        stand.queue(f"INC-{number}")
    stand.wait_empty()
    assert stand.receiver.count() == 4
    assert stand.receiver.gaps()[0] >= 0.99


def test_retry_after_as_a_date(stand):
    def answer(number, body):
        return (503, {"Retry-After": formatdate(time.time() + 2, usegmt=True)}) if number == 1 else (200, {})
    stand.receiver.answer = answer
    stand.alerter()
    stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.count() == 2 and stand.receiver.gaps()[0] >= 0.95, "dates have whole seconds"


def test_failures_are_tried_again_with_growing_waits(stand):
    stand.receiver.answer = lambda number, body: (500, {}) if number < 5 else (200, {})
    stand.alerter(SIEM_ALERT_RETRY="100ms")
    stand.queue("INC-1")
    stand.wait_empty()
    gaps = stand.receiver.gaps()
    assert len(gaps) == 4
    assert all(gap >= 0.075 * 2 ** attempt for attempt, gap in enumerate(gaps)), gaps
    assert stand.redis.xlen(DEAD) == 0
    assert stand.metrics()['siem_alert_attempts_total{channel="slack",result="retry"}'] == 4


def test_an_alert_that_never_succeeds_is_kept_as_dead(stand):
    stand.receiver.answer = lambda number, body: (500, {})
    stand.alerter(SIEM_ALERT_ATTEMPTS="3")
    entry = stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.count() == 3
    (_, dead), = stand.redis.xrange(DEAD)
    assert dead["incident_id"] == "INC-1" and dead["channel"] == "slack" and dead["queued"] == entry
    assert dead["attempts"] == "3" and dead["reason"] == "HTTP status 500" and dead["user"] == "alice"
    assert stand.metrics()['siem_alerts_total{channel="slack",outcome="dead"}'] == 1


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_a_refusal_is_not_repeated(stand, status):
    stand.receiver.answer = lambda number, body: (status, {"Location": stand.receiver.url})
    stand.alerter()
    stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.count() == 1
    assert stand.redis.xrange(DEAD)[0][1]["reason"] == f"HTTP status {status}"


def test_a_huge_reply_counts_by_its_status(stand):
    stand.receiver.answer = lambda number, body: (200, {"content": b"x" * 10_000_000})
    stand.alerter()
    stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.count() == 1 and stand.redis.xlen(DEAD) == 0


def test_a_killed_alerters_entries_are_claimed_and_delivered_once(stand):
    stand.receiver.answer = lambda number, body: (503, {"Retry-After": "3600"})
    first = stand.alerter("one")
    for number in range(5):
        stand.queue(f"INC-{number}")
    wait_until(lambda: stand.redis.xpending(OUTBOX, GROUP)["pending"] == 5 and stand.receiver.count() >= 1, "taken")
    wait_until(lambda: stand.metrics()["siem_alerts_in_flight"] == 0, "no request is in flight")
    refused = stand.receiver.count()
    stand.receiver.answer = lambda number, body: (200, {})
    stand.alerter("two")
    first.kill()
    stand.wait_empty()
    assert stand.receiver.count() == refused + 5


def test_a_request_in_flight_at_the_kill_is_made_twice_at_most(stand):
    gate = threading.Event()

    def answer(number, body):
        gate.wait(HELD_SECONDS) if number <= 4 else None
        return 200, {}
    stand.receiver.answer = answer
    first = stand.alerter("one", SIEM_ALERT_CONCURRENCY="4")
    for number in range(20):
        stand.queue(f"INC-{number:02}")
    wait_until(lambda: stand.receiver.count() == 4, "four requests in flight")
    stand.alerter("two", SIEM_ALERT_CLAIM="5s")
    wait_until(lambda: stand.receiver.count() == 20, "the other delivers the rest")
    first.kill()
    stand.wait_empty()
    gate.set()
    counts = [stand.receiver.count(f"INC-{number:02}") for number in range(20)]
    assert min(counts) == 1 and max(counts) == 2 and sum(counts) == 24, counts


def test_attempts_add_up_over_alerters(stand):
    stand.receiver.answer = lambda number, body: (500, {})
    first = stand.alerter("one", SIEM_ALERT_ATTEMPTS="3", SIEM_ALERT_RETRY="1h")
    stand.queue("INC-1")
    wait_until(lambda: stand.receiver.count() == 1, "tried once")
    wait_until(lambda: stand.metrics()["siem_alerts_in_flight"] == 0, "no request is in flight")
    first.kill()
    stand.alerter("two", SIEM_ALERT_ATTEMPTS="3")
    stand.wait_empty()
    assert stand.receiver.count() == 3
    assert stand.redis.xrange(DEAD)[0][1]["attempts"] == "3"


def test_an_alert_waiting_for_its_retry_is_not_claimed(stand):
    stand.receiver.answer = lambda number, body: (500, {})
    stand.alerter("one", SIEM_ALERT_RETRY="1h")
    stand.queue("INC-1")
    wait_until(lambda: stand.receiver.count() == 1, "tried once")
    stand.alerter("two", SIEM_ALERT_RETRY="1h", SIEM_ALERT_CLAIM="6s")
    until = time.monotonic() + 9.0  # a new alerter leaves the others' alone for 5 s; the first refreshes each third of one

    def passed():
        assert stand.receiver.count() == 1
        return time.monotonic() > until
    wait_until(passed, "the time to claim has passed")
    assert stand.redis.xpending_range(OUTBOX, GROUP, "-", "+", 10)[0]["consumer"] == "one"


def test_two_alerters_share_the_work_without_doubling(stand):
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (200, {}))[1]
    stand.alerter("one", SIEM_ALERT_CONCURRENCY="2", SIEM_ALERT_CLAIM="1h")
    stand.alerter("two", SIEM_ALERT_CONCURRENCY="2", SIEM_ALERT_CLAIM="1h")
    for number in range(300):
        stand.queue(f"INC-{number:04}")
    wait_until(lambda: stand.receiver.count() == 4, "both are at work")
    held.set()
    stand.wait_empty()
    assert stand.receiver.count() == 300
    series = 'siem_alerts_total{channel="slack",outcome="delivered"}'
    shares = [stand.metrics(name)[series] for name in ("one", "two")]
    assert sum(shares) == 300 and min(shares) > 0, shares


def test_channels_are_announced_and_withdrawn(stand):
    first = stand.alerter("one")
    since = wait_until(lambda: stand.redis.hget(CHANNELS, "slack"), "the channel is announced")
    assert int(since) > 0
    first.stop()
    assert stand.redis.hget(CHANNELS, "slack") == since
    stand.alerter("two", SLACK_WEBHOOK_URL="")
    wait_until(lambda: not stand.redis.exists(CHANNELS), "the channel is withdrawn")
    stand.queue("INC-1")
    stand.alerters["two"].stop()
    stand.alerter("three")
    stand.wait_empty()
    assert stand.receiver.count("INC-1") == 1, "what was queued waits for a channel"


def test_a_redis_outage_loses_nothing_and_is_logged_once(stand):
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (200, {}))[1]
    process = stand.alerter()
    stand.queue("INC-1")
    wait_until(lambda: stand.receiver.count() == 1, "in flight")
    stand.server.kill()
    held.set()
    wait_until(lambda: "Redis does not serve" in process.log(), "the outage is noticed")
    stand.server.start()
    stand.wait_for_redis()
    stand.queue("INC-2")
    stand.wait_empty()
    assert stand.receiver.count("INC-1") == 1 and stand.receiver.count("INC-2") == 1
    assert process.log().count("Redis does not serve") == 1 and process.log().count("serves the outbox again") == 1


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.6, 0.9])
def test_an_outage_longer_than_a_claim_doubles_nothing(stand, phase):
    """What was delivered while Redis was away looks abandoned to the other alerter when it is back."""
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (200, {}))[1]
    first = stand.alerter("one")
    for number in range(8):
        stand.queue(f"INC-{number}")
    wait_until(lambda: stand.receiver.count() == 8, "all are in flight")
    pause(phase)  # of the second one's ticks to the first one's
    second = stand.alerter("two")
    stand.server.kill()
    for process in (first, second):
        wait_until(lambda: "Redis does not serve" in process.log(), "the outage is noticed")
    held.set()
    pause(1.5)  # more than SIEM_ALERT_CLAIM
    stand.server.start()
    stand.wait_for_redis()
    stand.wait_empty()
    assert [stand.receiver.count(f"INC-{number}") for number in range(8)] == [1] * 8


def test_a_redis_that_hangs_does_not_keep_answers_unread(stand):
    """One time-out a second at most, and not one for every answer that comes."""
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (200, {}))[1]
    # Time-outs of 2 s for every answer would have some of them time out themselves.
    stand.alerter(SIEM_ALERT_TIMEOUT="12s", SIEM_ALERT_CLAIM="10m")
    for number in range(16):
        stand.queue(f"INC-{number:02}")
    wait_until(lambda: stand.receiver.count() == 8, "all places are taken")
    os.kill(stand.server.popen.pid, signal.SIGSTOP)
    held.set()
    delivered = 'siem_alerts_total{channel="slack",outcome="delivered"}'
    try:
        wait_until(lambda: stand.metrics()[delivered] == 8, "every answer is read")
    finally:
        os.kill(stand.server.popen.pid, signal.SIGCONT)
    stand.wait_empty()
    assert [stand.receiver.count(f"INC-{number:02}") for number in range(16)] == [1] * 16


def test_a_flushed_redis_gets_its_group_again(stand):
    stand.alerter()
    stand.queue("INC-1")
    stand.wait_empty()
    stand.redis.flushall()
    stand.redis.script_flush()
    stand.queue("INC-2")
    wait_until(lambda: stand.receiver.count("INC-2") == 1, "delivered after the flush")


def test_a_stopping_alerter_ends_what_it_began_and_leaves_the_rest(stand):
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (200, {}))[1] if number == 1 else (500, {})
    first = stand.alerter("one", SIEM_ALERT_RETRY="1h", SIEM_ALERT_CLAIM="1h", SIEM_DRAIN_TIMEOUT="2m")
    stand.queue("INC-1")
    wait_until(lambda: stand.receiver.count("INC-1") == 1, "in flight")
    stand.queue("INC-2")
    wait_until(lambda: stand.receiver.count("INC-2") == 1, "waits for its retry")
    first.popen.terminate()
    wait_until(lambda: "stop" in first.log().split('"started"')[1], "it knows that it shall stop")
    held.set()
    assert first.popen.wait(120) == 0
    first.popen = None
    stand.receiver.answer = lambda number, body: (200, {})
    assert stand.redis.xlen(OUTBOX) == 1, "the one in flight was finished"
    stand.alerter("two", SIEM_ALERT_CLAIM="1h")
    stand.wait_empty()
    assert stand.receiver.count("INC-1") == 1 and stand.receiver.count("INC-2") == 2


def test_a_private_address_is_not_reached(stand):
    stand.alerter(SIEM_ALERT_ALLOW_PRIVATE="", SIEM_ALERT_ATTEMPTS="2")
    stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.count() == 0 and stand.receiver.connections == 0
    assert "private" in stand.redis.xrange(DEAD)[0][1]["reason"]


def test_a_name_that_leads_to_a_private_address_is_not_reached(stand):
    url = stand.receiver.url.replace("127.0.0.1", "localhost")
    stand.alerter(SLACK_WEBHOOK_URL=url, SIEM_ALERT_ALLOW_PRIVATE="", SIEM_ALERT_ATTEMPTS="1")
    stand.queue("INC-1")
    stand.wait_empty()
    assert stand.receiver.connections == 0 and stand.redis.xlen(DEAD) == 1


@pytest.mark.parametrize("options", [
    {"SLACK_WEBHOOK_URL": "http://hooks.example/x", "SIEM_ALERT_ALLOW_HTTP": "0"},
    {"SLACK_WEBHOOK_URL": "file:///etc/passwd"}, {"SLACK_WEBHOOK_URL": "hooks.example"},
    {"SIEM_ALERT_ALLOW_PRIVATE": "10.0.0.0/33"}, {"SIEM_THREATS_FROM": "nowhere"}])
def test_a_wrong_option_stops_the_start_and_says_why(stand, options):
    with pytest.raises(AssertionError):
        stand.alerter(**options)
    process = stand.alerters["one"]
    assert process.popen.wait(120) == 1
    for secret in ("hooks.example/x", "/etc/passwd"):
        assert secret not in process.log()


def test_a_malformed_entry_is_kept_as_dead_and_the_next_delivered(stand):
    stand.redis.xadd(OUTBOX, {"nonsense": "1"})
    stand.redis.xadd(OUTBOX, {"kind": "opened", "incident_id": b"\xff\xfe", "severity": "high", "event_type": "x",
                              "title": "t", "details": "d", "event_id": "e", "time_ms": "1"})
    stand.queue("INC-1")
    stand.alerter()
    stand.wait_empty()
    assert stand.receiver.count() == 1 and stand.receiver.count("INC-1") == 1
    assert [entry[b"reason"] for _, entry in
            redis.Redis(unix_socket_path=stand.socket).xrange(DEAD)] == [b"bad_value", b"bad_text"]


def test_an_entry_too_large_is_kept_as_dead_once_and_the_others_delivered(stand):
    stand.queue("INC-1")
    large = stand.queue("INC-2", details="x" * 300_000)
    stand.queue("INC-3")
    stand.alerter()
    stand.wait_empty()
    assert stand.receiver.count("INC-1") == 1 and stand.receiver.count("INC-3") == 1 and stand.receiver.count() == 2
    (_, dead), = stand.redis.xrange(DEAD)
    assert dead["reason"] == "too_large" and dead["queued"] == large


def test_what_another_alerter_finished_is_not_kept_as_dead(stand):
    """An alert taken over and delivered, while the first one's request still hung."""
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS), (400, {}))[1]
    process = stand.alerter(SIEM_ALERT_CLAIM="1h")
    entry = stand.queue("INC-1")
    wait_until(lambda: stand.receiver.count() == 1, "in flight")
    stand.redis.xack(OUTBOX, GROUP, entry)
    stand.redis.xdel(OUTBOX, entry)
    stand.redis.delete(STATE)
    held.set()
    wait_until(lambda: "alert given up" in process.log(), "its end is recorded")
    wait_until(lambda: stand.metrics()["siem_alerts_pending"] == 0, "nothing is in hand")
    assert stand.redis.xlen(DEAD) == 0 and not stand.redis.exists(STATE)


def test_a_slow_receiver_holds_no_more_than_its_request(stand):
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS) if "INC-slow" in json.dumps(body) else None, (200, {}))[1]
    stand.alerter()
    stand.queue("INC-slow")
    wait_until(lambda: stand.receiver.count("INC-slow") == 1, "in flight")
    for number in range(50):
        stand.queue(f"INC-{number:02}")
    wait_until(lambda: stand.receiver.count() == 51, "the others pass")
    held.set()
    stand.wait_empty()


def test_a_receiver_that_hangs_is_given_up_after_the_time_out(stand):
    held = threading.Event()
    stand.receiver.answer = lambda number, body: (held.wait(HELD_SECONDS) if number == 1 else None, (200, {}))[1]
    stand.alerter(SIEM_ALERT_TIMEOUT="4s")
    stand.queue("INC-1")
    stand.wait_empty()
    held.set()
    assert stand.receiver.count() == 2 and stand.redis.xlen(DEAD) == 0


def test_idle_costs_next_to_nothing(stand):
    process = stand.alerter()
    stand.queue("INC-1")
    stand.wait_empty()
    before, until = process.cpu_seconds(), time.monotonic() + 3.0
    wait_until(lambda: time.monotonic() > until, "three seconds")
    assert process.cpu_seconds() - before < 0.3, "it spins"
