"""Rules that change while events are judged, and the proof that each event was judged by one generation.

Every generation has two rules of its own, called after its number, that match every event. The commits count
their hits exactly once; so when each event was judged by exactly one whole generation, both rules of every
generation have the same hits, and together the generations have as many as there were events."""
import json
import os
import signal
import subprocess
import threading

from support.books import settle
from support.pipeline import API_KEY, BIN, TOP, Pipeline
from support.waiting import pause, wait_until

RULE = """title: Generation {number}, {side}
id: generation-{number}-{side}
level: informational
logsource: {{product: mini-siem}}
detection: {{any: {{event_type: login_success}}, condition: any}}
siem: {{mode: {mode}}}
"""
BROKEN = RULE.replace("condition: any", "condition: nothing")
BROKEN_EVERY = 5


class Rules:
    """The file that changes: one moment one generation, the next moment another, and now and then a broken one."""

    def __init__(self, directory):
        self.path, self.number, self.broken = os.path.join(directory, "rules.yml"), 0, 0
        self.change()

    def change(self):
        self.number += 1
        is_broken = self.number % BROKEN_EVERY == 0
        self.broken += is_broken
        text = "---\n".join((BROKEN if is_broken else RULE).format(number=self.number, side=side, mode=mode)
                            for side, mode in (("a", "active"), ("b", "shadow")))
        with open(self.path + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(self.path + ".new", self.path)


def replay(pipeline, path, rate, binaries):
    """siemctl replay in the background."""
    environment = dict(pipeline.environment, SIEM_URL=f"http://127.0.0.1:{pipeline.port}", API_KEY=API_KEY)
    return subprocess.Popen([os.path.join(binaries, "siemctl"), "replay", path, "--rate", str(rate)], env=environment, cwd=TOP,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def change_on(pipeline, rules, every_seconds, done):
    """Changes the rules until told to end, each time telling all detectors at once."""
    while not done.is_set():
        rules.change()
        for name in pipeline.detectors:
            pipeline[name].signal(signal.SIGHUP)
        pause(every_seconds)


def hits_of(pipeline):
    """{generation: (hits of its active rule, hits of the one in the shadow)}"""
    hits = pipeline.redis.hgetall(pipeline.key("rule_hits"))
    numbers = {int(rule.split("-")[1]) for rule in hits if rule.startswith("generation-")}
    return {number: tuple(int(hits.get(f"generation-{number}-{side}", 0)) for side in "ab") for number in sorted(numbers)}


def run(directory, events, rate, every_seconds, detectors=4, binaries=BIN):
    """What came of it, as a dictionary; see `faults_of`."""
    rules = Rules(directory)
    path = os.path.join(os.path.dirname(directory), "events.ndjson")
    with open(path, "w", encoding="utf-8") as out:
        for number in range(events):
            out.write(json.dumps({"event_type": "login_success", "username": f"user{number % 500}", "metadata": {"n": number}}) + "\n")
    with Pipeline(detectors=detectors, options={"SIEM_RULES_DIR": directory}, binaries=binaries) as pipeline:
        wait_until(lambda: pipeline.metric("ingest", 'siem_wire_peers{wire="EVENTS"}') == detectors, "all detectors are connected")
        done = threading.Event()
        changer = threading.Thread(target=change_on, args=(pipeline, rules, every_seconds, done))
        changer.start()
        try:
            said = replay(pipeline, path, rate, binaries).communicate(timeout=600)[0]
        finally:
            done.set()
            changer.join()
        ledger = settle(pipeline)
        reloads = {outcome: [pipeline.metric(name, f'siem_rule_reloads_total{{outcome="{outcome}"}}') for name in pipeline.detectors]
                   for outcome in ("applied", "refused")}
        return {"events": events, "said": said.strip(), "ledger": ledger, "hits": hits_of(pipeline), "changes": rules.number,
                "broken": rules.broken, "reloads": reloads}


def faults_of(result):
    """What is wrong with it, in words."""
    hits, faults = result["hits"], []
    total = sum(active for active, _ in hits.values())
    if int(result["ledger"]["committed"]) != result["events"]:
        faults.append(f"{result['ledger']['committed']} of {result['events']} events were committed")
    if total != result["events"]:
        faults.append(f"the generations have {total} hits of {result['events']} events")
    faults += [f"generation {number} was not whole: {pair}" for number, pair in hits.items() if pair[0] != pair[1]]
    faults += [f"generation {number} is broken and was used" for number in hits if number % BROKEN_EVERY == 0]
    if len(hits) < 3:
        faults.append(f"only {len(hits)} generations judged anything")
    if not min(result["reloads"]["applied"]):
        faults.append("a detector never took new rules")
    return faults
