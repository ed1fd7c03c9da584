"""The life of rules in a running pipeline: listed with their hits, in the shadow, off, loaded again."""
import json
import os
import signal
import subprocess

import pytest
from support import reload
from support.pipeline import API_KEY, BIN, TOP, Pipeline
from support.waiting import wait_until

RULE = """title: {name}
name: {name}
id: rule-{name}
level: high
status: stable
tags: [attack.t1110]
logsource: {{product: mini-siem}}
detection: {{any: {{event_type: login_failed, username: {name}}}, condition: any}}
"""
NAMES = ("loud", "quiet", "dark", "off", "listed")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules")
    for name in NAMES:
        more = {"quiet": "siem: {mode: shadow}\n", "off": "siem: {mode: disabled}\n"}.get(name, "")
        (path / f"{name}.yml").write_text(RULE.format(name=name) + more)
    return path


@pytest.fixture(scope="module")
def pipeline(directory):
    options = {"SIEM_RULES_DIR": str(directory), "SIEM_RULES_SHADOW": "rule-dark", "SIEM_RULES_DISABLED": " listed ,"}
    with Pipeline(detectors=2, options=options) as running:
        yield running


def siemctl(pipeline, *arguments):
    """(exit status, stdout, stderr)"""
    environment = dict(pipeline.environment, SIEM_URL=f"http://127.0.0.1:{pipeline.port}", API_KEY=API_KEY)
    ended = subprocess.run([os.path.join(BIN, "siemctl"), *arguments], env=environment, cwd=TOP, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def rules_of(pipeline):
    """{name: rule}, once a detector has told."""
    def listed():
        answer = pipeline.api().get("/rules").json
        return answer if answer["total"] else None
    return {rule["title"]: rule for rule in wait_until(listed, "the rules are published")["rules"]}


def log(pipeline, name):
    return wait_until(lambda: pipeline.api().log({"event_type": "login_failed", "username": name, "source_ip": "192.0.2.7"}).json.get("log"),
                      "a verdict in time")


def test_rules_are_listed_with_what_they_are(pipeline):
    rules = rules_of(pipeline)
    assert {name: rule["mode"] for name, rule in rules.items()} == \
        {"loud": "active", "quiet": "shadow", "dark": "shadow", "off": "disabled", "listed": "disabled"}
    assert rules["loud"] == {"id": "rule-loud", "title": "loud", "kind": "rule", "level": "high", "status": "stable", "mode": "active",
                             "tags": ["attack.t1110"], "logsource": {"category": None, "product": "mini-siem", "service": None},
                             "hits": 0, "last_hit": None}


def test_pages_hold_what_was_asked_for(pipeline):
    rules_of(pipeline)
    first = pipeline.api().get("/rules?limit=3").json
    second = pipeline.api().get(f"/rules?limit=3&cursor={first['next_cursor']}").json
    assert (first["count"], second["count"], second["next_cursor"]) == (3, 2, None)
    assert sorted(rule["title"] for rule in first["rules"] + second["rules"]) == sorted(NAMES)
    for query in ("limit=0", "limit=501", "limit=x", "cursor=-1"):
        assert pipeline.api().get("/rules?" + query).status == 422


def test_only_an_active_rule_raises_and_the_shadow_is_counted(pipeline):
    """No incident, no verdict, no alert: only hits, in GET /rules and in the metrics."""
    rules_of(pipeline)
    threats = pipeline.listen()
    assert log(pipeline, "loud")["severity"] == "high"
    for name in ("quiet", "dark", "off", "listed"):
        judged = log(pipeline, name)
        assert judged["severity"] == "info" and not judged.get("rules")
    counted = {name: rule["hits"] for name, rule in rules_of(pipeline).items()}
    assert counted["loud"] >= 1 and counted["quiet"] >= 1 and counted["dark"] >= 1
    assert counted["off"] == counted["listed"] == 0
    assert rules_of(pipeline)["quiet"]["last_hit"] is not None and rules_of(pipeline)["off"]["last_hit"] is None

    def shadows():
        return sum(pipeline.metric(name, 'siem_shadow_hits_total{rule="rule-quiet",title="quiet",level="high"}') or 0
                   for name in pipeline.detectors)

    def copies():
        """Events that came again, which detectors count and a commit does not."""
        return pipeline.metric("incident", 'siem_events_total{stage="commit",outcome="duplicate"}')
    assert shadows() >= counted["quiet"]
    wait_until(lambda: shadows() <= counted["quiet"] + copies(), lambda: f"{shadows()} hits, {copies()} of copies")
    wait_until(threats.threats, "the one threat")
    generation = pipeline.api().get("/rules").json["generation"]
    assert {(threat["username"], threat["generation"]) for threat in threats.threats()} == {("loud", generation)}


def test_siemctl_lists_rules_and_shows_the_generation(pipeline):
    rules_of(pipeline)
    status, out, _ = siemctl(pipeline, "rules", "list")
    assert status == 0 and all(f"rule-{name}" in out for name in NAMES) and "shadow" in out
    generation = pipeline.api().get("/rules").json["generation"]
    assert siemctl(pipeline, "status")[1].count(generation) == 2


def test_siemctl_reload_waits_for_all_detectors_and_tells_of_broken_rules(pipeline, directory):
    before = rules_of(pipeline) and pipeline.api().get("/rules").json["generation"]
    (directory / "more.yml").write_text(RULE.format(name="more"))
    status, out, _ = siemctl(pipeline, "rules", "reload")
    assert status == 0 and out.count("loaded") == 2 and before not in out
    wait_until(lambda: "more" in rules_of(pipeline), "the new rules are listed")
    after = pipeline.api().get("/rules").json["generation"]
    (directory / "more.yml").write_text(RULE.format(name="more").replace("condition: any", "condition: none"))
    status, out, _ = siemctl(pipeline, "rules", "reload")
    assert status == 1 and out.count("kept the old") == 2 and out.count(after) == 2 and "more.yml:8: " in out
    assert "more" in rules_of(pipeline)
    (directory / "more.yml").unlink()
    assert siemctl(pipeline, "rules", "reload")[0] == 0
    wait_until(lambda: "more" not in rules_of(pipeline), "the old rules are listed again")


def test_a_catalogue_that_was_lost_is_published_again(pipeline):
    """A Redis that was emptied knows the rules again, without a restart of the detectors."""
    generation = rules_of(pipeline) and pipeline.api().get("/rules").json["generation"]
    for name in pipeline.detectors:
        pipeline[name].signal(signal.SIGSTOP)

    def lost():
        pipeline.redis.delete(pipeline.key("rules_generation"), pipeline.key(f"rules:{generation}"))
        return pipeline.api().get("/rules").json == {"count": 0, "total": 0, "generation": None, "rules": [], "next_cursor": None}
    try:
        wait_until(lost, "it is lost, also what a detector had just sent")
    finally:
        for name in pipeline.detectors:
            pipeline[name].signal(signal.SIGCONT)
    assert len(rules_of(pipeline)) == len(NAMES)


def test_every_event_is_judged_by_one_generation_while_rules_change(tmp_path):
    """tests/faults/reload does it at full speed."""
    rules = tmp_path / "rules"
    rules.mkdir()
    result = reload.run(str(rules), 8000, 1500, 0.4, detectors=2)
    assert not reload.faults_of(result), json.dumps(result)
