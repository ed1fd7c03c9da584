"""siemctl rules: what it says of rules offline, and its exit status, which scripts build on."""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess

import pytest
from support.pipeline import BIN, TOP

DATA = os.path.join(os.environ.get("SIEM_SHARED") or os.path.join(TOP, "..", "shared"), "data")
MATCH, NO_MATCH, ERROR = 0, 1, 2
RULE = """title: A shell from a web server
id: 6f1d8a52-0000-4000-8000-000000000001
logsource: {category: process_creation}
detection:
    parent:
        ParentImage|endswith: [/nginx, /httpd]
    shell:
        Image|endswith: /sh
        CommandLine|contains: ' -c '
    admin: {User: root}
    condition: parent and shell and not admin
"""


# Settings of the machine are none of the tests'.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}


def rules(*arguments, given=None):
    """(exit status, stdout, stderr)"""
    ended = subprocess.run([os.path.join(BIN, "siemctl"), "rules", *arguments], cwd=TOP, input=given, env=ENVIRONMENT,
                           stdin=None if given is not None else subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def rule(tmp_path):
    path = tmp_path / "rule.yml"
    path.write_text(RULE)
    return str(path)


EVENT = {"ParentImage": "/usr/sbin/nginx", "Image": "/bin/sh", "CommandLine": "sh -c id", "User": "www"}


def test_check_lists_what_is_refused_with_file_line_and_reason(tmp_path, rule):
    assert rules("check", "deploy/rules")[0] == 0
    (tmp_path / "broken.yml").write_text(RULE.replace("endswith", "endswiht").replace("0001", "0002", 1))
    status, out, _ = rules("check", str(tmp_path))
    assert status == 1 and f"{tmp_path}/broken.yml:6: " in out and out.endswith("1 rules and 0 correlations load, 1 are refused\n")
    answer = json.loads(rules("check", str(tmp_path), "--json")[1])
    assert answer["loaded"] == 1 and [refused["line"] for refused in answer["refused"]] == [6]
    assert rules("check", str(tmp_path / "nowhere"))[0] == 2
    (tmp_path / "empty").mkdir()
    assert rules("check", str(tmp_path / "empty"))[0] == 2


def test_check_warns_of_what_loads_and_can_hardly_be_meant(tmp_path):
    (tmp_path / "never.yml").write_text(RULE.replace("not admin", "not shell and not admin"))
    status, out, _ = rules("check", str(tmp_path))
    assert status == 0 and out.startswith(f"{tmp_path}/never.yml:11: warning: the condition can never be true")
    assert out.endswith("1 rules and 0 correlations load, 0 are refused; warnings: 1\n")
    answer = json.loads(rules("check", str(tmp_path), "--json")[1])
    assert [warning["line"] for warning in answer["warnings"]] == [11] and not answer["refused"]


def test_test_says_why_selection_by_selection(rule):
    status, out, _ = rules("test", rule, json.dumps(EVENT))
    assert status == MATCH and out.startswith("MATCH  A shell from a web server")
    status, out, _ = rules("test", rule, json.dumps(dict(EVENT, User="ROOT")), "--json")
    answer = json.loads(out)["rules"][0]
    assert status == NO_MATCH and not answer["match"] and not answer["condition_holds"]
    assert {selection["name"]: selection["detection"]["holds"] for selection in answer["selections"]} == {"parent": True, "shell": True, "admin": True}
    status, out, _ = rules("test", rule, json.dumps(dict(EVENT, CommandLine="sh")))
    assert status == NO_MATCH and "no   line 9    CommandLine|contains:  -c    [the event has sh]" in out
    assert "yes  line 8    Image|endswith: /sh   [the event has /bin/sh]" in out


def test_test_takes_an_event_from_a_file_from_stdin_and_as_it_is_posted(rule, tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    assert rules("test", rule, str(tmp_path / "event.json"))[0] == MATCH
    assert rules("test", rule, "-", given=json.dumps(EVENT))[0] == MATCH
    assert rules("test", rule, json.dumps({"event_type": "unknown", "metadata": EVENT}))[0] == MATCH
    assert rules("test", rule, json.dumps({"event_type": "unknown", "ParentImage": "/nginx"}))[0] == NO_MATCH


def test_test_tells_a_logsource_that_conflicts(rule):
    event = {"event_type": "unknown", "metadata": dict(EVENT, logsource={"category": "dns"})}
    status, out, _ = rules("test", rule, json.dumps(event))
    assert status == NO_MATCH and "for another logsource" in out


def test_test_tells_what_a_rules_mode_does(rule):
    identity = "6f1d8a52-0000-4000-8000-000000000001"
    status, out, _ = rules("test", rule, json.dumps(EVENT), "--rules-disabled", identity)
    assert status == NO_MATCH and "The rule is disabled" in out and "another logsource" not in out
    status, out, _ = rules("test", rule, json.dumps(EVENT), "--rules-shadow", identity)
    assert status == MATCH and "in the shadow" in out
    answer = json.loads(rules("test", rule, json.dumps(EVENT), "--rules-shadow", identity, "--json")[1])
    assert answer["rules"][0]["mode"] == "shadow"


def test_test_tells_of_the_filters_that_were_applied(tmp_path, rule):
    (tmp_path / "filter.yml").write_text("""title: Not by the deployer
logsource: {category: process_creation}
filter:
    rules: [6f1d8a52-0000-4000-8000-000000000001]
    deployer: {User: deploy}
    condition: not deployer
""")
    whole = "(parent and shell and not admin) and (not deployer)"
    status, out, _ = rules("test", str(tmp_path), json.dumps(dict(EVENT, User="deploy")))
    assert status == NO_MATCH and f"condition does not hold: {whole}\n" in out and "selection deployer holds" in out
    status, out, _ = rules("test", str(tmp_path), json.dumps(EVENT))
    assert status == MATCH and f"condition holds: {whole}\n" in out


@pytest.mark.parametrize("event", ["{", "[]", '{"a":1},"x":{"b":1}', "/nowhere.json", '{"event_type":"x","count":"many"}'])
def test_test_has_a_status_of_its_own_for_errors(rule, event):
    status, out, err = rules("test", rule, event)
    assert status == ERROR and not out and err


@pytest.mark.parametrize("event", ['{"EventID": 1, "EventID": 3}', '{"event_type": "a", "event_type": "b"}'])
def test_test_says_where_an_event_is_at_fault(rule, event):
    """Counted in what was given, whatever is put around it."""
    said = rules("test", rule, event)[2]
    assert said.rstrip().endswith(f"the same name twice in an object at line 1 column {event.rindex(':')}"), said


def test_test_refuses_a_rule_that_does_not_load(tmp_path):
    (tmp_path / "bad.yml").write_text(RULE.replace("and not admin", "and nobody"))
    status, _, err = rules("test", str(tmp_path / "bad.yml"), json.dumps(EVENT))
    assert status == ERROR and "bad.yml:11: " in err
    assert rules("test", "/nowhere.yml", json.dumps(EVENT))[0] == ERROR
    assert rules("test", str(tmp_path / "bad.yml"))[0] == 2 and rules("tset")[0] == 2


@pytest.mark.parametrize("threads", ["1", "4"])
def test_backtest_counts_hits_by_rule(tmp_path, rule, threads):
    events = [json.dumps(EVENT if i % 3 == 0 else dict(EVENT, User="root")) for i in range(3000)]
    (tmp_path / "events.ndjson").write_text("\n".join(events + ["{nonsense", "", '{"event_type":"login_failed"}']))
    status, out, err = rules("backtest", rule, str(tmp_path / "events.ndjson"), "--json", "--threads", threads)
    answer = json.loads(out)
    assert status == 1 and "line 3001: lexical error: invalid string in json text\n" in err and "^" not in err
    assert (answer["events"], answer["matched"], answer["unreadable"]) == (3001, 1000, 1)
    assert [(hit["id"], hit["hits"]) for hit in answer["hits"]] == [("6f1d8a52-0000-4000-8000-000000000001", 1000)]
    status, out, _ = rules("backtest", rule, "-", given=events[0] + "\n")
    assert status == 0 and "1     medium" in out and "1 of 1 events matched" in out
    assert rules("backtest", rule, "/nowhere")[0] == ERROR
    assert rules("backtest", "/nowhere", "-") == (ERROR, "", "siemctl rules: /nowhere: No such file or directory\n")


def test_backtest_tells_how_much_was_not_read(tmp_path, rule):
    status, _, err = rules("backtest", rule, "-", given="{\n" * 25)
    assert status == 1 and err.count("  line ") == 20 and err.endswith("  and 5 more\n")
    status, _, err = rules("backtest", rule, "-", given="[" * 200000 + "\n" + json.dumps(EVENT) + "\n")
    assert status == 1 and err.endswith("  1 longer than 128 KiB: one event a line is wanted\n") and "more\n" not in err
    (tmp_path / "bad.yml").write_text(RULE.replace("and not admin", "and nobody"))
    status, out, err = rules("backtest", str(tmp_path), "-", given=json.dumps(EVENT) + "\n")
    assert status == 1 and "1 of 1 events matched" in out and "bad.yml:11: " in err


CORRELATED = """title: Odd user
name: odd_user
logsource: {product: windows}
detection: {s: {User: odd}, condition: s}
---
title: Odd User Again and Again
id: 6f1d8a52-0000-4000-8000-000000000002
level: high
correlation: {type: event_count, rules: [odd_user], group-by: [Host], timespan: 1m, condition: {gte: 3}}
"""


def at(second, **members):
    return dict({"User": "odd", "logsource": {"product": "windows"}, "@timestamp": f"2025-06-02T11:00:{second:02}Z"}, **members)


@pytest.mark.parametrize("threads", ["1", "4"])
def test_backtest_judges_correlations(tmp_path, threads):
    """Offline, by the events' own times, in whatever order they stand in the file."""
    (tmp_path / "rules.yml").write_text(CORRELATED)
    events = [at(second, Host=host) for second in (50, 10, 30, 20, 40) for host in ("a", "b")]
    events += [at(0, Host="c"), at(30, Host="c"), at(40, Host="d", User="even")]
    events += [{key: value for key, value in at(0, Host="c").items() if key != "@timestamp"}]
    (tmp_path / "events.ndjson").write_text("\n".join(map(json.dumps, events)))
    arguments = ("backtest", str(tmp_path / "rules.yml"), str(tmp_path / "events.ndjson"), "--threads", threads)
    status, out, err = rules(*arguments, "--json")
    answer = json.loads(out)
    assert status == 0, err
    assert (answer["correlations"], answer["undated"], answer["contributions_left_out"]) == (1, 1, 0)
    assert answer["fired"] == [{"id": "6f1d8a52-0000-4000-8000-000000000002", "title": "Odd User Again and Again",
                                "level": "high", "fired": 6, "groups": 2}]
    out = rules(*arguments)[1]
    assert "6      2       high      6f1d8a52-0000-4000-8000-000000000002  Odd User Again and Again\n" in out
    assert "1 of 1 correlations fired\n1 events that they refer to say no time" in out


SCENARIOS = os.path.join(TOP, "tests", "scenarios")
CORRELATED_SCENARIOS = [name for name in sorted(os.listdir(SCENARIOS)) if os.path.exists(os.path.join(SCENARIOS, name, "expect.json"))
                        and '"correlations": ["' in pathlib.Path(SCENARIOS, name, "expect.json").read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", CORRELATED_SCENARIOS)
def test_backtest_comes_to_what_the_scenarios_expect(name):
    """Each event that is to complete a correlation is a moment at which it fires, and there is no other."""
    with open(os.path.join(SCENARIOS, name, "expect.json"), encoding="utf-8") as file:
        expected = collections.Counter(title for event in json.load(file)["events"] for title in event.get("correlations", []))
    status, out, err = rules("backtest", "deploy/rules", os.path.join(SCENARIOS, name, "input.jsonl"), "--json")
    assert status == 0, err
    fired = {hit["title"]: hit["fired"] for hit in json.loads(out)["fired"] if hit["level"] != "info"}
    assert fired == expected


@pytest.mark.skipif(not os.path.isdir(DATA), reason=f"no data of others at {DATA}; set SIEM_SHARED")
def test_every_case_of_others_is_judged_as_its_authors_expect(tmp_path):
    """As a detector does, and the explanation comes to the same."""
    cases = []
    for suite in ("sigma-semantics", "sigma-regression"):
        with open(os.path.join(DATA, "cases", suite + ".jsonl"), encoding="utf-8") as lines:
            cases += map(json.loads, lines)

    def run(numbered):
        number, case = numbered
        path = tmp_path / f"{number}.yml"
        path.write_text(case["input"]["rule"], encoding="utf-8")
        status, out, err = rules("test", str(path), "-", "--json", given=json.dumps(case["input"]["event"]))
        if status != (MATCH if case["expect"]["match"] else NO_MATCH):
            return f"{case['id']}: status {status} {err}"
        answer = json.loads(out)["rules"]
        return None if all(rule["match"] == rule["condition_holds"] for rule in answer) else f"{case['id']}: the explanation differs"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [problem for problem in pool.map(run, enumerate(cases)) if problem]
    assert cases and not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
