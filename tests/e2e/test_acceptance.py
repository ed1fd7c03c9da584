"""The seven acceptance events: the answer is right, and true to Redis, the threat topic and the webhook."""
import re

import pytest
from support.pipeline import Pipeline
from support.waiting import wait_until

# event, severity (None: no threat), the incident's title
EVENTS = [
    ({"event_type": "login_failed", "source_ip": "203.0.113.1", "username": "ann", "count": 8},
     "medium", "Brute Force Attack from 203.0.113.1"),
    ({"event_type": "suspicious_login", "source_ip": "203.0.113.2", "username": "bob"},
     "medium", "Suspicious Login from 203.0.113.2"),
    ({"event_type": "sql_injection", "source_ip": "203.0.113.3",
      "raw_log": "SELECT * FROM users WHERE id=1 OR 1=1; DROP TABLE users;--"},
     "critical", "SQL Injection Attempt from 203.0.113.3"),
    ({"event_type": "privilege_escalation", "username": "carol", "raw_log": "sudo -i"},
     "high", "Privilege Escalation by carol"),
    ({"event_type": "network_anomaly", "source_ip": "203.0.113.5", "count": 25, "metadata": {"unique_ips_count": 30}},
     "medium", "Network Anomaly: 203.0.113.5"),
    ({"event_type": "login_success", "source_ip": "203.0.113.6", "username": "dave"}, None, None),
    ({"event_type": "file_access", "username": "erin", "source_ip": "203.0.113.7", "raw_log": "read /etc/shadow"},
     "low", "Unauthorized File Access by erin"),
]
LOG_MEMBERS = {"timestamp", "event_type", "severity", "source_ip", "destination_ip", "username", "count", "description",
               "raw_log", "metadata", "is_threat", "threat_details", "id", "rules"}
NAMES = [event["event_type"] for event, _, _ in EVENTS]


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(webhook=True) as running:
        running.threats = running.listen()
        yield running


def check_log(log, event, severity):
    """The answer's `log` is the event as sent, normalised, with the verdict."""
    assert set(log) == LOG_MEMBERS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", log["timestamp"])
    assert log["event_type"] == event["event_type"]
    assert log["count"] == event.get("count", 1)
    for name in ("source_ip", "destination_ip", "username", "raw_log"):
        assert log[name] == event.get(name)
    assert log["metadata"] == event.get("metadata", {})
    assert log["description"] == f"{event['event_type']} event detected"
    assert log["is_threat"] is (severity is not None)
    assert log["severity"] == (severity or "info")
    assert re.fullmatch(r"[0-9a-f]{16}-\d+-\d+\.\d+", log["id"])


@pytest.mark.parametrize("event, severity, title", EVENTS, ids=NAMES)
def test_answer_is_true(pipeline, event, severity, title):
    answer = pipeline.api().log(event)
    assert answer.status == 200, answer
    body = answer.json
    check_log(body["log"], event, severity)
    if severity is None:
        assert body == {"status": "ok", "log": body["log"], "alert_sent": False}
        assert body["log"]["threat_details"] is None and body["log"]["rules"] == []
        return
    assert set(body) == {"status", "log", "incident_id", "alert_sent"}
    assert body["status"] == "threat_detected"
    assert body["alert_sent"] is True
    assert body["log"]["threat_details"]
    assert body["log"]["rules"] and all({"id", "title", "level", "tags"} <= set(rule) for rule in body["log"]["rules"])
    check_incident(pipeline, body, event, severity, title)
    check_topic(pipeline, body, event, severity)
    wait_until(lambda: [text for text in pipeline.webhook.texts() if body["incident_id"] in text], "the webhook heard of it")


def check_incident(pipeline, body, event, severity, title):
    """REST and Redis have the incident the answer names."""
    identity = body["incident_id"]
    assert re.fullmatch(r"INC-\d{8}-\d{4,}", identity)
    incident = pipeline.api().get(f"/incidents/{identity}").json
    assert incident["id"] == identity
    assert incident["title"] == title
    assert incident["severity"] == severity and incident["status"] == "detected"
    assert incident["event_type"] == event["event_type"]
    assert incident["detection_count"] == event.get("count", 1)
    assert incident["source_ip"] == event.get("source_ip")
    assert incident["affected_user"] == event.get("username")
    assert incident["first_seen"] == incident["last_seen"] == body["log"]["timestamp"]
    stored = pipeline.redis.hgetall(pipeline.key(f"incident:{identity}"))
    assert stored["severity"] == severity and stored["alert"] == "queued"
    assert int(stored["detection_count"]) == event.get("count", 1)


def check_topic(pipeline, body, event, severity):
    """The threat topic carried it once, and says what the answer says."""
    wait_until(lambda: [t for t in pipeline.threats.threats() if t["event_id"] == body["log"]["id"]], "the threat was published")
    found = [(topic, t) for topic, t in pipeline.threats.heard if t["event_id"] == body["log"]["id"]]
    assert len(found) == 1
    topic, threat = found[0]
    assert topic == f"threat.{severity}.{event['event_type']}"
    assert threat["incident_id"] == body["incident_id"]
    assert threat["change"] == "opened" and threat["alert_queued"] is True
    assert threat["threat_details"] == body["log"]["threat_details"]
    assert threat["timestamp"] == body["log"]["timestamp"]


def test_brute_force_of_ten_is_high(pipeline):
    answer = pipeline.api().log({"event_type": "login_failed", "source_ip": "203.0.113.10", "count": 10})
    assert answer.json["log"]["severity"] == "high"


def test_an_innocent_admin_is_no_escalation(pipeline):
    answer = pipeline.api().log({"event_type": "login_failed", "raw_log": "Failed login for user 'admin' -- # 1"})
    assert answer.json["status"] == "ok", answer


def test_repetition_joins_the_incident_and_does_not_alert(pipeline):
    event = {"event_type": "login_failed", "source_ip": "203.0.113.20", "count": 8}
    first, second = pipeline.api().log(event).json, pipeline.api().log(event).json
    assert second["incident_id"] == first["incident_id"]
    assert (first["alert_sent"], second["alert_sent"]) == (True, False)
    assert pipeline.api().get(f"/incidents/{first['incident_id']}").json["detection_count"] == 16


def test_escalation_alerts_again(pipeline):
    event = {"event_type": "login_failed", "source_ip": "203.0.113.21", "count": 8}
    first = pipeline.api().log(event).json
    second = pipeline.api().log(dict(event, count=12)).json
    assert second["incident_id"] == first["incident_id"] and second["alert_sent"] is True
    assert pipeline.api().get(f"/incidents/{first['incident_id']}").json["severity"] == "high"
    wait_until(lambda: len([t for t in pipeline.webhook.texts() if first["incident_id"] in t]) == 2, "two alerts")
