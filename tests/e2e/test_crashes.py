"""kill -9 of every process under load: what was answered 2xx is counted once, incidents are exact."""
import signal

import pytest
from support.books import check_books, counted, ledger_of
from support.load import REFUSED, Clients
from support.pipeline import Pipeline
from support.waiting import wait_until

CLIENTS, EVENTS = 4, 1500
KILLS = 3  # of each, while the load runs
PATIENCE = {"SIEM_VERDICT_TIMEOUT": "2s"}  # a client whose verdict died with a process goes on


def progress(pipeline, fraction):
    """True when that share of the load has been sent."""
    return lambda: pipeline.load.tally.sent >= fraction * CLIENTS * EVENTS


def restart_redis(pipeline):
    pipeline["redis"].kill()
    pipeline["redis"].start()
    pipeline.wait_redis()


def restart(name):
    def kill_and_start(pipeline):
        pipeline[name].kill()
        pipeline[name].start()
    return kill_and_start


@pytest.mark.parametrize("victim, crash", [
    ("detector", restart("detector-1")), ("ingest", restart("ingest")),
    ("incident", restart("incident")), ("redis", restart_redis)], ids=lambda value: value if isinstance(value, str) else "")
def test_kill_under_load(victim, crash):
    with Pipeline(detectors=2, options=PATIENCE) as pipeline:
        pipeline.load = Clients(pipeline.api, clients=CLIENTS, events=EVENTS, bulk_size=50).start()
        for kill in range(KILLS):
            wait_until(progress(pipeline, (kill + 1) / (KILLS + 2)), "the load goes on", 120)
            crash(pipeline)
        tally = pipeline.load.join()
        assert tally.events[REFUSED] == 0, tally.refusals
        pipeline.wait_ready()
        committed, incidents = check_books(pipeline, tally)
        assert committed > 0 and incidents > 0


def test_stalled_redis_delays_but_loses_nothing():
    """While Redis hangs, senders are told 202 or 503; afterwards all that was taken is counted."""
    with Pipeline(options={"SIEM_VERDICT_TIMEOUT": "300ms"}) as pipeline:
        pipeline["redis"].signal(signal.SIGSTOP)
        clients = Clients(pipeline.api, clients=2, events=60, bulk_size=20)
        statuses = pipeline.api().log({"event_type": "login_success"}).status
        assert statuses in (202, 503)
        tally = clients.start().join()
        pipeline["redis"].signal(signal.SIGCONT)
        pipeline.wait_ready()
        assert tally.events[REFUSED] == 0
        tally.events["stored"] += statuses == 202
        check_books(pipeline, tally)


def test_redelivery_counts_once():
    """A receipt that is late makes ingest send again; the copies are recognised."""
    with Pipeline() as pipeline:
        api = pipeline.api()
        pipeline["incident"].signal(signal.SIGSTOP)
        threat = {"event_type": "suspicious_login", "source_ip": "203.0.113.1"}
        assert api.logs([threat] * 20).status == 202
        wait_until(lambda: pipeline.metric("ingest", 'siem_batches_resent_total{cause="timeout"}') >= 2,
                   "ingest has sent the batch again")
        pipeline["incident"].signal(signal.SIGCONT)
        wait_until(lambda: (ledger_of(pipeline) or {}).get("committed") == 20, "all are committed")
        wait_until(lambda: pipeline.metric("incident", 'siem_commits_total{outcome="duplicate"}') >= 1,
                   "the copies were recognised")
        assert ledger_of(pipeline)["committed"] == 20
        assert counted(pipeline) == 20
        assert api.get("/incidents").json["incidents"][0]["detection_count"] == 20
