"""A client written for the old server runs against this one, unchanged, and is told what it was told there, only right."""
import os
import re
import subprocess
import sys

from support.pipeline import API_KEY, Pipeline

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_client.py")
# severity of each of its seven events; None: no threat
SEVERITIES = ["medium", "medium", "critical", "high", "medium", None, "low"]


def test_an_old_client_runs_unchanged():
    with Pipeline() as pipeline:
        ran = subprocess.run([sys.executable, "-B", CLIENT, f"http://127.0.0.1:{pipeline.port}", API_KEY], capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    said = re.findall(r"^\[\d\] .*: (\w+)\n    severity: (\w+)  threat: (\w+)$", ran.stdout, re.M)
    assert said == [("threat_detected" if severity else "ok", severity or "info", str(severity is not None)) for severity in SEVERITIES]
    assert len(re.findall(r"^    incident: INC-\d{8}-\d{4}  alert sent: False$", ran.stdout, re.M)) == 6
    assert re.search(r"^events: 7  threats: 6\n  critical: 1\n  high: 1\n  medium: 3\n  low: 1\nactive: 6  resolved: 0$", ran.stdout, re.M), ran.stdout
    assert re.search(r"^incidents: 6$", ran.stdout, re.M)
    assert re.search(r"^updated: INC-\d{8}-\d{4} is resolved$", ran.stdout, re.M)
