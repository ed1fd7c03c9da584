"""Every route and status of the API, pinned row by row in contract.jsonl, to the byte where the API gives the text.

A row: "route" (method and path; * stands for every route), "status", and as needed
  "state"    of the system: see States; nothing is the ordinary one
  "send"     "method", "key" (null: none; the tests' own when absent), "headers", and a body: "body" (JSON), "text",
             or "bytes" (so many)
  "answer"   the whole body    "members"  the names in the object it is    "headers"  some of them
{incident} is the id of an incident, {revision} its present revision, {allow} the methods of the path."""
import contextlib
import json
import os

import pytest
from support.pipeline import API_KEY, Pipeline
from support.schema import document
from support.waiting import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
# Pinned by tests that need more than one request for it: the status (of a route, or of any), their file.
ENDING = "../unit/test_http_server.c"
ELSEWHERE = {409: "test_idempotency.py", 429: "test_rate_limit.py", ("GET /metrics", 503): "test_keys.py",
             **{(f"GET {path}", 503): ENDING for path in ("/", "/healthz", "/docs", "/docs/{file}", "/redoc", "/openapi.json")}}
# Nothing outside brings them about. Their shape is the one of the other 500s.
FAULTS_OF_OURS = {(route, 500) for route in ("POST /log", "POST /logs", "GET /", "GET /metrics")}


def load():
    with open(os.path.join(HERE, "contract.jsonl"), encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


ROWS = load()


class States:
    """Brings the pipeline into a row's state, and back when the next row needs another."""

    def __init__(self, pipeline):
        self.pipeline, self.name, self.way_back = pipeline, None, contextlib.ExitStack()
        self.incident = pipeline.api().log({"event_type": "malware_detected", "source_ip": "192.0.2.1"}).json["incident_id"]

    def enter(self, name):
        if name == self.name:
            return
        self.way_back.close()
        self.name = name
        if name:
            getattr(self, name.split(",")[0].replace(" ", "_"))()
        if name and name.endswith(", DEBUG"):
            self.restart_ingest("DEBUG", "1", "0")

    def restart_ingest(self, option, value, usual):
        ingest = self.pipeline["ingest"]

        def start(value):
            assert ingest.stop() == 0
            ingest.environment[option] = value
            self.pipeline.connections.close()
            ingest.start()
            self.pipeline.wait_ready()
        self.way_back.callback(start, usual)
        start(value)

    def reads_closed(self):
        self.restart_ingest("SIEM_PROTECT_READS", "1", "0")

    def store_away(self):
        redis = self.pipeline["redis"]

        def come_back():
            redis.start()
            self.pipeline.wait_redis()
            self.pipeline.wait_ready()
        assert redis.stop() == 0
        self.way_back.callback(come_back)
        wait_until(lambda: self.pipeline.api().get("/readyz").status == 503, "it is missed")

    def store_broken(self):
        """Every key a read needs is of another type, as after a restore of something else."""
        redis, kept = self.pipeline.redis, []
        for name in redis.keys(self.pipeline.key("*")):
            if name[len(self.pipeline.key("")):].startswith(("day:", "incident", "timeline", "ledger", "rules:")):
                redis.rename(name, name + ":kept")
                redis.set(name, "x")
                kept.append(name)

        def mend():
            for name in kept:
                redis.rename(name + ":kept", name)
        self.way_back.callback(mend)


@pytest.fixture(scope="module")
def states():
    with Pipeline() as pipeline:
        running = States(pipeline)
        yield running
        running.enter(None)


def fill(value, names):
    """The value with the names in braces filled in, at any depth."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, dict):
        return {name: fill(each, names) for name, each in value.items()}
    return value


def routes_of(row):
    """[(method, path)] a row is for."""
    if row["route"] != "*":
        return [tuple(row["route"].split(" ", 1))]
    return sorted((method, path.replace("{id}", "{incident}").replace("{file}", "swagger-ui.css")) for method, path in document().operations)


def allow_of(path):
    """The methods of a path as the document has them."""
    template = document().template_of(path.split("?")[0])
    methods = [method for method, other in document().operations if other == template]
    return ", ".join("GET, HEAD" if method == "GET" else method for method in methods)


def body_of(send):
    if "body" in send:
        return send["body"]
    if "text" in send:
        return send["text"].encode()
    return b"x" * send["bytes"] if "bytes" in send else None


def check(states, row, method, path):
    names = {"incident": states.incident, "allow": allow_of(path.replace("{incident}", "x"))}
    if "{revision}" in json.dumps(row):
        names["revision"] = str(states.pipeline.api().get(f"/incidents/{states.incident}").json["revision"])
    send = fill(row.get("send", {}), names)
    api = states.pipeline.api(key=send.get("key", API_KEY))
    answer = api.request(send.get("method", method), fill(path, names), body_of(send), send.get("headers"))
    assert answer.status == row["status"], answer
    if "answer" in row:
        assert answer.body.decode() == fill(row["answer"], names)
    if "members" in row:
        assert sorted(answer.json) == row["members"]
    for name, value in fill(row.get("headers", {}), names).items():
        assert answer.headers[name] == value, name


def name_of(row):
    return f"{row['route'].replace(' ', '')}-{row['status']}" + ("-" + row["state"] if "state" in row else "")


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_row(states, row):
    states.enter(row.get("state"))
    for method, path in routes_of(row):
        check(states, row, method, path)


def covered():
    """{(method, template, status)} that rows pin."""
    return {(method, document().template_of(path.split("?")[0].replace("{incident}", "x")), row["status"])
            for row in ROWS for method, path in routes_of(row)}


def test_every_described_status_is_pinned():
    pinned = covered()
    for (method, template), operation in document().operations.items():
        for status in map(int, operation["responses"]):
            route = f"{method} {template}"
            if (method, template, status) in pinned or (route, status) in FAULTS_OF_OURS:
                continue
            other = ELSEWHERE.get((route, status), ELSEWHERE.get(status))
            assert other, f"{route} {status}"
            with open(os.path.join(HERE, other), encoding="utf-8") as test:
                assert str(status) in test.read(), other
