"""Rules and events by other authors, through a whole pipeline of real processes.

They are no part of this repository: they stand in $SIEM_SHARED/data, or in ../shared beside it. Where they are
absent these tests are skipped, and say so."""
import json
import os
import re
import uuid

import pytest
from support.pipeline import TOP, Pipeline

DATA = os.path.join(os.environ.get("SIEM_SHARED") or os.path.join(TOP, "..", "shared"), "data")
pytestmark = pytest.mark.skipif(not os.path.isdir(DATA), reason=f"no data of others at {DATA}; set SIEM_SHARED")
COLLECTIONS = ("rules", "rules-emerging-threats", "rules-threat-hunting")
ID = re.compile(r"^id: *(\S+)", re.M)


def cases():
    for suite in ("sigma-semantics", "sigma-regression"):
        with open(os.path.join(DATA, "cases", suite + ".jsonl"), encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def with_id(text):
    """The rule's text and id; one made of the text when it has none. No rule is only informational here."""
    text = re.sub(r"^level: informational", "level: low", text, flags=re.M)
    found = ID.search(text)
    if found:
        return text, found.group(1)
    made = str(uuid.uuid5(uuid.NAMESPACE_OID, text))
    return f"id: {made}\n{text}", made


def log_lines(pipeline, message):
    """What the detector logged with this message."""
    lines = (json.loads(line) for line in pipeline["detector-1"].log().splitlines() if line.startswith("{"))
    return [line for line in lines if line["message"] == message]


def test_every_case_is_judged_as_its_authors_expect(tmp_path):
    """All rules at once, so that none disturbs another: the case's rule is among the findings, or is not."""
    rules = {with_id(case["input"]["rule"]) for case in cases()}
    for text, rule in rules:
        (tmp_path / f"{rule}.yml").write_text(text, encoding="utf-8")
    wrong, count = [], 0
    with Pipeline(options={"SIEM_RULES_DIR": str(tmp_path)}) as pipeline:
        assert log_lines(pipeline, "rules loaded")[-1]["loaded"] == len(rules)
        for case in cases():
            event = {"event_type": "unknown", "metadata": case["input"]["event"]}
            answer = pipeline.api().request("POST", "/log", json.dumps(event).encode(), {"Content-Type": "application/json"})
            assert answer.status == 200, answer
            found = with_id(case["input"]["rule"])[1] in [rule["id"] for rule in answer.json["log"].get("rules", [])]
            count += 1
            if found != case["expect"]["match"]:
                wrong.append(f"{case['id']}: {'matched' if found else 'did not match'}")
    assert not wrong, f"{len(wrong)} of {count} cases:\n" + "\n".join(wrong)
    assert count > 0


@pytest.mark.parametrize("values", [None, "dc1"], ids=["without-placeholders", "with-placeholders"])
def test_every_rule_of_a_collection_loads(tmp_path, values):
    """None is dropped silently: what does not load is told with file, line and reason, and the specification's."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in COLLECTIONS:
        os.symlink(os.path.abspath(os.path.join(DATA, "sigma", name)), rules / name)
    total = sum(name.endswith(".yml") for _, _, names in os.walk(rules, followlinks=True) for name in names)
    options = {"SIEM_RULES_DIR": str(rules)}
    if values:
        (tmp_path / "known_cdcs.txt").write_text(values + "\n")
        options["SIEM_PLACEHOLDERS"] = str(tmp_path / "known_cdcs.txt")
    with Pipeline(options=options) as pipeline:
        loaded = log_lines(pipeline, "rules loaded")[-1]
        refused = log_lines(pipeline, "rule refused")
    assert loaded["loaded"] + loaded["refused"] == total and loaded["refused"] == len(refused)
    assert len(refused) == (0 if values else 2)
    assert all(line["line"] > 0 and "placeholder %known_cdcs%" in line["reason"] for line in refused)
