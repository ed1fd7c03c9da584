"""The commands for people: each says how it is used, and building a second time builds nothing."""
import json
import os
import subprocess

import pytest
from support.pipeline import TOP

DIRECTORIES = ("deploy", "tests", "tests/bench", "tests/faults", "tests/fuzz")


def commands():
    """Every executable of these directories."""
    found = [os.path.join(directory, name) for directory in DIRECTORIES for name in sorted(os.listdir(os.path.join(TOP, directory)))]
    return [path for path in found if os.path.isfile(os.path.join(TOP, path)) and os.access(os.path.join(TOP, path), os.X_OK)]


@pytest.mark.parametrize("command", commands())
def test_help(command):
    for option in ("--help", "-h"):
        done = subprocess.run([os.path.join(TOP, command), option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith("usage: ") and not done.stderr, done


def compilations(directory):
    """How every file is compiled, after a configuration as deploy/up does it."""
    subprocess.run(["cmake", "--preset", "release", "-B", directory], cwd=TOP, check=True, capture_output=True, timeout=120)
    with open(os.path.join(directory, "compile_commands.json")) as file:
        return json.load(file)


def test_configuring_again_has_nothing_compiled_again(tmp_path):
    first = compilations(tmp_path)
    assert len(first) > 300 and compilations(tmp_path) == first
