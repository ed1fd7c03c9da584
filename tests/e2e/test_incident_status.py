"""The life of an incident: statuses, notes, revisions, and what the lists and statistics say of it."""
import pytest
from support.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline() as running:
        yield running


def open_incident(pipeline, address):
    return pipeline.api().log({"event_type": "suspicious_login", "source_ip": address}).json["incident_id"]


def test_status_in_the_query_and_in_the_body(pipeline):
    identity = open_incident(pipeline, "203.0.113.1")
    api = pipeline.api()
    first = api.request("POST", f"/incidents/{identity}/status?status=analyzing&analyst_notes=looking%20into%20it")
    assert first.status == 200 and first.json["status"] == "updated", first
    assert first.json["incident"]["status"] == "analyzing"
    assert first.json["incident"]["analyst_notes"] == "looking into it"
    second = api.request("POST", f"/incidents/{identity}/status", {"status": "resolved", "resolution": "blocked"})
    assert second.json["incident"]["status"] == "resolved" and second.json["incident"]["resolution"] == "blocked"
    assert second.json["incident"]["revision"] > first.json["incident"]["revision"]
    assert api.get(f"/incidents/{identity}").json == second.json["incident"]


def test_refusals(pipeline):
    identity = open_incident(pipeline, "203.0.113.2")
    api = pipeline.api()
    bad = api.request("POST", f"/incidents/{identity}/status?status=solved")
    assert bad.status == 400 and bad.json["detail"].startswith("Invalid status value: solved. Must be one of: [")
    gone = api.request("POST", "/incidents/INC-20200101-0001/status?status=resolved")
    assert gone.status == 404 and gone.json == {"detail": "Incident INC-20200101-0001 not found"}


def test_the_faster_one_wins(pipeline):
    identity = open_incident(pipeline, "203.0.113.3")
    api = pipeline.api()
    revision = api.get(f"/incidents/{identity}").json["revision"]
    path = f"/incidents/{identity}/status"
    assert api.request("POST", path, {"status": "analyzing"}, {"If-Match": str(revision)}).status == 200
    assert api.request("POST", path, {"status": "resolved"}, {"If-Match": str(revision)}).status == 412
    assert api.get(f"/incidents/{identity}").json["status"] == "analyzing"


@pytest.mark.parametrize("number, tags, status", [
    (1, '"{}"', 200), (2, '"999", "{}"', 200), (3, '"999","998"', 412), (4, 'W/"{}"', 412), (5, 'W/"{}", "{}"', 200), (6, '"0{}"', 412),
    (7, '"999,{},998"', 412), (8, "*", 200), (9, '*, "999"', 412), (10, "", 412), (11, "{} \t", 200), (12, '"1{}", "{}1"', 412)])
def test_any_of_several_revisions_will_do(pipeline, number, tags, status):
    identity = open_incident(pipeline, f"203.0.113.{20 + number}")
    api = pipeline.api()
    revision = str(api.get(f"/incidents/{identity}").json["revision"])
    answer = api.request("POST", f"/incidents/{identity}/status", {"status": "analyzing"}, {"If-Match": tags.replace("{}", revision)})
    assert answer.status == status, answer


def test_revisions_on_several_lines(pipeline):
    identity = open_incident(pipeline, "203.0.113.40")
    api = pipeline.api()
    revision = api.get(f"/incidents/{identity}").json["revision"]
    path = f"/incidents/{identity}/status"
    assert api.request("POST", path, {"status": "analyzing"}, {"If-Match": '"999"', "if-match": '"998"'}).status == 412
    assert api.request("POST", path, {"status": "analyzing"}, {"If-Match": '"999"', "if-match": f'"{revision}"'}).status == 200


def test_a_closed_incident_is_not_reopened_by_repetition(pipeline):
    identity = open_incident(pipeline, "203.0.113.4")
    pipeline.api().request("POST", f"/incidents/{identity}/status", {"status": "resolved"})
    assert open_incident(pipeline, "203.0.113.4") != identity
    assert pipeline.api().get(f"/incidents/{identity}").json["status"] == "resolved"


def test_lists_and_statistics_agree(pipeline):
    api = pipeline.api()
    everything = api.get("/incidents?limit=200").json
    assert everything["count"] == len(everything["incidents"])
    numbers = [incident["id"] for incident in everything["incidents"]]
    assert numbers == sorted(numbers, reverse=True)
    statistics = api.get("/incidents/stats").json
    assert statistics["total_incidents"] == everything["count"]
    for status, count in statistics["by_status"].items():
        listed = api.get(f"/incidents?status={status}&limit=200").json
        assert listed["count"] == count == len([i for i in everything["incidents"] if i["status"] == status])
    for severity, count in statistics["by_severity"].items():
        assert api.get(f"/incidents?severity={severity}&limit=200").json["count"] == count
    active = sum(statistics["by_status"][name] for name in ("detected", "analyzing", "in_progress"))
    assert statistics["active_count"] == active == api.get("/dashboard").json["active_incidents"]
    assert api.get("/dashboard").json["resolved_incidents"] == statistics["by_status"]["resolved"]
