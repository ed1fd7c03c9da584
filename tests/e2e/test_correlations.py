"""Correlations through the whole pipeline: the event that completes one is told so; and whatever is killed while events
come in any order, the incidents are those of an oracle that sees them all."""
import glob
import json
import os
import random
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone

import pytest
from support.books import incidents_of, settle
from support.pipeline import TOP, Pipeline
from support.waiting import wait_until

SCENARIOS = os.path.join(TOP, "tests", "scenarios")
SECOND, MINUTE = 1000, 60000
SEEDS = int(os.environ.get("CORRELATION_SEEDS", "1"))  # of the streams with kills; tests/faults/correlations tries more
GROUPING_MS = 15 * MINUTE


def stamp(milliseconds):
    """RFC 3339 of a time in ms since 1970."""
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def scenarios():
    """Names of those that expect correlations."""
    names = []
    for path in sorted(glob.glob(os.path.join(SCENARIOS, "*", "expect.json"))):
        with open(path) as text:
            if '"correlations": ["' in text.read():
                names.append(os.path.basename(os.path.dirname(path)))
    return names


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(detectors=2) as running:
        yield running


@pytest.mark.parametrize("place, name", list(enumerate(scenarios())), ids=lambda value: value if isinstance(value, str) else "")
def test_answers_name_correlations(pipeline, place, name):
    """Every event's answer has exactly the rules and correlations its scenario expects; the incident is there."""
    with open(os.path.join(SCENARIOS, name, "input.jsonl")) as lines:
        events = [json.loads(line) for line in lines]
    with open(os.path.join(SCENARIOS, name, "expect.json")) as text:
        expected = {row["line"]: row for row in json.load(text)["events"]}
    then = datetime.fromisoformat(min(event["timestamp"] for event in events).replace("Z", "+00:00"))
    shift = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=2 + 2 * place) - then
    order = sorted(range(len(events)), key=lambda at: events[at]["timestamp"])
    for at in order:
        moment = datetime.fromisoformat(events[at]["timestamp"].replace("Z", "+00:00")) + shift
        answer = pipeline.api().log(dict(events[at], timestamp=moment.isoformat()))
        assert answer.status == 200, answer
        titles = {rule["title"] for rule in answer.json["log"]["rules"]}
        wanted = set(expected[at + 1]["rules"]) | set(expected[at + 1]["correlations"])
        assert titles == wanted, f"line {at + 1}: {expected[at + 1]['why']}"
        assert (answer.json["status"] == "threat_detected") == bool(wanted)
        if wanted:
            incident = pipeline.api().get(f"/incidents/{answer.json['incident_id']}").json
            assert wanted & {rule["title"] for rule in incident["rules"]}
            assert all(rule["id"] and rule["level"] for rule in answer.json["log"]["rules"])


def test_single_logins_are_one_incident_with_all_of_them(pipeline):
    """Five single failures are told and counted as one event with a count of five is."""
    listener = pipeline.listen()
    begin = datetime.now(timezone.utc) - timedelta(hours=1)
    for number in range(5):
        event = {"event_type": "login_failed", "source_ip": "203.0.113.77", "username": f"user{number}",
                 "timestamp": (begin + timedelta(seconds=number)).isoformat()}
        answer = pipeline.api().log(event).json
    assert answer["status"] == "threat_detected" and answer["log"]["severity"] == "medium"
    assert answer["log"]["threat_details"] == "Brute force: 5 or more failed logins from 203.0.113.77 within 5 minutes"
    incident = pipeline.api().get(f"/incidents/{answer['incident_id']}").json
    assert incident["title"] == "Brute Force Attack from 203.0.113.77"
    assert incident["detection_count"] == 5 and incident["source_ip"] == "203.0.113.77"
    threat = wait_until(lambda: [threat for threat in listener.threats() if threat["incident_id"] == answer["incident_id"]],
                        "the threat is published")[0]
    assert threat["event_id"] == answer["log"]["id"] and threat["detection_count"] == 5
    assert threat["severity"] == "medium" and threat["count"] == 1
    assert [rule["title"] for rule in threat["rules"]] == ["Brute Force Attack by Single Logins"]
    again = pipeline.api().log(dict(event, count=7)).json
    assert again["incident_id"] == answer["incident_id"], "a count and single events share the incident"
    incident = pipeline.api().get(f"/incidents/{answer['incident_id']}").json
    assert incident["detection_count"] == 12 and len(incident["rules"]) == 2


# The oracle: every window from scratch.

def measure_count(window):
    return sum(event["count"] for event in window)


def measure_distinct(field):
    return lambda window: len({event[field] for event in window})


# title, group-by, minutes, measure, at least
RULES = [
    ("Brute Force Attack by Single Logins", "source_ip", 5, measure_count, 5),
    ("Password Spraying", "source_ip", 10, measure_distinct("username"), 10),
    ("Account Attacked from Many Addresses", "username", 10, measure_distinct("source_ip"), 5),
]


def windows_of(events, span, measure, least):
    """[(first, last, occurrences)] of the windows that fire, each occurrence counted with the first window it is in."""
    events = sorted(events, key=lambda event: event["time"])
    found, belong = [], set()
    for last in sorted({event["time"] for event in events}):
        window = [at for at, event in enumerate(events) if last - span <= event["time"] <= last]
        if measure([events[at] for at in window]) >= least:
            fresh = [at for at in window if at not in belong]
            found.append((events[window[0]]["time"], last, sum(events[at]["count"] for at in fresh)))
            belong.update(window)
    return found


def episodes_of(windows):
    """Windows that are closer than the grouping window are one incident: (first, last, occurrences)."""
    found = []
    for first, last, count in sorted(windows):
        if found and first - found[-1][1] <= GROUPING_MS:
            found[-1] = (found[-1][0], max(found[-1][1], last), found[-1][2] + count)
        else:
            found.append((first, last, count))
    return found


def expected_incidents(events):
    """{(rule, group): [(first, last, occurrences)]}"""
    found = {}
    for title, field, minutes, measure, least in RULES:
        groups = defaultdict(list)
        for event in events:
            groups[event[field]].append(event)
        for group, members in groups.items():
            episodes = episodes_of(windows_of(members, minutes * MINUTE, measure, least))
            if episodes:
                found[title, group] = episodes
    return found


def actual_incidents(pipeline):
    found = defaultdict(list)
    for incident in incidents_of(pipeline):
        title = json.loads(incident["rules"])[0]["title"]
        group = incident["affected_user"] if title.startswith("Account") else incident["source_ip"]
        found[title, group].append((int(incident["first_seen"]), int(incident["last_seen"]),
                                    int(incident["detection_count"])))
    return {name: sorted(rows) for name, rows in found.items()}


def make_stream(seed, count):
    """Failed logins of forty minutes, in the order of their arrival: each up to five minutes late."""
    chance = random.Random(seed)
    begin = int(time.time() * 1000) // 1000 * 1000 - 90 * MINUTE
    events = []
    for _ in range(count):
        when = begin + chance.randrange(40 * 60) * SECOND
        quiet = (when // (10 * MINUTE)) % 2
        events.append({"time": when, "arrives": when + chance.randrange(5 * MINUTE), "count": chance.choice([1, 1, 1, 2]),
                       "source_ip": f"198.51.100.{chance.randrange(12 if quiet else 5)}",
                       "username": f"user{chance.randrange(60 if quiet else 15)}"})
    return sorted(events, key=lambda event: event["arrives"])


def send(pipeline, events, chance):
    """In requests of random sizes, through whichever detector is free; again until it is answered."""
    while events:
        size = chance.choice([1, 1, 5, 20])
        part, events = events[:size], events[size:]
        body = [{"event_type": "login_failed", "timestamp": stamp(event["time"]), "source_ip": event["source_ip"],
                 "username": event["username"], "count": event["count"]} for event in part]
        answer = pipeline.api().logs(body)
        assert answer.status == 202, answer


def disturb(pipeline, chance):
    """kill -9 of a detector, the incident process or Redis; or another number of detectors."""
    victim = chance.choice(["detector", "detector", "incident", "redis", "scale"])
    if victim == "scale":
        pipeline.scale(chance.randrange(1, 5))
        return
    if victim == "detector":
        victim = chance.choice([name for name in pipeline.detectors if pipeline[name].running])
    pipeline[victim].kill()
    pipeline[victim].start()
    if victim == "redis":
        pipeline.wait_redis()


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_kills_and_disorder_change_nothing(seed):
    """P2: detectors come and go, processes and Redis are killed, events are late within the bound: the same incidents."""
    chance, events, sent = random.Random(seed), make_stream(seed, 400), []
    with Pipeline(detectors=3) as pipeline:
        # What is in flight may be sent again after what follows it, so no more than is within the bound.
        while events:
            until = events[0]["arrives"] + 4 * MINUTE
            part = [event for event in events if event["arrives"] <= until]
            events = events[len(part):]
            sent += part
            half = len(part) // 2
            send(pipeline, part[:half], chance)
            disturb(pipeline, chance)
            send(pipeline, part[half:], chance)
            settle(pipeline)
        expected = expected_incidents(sent)
        assert len(expected) > 10, "the stream has something to find"
        assert actual_incidents(pipeline) == expected
        ledger = pipeline.redis.hgetall(pipeline.key("ledger"))
        assert "contributions_late" not in ledger and "contributions_evicted" not in ledger


def test_a_batch_that_opens_thousands_of_incidents_is_committed_whole(tmp_path):
    """What the script writes at once is more than one call of Redis may carry."""
    rules, events = 16, 256
    text = ("title: Failed\nid: r0\nname: failed\nstatus: stable\nlogsource: {product: mini-siem}\nlevel: informational\n"
            "detection: {s: {event_type: login_failed}, condition: s}\n")
    for number in range(rules):
        text += (f"---\ntitle: C{number}\nid: c{number}\nstatus: stable\nlevel: medium\nsiem: {{details: d}}\ncorrelation: "
                 "{type: event_count, rules: failed, group-by: [source_ip], timespan: 1m, condition: {gte: 1}}\n")
    (tmp_path / "rules.yml").write_text(text)
    with Pipeline(options={"SIEM_RULES_DIR": str(tmp_path)}) as pipeline:
        sent = [{"event_type": "login_failed", "source_ip": f"10.0.0.{number}"} for number in range(events)]
        assert pipeline.api().logs(sent).status == 202
        settle(pipeline)
        redis, key = pipeline.redis, pipeline.key
        counts = [redis.zcard(key("incidents")), redis.zcard(key("timeline")), redis.xlen(key("threats")), redis.xlen(key("audit")),
                  len(redis.keys(key("episode:*"))), int(redis.hget(key("ledger"), "incidents"))]
        assert counts == [rules * events] * len(counts)
