"""Every kind of answer: asynchronous and bulk writes, and the shapes of errors."""
import json

import pytest
from support.books import counted
from support.pipeline import Pipeline
from support.waiting import wait_until

EVENT = {"event_type": "login_success", "username": "ann"}


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(options={"SIEM_VERDICT_TIMEOUT": "2s"}) as running:
        yield running


def test_root(pipeline):
    body = pipeline.api(key=None).get("/").json
    assert set(body) == {"message", "version", "status", "timestamp"} and body["status"] == "healthy"


def test_async_is_accepted_and_counted(pipeline):
    before = counted(pipeline)
    answer = pipeline.api().log(EVENT, wait=False)
    assert answer.status == 202 and set(answer.json) == {"status", "id"} and answer.json["status"] == "accepted"
    wait_until(lambda: counted(pipeline) == before + 1, "the event is counted")


def test_no_detector_is_accepted_and_counted_later(pipeline):
    """Without a verdict in time the sender is told the truth: stored, not judged."""
    before = counted(pipeline)
    assert pipeline["detector-1"].stop() == 0
    answer = pipeline.api().log(EVENT)
    assert answer.status == 202 and answer.json["status"] == "accepted"
    pipeline["detector-1"].start()
    wait_until(lambda: counted(pipeline) == before + 1, "the event is counted")
    wait_until(lambda: pipeline.api().get("/readyz").status == 200, "ready again")


def test_bulk_bad_lines_never_spoil_good_ones(pipeline):
    before = counted(pipeline)
    lines = [json.dumps(EVENT), "{not json", json.dumps({"username": "x"}), json.dumps(dict(EVENT, count=0)), json.dumps(EVENT)]
    answer = pipeline.api().request("POST", "/logs", "\n".join(lines).encode(), {"Content-Type": "application/x-ndjson"})
    assert answer.status == 202, answer
    body = answer.json
    assert (body["accepted"], body["rejected"]) == (2, 3)
    assert [error["line"] for error in body["errors"]] == [2, 3, 4]
    assert "event_type" in body["errors"][1]["field"] and "count" in body["errors"][2]["field"]
    assert body["first_id"] and body["last_id"] and body["first_id"] != body["last_id"]
    wait_until(lambda: counted(pipeline) == before + 2, "both good lines are counted")


def test_bulk_array(pipeline):
    before = counted(pipeline)
    answer = pipeline.api().request("POST", "/logs", [EVENT] * 300)
    assert answer.status == 202 and answer.json["accepted"] == 300
    wait_until(lambda: counted(pipeline) == before + 300, "all are counted")


@pytest.mark.parametrize("body, element, where", [
    ('[{"event_type": "a"},\n {"event_type" 1}]', 2, "line 2 column 16"),
    ('\n[\n{"event_type": "a"},\n\n  {"event_type": "a", }\n]', 2, "line 5 column 23"),
    ('[{"event_type": "a"}, {"event_type": "a"}}]', 2, "line 1 column 42"),
    ('[{"event_type": "a"}\n] x', 2, "line 2 column 3"),
    ('[{"event_type": "a"}\n', 1, "line 2 column 1")])
def test_a_broken_array_is_told_by_its_place_in_the_body(pipeline, body, element, where):
    answer = pipeline.api().request("POST", "/logs", body.encode())
    assert answer.status == 422 and answer.json["accepted"] == 0
    error = answer.json["errors"][-1]
    assert error["line"] == element and error["message"].endswith(f" at {where}"), error


def test_key_missing_and_wrong(pipeline):
    for path in ("/log", "/logs", "/incidents/INC-20260101-0001/status"):
        missing = pipeline.api(key=None).request("POST", path, EVENT)
        assert missing.status == 401, path
        assert missing.json == {"detail": "API Key is missing. Please provide 'X-API-Key' header."}
        assert missing.headers["WWW-Authenticate"] == "ApiKey"
        wrong = pipeline.api(key="wrong").request("POST", path, EVENT)
        assert wrong.status == 403 and wrong.json == {"detail": "Invalid API Key. Access denied."}


@pytest.mark.parametrize("body, fields", [
    ({}, ["event_type"]),
    ({"event_type": 5, "count": "abc"}, ["event_type", "count"]),
    ({"event_type": "login_failed", "count": 0}, ["count"]),
    ({"event_type": "login_failed", "metadata": "text", "username": 7}, ["metadata", "username"]),
    (b'{"event_type": "login_failed"', []),
    (b"[1]", []),
    (b"", []),
])
def test_validation_lists_every_bad_field(pipeline, body, fields):
    answer = pipeline.api().request("POST", "/log", body)
    assert answer.status == 422, answer
    reply = answer.json
    assert reply["error"] == "Validation Error" and reply["details"] and reply["example"]["event_type"]
    named = " ".join(detail["field"] for detail in reply["details"])
    for field in fields:
        assert f"body → {field}" in named
    assert all(detail["message"] and detail["type"] for detail in reply["details"])


def test_unknown_path_and_method(pipeline):
    missing = pipeline.api().get("/nowhere")
    assert missing.status == 404 and missing.json == {"detail": "Not Found"}
    method = pipeline.api().request("DELETE", "/log")
    assert method.status == 405 and method.json == {"detail": "Method Not Allowed"} and "POST" in method.headers["Allow"]
    incident = pipeline.api().get("/incidents/INC-20260101-9999")
    assert incident.status == 404 and incident.json == {"detail": "Incident INC-20260101-9999 not found"}


def test_incident_list_refuses_a_bad_filter(pipeline):
    answer = pipeline.api().get("/incidents?severity=grave")
    assert answer.status == 400 and "critical" in answer.json["detail"]


@pytest.mark.parametrize("written, normal", [("Login Failed", "login_failed"), ("LOGIN-FAILED", "login_failed"),
                                             ("coffee_spilled", "unknown")])
def test_event_types_are_normalised(pipeline, written, normal):
    log = wait_until(lambda: pipeline.api().log({"event_type": written}).json.get("log"), "a verdict in time")
    assert log["event_type"] == normal
    assert (normal != "unknown") or "coffee_spilled" in json.dumps(log["metadata"])


def test_operations_pages(pipeline):
    assert pipeline.api(key=None).get("/healthz").status == 200
    wait_until(lambda: pipeline.api(key=None).get("/readyz").status == 200, "it is ready")
    metrics = pipeline.api(key=None).get("/metrics")
    assert metrics.status == 200 and b"siem_" in metrics.body
