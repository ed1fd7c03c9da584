"""Detectors hold no state: their number changes under load, and changes nothing in the outcome."""
import time

from support.books import check_books, incidents_of, day_hashes, settle
from support.load import REFUSED, UNKNOWN, Clients
from support.pipeline import Pipeline
from support.waiting import wait_until

# A fixed stream: its own times, the day before yesterday, so that every run sees the same.
DAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400))
# Of an incident: what depends on the order of arrival.
ORDER = {"id", "number", "revision", "alert"}


def test_scaling_under_load():
    """1 → 4 → 1 detectors while events flow: exact, and nobody is refused."""
    with Pipeline(detectors=1) as pipeline:
        load = Clients(pipeline.api, clients=4, events=1500, bulk_size=50).start()
        for number, share in ((4, 0.2), (1, 0.5), (3, 0.7)):
            wait_until(lambda: load.tally.sent > share * 6000, "the load goes on", 120)
            pipeline.scale(number)
        tally = load.join()
        assert tally.events[REFUSED] == 0 and tally.events[UNKNOWN] == 0, tally.events
        check_books(pipeline, tally)


def fixed_stream():
    """Some 3 000 events of every kind that interleave many episodes; those by address come again later than the window."""
    events = []
    for number in range(3000):
        at = f"{DAY}T09:{number // 60 % 60:02}:{number % 60:02}Z"
        address, user = f"198.51.100.{number % 23}", f"user{number % 17}"
        kind = number % 9
        if kind == 0:
            event = {"event_type": "login_failed", "count": 5 + number % 8, "source_ip": address, "username": user}
        elif kind == 1:
            event = {"event_type": "sql_injection", "source_ip": address, "raw_log": "id=1 OR 1=1; DROP TABLE users;--"}
        elif kind == 2:
            event = {"event_type": "privilege_escalation", "username": user, "raw_log": "sudo -i"}
        elif kind == 3:
            event = {"event_type": "file_access", "username": user, "raw_log": "cat /etc/shadow"}
        elif kind == 4:
            event = {"event_type": "malware_detected", "source_ip": address}
        else:
            event = {"event_type": "login_success", "username": user, "source_ip": address}
        events.append(dict(event, timestamp=at))
    return events


def outcome(detectors):
    """Incidents and counters that the stream leaves behind, as comparable values."""
    # A detector that hardly gets to run is overtaken by the others, but not by more than the lateness.
    options = {"SIEM_GROUPING_WINDOW": "3m", "SIEM_LATENESS": "2h"}
    with Pipeline(detectors=detectors, options=options) as pipeline:
        api = pipeline.api()
        events = fixed_stream()
        for at in range(0, len(events), 75):
            assert api.logs(events[at:at + 75]).status == 202
        settle(pipeline)
        incidents = sorted(tuple(sorted((name, value) for name, value in incident.items() if name not in ORDER))
                           for incident in incidents_of(pipeline))
        statistics = {name: {key: float(value) for key, value in read(name).items()} for name, read in hashes(pipeline)}
        return incidents, day_hashes(pipeline), statistics


def hashes(pipeline):
    """(name, reader) of the days' names and the rules' hits."""
    for name in pipeline.redis.scan_iter(pipeline.key("day:*"), count=1000):
        if name.endswith((":addresses", ":users")):
            yield name, lambda name: dict(pipeline.redis.zrange(name, 0, -1, withscores=True))
        elif name.endswith(":types"):
            yield name, pipeline.redis.hgetall
    yield pipeline.key("rule_hits"), pipeline.redis.hgetall


def test_same_outcome_with_any_number_of_detectors():
    one = outcome(1)
    assert len(one[0]) > 50 and one[2]
    for detectors in (2, 4):
        other = outcome(detectors)
        assert other[0] == one[0], f"incidents differ with {detectors} detectors"
        assert other[1] == one[1] and other[2] == one[2], f"counters differ with {detectors} detectors"
