"""A load with kill -9 of every kind of process at set shares of it, and the books afterwards."""
import time

from support.books import check_books
from support.load import REFUSED, STORED, UNKNOWN, Clients
from support.pipeline import Pipeline
from support.waiting import wait_until

KILL_SECONDS = 600  # longest wait for the load to reach a kill


def schedule(detectors, detector_kills, others):
    """[(share of the load, process)], ascending: detectors in turn, the others evenly between."""
    kills = [((number + 1) / (detector_kills + 1), f"detector-{number % detectors + 1}") for number in range(detector_kills)]
    kills += [((number + 0.5) / max(1, len(others)), name) for number, name in enumerate(others)]
    return sorted(kills)


def soak(events=100000, clients=16, detectors=4, detector_kills=10, others=("ingest", "incident", "redis"),
         binaries=None, say=lambda line: None):
    """Runs it; AssertionError when a book is wrong. Returns rows (name, value) for a table."""
    started = time.monotonic()
    options = {"SIEM_CONNECTIONS_MAX": str(clients + 50), "SIEM_VERDICT_TIMEOUT": "2s"}
    with Pipeline(detectors=detectors, binaries=binaries, options=options) as pipeline:
        load = Clients(pipeline.api, clients=clients, events=events // clients)
        total = events // clients * clients
        load.start()
        for share, name in schedule(detectors, detector_kills, others):
            wait_until(lambda: load.tally.sent >= share * total, f"the load reaches {share:.0%}", KILL_SECONDS)
            pipeline[name].kill()
            pipeline[name].start()
            say(f"{load.tally.sent:8d} sent: killed {name}")
        tally = load.join()
        sent_seconds = time.monotonic() - started
        pipeline.wait_ready()
        committed, incidents = check_books(pipeline, tally)
        ledger = pipeline.api().get("/ledger").json
        assert tally.events[REFUSED] == 0, tally.refusals
        return [("events sent", tally.sent), ("  answered 2xx", tally.events[STORED]),
                ("  no or other answer", tally.events[UNKNOWN]), ("committed (Redis)", committed),
                ("accepted (/ledger)", ledger["accepted"]), ("spooled (/ledger)", ledger["spooled"]),
                ("quarantined", ledger["quarantined"]), ("incidents expected and exact", incidents),
                ("kills -9", detector_kills + len(others)), ("seconds of load", round(sent_seconds, 1)),
                ("seconds in all", round(time.monotonic() - started, 1))]
