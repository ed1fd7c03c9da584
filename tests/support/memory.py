"""Resident memory of every process while events flow: it must not grow with their number."""
from support.books import settle
from support.load import event_of
from support.pipeline import Pipeline

BULK = 500
SINGLES = 5  # single events between two bulk requests: both ways in are exercised
SERVICES = ("ingest", "detector-1", "incident", "alerter")


def send(pipeline, first, events):
    """Sends events first .. first + events, most of them in bulk; returns the next number."""
    api, number = pipeline.api(), first
    while number < first + events:
        answer = api.logs([event_of(number // 100000, n) for n in range(number, number + BULK)])
        if answer.status != 202:  # 503: the pipeline is behind; it takes more once it has caught up
            settle(pipeline)
            continue
        number += BULK
        for _ in range(SINGLES):
            assert api.log(event_of(number // 100000, number)).status in (200, 202)
            number += 1
    settle(pipeline)
    return number


def resident(pipeline):
    return {name: pipeline[name].memory_kib() for name in SERVICES + ("redis",)}


def measure(warm_up, events, binaries=None, options=None, say=lambda line: None):
    """(before, after) in KiB by process, around `events` events sent after `warm_up` others."""
    with Pipeline(binaries=binaries, options=options) as pipeline:
        number = send(pipeline, 0, warm_up)
        before = resident(pipeline)
        step = max(1, events // 10)
        for part in range(10):
            number = send(pipeline, number, step)
            say(f"{number - warm_up:9d} events: {resident(pipeline)}")
        return before, resident(pipeline)
