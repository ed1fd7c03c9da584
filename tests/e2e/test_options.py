"""What README, .env.example and docker-compose.yml say of options and files is what the tree has."""
import json
import os
import re
import socket
import subprocess

import pytest
import yaml
from support.options import SERVICES, env_example, options_of, program, readme
from support.pipeline import BIN, TOP

# Not set in a container: its address, and the wires that listen on every address there anyway.
OF_THE_CONTAINER = {"SIEM_INSTANCE", "SIEM_METRICS_LISTEN", "SIEM_EVENTS_LISTEN", "SIEM_FINDINGS_LISTEN",
                    "SIEM_RECEIPTS_LISTEN", "SIEM_THREATS_LISTEN"}


def read(name):
    with open(os.path.join(TOP, name)) as file:
        return file.read()


def test_env_example_lists_every_option_and_its_default():
    assert read(".env.example") == env_example()


@pytest.mark.parametrize("service", SERVICES)
def test_help_lists_every_option(service):
    printed = subprocess.run([program(service, BIN), "--help"], capture_output=True, text=True, check=True).stdout
    for name, default, text in options_of(service):
        assert text in printed, name


def test_readme_has_the_tables_of_help():
    text = read("README.md")
    assert readme(text, BIN) == text


def test_readme_names_files_that_exist():
    lines = [line for line in read("README.md").splitlines() if not line.startswith("|")]
    for line in lines:
        directory = ""
        for name in re.findall(r"`([\w./-]+)`", line):
            if name.endswith("/") and "/" in name[:-1] or name in ("proto/", "common/"):
                directory = name
            if "/" in name and name.split("/")[0] in ("deploy", "proto", "services", "tests", "common"):
                assert os.path.exists(os.path.join(TOP, name)), name
            elif name.endswith((".c", ".h", ".def", ".lua")) and directory:
                assert os.path.exists(os.path.join(TOP, directory, name)), directory + name


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "siemctl"])
def test_compose_passes_every_option_on(service):
    compose = yaml.safe_load(read("docker-compose.yml"))["services"][service]["environment"]
    wanted = {name for name, _, _ in options_of(service) + options_of("common")} - OF_THE_CONTAINER
    assert wanted <= set(compose)


@pytest.mark.parametrize("service, wrong, said", [
    ("detector", {"SIEM_RULE_DIR": "x"}, "SIEM_RULE_DIR"),
    ("ingest", {"SIEM_HTTP_WORKERS": "65"}, "SIEM_HTTP_WORKERS"),
    ("alerter", {"SIEM_ALERT_RETRY": "soon"}, "SIEM_ALERT_RETRY")])
def test_a_wrong_option_stops_the_start_and_is_named(service, wrong, said):
    ended = subprocess.run([program(service, BIN)], env=dict(os.environ, **wrong), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1 and said in ended.stderr


@pytest.mark.parametrize("wrong, reason", [
    ({"SIEM_CORS_ORIGINS": "soc.example"}, "an option is wrong"),
    ({"SIEM_CORS_ORIGINS": "https://soc.example, *"}, "an option is wrong"),
    ({"SIEM_TRUSTED_PROXIES": "proxy.example"}, "an option is wrong"),
    ({"SIEM_TLS_CERTIFICATE": "/nowhere", "SIEM_TLS_KEY": "/nowhere"}, "an option is wrong"),
    ({"SIEM_LISTEN": "{taken}"}, "the operating system reported an error"),
    ({"SIEM_REDIRECT_LISTEN": "{taken}"}, "the operating system reported an error"),
    ({"SIEM_EVENTS_LISTEN": "tcp://{taken}"}, "the operating system reported an error"),
    ({"SIEM_RECEIPTS_FROM": "nowhere"}, "the operating system reported an error")])
def test_a_start_that_fails_for_its_options_begins_no_epoch(tmp_path, wrong, reason):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        options = {"SIEM_LISTEN": "127.0.0.1:0", **{name: value.replace("{taken}", taken) for name, value in wrong.items()}}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}
        environment.update(options, SIEM_STATE_DIR=str(tmp_path / "state"))
        ended = subprocess.run([program("ingest", BIN)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    *_, cause, last = map(json.loads, ended.stderr.splitlines())
    assert ended.returncode == 1 and (last["message"], last["reason"]) == ("not started", reason), ended.stderr
    assert cause["level"] == "error" and cause["remedy"], ended.stderr
    assert not (tmp_path / "state" / "spool").exists()


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "siemctl"])
def test_check_says_what_is_wrong_and_starts_nothing(service, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}

    def check(**more):
        return subprocess.run([program(service, BIN), "--check"], env=dict(environment, **more), cwd=tmp_path, capture_output=True,
                              text=True, timeout=60)
    assert (check().returncode, check().stdout, check().stderr) == (0, "", "")
    wrong = check(SIEM_DRAIN_TIMEOUT="soon")
    assert wrong.returncode == 1
    assert wrong.stderr.endswith("SIEM_DRAIN_TIMEOUT=soon (environment) is no duration such as 500ms, 10s or 7d; see --drain-timeout in --help\n")
    assert not os.listdir(tmp_path)


def test_on_one_processor_no_worker_waits_awake(tmp_path):
    """As the log says, before the start fails for an address that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}
        environment.update(SIEM_LISTEN=f"127.0.0.1:{other.getsockname()[1]}", SIEM_STATE_DIR=str(tmp_path))

        def said(busy_poll, keep_awake):
            ended = subprocess.run([program("ingest", BIN)], cwd=tmp_path,
                                   env=dict(environment, SIEM_HTTP_BUSY_POLL=busy_poll, SIEM_KEEP_AWAKE=keep_awake),
                                   preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
                                   capture_output=True, text=True, timeout=120)
            return [line.get("reason") for line in map(json.loads, ended.stderr.splitlines()) if "awake" in line["message"]]
        alone = ["there is one processor"]
        assert (said("2ms", "0"), said("0", "20ms"), said("0", "0")) == (alone, alone, [])
