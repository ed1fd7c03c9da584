"""/metrics of every process: well-formed, true, bounded; and what dashboard, rules and README say of it."""
import os
import re
import socket

import pytest

from support import monitoring, tools
from support.metrics import page, series
from support.pipeline import Pipeline
from support.waiting import wait_until

SINGLE, BULK, INVALID, THREATS = 20, 1000, 3, 20
SERVICES = ("ingest", "detector", "incident", "alerter")
RESENT = "siem_batches_resent_total"


def read_pages(pipeline):
    """{service: page}, of the first process of each."""
    return {name.split("-")[0]: page(*pipeline.metrics_address(name)) for name in reversed(pipeline.services)}


def raw(pipeline, sent):
    """What comes back for these bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", pipeline.port), timeout=20) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as answer:
            return answer.read()


def send_everything(pipeline):
    """Events of every fate, and requests of some others."""
    api = pipeline.api()
    for number in range(SINGLE):
        threat = {"event_type": "login_failed", "source_ip": "203.0.113.9", "username": "alice", "count": 12}
        assert api.log(threat).status == 200
    assert api.logs([{"event_type": "log", "source_ip": f"10.0.{n // 250}.{n % 250}"} for n in range(BULK)]).status == 202
    for body in ({"count": "many"}, [], {"source_ip": 7}):
        assert api.request("POST", "/log", body).status == 422
    assert pipeline.api("a wrong key").log({"event_type": "log"}).status == 403
    assert api.get("/dashboard").status == 200 and api.get("/nowhere").status == 404
    assert raw(pipeline, b"GET /dashboard HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(pipeline, b"GET / HTTP/1.1\r\nHost: a\r\nLong: " + 40000 * b"x" + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    wait_until(lambda: api.get("/ledger").json["spooled"] == 0, "everything is committed and receipted")
    wait_until(lambda: len(pipeline.webhook.received) > 0, "the alert is delivered")


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(detectors=1, webhook=True) as running:
        send_everything(running)
        wait_until(lambda: running.metric("alerter", 'siem_alerts_total{channel="slack",outcome="delivered"}') == 1,
                   "the delivery is counted")
        for name in running.services:
            wait_until(lambda: running.metric(name, "siem_ready") == 1, f"{name} is ready")
        wait_until(lambda: nothing_is_under_way(running), "copies have arrived, too")
        wait_until(lambda: re.search(r"siem_ledger_accepted\{.*\} [1-9]", page(*running.metrics_address("ingest"))),
                   "gauges of a second's tick are there")
        yield running


def stage(numbers, name):
    """{outcome: events} of a stage."""
    return {key.split('outcome="')[1][:-2]: value for key, value in numbers.items() if key.startswith(f'siem_events_total{{stage="{name}"')}


def nothing_is_under_way(pipeline):
    """A batch whose receipt takes its time is sent again: whatever was sent has been seen by all that it concerns."""
    ingest, detector, incident = (series(page(*pipeline.metrics_address(name))) for name in ("ingest", "detector-1", "incident"))
    sent = ingest["siem_batches_sent_total"] + sum_of(ingest, RESENT)
    return sent == detector['siem_wire_messages_total{wire="EVENTS",direction="received"}'] and \
        sum(stage(detector, "detect").values()) == sum(stage(incident, "commit").values())


def sum_of(numbers, start):
    return sum(value for name, value in numbers.items() if name.startswith(start))


@pytest.fixture(scope="module")
def pages(pipeline):
    return read_pages(pipeline)


@pytest.mark.parametrize("service", SERVICES)
def test_promtool_has_nothing_to_say(pages, service):
    assert tools.promtool("check", "metrics", stdin=pages[service]) == (0, "")


def test_promtool_would_say_it(pages):
    status, said = tools.promtool("check", "metrics", stdin=pages["ingest"].replace("siem_batches_sent_total", "siem_batches_sent"))
    assert status != 0 and "_total" in said, "a counter without _total is noticed"


def test_the_same_events_are_counted_at_every_stage(pages):
    ingest, detector, incident, alerter = (series(pages[service]) for service in SERVICES)
    sent = SINGLE + BULK
    copies, copies_of_threats = stage(incident, "commit")["duplicate"], stage(detector, "detect")["matched"] - THREATS
    assert sum_of(ingest, RESENT) > 0 or copies == 0
    assert 0 <= copies_of_threats <= copies
    assert stage(ingest, "ingest") == {"accepted": sent, "invalid": INVALID, "refused": 0}
    assert stage(detector, "detect") == {"matched": THREATS + copies_of_threats, "quarantined": 0,
                                         "unmatched": sent - THREATS + copies - copies_of_threats}
    assert stage(incident, "commit") == {"committed": sent, "quarantined": 0, "duplicate": copies, "refused": 0}
    assert ingest["siem_batch_events_sum"] == ingest["siem_end_to_end_duration_seconds_count"] == sent
    assert ingest["siem_batch_events_count"] == ingest["siem_batches_stored_total"] == ingest["siem_batches_receipted_total"]
    assert 0 < ingest["siem_end_to_end_duration_seconds_sum"] < 60 * sent
    assert ingest["siem_spool_fsync_duration_seconds_count"] > 0
    assert ingest["siem_batches_sent_total"] == ingest["siem_batches_stored_total"]
    assert detector['siem_wire_messages_total{wire="EVENTS",direction="received"}'] == \
        ingest["siem_batches_stored_total"] + sum_of(ingest, RESENT)
    assert incident['siem_commits_total{outcome="ok"}'] == ingest["siem_batches_stored_total"]
    assert incident["siem_commit_batches_sum"] == sum_of(incident, "siem_commits_total")
    assert sum_of(detector, "siem_findings_total") == THREATS + copies_of_threats
    assert incident['siem_threats_total{severity="high"}'] == THREATS
    assert incident["siem_alerts_queued_total"] == alerter["siem_alert_delivery_duration_seconds_count"] == 1


def test_requests_are_counted_by_method_handler_and_status(pages):
    ingest = series(pages["ingest"])
    for labels, count in (('method="POST",handler="/log",status="200"', SINGLE), ('method="POST",handler="/log",status="422"', INVALID),
                          ('method="POST",handler="/log",status="403"', 1), ('method="POST",handler="/logs",status="202"', 1),
                          ('method="GET",handler="/dashboard",status="200"', 1), ('method="GET",handler="none",status="404"', 1)):
        assert ingest[f"http_requests_total{{{labels}}}"] == count, labels
    assert ingest['http_request_duration_seconds_count{method="POST",handler="/log"}'] == SINGLE + INVALID + 1
    assert ingest['http_requests_inprogress{method="GET",handler="/metrics"}'] == 1, "this very request"
    assert ingest['http_requests_inprogress{method="POST",handler="/log"}'] == 0
    assert ingest["http_connections"] >= 1


def test_what_never_came_to_be_a_request_is_counted_apart(pages):
    ingest = series(pages["ingest"])
    refused = {status: ingest[f'http_refusals_total{{status="{status}"}}'] for status in (400, 408, 413, 414, 431, 503)}
    assert refused == {400: 1, 408: 0, 413: 0, 414: 0, 431: 1, 503: 0}


@pytest.mark.parametrize("service", SERVICES)
def test_every_process_tells_of_itself(pages, service):
    numbers = series(pages[service])
    assert numbers["siem_ready"] == 1
    assert numbers["process_resident_memory_bytes"] > 1e6 and numbers["process_virtual_memory_bytes"] > 1e6
    assert 0 < numbers["process_open_fds"] < numbers["process_max_fds"] and numbers["process_threads"] >= 2
    assert numbers["process_cpu_seconds_total"] > 0 and numbers["process_start_time_seconds"] > 1.6e9
    assert numbers['siem_log_lines_total{level="info"}'] > 0
    assert 'siem_drops_total{reason="full"}' in numbers, "every reason is listed before it happens"


def test_what_a_peer_sends_makes_no_series(pipeline):
    api = pipeline.api()

    def count():
        return len(series(page(*pipeline.metrics_address("ingest"))))
    for method in ("GET", "BREW", "PUT"):
        api.request(method, "/first")
    before = count()
    for number in range(50):
        api.request("GET", f"/made/up/{number}")
        api.request(f"BREW{number}", "/log")
        api.get(f"/incidents/INC-{number}")
        api.log({"count": f"many-{number}"})
    assert count() <= before + 3, "at most a first 404 and 422 of a route"


def exposed(pages):
    """{name: [labels]} of everything on any page, as queries name it (with _bucket, _sum, _count)."""
    found = {}
    for text in pages.values():
        for name in series(text):
            metric, _, labels = name.partition("{")
            found.setdefault(metric, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels)))
    return found


def test_dashboard_and_rules_name_only_what_is_there(pages):
    there = exposed(pages)
    recorded = {rule["record"] for rule in monitoring.rules() if "record" in rule}
    named = [(place, name, labels) for place, expression in monitoring.expressions()
             for name, labels in monitoring.selectors(expression)]
    assert len(named) > 60
    for place, name, labels in named:
        assert name in there, f"{place}: no process exposes {name}"
        wanted = {label: value for label, value in labels.items() if label != "job"}
        assert any(wanted.items() <= series_labels.items() for series_labels in there[name]), (place, name, labels)
    for place, expression in monitoring.expressions():
        assert set(re.findall(r"\bsiem:[a-z0-9_:]+", expression)) <= recorded, place


def types(text):
    """{family: type} of a page."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def test_the_table_in_the_readme_is_true(pages):
    with open(os.path.join(tools.TOP, "README.md")) as readme:
        table = readme.read().split("<!-- metrics -->")[1].split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) >= 25
    for metrics, kind, services, meaning in rows:
        for named in re.findall(r"`([^`]+)`", metrics):
            name, _, labels = named.partition("{")
            for service in SERVICES if services == "all" else services.split(", "):
                assert types(pages[service]).get(name) == kind, f"{service} has {name} as {types(pages[service]).get(name)}"
                if labels:
                    line = re.search(rf"^{name}(?:_bucket)?{{([^}}]*)}}", pages[service], re.M)
                    found = [label for label in re.findall(r'(\w+)="', line.group(1)) if label != "le"]
                    assert found == labels.rstrip("}").split(","), f"{service}: {named} has the labels {found}"
        assert meaning
