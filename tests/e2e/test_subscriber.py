"""proto/examples/subscriber.py, stopped for ten seconds under 5 000 threats, misses none."""
import json
import os
import signal
import subprocess
import time

from support.pipeline import TOP, Pipeline, die_with_parent
from support.waiting import pause, wait_until

THREATS = 5000
STOPPED_SECONDS = 10.0


def addresses_of(path):
    """Source address of every threat printed so far; the last line may not be whole yet."""
    with open(path) as output:
        lines = output.read().split("\n")[:-1]
    return [json.loads(line)["source_ip"] for line in lines if line.startswith("{")]


def test_a_stopped_subscriber_misses_none():
    with Pipeline(detectors=1) as pipeline:
        output_path = os.path.join(pipeline.directory, "subscriber.out")
        with open(output_path, "wb") as output:
            subscriber = subprocess.Popen(
                ["/usr/bin/python3", "-u", os.path.join(TOP, "proto", "examples", "subscriber.py"),
                 pipeline.ipc("threats"), f"unix://{pipeline.redis_path}"],
                stdout=output, stderr=subprocess.DEVNULL, cwd=TOP, preexec_fn=die_with_parent)
        api = pipeline.api()
        first = {"event_type": "malware_detected", "source_ip": "10.9.9.9"}
        wait_until(lambda: api.log(first).status == 200 and addresses_of(output_path),
                   "the subscriber hears threats", every=0.2)
        subscriber.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        for number in range(THREATS):
            if number % 500 == 0:
                events = [{"event_type": "malware_detected", "source_ip": f"10.1.{n // 250}.{n % 250}"}
                          for n in range(number, number + 500)]
                assert api.logs(events).status == 202
        # Being stopped for ten seconds is what is tested; the rest of that time is spent here.
        pause(max(0.0, STOPPED_SECONDS - (time.monotonic() - stopped)))
        subscriber.send_signal(signal.SIGCONT)
        wanted = {f"10.1.{n // 250}.{n % 250}" for n in range(THREATS)}

        def missing():
            return wanted - set(addresses_of(output_path))
        wait_until(lambda: not missing(), lambda: f"all threats heard; missing {len(missing())}", every=0.5)
        subscriber.terminate()
        subscriber.wait()
        heard = [address for address in addresses_of(output_path) if address in wanted]
        assert len(heard) == THREATS, "nothing is heard twice"
