"""Hostile inputs collected by others, each sent to a running pipeline, each with its authors' expectation.

They are no part of this repository: they stand in $SIEM_SHARED/data/cases, or in ../shared beside it. Where
they are absent these tests are skipped, and say so."""
import base64
import http.client
import json
import os
import socket

import pytest
from support.pipeline import API_KEY, TOP, Pipeline

CASES = os.path.join(os.environ.get("SIEM_SHARED") or os.path.join(TOP, "..", "shared"), "data", "cases")
pytestmark = pytest.mark.skipif(not os.path.isdir(CASES), reason=f"no cases of others at {CASES}; set SIEM_SHARED")
RAW_SECONDS = 60.0  # more than a request may take


def cases(suite):
    with open(os.path.join(CASES, suite + ".jsonl"), encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            given = case["input"].encode("utf-8", "surrogatepass") if "input" in case else base64.b64decode(case["input_b64"])
            yield case["id"], given, case


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline() as running:
        yield running


def post(pipeline, path, body, content_type="application/json"):
    """The reply; a request that gets none is tried once more, as the one before may have ended the connection."""
    headers = {"Content-Type": content_type}
    try:
        return pipeline.api().request("POST", path, body, headers)
    except (OSError, http.client.HTTPException):
        return pipeline.api().request("POST", path, body, headers)


def wrong_status(expect, status):
    """Why that status is not what is expected, or None."""
    accept = expect.get("accept")
    if accept is True and not 200 <= status < 300:
        return "must be accepted"
    if accept is False and not 400 <= status < 500:
        return "must be refused with 4xx"
    if status in expect.get("status_not", []) or status >= 500:
        return "must not come to that"
    return None


def embed(document):
    """An event with that document as a member of its metadata."""
    return b'{"event_type":"unknown","metadata":{"value":' + document + b"}}"


def judge(pipeline, suite, ask):
    """Runs `ask` over a suite; fails with every case that went otherwise than its authors expect."""
    wrong, count = [], 0
    for name, given, case in cases(suite):
        why = ask(name, given, case)
        count += 1
        if why:
            wrong.append(f"{name}: {why}")
    assert not wrong, f"{len(wrong)} of {count} cases:\n" + "\n".join(wrong)
    assert count > 0 and pipeline.api().get("/healthz").status == 200


def test_json_documents(pipeline):
    """Documents of a JSON test suite, as a whole body and inside an event's metadata."""
    def ask(_name, given, case):
        answer = post(pipeline, "/log", embed(given) if case["embed"] else given)
        why = wrong_status(case["expect"], answer.status)
        return why and f"{why}: {answer}"
    judge(pipeline, "json-parsing", ask)


def test_bad_lines_spoil_no_good_ones(pipeline):
    """One bad line between good ones: the good ones are taken, the bad one is told."""
    def ask(_name, given, case):
        answer = post(pipeline, "/logs", given, "application/x-ndjson")
        expected = case["expect"]["bulk"]
        if answer.status != 202:
            return f"must be answered with 202: {answer}"
        told = answer.json
        if (told["accepted"], told["rejected"]) != (expected["good"], expected["bad"]) or len(told["errors"]) < 1:
            return f"must take {expected['good']} and refuse {expected['bad']}: {answer}"
        return None
    judge(pipeline, "json-bulk-mixed", ask)


def test_strings_come_back(pipeline):
    """A user name of whatever characters comes back as it was sent."""
    def ask(_name, given, case):
        event = dict(json.loads(given), event_type="login_success")
        answer = post(pipeline, "/log", json.dumps(event).encode())
        if answer.status != 200:
            return f"must be accepted: {answer}"
        back = {name: answer.json["log"][name] for name in case["expect"]["roundtrip"]}
        return None if back == case["expect"]["roundtrip"] else f"came back as {back}"
    judge(pipeline, "naughty-strings", ask)


def raw_exchange(pipeline, request):
    """All that comes back for those bytes until the server closes; None when it does not close."""
    with socket.create_connection(("127.0.0.1", pipeline.port), timeout=RAW_SECONDS) as connection:
        received = b""
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass  # closed with what we sent still unread
        except TimeoutError:
            return None
        return received


def statuses_in(received):
    return [int(line.split()[1]) for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@pytest.mark.parametrize("key", [API_KEY, None], ids=["with-key", "without-key"])
def test_malformed_requests_are_refused(pipeline, key):
    """What is no clean HTTP is answered 4xx or closed, whoever sends it, and never taken; nothing behind it is served."""
    def ask(_name, given, case):
        if key is not None:
            given = given.replace(b"\r\nHost:", b"\r\nX-API-Key: " + key.encode() + b"\r\nHost:", 1)
        received = raw_exchange(pipeline, given)
        if received is None:
            return "left open"
        statuses = statuses_in(received)
        if not set(statuses) <= set(case["expect"]["status_in"]) or len(statuses) > 1:
            return f"answered {statuses}"
        if received and b"X-Content-Type-Options: nosniff" not in received:
            return "answered without the headers every answer has"
        return None if pipeline.api().get("/healthz").status == 200 else "not alive afterwards"
    judge(pipeline, "http-malformed", ask)
