"""Do the books balance? What the clients know, /ledger, /dashboard and a scan of Redis, side by side."""
import time

from support.load import FAILURES, STORED, UNKNOWN
from support.waiting import PATIENCE_SECONDS, wait_until


def day_hashes(pipeline):
    """The counters of every day in Redis."""
    days = [name for name in pipeline.redis.scan_iter(pipeline.key("day:????????"), count=1000)]
    return [pipeline.redis.hgetall(name) for name in days]


def counted(pipeline):
    """Events in the days' counters, by a scan of Redis."""
    return sum(int(day.get("total", 0)) for day in day_hashes(pipeline))


def incidents_of(pipeline):
    """Every incident that stands in the index, as Redis has it."""
    identities = pipeline.redis.zrange(pipeline.key("incidents"), 0, -1)
    reads = pipeline.redis.pipeline(transaction=False)
    for identity in identities:
        reads.hgetall(pipeline.key(f"incident:{identity}"))
    return reads.execute()


def ledger_of(pipeline):
    """GET /ledger, or None while it cannot be had."""
    try:
        answer = pipeline.api().get("/ledger")
    except OSError:
        return None
    return answer.json if answer.status == 200 else None


def settle(pipeline, seconds=PATIENCE_SECONDS):
    """Waits until all that was accepted is committed; returns the ledger."""
    def settled():
        ledger = ledger_of(pipeline)
        if ledger and ledger["spooled"] == 0 and ledger["accepted"] == ledger["committed"] + ledger["quarantined"]:
            return ledger
        return None
    return wait_until(settled, lambda: f"accepted = committed + quarantined: {ledger_of(pipeline)}", seconds)


def check_totals(pipeline, tally, earlier=0):
    """Every stored event is counted once, no unknown one twice; returns the committed total of this load."""
    ledger = settle(pipeline)
    committed = ledger["committed"] - earlier
    stored, unknown = tally.events[STORED], tally.events[UNKNOWN]
    assert stored <= committed <= stored + unknown, f"stored {stored}, unknown {unknown}, committed {committed}"
    assert ledger["quarantined"] == 0
    assert counted(pipeline) == ledger["committed"], "a scan of the days' counters agrees with the ledger"
    check_dashboard(pipeline)
    return committed


def check_dashboard(pipeline):
    """Its total is that of today in Redis, or of yesterday when it is midnight."""
    days = [time.strftime("%Y%m%d", time.gmtime())]
    total = pipeline.api().get("/dashboard").json["total_events"]
    days.append(time.strftime("%Y%m%d", time.gmtime()))
    stored = [int(pipeline.redis.hget(pipeline.key(f"day:{day}"), "total") or 0) for day in days]
    assert total in stored, f"the dashboard says {total}, Redis {stored}"


def check_incidents(pipeline, tally):
    """Each source address of the load's threats has one incident, with what was stored and no more."""
    by_source, doubled = {}, []
    for incident in incidents_of(pipeline):
        source = incident.get("source_ip")
        if source in tally.threats:
            if source in by_source:
                doubled.append(source)
            by_source[source] = int(incident["detection_count"])
    assert not doubled, f"{len(doubled)} sources with two incidents: {doubled[:5]}"
    wrong = []
    for source, row in tally.threats.items():
        least, most = FAILURES * row[STORED], FAILURES * (row[STORED] + row[UNKNOWN])
        if not least <= by_source.get(source, 0) <= most:
            wrong.append((source, row, by_source.get(source)))
    assert not wrong, f"{len(wrong)} incidents are not exact: {wrong[:5]}"
    return len(by_source)


def check_books(pipeline, tally, earlier=0):
    """All of it."""
    committed = check_totals(pipeline, tally, earlier)
    return committed, check_incidents(pipeline, tally)
