#!/usr/bin/python3
"""The options tables (options.def) as data; .env.example and README's tables are made from them.

usage: tests/support/options.py --write [BIN]      rewrites both, README's from the programs in BIN
(build/dev/bin); tests/e2e/test_options.py compares"""
import os
import re
import subprocess
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


def program(service, binaries):
    """The path of a service's program."""
    return os.path.join(binaries, service if service == "siemctl" else "siem-" + service)


def readme(text, binaries):
    """README's text with the tables of --help-markdown between its marks."""
    for service in SERVICES:
        table = subprocess.run([program(service, binaries), "--help-markdown"], capture_output=True, text=True, check=True).stdout
        mark, end = f"<!-- options of {service} -->\n", "<!-- end -->\n"
        before, rest = text.split(mark)
        text = before + mark + table + end + rest.split(end, 1)[1]
    return text


def main():
    if sys.argv[1:2] != ["--write"]:
        sys.exit(__doc__)
    binaries = sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, "build", "dev", "bin")
    with open(os.path.join(TOP, ".env.example"), "w") as out:
        out.write(env_example())
    with open(os.path.join(TOP, "README.md")) as file:
        text = readme(file.read(), binaries)
    with open(os.path.join(TOP, "README.md"), "w") as out:
        out.write(text)


if __name__ == "__main__":
    main()
