#!/usr/bin/python3
"""The options tables (options.def) as data, and .env.example made from them.

usage: tests/support/options.py --write      rewrites .env.example; tests/e2e/test_options.py compares"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVICES = ("ingest", "detector", "incident", "alerter", "siemctl")
ROW = re.compile(r'^OPTION\((\w+), (\w+), (\w+), "((?:[^"\\]|\\.)*)", [^"]*"((?:[^"\\]|\\.)*)"\)', re.M)
HEAD = """\
# Every option, with its default. Copy to .env and take the # off what you change: deploy/up, docker-compose
# and the programs themselves read .env; the environment and the command line come before it.
# Made from the options.def tables by tests/support/options.py --write.
"""
COMPOSE = """
# docker-compose only: address and port the API is published on
#PUBLISH=127.0.0.1:8000
"""


def options_of(table):
    """[(name, default, help)] of common/options.def or a service's."""
    directory = "common" if table == "common" else os.path.join("services", table)
    with open(os.path.join(TOP, directory, "options.def")) as rows:
        return [(name, default, text.replace('\\"', '"')) for _, name, _, default, text in ROW.findall(rows.read())]


def env_example():
    """The text of .env.example."""
    parts, seen = [HEAD], set()
    for table in ("common",) + SERVICES:
        parts.append(f"\n# -- {'every service' if table == 'common' else table}\n")
        for name, default, text in options_of(table):
            if name not in seen:
                parts.append(f"# {text}\n#{name}={default}\n")
                seen.add(name)
    return "".join(parts) + COMPOSE


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    with open(os.path.join(TOP, ".env.example"), "w") as out:
        out.write(env_example())
