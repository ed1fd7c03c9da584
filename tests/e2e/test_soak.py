"""A short form of tests/faults/soak: kill -9 of every kind of process in one run, exact books."""
from support.soak import soak


def test_short_soak():
    rows = dict(soak(events=8000, clients=8, detectors=4, detector_kills=5))
    assert rows["incidents expected and exact"] > 50
