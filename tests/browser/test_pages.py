"""The API's pages in a real browser: what they promise works, they break no policy of their own, and they load
nothing from anybody else."""
import os
import subprocess

import pytest
from support.pipeline import API_KEY, Pipeline

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline() as running:
        yield running


def run(script, *arguments):
    """Runs a script of this directory where its npm packages are (tests/browser/packages)."""
    done = subprocess.run(["node", os.path.join(HERE, script), *arguments], cwd=os.environ["SIEM_BROWSER_PACKAGES"],
                          capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def test_swagger_ui_sends_an_event_and_shows_its_verdict(pipeline):
    incident = run("swagger_ui.mjs", f"http://127.0.0.1:{pipeline.port}", API_KEY)
    shown = pipeline.api().get(f"/incidents/{incident}").json
    assert shown["source_ip"] == "203.0.113.9" and shown["detection_count"] == 12


def test_redoc_shows_and_finds_every_operation(pipeline):
    run("redoc.mjs", f"http://127.0.0.1:{pipeline.port}")
