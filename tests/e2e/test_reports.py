"""The reports, the timeline and the incident list of a day that begins where the zone says, against sums made here."""
import collections
import datetime
import zoneinfo

import pytest
from support.pipeline import Pipeline
from support.waiting import wait_until

ZONE = zoneinfo.ZoneInfo("Asia/Kolkata")
SEVERITIES = ("critical", "high", "medium", "low")
# event type: severity of the finding, by the rules as shipped
THREATS = {"malware_detected": "critical", "suspicious_login": "medium"}


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(options={"SIEM_TIME_ZONE": ZONE.key}) as running:
        yield running


def local(days_ago, clock):
    """That time of a day in the zone."""
    day = datetime.datetime.now(ZONE).date() - datetime.timedelta(days=days_ago)
    return datetime.datetime.combine(day, datetime.time.fromisoformat(clock), ZONE)


def rfc3339(time):
    return time.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def event(time, kind="login_success", **members):
    return dict(members, event_type=kind, timestamp=rfc3339(time))


def week():
    """Events of nine days, some of them a moment before or after the zone's midnight."""
    now = datetime.datetime.now(ZONE)
    events = []
    for days_ago in range(9):
        events += [event(local(days_ago, "00:00:00")), event(local(days_ago, "23:59:59.999"))]
        for number in range(days_ago + 1):
            events.append(event(local(days_ago, "05:00:00"), "malware_detected", source_ip=f"203.0.113.{number}", username=f"user{number}"))
    events += [event(local(0, "06:30:00"), "suspicious_login", count=count, source_ip="198.51.100.1", username="ann")
               for count in (1, 5, 5, 9)]
    # An event may be a little ahead of the clock, not the rest of the day.
    return [each for each in events if datetime.datetime.fromisoformat(each["timestamp"]) <= now]


def report_of(events, days):
    """{date: Counter} of events and threats."""
    total, threats = collections.Counter(), collections.Counter()
    for each in events:
        date = datetime.datetime.fromisoformat(each["timestamp"]).astimezone(ZONE).date().isoformat()
        total[date] += 1
        threats[date] += each["event_type"] in THREATS
    return {date: {"total": total[date], "threats": threats[date]} for date in days}


@pytest.fixture(scope="module")
def sent(pipeline):
    """The events, counted. Expectations go by the dates of the answers, should the day change meanwhile."""
    events = week()
    assert pipeline.api().logs(events).json["rejected"] == 0
    wait_until(lambda: int(pipeline.redis.hget(pipeline.key("ledger"), "committed") or 0) == len(events), "all are counted")
    return events


def hour_of(each):
    return str(datetime.datetime.fromisoformat(each["timestamp"]).astimezone(ZONE).hour)


def of_day(events, date):
    return [each for each in events if datetime.datetime.fromisoformat(each["timestamp"]).astimezone(ZONE).date().isoformat() == date]


def test_daily(pipeline, sent):
    report = pipeline.api(key=None).get("/report/daily").json
    events = of_day(sent, report["report_date"])
    threats = [each for each in events if each["event_type"] in THREATS]
    assert report["summary"] == {"total_events": len(events), "total_threats": len(threats),
                                 "threat_rate": f"{100 * len(threats) / len(events) if events else 0:.2f}%"}
    severities = collections.Counter(THREATS[each["event_type"]] for each in threats)
    assert report["severity_breakdown"] == {name: severities[name] for name in SEVERITIES}
    assert report["hourly_distribution"] == dict(collections.Counter(map(hour_of, events)))
    assert report["hourly_threats"] == dict(collections.Counter(map(hour_of, threats)))
    assert report["top_targeted_users"] == dict(collections.Counter(each["username"] for each in threats))
    order = sorted(threats, key=lambda each: (SEVERITIES.index(THREATS[each["event_type"]]), -each.get("count", 1)))
    assert [each["event_type"] for each in report["top_threats"]] == [each["event_type"] for each in order]


def test_weekly(pipeline, sent):
    report = pipeline.api(key=None).get("/report/weekly").json
    first, last = (datetime.date.fromisoformat(date) for date in report["report_period"].split(" to "))
    assert (last - first).days == 6
    dates = [(first + datetime.timedelta(days=number)).isoformat() for number in range(7)]
    assert report["daily_breakdown"] == report_of(sent, dates) and list(report["daily_breakdown"]) == dates
    events = [each for date in dates for each in of_day(sent, date)]
    threats = [each for each in events if each["event_type"] in THREATS]
    assert report["summary"] == {"total_events": len(events), "total_threats": len(threats),
                                 "avg_daily_events": round(len(events) / 7, 2), "avg_daily_threats": round(len(threats) / 7, 2)}
    assert report["threat_types"] == dict(collections.Counter(each["event_type"] for each in threats))
    assert report["top_attack_sources"] == dict(collections.Counter(each["source_ip"] for each in threats))
    numbers = list(report["top_attack_sources"].values())
    assert numbers == sorted(numbers, reverse=True)
    severities = collections.Counter(THREATS[each["event_type"]] for each in threats)
    assert report["severity_summary"] == {name: severities[name] for name in SEVERITIES}


def test_the_week_goes_on(pipeline, sent):
    """The first report summed the sources up; those that come after it count all the same, late ones in their day."""
    api = pipeline.api()
    before = collections.Counter(api.get("/report/weekly").json["top_attack_sources"])
    assert pipeline.redis.get(pipeline.key("week"))
    more = [event(local(days_ago, "00:30:00"), "malware_detected", source_ip=f"203.0.113.{days_ago % 3}") for days_ago in (1, 2, 6, 6, 7)]
    for each in more:
        assert api.log(each).status == 200
    sent.extend(more)
    report = api.get("/report/weekly").json
    first = datetime.date.fromisoformat(report["report_period"].split(" to ")[0]).isoformat()
    counted = [each for each in more if datetime.datetime.fromisoformat(each["timestamp"]).astimezone(ZONE).date().isoformat() >= first]
    assert report["top_attack_sources"] == before + collections.Counter(each["source_ip"] for each in counted)
    pipeline.redis.delete(pipeline.key("week"))
    assert api.get("/report/weekly").json["top_attack_sources"] == report["top_attack_sources"], "summed up anew"


@pytest.mark.parametrize("hours", [None, 1, 24, 100, 168])
def test_timeline(pipeline, sent, hours):
    times = [datetime.datetime.fromisoformat(each["timestamp"]) for each in sent if each["event_type"] in THREATS]

    def expected():
        since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours or 24)
        return sorted((time for time in times if time >= since), reverse=True)
    before = expected()
    answer = pipeline.api(key=None).get("/threats/timeline" + (f"?hours={hours}" if hours else "")).json
    listed = [datetime.datetime.fromisoformat(each["timestamp"]) for each in answer["timeline"]]
    assert listed in (before, expected()), "an hour may end meanwhile"
    assert answer["count"] == len(answer["timeline"]) == answer["total"]


def test_a_late_threat_stands_where_it_belongs(pipeline, sent):
    time = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=40)
    pipeline.api().log(event(time, "malware_detected", source_ip="192.0.2.99", description="found late"))
    listed = pipeline.api().get("/threats/timeline?hours=168").json["timeline"]
    assert [each["timestamp"] for each in listed] == sorted((each["timestamp"] for each in listed), reverse=True)
    late = [each for each in listed if each["source_ip"] == "192.0.2.99"]
    assert len(late) == 1 and late[0]["description"] == "found late" and late[0]["severity"] == "critical"
    assert "192.0.2.99" not in str(pipeline.api().get("/threats/timeline?hours=39").json)


def test_the_dashboard_is_of_the_same_day(pipeline, sent):
    api = pipeline.api(key=None)

    def of_one_day():
        daily, dashboard = api.get("/report/daily").json, api.get("/dashboard").json
        return daily["report_date"] == api.get("/report/daily").json["report_date"] and (daily, dashboard)
    daily, dashboard = wait_until(of_one_day, "a day that does not end meanwhile")
    assert {name: dashboard[name] for name in ("total_events", "total_threats")} == \
        {name: daily["summary"][name] for name in ("total_events", "total_threats")}
    assert sum(dashboard["top_event_types"].values()) == daily["summary"]["total_threats"]


def test_pages_of_every_filter_come_to_the_whole(pipeline, sent):
    api = pipeline.api(key=None)
    everything = api.get("/incidents?limit=500").json["incidents"]
    assert len(everything) > 20

    def pages(query):
        cursor, found = "", []
        while cursor is not None:
            page = api.get(f"/incidents?limit=3{query}{cursor and '&cursor=' + cursor}").json
            assert page["count"] == len(page["incidents"]) <= 3
            found += page["incidents"]
            cursor = page["next_cursor"]
        return found
    assert pages("") == everything
    assert pages("&severity=critical") == [each for each in everything if each["severity"] == "critical"]
    assert pages("&status=resolved&severity=low") == []
    assert pages("&source_ip=203.0.113.1") == [each for each in everything if each["source_ip"] == "203.0.113.1"] != []
    assert pages("&q=MALWARE%20detected%20on%20203.0.113.2") == [each for each in everything if each["source_ip"] == "203.0.113.2"] != []


@pytest.mark.parametrize("accept, status", [("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 307),
                                            ("*/*", 200), ("application/json", 200), (None, 200)])
def test_browsers_are_sent_to_the_pages(pipeline, accept, status):
    answer = pipeline.api(key=None).get("/", headers={"Accept": accept} if accept else {})
    assert answer.status == status and answer.headers["Vary"] == "Accept"
    assert (answer.headers["Location"] == "/docs") is (status == 307)
