"""/docs, /redoc, /openapi.json and their files as a client sees them (tests/browser looks at them as a person)."""
import gzip
import json
import re

import pytest
from support.pipeline import Pipeline
from support.schema import Document, Undescribed, document

PAGES = ("/docs", "/redoc")
LICENCES = {"/docs/swagger-ui.LICENSE.txt": b"Apache License", "/docs/swagger-ui-bundle.js.LICENSE.txt": b"MIT",
            "/docs/redoc.LICENSE.txt": b"The MIT License", "/docs/redoc.standalone.js.LICENSE.txt": b"license"}


@pytest.fixture(scope="module")
def api():
    with Pipeline() as pipeline:
        yield pipeline.api(key=None)


def files(api):
    """All that the pages load, from their own text."""
    loaded = set()
    for page in PAGES:
        loaded |= {"/" + name for name in re.findall(r'(?:src|href)="([^"]+)"', api.get(page).body.decode())}
    return loaded


def test_the_document_is_the_source(api):
    assert api.get("/openapi.json").json == document().tree


LIMITED = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"}
FOR_BROWSERS = {"Access-Control-Allow-Origin", "Strict-Transport-Security"}


def test_generators_of_clients_see_the_headers():
    """Of limits, browsers and repetitions, where a client can use them: an answer's own, not only those of every answer."""
    for (method, template), operation in document().operations.items():
        if not operation["security"]:
            continue
        good = next(answer for status, answer in sorted(operation["responses"].items()) if status.startswith("2"))
        assert LIMITED | FOR_BROWSERS <= set(good["headers"]), f"{method} {template}"
        assert ("Idempotent-Replayed" in good["headers"]) is (method == "POST"), f"{method} {template}"


def test_pages_load_only_from_here_and_all_of_it_is_there(api):
    found = files(api)
    assert {"/docs/swagger-ui-bundle.js", "/docs/redoc.standalone.js", "/openapi.json"} <= found
    for name in found:
        answer = api.get(name)
        assert answer.status == 200 and answer.body, name
    assert api.get("/docs/other.js").status == 404
    assert api.get("/docs/..%2Fopenapi.json").status == 404


def test_policies(api):
    for page in PAGES:
        policy = api.get(page).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    for other in sorted(files(api)) + ["/", "/incidents", "/nowhere"]:
        assert api.get(other).headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'", other


@pytest.mark.parametrize("accept, packed", [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False),
                                            ("identity", False), ("br", False), ("", False), (",,", False), ("gzipped", False)])
def test_compressed_when_the_client_can_read_it(api, accept, packed):
    plain = api.get("/docs/swagger-ui.css", {"Accept-Encoding": "identity"})
    answer = api.get("/docs/swagger-ui.css", {"Accept-Encoding": accept})
    assert answer.headers["Content-Encoding"] == ("gzip" if packed else None)
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    assert (answer.headers["ETag"] != plain.headers["ETag"]) is packed


def test_a_client_that_has_it_gets_no_body(api):
    first = api.get("/openapi.json", {"Accept-Encoding": "gzip"})
    tag = first.headers["ETag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        again = api.get("/openapi.json", {"Accept-Encoding": "gzip", "If-None-Match": known})
        assert again.status == 304 and again.body == b"" and again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "no-cache"
    # The plain one is another thing under another tag.
    other = api.get("/openapi.json", {"If-None-Match": tag})
    assert other.status == 200 and json.loads(other.body)["openapi"].startswith("3.1")


def test_head_says_what_get_would(api):
    got, asked = api.get("/docs"), api.request("HEAD", "/docs")
    assert asked.status == 200 and asked.body == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Security-Policy"):
        assert asked.headers[name] == got.headers[name]


def test_licences_lie_beside(api):
    for name, word in LICENCES.items():
        answer = api.get(name)
        assert answer.status == 200 and word in answer.body, name
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


POLICY = {"cache-control": "no-store", "x-content-type-options": "nosniff",
          "content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
JSON = {"content-type": "application/json", **POLICY}
KEYLESS = {"detail": "API Key is missing. Please provide 'X-API-Key' header."}


@pytest.mark.parametrize("method, target, status, headers, body, wrong", [
    ("POST", "/log", 202, JSON, {"status": "accepted", "id": "9fa8feeeceab6763-1-0.0", "more": 1}, "more"),
    ("POST", "/log", 202, JSON, {"status": "accepted"}, "id"),
    ("POST", "/log", 202, JSON, {"status": "accepted", "id": "7"}, "id"),
    ("POST", "/log", 201, JSON, {}, "status 201"),
    ("POST", "/log", 401, JSON, KEYLESS, "www-authenticate"),
    ("POST", "/log", 202, {"content-type": "text/html", **POLICY}, {}, "text/html"),
    ("POST", "/log", 202, dict(JSON, server="x"), {"status": "accepted", "id": "9fa8feeeceab6763-1-0.0"}, "server"),
    ("GET", "/healthz", 200, {"content-type": "application/json"}, {"status": "ok"}, "x-content-type-options"),
    ("GET", "/incidents/stats", 200, JSON, {"id": "INC-20260101-0001"}, "total_incidents"),
    ("GET", "/nowhere", 200, JSON, {}, "/nowhere is not described"),
    ("DELETE", "/log", 405, JSON, {"detail": "Method Not Allowed"}, "allow"),
    ("GET", "/openapi.json", 304, {**JSON, "cache-control": "no-cache", "etag": "0"}, {}, "'0' does not match"),
])
def test_an_answer_the_document_does_not_allow_is_found(method, target, status, headers, body, wrong):
    with pytest.raises(Undescribed, match=wrong):
        Document().check(method, target, status, headers, json.dumps(body).encode())
