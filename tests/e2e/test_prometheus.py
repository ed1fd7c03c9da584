"""deploy/prometheus and deploy/grafana: checked by promtool, and by a real Prometheus that scrapes a pipeline."""
import json
import os
import re

from support import monitoring, tools
from support.monitoring import Prometheus
from support.pipeline import Pipeline
from support.waiting import wait_until

CASES = os.path.join(tools.TOP, "tests", "prometheus", "rules.test.yml")
JOBS = {"siem-ingest": 1, "siem-detector": 2, "siem-incident": 1, "siem-alerter": 1}


def test_configuration_and_rules_are_valid():
    status, said = tools.promtool("check", "config", os.path.join(monitoring.PROMETHEUS, "prometheus.yml"))
    assert status == 0, said
    status, said = tools.promtool("check", "rules", "--lint=all", "--lint-fatal", monitoring.RULES)
    assert status == 0, said


def test_every_alert_fires_when_it_should():
    status, said = tools.promtool("test", "rules", CASES)
    assert status == 0, said
    tried = {test["alertname"] for case in monitoring.load_yaml(CASES)["tests"] for test in case.get("alert_rule_test", [])
             if test.get("exp_alerts")}
    alerts = {rule["alert"]: rule for rule in monitoring.rules() if "alert" in rule}
    assert tried == set(alerts), "every alert has a case in which it fires"
    for name, rule in alerts.items():
        assert rule["labels"]["severity"] in ("page", "ticket") and set(rule["annotations"]) == {"summary", "description"}, name


def test_prometheus_finds_the_services_of_docker_compose():
    compose = monitoring.load_yaml(os.path.join(tools.TOP, "docker-compose.yml"))
    config = monitoring.load_yaml(os.path.join(monitoring.PROMETHEUS, "prometheus.yml"))
    found = {}
    for job in config["scrape_configs"]:
        discovery, = job["dns_sd_configs"]
        name, = discovery["names"]
        service = compose["services"][name]
        listen = service["environment"].get("SIEM_LISTEN") or service["environment"].get("SIEM_METRICS_LISTEN") or ":9100"
        assert discovery["type"] == "A" and discovery["port"] == int(listen.rsplit(":", 1)[1]), job
        assert set(service["networks"]) & set(compose["services"]["prometheus"]["networks"]) == {"inside"}, job
        found[job["job_name"]] = name
    assert set(found) == set(JOBS)


def test_the_dashboard_is_well_formed():
    with open(monitoring.DASHBOARD) as file:
        dashboard = json.load(file)
    everything = dashboard["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{(\w+)\}", json.dumps(dashboard))) == variables == {"datasource"}
    provider, = monitoring.load_yaml(os.path.join(tools.TOP, "deploy/grafana/provisioning/dashboards/mini-siem.yml"))["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    source, = monitoring.load_yaml(os.path.join(tools.TOP, "deploy/grafana/provisioning/datasources/prometheus.yml"))["datasources"]
    assert source["type"] == "prometheus" and source["url"] == "http://prometheus:9090"


def send(pipeline):
    """Some of everything; returns how many events."""
    api, sent = pipeline.api(), 0
    for number in range(5):
        assert api.log({"event_type": "login_failed", "source_ip": f"203.0.113.{number}", "count": 12}).status == 200
        assert api.logs([{"event_type": "log"}] * 100).status == 202
        sent += 101
    assert api.get("/dashboard").status == 200
    return sent


def check_legend(prometheus, panel, target):
    """Grafana fills the legend in from labels: each is there, and lines of one panel are told apart by them. What is one
    number by nature is one line."""
    samples = prometheus.query(monitoring.shown(target["expr"].removesuffix(" > 0")))
    wanted = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
    for labels, _ in samples:
        assert set(wanted) <= set(labels), f"{panel['title']}: {labels} has not all of {wanted}"
    legends = [tuple(labels.get(name) for name in wanted) for labels, _ in samples]
    assert len(set(legends)) == len(legends), f"{panel['title']}: two lines are called the same"
    if panel["type"] == "stat":
        assert len(samples) == 1, f"{panel['title']}: one number"


def test_a_real_prometheus_scrapes_everything_and_answers():
    with Pipeline(detectors=2, webhook=True) as pipeline, Prometheus(pipeline) as prometheus:
        for job, count in JOBS.items():
            wait_until(lambda: prometheus.value(f'sum(up{{job="{job}"}})') == count, f"{count} of {job} are up")
        wait_until(lambda: prometheus.value("count(siem_ready == 1)") == sum(JOBS.values()), "all are ready")
        sent = 0

        def committed():
            return prometheus.value('sum(siem_events_total{stage="commit",outcome="committed"})')
        while not prometheus.value("siem:end_to_end_seconds:p99_5m"):
            sent += send(pipeline)
            wait_until(lambda: committed() == sent, lambda: f"{sent} events are counted, not {committed()}")
        accepted = 'sum(rate(siem_events_total{stage="ingest",outcome="accepted"}[1m]))'
        wait_until(lambda: (prometheus.value(accepted) or 0) > 0, "the rate shows the flow")

        def flow():
            return {labels["outcome"]: value for labels, value in prometheus.query('siem:events:rate1m{stage="commit"}')}
        seen = wait_until(lambda: [now for now in [flow()] if now.get("committed", 0) > 0],
                          lambda: f"the recorded rate shows the flow, not {flow()}")[0]
        assert seen["quarantined"] == 0

        def empty():
            """Panels and rules that would show nothing even if they told of more than trouble ("> 0")."""
            return [place for place, expression in monitoring.expressions() if not place.startswith("Siem") and
                    not prometheus.query(monitoring.shown(expression.removesuffix(" > 0")))]
        wait_until(lambda: not empty(), lambda: f"every panel shows something; {empty()} do not")
        for place, expression in monitoring.expressions():
            prometheus.query(monitoring.shown(expression))
        for panel, target in monitoring.targets():
            wait_until(lambda: prometheus.value("sum(up)") == sum(JOBS.values()), "none was too busy to be scraped")
            check_legend(prometheus, panel, target)
        firing = [labels["alertname"] for labels, _ in prometheus.query('ALERTS{alertstate="firing"}')]
        assert firing == [], "all is well"

        pipeline["detector-2"].kill()
        pending = 'ALERTS{alertname="SiemProcessDown",alertstate="pending",job="siem-detector"}'
        wait_until(lambda: prometheus.value(pending) == 1, "the dead detector is noticed")
