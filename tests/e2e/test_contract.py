"""Every route and status of the API, pinned row by row in contract.jsonl, to the byte where the API gives the text.

A row: "route" (method and path; * stands for every route), "status", and as needed
  "state"    of the system: see States; nothing is the ordinary one
  "send"     "method", "key" (null: none; the tests' own when absent), "headers", and a body: "body" (JSON), "text",
             or "bytes" (so many)
  "times"    how often it is sent; the last answer counts. 1 when absent
  "answer"   the whole body    "members"  the names in the object it is    "headers"  some of them
{incident} is the id of an incident, {revision} its present revision, {allow} the methods of the path."""
import contextlib
import json
import os

import pytest
from support.pipeline import API_KEY, START_SECONDS, Pipeline
from support.schema import document
from support.waiting import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
# What only the moment brings about in which the server ends; requests of all kinds are brought into it there.
ENDING = ("../unit/test_http_stop.c", "http_stop, answers_503_to_requests_it_finds")
ELSEWHERE = {(f"GET {path}", 503): ENDING for path in ("/", "/healthz", "/docs", "/docs/{file}", "/redoc", "/openapi.json")}


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

    def restart_ingest(self, option, value, usual, answers="/readyz"):
        """Until that answers 200."""
        ingest = self.pipeline["ingest"]

        def is_there(path):
            try:
                return self.pipeline.api(None).get(path).status == 200
            except OSError:
                return False

        def start(value, path="/readyz"):
            assert ingest.stop() == 0
            ingest.environment[option] = value
            self.pipeline.connections.close()
            ingest.start()
            wait_until(lambda: is_there(path), f"{path} answers 200", START_SECONDS)
        self.way_back.callback(start, usual)
        start(value, answers)

    def reads_closed(self):
        self.restart_ingest("SIEM_PROTECT_READS", "1", "0")

    def limited(self):
        """One request a day, which was made."""
        self.restart_ingest("SIEM_RATE_LIMIT_ADDRESS", "1/day", "")
        wait_until(lambda: self.pipeline.api(None).get("/dashboard").status == 429, "it was made")

    def keys_unknown(self):
        """Started without Redis."""
        redis = self.pipeline["redis"]
        assert redis.stop() == 0
        self.restart_ingest("SIEM_PROTECT_READS", "1", "0", answers="/healthz")
        self.way_back.callback(self.pipeline.wait_redis)
        self.way_back.callback(redis.start)

    def answers_unkept(self):
        """Requests with an Idempotency-Key never end: the list of their answers is of another type."""
        redis, name = self.pipeline.redis, self.pipeline.key("idempotency_done")
        if redis.exists(name):
            redis.rename(name, name + ":kept")
            self.way_back.callback(redis.rename, name + ":kept", name)
        else:
            self.way_back.callback(redis.delete, name)
        redis.set(name, "x")

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
        """Every key a request needs is of another type, as after a restore of something else."""
        redis, kept = self.pipeline.redis, []
        [producer] = self.pipeline.api().get("/ledger").json["producers"]
        opened = self.pipeline.key("idempotency_open:" + producer["producer"])
        redis.delete(opened)
        redis.set(opened, "x")
        self.way_back.callback(redis.delete, opened)
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
    for _ in range(row.get("times", 1)):
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
            if (method, template, status) in pinned:
                continue
            assert (route, status) in ELSEWHERE, f"{route} {status}"
            file, test = ELSEWHERE[route, status]
            with open(os.path.join(HERE, file), encoding="utf-8") as tests:
                assert f"Test({test})" in tests.read(), file
