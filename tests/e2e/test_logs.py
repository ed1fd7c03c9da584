"""The log: one JSON object a line, whatever senders write; events at debug, threats as warnings."""
import json

import pytest
from support.pipeline import Pipeline
from support.waiting import wait_until

HOSTILE = "".join(map(chr, list(range(32)) + [127, 0x9b, 0x202e, 0x2028, 0x1f600])) + '"\\\n{"level":"error"}'
SERVICES = ("ingest", "detector-1", "incident", "alerter")


@pytest.fixture(scope="module")
def logs():
    """{service: [line]} of a pipeline that saw a login and the same two threats, one of them from a bulk."""
    with Pipeline(options={"SIEM_LOG_LEVEL": "debug"}) as pipeline:
        threat = {"event_type": "malware_detected", "source_ip": "203.0.113.7", "username": HOSTILE, "count": 3}
        assert pipeline.api().log(threat).status == 200
        assert pipeline.api().log({"event_type": "login_success", "description": HOSTILE}).status == 200
        assert pipeline.api().logs([threat, {"event_type": HOSTILE}]).status == 202
        pipeline.api().get("/%1b%0a%7f")
        wait_until(lambda: pipeline["incident"].log().count('"message":"threat"') == 2, "both threats are logged")
        raw = {}
        for service in SERVICES:
            with open(pipeline[service].log_path, "rb") as file:
                raw[service] = file.read()
        yield raw


def lines(logs, service, message):
    return [line for line in map(json.loads, logs[service].decode().split("\n")[:-1]) if line["message"] == message]


@pytest.mark.parametrize("service", SERVICES)
def test_every_line_is_one_object_without_control_characters(logs, service):
    assert not set(logs[service].decode()) & set(map(chr, set(range(32)) - {10} | {127, 0x9b, 0x202e, 0x2028}))
    for line in logs[service].decode().split("\n")[:-1]:
        assert {"timestamp", "level", "service", "message"} <= set(json.loads(line))


def test_every_event_is_there_at_debug(logs):
    events = lines(logs, "ingest", "event")
    assert [(event["level"], event["event_type"], event["count"]) for event in events] == [
        ("debug", "malware_detected", 3), ("debug", "login_success", 1), ("debug", "malware_detected", 3), ("debug", "unknown", 1)]
    assert events[0]["username"] == HOSTILE and events[1]["description"] == HOSTILE and events[1]["username"] is None


def test_threats_are_warnings_unless_they_repeat(logs):
    first, again = lines(logs, "incident", "threat")
    assert (first["level"], first["change"], again["level"], again["change"]) == ("warning", "opened", "debug", "repeated")
    for threat in (first, again):
        assert (threat["severity"], threat["event_type"], threat["source_ip"]) == ("critical", "malware_detected", "203.0.113.7")
        assert threat["incident_id"].startswith("INC-") and threat["username"] == HOSTILE and threat["threat_details"]
