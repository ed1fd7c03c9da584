"""Waiting for a condition with a deadline: the only way tests wait."""
import select
import time

# Longer than anything ordinary takes where many want one processor; it costs nothing when all is well.
PATIENCE_SECONDS = 120.0


def pause(seconds):
    """Lets others run; only for the poll below and for pacing a load."""
    select.select([], [], [], seconds)


def wait_until(condition, what, seconds=PATIENCE_SECONDS, every=0.01):
    """Returns the first true value of condition(); fails, naming `what` (a text, or a function that gives one), after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what} (last seen: {value!r})")
        pause(every)
