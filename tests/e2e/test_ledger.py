"""The books can be read at any time, and balance each time."""
from support.books import check_books
from support.load import Clients
from support.pipeline import Pipeline

CLIENTS, EVENTS, READINGS = 4, 3000, 200


def test_books_balance_at_every_moment():
    with Pipeline(detectors=2) as pipeline:
        load = Clients(pipeline.api, clients=CLIENTS, events=EVENTS, bulk_size=50).start()
        readings, committed = [], 0
        while load.tally.sent < CLIENTS * EVENTS or len(readings) < READINGS:
            readings.append(pipeline.api().get("/ledger").json)
        tally = load.join()
        for ledger in readings:
            assert ledger["balanced"] and ledger["difference"] == 0, ledger
            assert ledger["accepted"] == ledger["committed"] + ledger["quarantined"] + ledger["spooled"], ledger
            assert 0 <= ledger["in_flight"] <= ledger["spooled"], ledger
            assert ledger["committed"] >= committed, "what is committed stays so"
            committed = ledger["committed"]
        check_books(pipeline, tally)
