"""The files of deploy/prometheus and deploy/grafana, and a real Prometheus that scrapes a test's pipeline."""
import json
import os
import re
import urllib.parse
import urllib.request

import yaml

from support import tools
from support.pipeline import Process, free_port
from support.waiting import wait_until

PROMETHEUS = os.path.join(tools.TOP, "deploy", "prometheus")
RULES = os.path.join(PROMETHEUS, "mini-siem.rules.yml")
DASHBOARD = os.path.join(tools.TOP, "deploy", "grafana", "dashboards", "mini-siem.json")


def load_yaml(path):
    with open(path) as file:
        return yaml.safe_load(file)


def rules():
    """All recording and alerting rules."""
    return [rule for group in load_yaml(RULES)["groups"] for rule in group["rules"]]


def panels():
    """All panels of the dashboard but rows."""
    with open(DASHBOARD) as file:
        return [panel for panel in json.load(file)["panels"] if panel["type"] != "row"]


def targets():
    """(panel, query) of the dashboard."""
    return [(panel, target) for panel in panels() for target in panel["targets"]]


def shown(expression):
    """An expression as Grafana sends it, of a panel that shows an hour or so."""
    return expression.replace("$__rate_interval", "1m")


def expressions():
    """(where it stands, expression) of every panel and rule."""
    found = [(panel["title"], target["expr"]) for panel, target in targets()]
    return found + [(rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules()]


def selectors(expression):
    """(metric, {label: value} of its = matchers) of everything an expression reads but recorded rules."""
    found = []
    for name, inside in re.findall(r"(?<![\w:])((?:siem|http|process)_[a-z0-9_]+)(?:\{([^}]*)\})?", expression):
        found.append((name, dict(re.findall(r'(\w+)="([^"]*)"', inside))))
    return found


class PrometheusApi:
    """Questions to a Prometheus on a port of 127.0.0.1."""

    def __init__(self, port):
        self.port = port

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as reply:
            return reply.read()

    def is_ready(self):
        try:
            return self.get("/-/ready") is not None
        except OSError:
            return False

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        answer = json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert answer["status"] == "success", (expression, answer)
        return [(sample["metric"], float(sample["value"][1])) for sample in answer["data"]["result"]]

    def value(self, expression):
        """The only value of a query; None when there is none."""
        samples = self.query(expression)
        assert len(samples) <= 1, (expression, samples)
        return samples[0][1] if samples else None


class Prometheus(PrometheusApi):
    """with Prometheus(pipeline) as prometheus: scrapes every process of it each `interval`, with our rules."""

    def __init__(self, pipeline, interval="1s"):
        super().__init__(free_port())
        self.directory = os.path.join(pipeline.directory, "prometheus")
        os.mkdir(self.directory)
        jobs = {}
        for name in pipeline.services:
            jobs.setdefault("siem-" + name.split("-")[0], []).append("%s:%d" % pipeline.metrics_address(name))
        config = {"global": {"scrape_interval": interval, "evaluation_interval": interval}, "rule_files": [RULES],
                  "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}]}
                                     for job, targets in jobs.items()]}
        path = os.path.join(self.directory, "prometheus.yml")
        with open(path, "w") as file:
            yaml.safe_dump(config, file)
        self.process = Process("prometheus", [
            tools.find("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"], dict(os.environ), pipeline.directory)

    def __enter__(self):
        self.process.start()
        wait_until(self.is_ready, lambda: "Prometheus is ready:\n" + self.process.log()[-2000:])
        return self

    def __exit__(self, kind, value, trace):
        self.process.stop()
