"""Redis forgets the starts of an ingest that are over, and nothing counts twice or not at all for it."""
import os
import shutil
import signal

from support.books import check_totals, counted, settle
from support.load import Tally, STORED
from support.pipeline import Pipeline
from support.waiting import wait_until

EVENTS = 7  # single ones, so as many batches, and one bulk of 300 after them
BULK = 300


def send(pipeline):
    """Some batches; returns how many events."""
    for number in range(EVENTS):
        assert pipeline.api().log({"event_type": "log", "source_ip": f"192.0.2.{number}"}).status == 200
    assert pipeline.api().logs([{"event_type": "log"}] * BULK).status == 202
    return EVENTS + BULK


def start_again(pipeline, kill):
    """The next epoch begins."""
    ingest = pipeline["ingest"]
    if kill:
        ingest.kill()
    else:
        assert ingest.stop() == 0
    ingest.start()
    pipeline.wait_ready()


def floors(pipeline):
    return pipeline.redis.hgetall(pipeline.key("floors"))


def producer(pipeline):
    return pipeline.api().get("/ledger").json["producers"][0]["producer"]


def batches_sent(pipeline):
    """Since ingest started; 0 while it does not answer yet."""
    try:
        return pipeline.metric("ingest", "siem_batches_sent_total")
    except OSError:
        return 0


def wait_closed(pipeline, epoch):
    """Only the epoch that is written to, and the note that those before it are closed, are left."""
    name = producer(pipeline)
    expected = {name, f"{name}-{epoch}"}
    wait_until(lambda: set(floors(pipeline)) == expected, lambda: f"{expected} are left of {floors(pipeline)}")
    assert floors(pipeline)[name] == str(epoch)


def check(pipeline, sent):
    tally = Tally()
    tally.events[STORED] = sent
    check_totals(pipeline, tally)
    log = pipeline["ingest"].log()
    assert "number of one that is over" not in log, "no epoch was taken for another"
    assert pipeline.metric("ingest", "siem_batches_lost_total") == 0


def test_starts_that_are_over_are_forgotten_and_count_once():
    with Pipeline(detectors=2) as pipeline:
        sent = send(pipeline)
        for epoch in range(2, 7):
            start_again(pipeline, kill=epoch % 2 == 0)
            sent += send(pipeline)
        settle(pipeline)
        wait_closed(pipeline, 6)
        pages = {name.split(":")[-2] for name in pipeline.redis.scan_iter(pipeline.key("dedup:*"))}
        assert pages <= {f"{producer(pipeline)}-6"}, "no bitmap of a closed epoch is left"

        # A new start sends the last batch of every epoch that is on the disk once more, unless a receipt says
        # before that it is committed. None does while the incident process stands still.
        before = pipeline.metric("incident", 'siem_commits_total{outcome="duplicate"}')
        pipeline["incident"].signal(signal.SIGSTOP)
        pipeline["ingest"].kill()
        pipeline["ingest"].start()
        wait_until(lambda: batches_sent(pipeline) >= 6, "batches of closed epochs are sent")
        pipeline["incident"].signal(signal.SIGCONT)
        pipeline.wait_ready()
        sent += send(pipeline)
        wait_until(lambda: pipeline.metric("incident", 'siem_commits_total{outcome="duplicate"}') >= before + 6,
                   "batches of closed epochs came again")
        wait_closed(pipeline, 7)
        check(pipeline, sent)
        assert "Redis went back" not in pipeline["ingest"].log()


def test_a_redis_restored_from_before_a_closing_is_healed():
    with Pipeline(detectors=2) as pipeline:
        kept, copy = os.path.join(pipeline.directory, "redis"), os.path.join(pipeline.directory, "redis-copy")
        sent = send(pipeline)
        start_again(pipeline, kill=False)
        sent += send(pipeline)
        settle(pipeline)
        wait_closed(pipeline, 2)
        shutil.copytree(kept, copy)  # nothing is written now; every commit is on the disk
        then = counted(pipeline)

        sent += send(pipeline)
        start_again(pipeline, kill=True)
        sent += send(pipeline)
        settle(pipeline)
        wait_closed(pipeline, 3)

        pipeline["redis"].kill()
        shutil.rmtree(kept)
        shutil.copytree(copy, kept)
        pipeline["incident"].signal(signal.SIGSTOP)  # nothing is healed before it is seen
        pipeline["redis"].start()
        pipeline.wait_redis()
        assert counted(pipeline) == then < sent, "Redis has lost a part of epoch 2, all of epoch 3, and their closing"
        pipeline["incident"].signal(signal.SIGCONT)
        wait_until(lambda: counted(pipeline) >= sent, lambda: f"{sent} events are counted, not {counted(pipeline)}")
        wait_closed(pipeline, 3)
        check(pipeline, sent)


def test_a_disk_that_lost_its_end_with_the_power_counts_nothing_twice():
    """The sync of events with a verdict is put off: what was answered is in Redis, and may be gone from the spool."""
    with Pipeline(detectors=2) as pipeline:
        kept, copy = (os.path.join(pipeline["ingest"].environment["SIEM_STATE_DIR"], name) for name in ("spool", "copy"))
        sent = send(pipeline)
        settle(pipeline)
        shutil.copytree(kept, copy)
        sent += send(pipeline)
        settle(pipeline)
        pipeline["ingest"].kill()
        shutil.rmtree(kept)
        os.rename(copy, kept)
        pipeline["ingest"].start()
        pipeline.wait_ready()
        sent += send(pipeline)
        wait_closed(pipeline, 2)
        wait_until(lambda: pipeline.api().get("/ledger").json["balanced"], "the books balance again")
        check(pipeline, sent)
        assert int(pipeline.redis.hget(pipeline.key("ledger"), f"forgotten:{producer(pipeline)}")) == EVENTS + BULK
