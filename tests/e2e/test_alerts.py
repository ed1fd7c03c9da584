"""Alerts through the whole pipeline; the alerter by itself is tried in test_alerter.py."""
from support.pipeline import Pipeline
from support.waiting import wait_until

QUICK = {"SIEM_ALERT_RETRY": "50ms", "SIEM_ALERT_CLAIM": "5s", "SIEM_ALERT_TIMEOUT": "2m"}


def raise_incident(pipeline, number):
    """One alert's worth; the incident's id."""
    answer = pipeline.api().log({"event_type": "malware_detected", "source_ip": f"203.0.113.{number}"})
    assert answer.status == 200 and answer.json["alert_sent"] is True, answer
    return answer.json["incident_id"]


def deliveries(pipeline, identity):
    return len([text for text in pipeline.webhook.texts() if identity in text])


def outbox_is_empty(pipeline):
    return pipeline.redis.xlen(pipeline.key("outbox")) == 0


def test_without_a_webhook_nothing_is_said_to_be_sent():
    with Pipeline() as pipeline:
        answer = pipeline.api().log({"event_type": "malware_detected", "source_ip": "203.0.113.1"}).json
        assert answer["status"] == "threat_detected" and answer["alert_sent"] is False
        assert pipeline.redis.hget(pipeline.key(f"incident:{answer['incident_id']}"), "alert") == "not_configured"
        assert outbox_is_empty(pipeline)


def test_what_a_dead_alerter_left_is_taken_over():
    """kill -9 of the only alerter, and of one of two: each alert arrives, twice at most."""
    with Pipeline(webhook=True, options=QUICK) as pipeline:
        pipeline["alerter"].kill()
        waiting = [raise_incident(pipeline, number) for number in range(1, 11)]
        pipeline.add_service("alerter-2", SIEM_THREATS_FROM=pipeline.ipc("threats"))
        pipeline["alerter"].start()
        pipeline["alerter-2"].start()
        wait_until(lambda: all(deliveries(pipeline, identity) for identity in waiting), "those that waited are delivered")
        later = [raise_incident(pipeline, number) for number in range(11, 41)]
        pipeline["alerter-2"].kill()
        wait_until(lambda: all(deliveries(pipeline, identity) for identity in later), "the dead one's are delivered")
        wait_until(lambda: outbox_is_empty(pipeline), "the outbox is empty")
        assert max(deliveries(pipeline, identity) for identity in waiting + later) <= 2


def test_a_name_cannot_ping_the_channel():
    with Pipeline(webhook=True, options=QUICK) as pipeline:
        answer = pipeline.api().log({"event_type": "privilege_escalation", "username": "<!channel> & *co*",
                                     "raw_log": "sudo -i"}).json
        wait_until(lambda: deliveries(pipeline, answer["incident_id"]), "delivered")
        text = pipeline.webhook.texts()[0]
        assert "<!channel>" not in text and "&lt;!channel&gt;" in text
