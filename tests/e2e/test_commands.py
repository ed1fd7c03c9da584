"""The commands for people: each says how it is used, building a second time builds nothing, and what deploy/ makes of a
stack's options and ends."""
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess

import pytest
from support.pipeline import TOP
from support.waiting import wait_until

DIRECTORIES = ("deploy", "tests", "tests/bench", "tests/faults", "tests/fuzz")


def commands():
    """Every executable of these directories."""
    found = [os.path.join(directory, name) for directory in DIRECTORIES for name in sorted(os.listdir(os.path.join(TOP, directory)))]
    return [path for path in found if os.path.isfile(os.path.join(TOP, path)) and os.access(os.path.join(TOP, path), os.X_OK)]


@pytest.mark.parametrize("command", commands())
def test_help(command):
    for option in ("--help", "-h"):
        done = subprocess.run([os.path.join(TOP, command), option], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and done.stdout.startswith("usage: ") and not done.stderr, done


def compilations(directory):
    """How every file is compiled, after a configuration as deploy/up does it."""
    subprocess.run(["cmake", "--preset", "release", "-B", directory], cwd=TOP, check=True, capture_output=True, timeout=600)
    with open(os.path.join(directory, "compile_commands.json")) as file:
        return json.load(file)


def test_configuring_again_has_nothing_compiled_again(tmp_path):
    first = compilations(tmp_path)
    assert len(first) > 300 and compilations(tmp_path) == first


def stack(script, state, top=TOP):
    """What bash prints for a script that uses deploy/stack.sh."""
    environment = {name: value for name, value in os.environ.items() if name != "API_KEY"}
    done = subprocess.run(["bash", "-euc", f'. "$1/deploy/stack.sh"; state=$2; {script}', "stack", str(top), str(state)],
                          env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("line, key", [
    ("API_KEY=plain", "plain"), ('API_KEY="in quotes # kept"', "in quotes # kept"), ("API_KEY='it\\s'", "it\\s"),
    ("export API_KEY=exported", "exported"), ("  API_KEY = blanks  # and a comment", "blanks"), ("API_KEY=a#b\r", "a#b"),
    ('API_KEY="ends" # c', "ends"), ("#API_KEY=off", "made"), ("API_KEY=", "made"), ("API_KEY=# none", "made"),
    ("API_KEY=first\nAPI_KEY=second", "second")])
def test_the_key_shown_is_the_one_in_use(tmp_path, line, key):
    (tmp_path / "deploy").mkdir()
    shutil.copy(os.path.join(TOP, "deploy", "stack.sh"), tmp_path / "deploy")
    (tmp_path / ".env").write_text(line + "\n")
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "api_key").write_text("made\n")
    assert stack("stack_key", tmp_path, tmp_path) == key


def test_addresses_are_reached_by_what_a_url_calls_them(tmp_path):
    for host, reach in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::1]"),
                        ("siem.example", "siem.example"), ("fd00::7", "[fd00::7]")):
        assert stack(f"stack_reach '{host}'", tmp_path) == reach


def test_commands_that_are_shown_can_be_typed(tmp_path):
    """What deploy/up prints at its end, in a directory and with a key that a shell would take apart."""
    state, key = tmp_path / "the state's own", "it's mine"
    (state / "ingest").mkdir(parents=True)
    (state / "ingest" / "api_key").write_text(key + "\n")
    shown = stack("""eval "$(sed -n '/^show_welcome()/,/^}/p' "$1/deploy/up")"
                  stack_key() { cat "$state/ingest/api_key"; }
                  url=http://127.0.0.1:1 detectors=1 detach=yes authority="$state/ca.pem"
                  SIEM_PROTECT_READS=1 show_welcome""", state)
    words = shlex.split(shown[shown.index("Send a first event:"):], posix=True)
    assert words[words.index("Stop:") + 1:] == ["deploy/down", "--state", str(state)]
    assert words.count(f"{state}/siemctl") == 2 and words.count(f"X-API-Key: {key}") == 2
    assert words.count(f"{state}/ca.pem") == 2 and f"{state}/log/*/current" in words


def test_plain_words_are_shown_as_they_are(tmp_path):
    assert stack("stack_shown /srv/mini-siem_1.0/state", tmp_path) == "/srv/mini-siem_1.0/state"
    assert stack('stack_shown "a b"', tmp_path) == "'a b'"


def is_free(lock):
    with open(lock, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_down_ends_what_a_killed_supervisor_left(tmp_path):
    pid = int(stack("""mkdir "$state/supervise"; exec 9>>"$state/lock"; flock -n 9
        for name in redis ingest incident alerter detector-1; do stack_service $name "exec tail -f /dev/null"; done
        setsid runsvdir -P "$state/supervise" </dev/null >"$state/supervisor.log" 2>&1 &
        echo $! | tee "$state/supervisor.pid" """, tmp_path))
    try:
        wait_until(lambda: len(list(tmp_path.glob("supervise/*/supervise/pid"))) == 5, "all are started")
    finally:
        os.kill(pid, signal.SIGKILL)
        done = subprocess.run([os.path.join(TOP, "deploy", "down"), "--state", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stderr, done
    assert is_free(tmp_path / "lock")


def deploy(command, *arguments):
    """(exit status, stderr) of a command that is to refuse."""
    done = subprocess.run([os.path.join(TOP, "deploy", command), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_up_leaves_directories_of_others_as_they_are(tmp_path):
    (tmp_path / "theirs").write_text("")
    for directory in ("lock", "redis"):  # as /run and /var/lib have
        (tmp_path / directory).mkdir()
    tmp_path.chmod(0o755)
    status, err = deploy("up", "--state", tmp_path)
    assert status == 1 and "holds something else" in err and "--state" in err
    assert tmp_path.stat().st_mode & 0o777 == 0o755 and sorted(os.listdir(tmp_path)) == ["lock", "redis", "theirs"]
    status, err = deploy("up", "--state", tmp_path / "theirs" / "below")
    assert status == 1 and "cannot be used" in err and "line " not in err


@pytest.mark.parametrize("command, arguments", [("demo", ["--foo"]), ("demo", ["http://127.0.0.1:1", "key", "many"]), ("demo", ["a", "b", "c", "d"]),
                                                ("scale", ["2", "3"]), ("scale", ["--foo"]), ("up", ["--port", "1", "--foo"]), ("down", ["now"]),
                                                ("health", [])])
def test_arguments_that_are_none_are_refused(command, arguments):
    status, err = deploy(command, *arguments)
    assert status == 2 and f"usage: deploy/{command}" in err
    assert command in ("demo", "health") or f'"{arguments[-1]}" is not understood' in err


def test_a_process_that_does_not_start_is_noticed(tmp_path):
    """Not what an earlier run said; and not the first time, which may be the fault of another."""
    log = tmp_path / "log" / "ingest" / "current"
    log.parent.mkdir(parents=True)
    failure = '{"level":"error","message":"not started"}\n'

    def noticed(earlier, now):
        log.write_text(failure * (earlier + now))
        return stack(f"""eval "$(sed -n '/^run_log()/,/^}}/p; /^does_not_start()/,/^}}/p' "$1/deploy/up")"
                     declare -A log_ends=(["$state/log/ingest/current"]={earlier * len(failure)})
                     if does_not_start; then echo yes; else echo no; fi""", tmp_path)
    assert (noticed(0, 3), noticed(3, 2), noticed(5, 3)) == ("yes\n", "no\n", "yes\n")
