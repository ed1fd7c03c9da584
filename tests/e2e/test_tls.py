"""HTTPS on the API's own port: what is spoken, certificates that change under load, clients that stall."""
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from support.api import Api
from support.certificates import Certificate, make_key, openssl
from support.pipeline import API_KEY, BIN, TOP, Pipeline, free_port
from support.waiting import wait_until

EVENT = {"event_type": "login_success", "username": "ann"}
REQUEST_SECONDS = 5
REDIRECT_PORT = free_port()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pipeline(certificate):
    options = {"SIEM_REDIRECT_LISTEN": f"127.0.0.1:{REDIRECT_PORT}", "SIEM_REQUEST_TIMEOUT": "60s", "SIEM_CONNECTIONS_PER_ADDRESS": "0"}
    with Pipeline(options=options, certificate=certificate) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(certificate):
    """One that gives requests little time."""
    options = {"SIEM_REQUEST_TIMEOUT": f"{REQUEST_SECONDS}s", "SIEM_CONNECTIONS_PER_ADDRESS": "0"}
    with Pipeline(options=options, certificate=certificate) as running:
        yield running


def handshake(pipeline, context):
    """An open connection."""
    plain = socket.create_connection(("127.0.0.1", pipeline.port), timeout=60)
    return context.wrap_socket(plain, server_hostname="localhost")


def in_time(pipeline, certificate):
    """An open connection; None when it took us too long to get it."""
    try:
        return handshake(pipeline, certificate.client())
    except OSError:
        return None


def is_alive(pipeline):
    try:
        return pipeline.api().get("/healthz").status == 200
    except (OSError, http.client.HTTPException):
        return False


def shown(pipeline, certificate):
    """The fingerprint of the certificate a new client is shown."""
    with handshake(pipeline, certificate.client()) as connection:
        return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()


def test_a_verdict_comes_over_tls(pipeline):
    api = pipeline.api()
    for _ in range(3):
        answer = api.log({"event_type": "login_failed", "count": 12, "source_ip": "203.0.113.9"})
        assert answer.status == 200 and answer.json["status"] == "threat_detected"
        assert answer.headers["Strict-Transport-Security"] == f"max-age={180 * 24 * 3600}"
    assert api.connection.sock.version() == "TLSv1.3", "kept alive, with what is spoken today"


def context_of(certificate, lowest, highest, ciphers=None):
    context = certificate.client()
    context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = lowest, highest
    return context


@pytest.mark.parametrize("highest, ciphers, spoken", [
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", True), (ssl.TLSVersion.TLSv1_3, None, True),
    (ssl.TLSVersion.TLSv1_1, None, False), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", False)])
def test_only_modern_tls_is_spoken(pipeline, certificate, highest, ciphers, spoken):
    context = context_of(certificate, ssl.TLSVersion.TLSv1, highest, ciphers)
    if spoken:
        handshake(pipeline, context).close()
    else:
        with pytest.raises(ssl.SSLError):
            handshake(pipeline, context).close()


@pytest.mark.parametrize("offered, chosen", [(["h2", "http/1.1"], "http/1.1"), (["h2"], None)])
def test_http_1_1_is_agreed_on(pipeline, certificate, offered, chosen):
    context = certificate.client()
    context.set_alpn_protocols(offered)
    if chosen is None:
        with pytest.raises(ssl.SSLError):
            handshake(pipeline, context).close()
    else:
        with handshake(pipeline, context) as connection:
            assert connection.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("options", [[], ["--tls-max", "1.2"], ["--http1.0"]], ids=["usual", "tls1.2", "http1.0"])
def test_curl(pipeline, certificate, options, tmp_path):
    """Two requests on one connection of curl, a large answer among them."""
    page = tmp_path / "page"
    url = f"https://localhost:{pipeline.port}"
    done = subprocess.run(["curl", "-sS", "--cacert", certificate.authority, *options, "-w", "%{http_code} %{num_connects} ",
                           "-o", page, f"{url}/redoc", "-o", os.devnull, f"{url}/healthz"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and re.fullmatch(r"200 1 200 [01] ", done.stdout), done
    assert page.stat().st_size > 0


def test_large_bodies_both_ways(pipeline, certificate):
    """10 000 events up, a file of the documentation down, read slowly: byte for byte."""
    answer = pipeline.api().logs([dict(EVENT, description="x" * 400)] * 10000)
    assert answer.status == 202 and answer.json["accepted"] == 10000
    script = "/" + re.search(r"docs/[\w.-]*bundle[\w.-]*js", pipeline.api().get("/docs").body.decode()).group(0)
    whole = pipeline.api().get(script).body
    with handshake(pipeline, certificate.client()) as connection:
        connection.sendall(f"GET {script} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(7919):
            received += chunk
    assert len(whole) > 500000 and received.split(b"\r\n\r\n", 1)[1] == whole


def run_threads(count, work):
    """Runs work(number) in so many threads; what they returned, exceptions included."""
    results = [None] * count

    def run(number):
        try:
            results[number] = work(number)
        except Exception as fault:  # told by the test
            results[number] = fault
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_64_connections_kept_alive(pipeline):
    def work(_number):
        api = pipeline.api()
        statuses = {api.log(EVENT).status for _ in range(10)}
        kept = api.connection
        return statuses == {200} and kept is not None
    assert run_threads(64, work) == [True] * 64


class Load:
    """Clients that send on and on, over connections they keep and over new ones; every fault is kept."""

    def __init__(self, pipeline, certificate, clients=8):
        self.pipeline, self.certificate = pipeline, certificate
        self.ending, self.faults, self.sent = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.run, args=(number % 2 == 0,)) for number in range(clients)]

    def run(self, keep):
        api = Api("127.0.0.1", self.pipeline.port, API_KEY, tls=self.certificate.client())
        while not self.ending.is_set():
            try:
                answer = api.log(EVENT, wait=False)
                if answer.status != 202:
                    self.faults.append(answer)
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(fault)
            self.sent += 1
            if not keep:
                api.close()
        api.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def wait_for_more(self, count=200):
        start = self.sent
        wait_until(lambda: self.sent > start + count, "more requests went through")


def test_a_new_certificate_is_taken_under_load(pipeline, certificate):
    """On a change of the files and on SIGHUP; no request fails, and connections that exist go on."""
    old = Api("127.0.0.1", pipeline.port, API_KEY, tls=certificate.client())
    assert old.get("/healthz").status == 200
    kept = old.connection
    with Load(pipeline, certificate) as load:
        for way in ("change", "SIGHUP"):
            load.wait_for_more()
            certificate.renew()
            if way == "SIGHUP":
                pipeline["ingest"].signal(signal.SIGHUP)
            wait_until(lambda: shown(pipeline, certificate) == certificate.fingerprint(), f"the new certificate is shown ({way})")
            load.wait_for_more()
    assert load.faults == []
    assert old.get("/healthz").status == 200 and old.connection is kept


def test_files_that_do_not_fit_yet_change_nothing(pipeline, certificate):
    """Between the two replacements the certificate in use stays."""
    before = shown(pipeline, certificate)
    warnings = pipeline["ingest"].log().count("the TLS certificate in use stays")

    def halfway():
        pipeline["ingest"].signal(signal.SIGHUP)
        wait_until(lambda: pipeline["ingest"].log().count("the TLS certificate in use stays") > warnings, "it says so")
        assert shown(pipeline, certificate) == before
    certificate.renew(halfway)
    wait_until(lambda: shown(pipeline, certificate) == certificate.fingerprint(), "the new certificate is shown")
    assert "the key is not the certificate's" in pipeline["ingest"].log()


def start_ingest(tmp_path, path, key_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIEM_")}
    environment.update(SIEM_LISTEN=f"127.0.0.1:{free_port()}", SIEM_STATE_DIR=str(tmp_path / "state"),
                       SIEM_REDIS_URL=f"unix://{tmp_path}/none", SIEM_EVENTS_LISTEN=f"ipc://{tmp_path}/events",
                       SIEM_RECEIPTS_FROM=f"ipc://{tmp_path}/receipts", SIEM_TLS_CERTIFICATE=path, SIEM_TLS_KEY=key_path)
    return subprocess.run([os.path.join(BIN, "siem-ingest")], env=environment, capture_output=True, text=True, timeout=120)


def passphrase_key(place):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-aes256", "-pass", "pass:x", "-out", place)


@pytest.mark.parametrize("wrong, said", [
    ("no certificate", "No such file or directory"), ("no key", "No such file or directory"),
    ("only a certificate", "set both SIEM_TLS_CERTIFICATE and SIEM_TLS_KEY"), ("another key", "the key is not the certificate's"),
    ("garbage", "it holds no certificate in PEM form"), ("key garbage", "it holds no private key in PEM form"),
    ("passphrase", "the key has a passphrase"), ("swapped", "it holds no certificate in PEM form")])
def test_wrong_files_stop_the_start_and_are_named(tmp_path, certificate, wrong, said):
    path, key_path, place = certificate.path, certificate.key_path, str(tmp_path / "file")
    if wrong == "another key":
        make_key(place)
    elif wrong == "passphrase":
        passphrase_key(place)
    elif "garbage" in wrong:
        with open(place, "w") as file:
            file.write("-----BEGIN NOTHING-----\n")
    if wrong in ("no certificate", "garbage"):
        path = place
    elif wrong == "swapped":
        path, key_path = key_path, path
    else:
        key_path = "" if wrong == "only a certificate" else place
    ended = start_ingest(tmp_path, path, key_path)
    assert ended.returncode == 1 and said in ended.stderr and "remedy" in ended.stderr, ended.stderr


def test_plain_http_on_the_port_is_told(pipeline):
    connection = http.client.HTTPConnection("127.0.0.1", pipeline.port, timeout=60)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert answer.status == 400 and json.loads(answer.read()) == {"detail": "Use https on this port"}
    connection.close()


@pytest.mark.parametrize("head, status", [(b"no colon\r\n", b"400"), (b"Host: b\r\n", b"400"), (b"X: " + b"x" * 20000 + b"\r\n", b"431")])
def test_refusals_before_any_route_say_to_stay_with_https(pipeline, certificate, head, status):
    """Those of libmicrohttpd's own among them, and they arrive whole."""
    with handshake(pipeline, certificate.client()) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n")
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert received.startswith(b"HTTP/1.1 " + status) and received.endswith(b"}")
    assert b"\r\nStrict-Transport-Security: max-age=" in received


def test_handshakes_that_stall_cost_nothing_and_end(hasty):
    """Beginnings of handshakes do not keep a processor busy, keep nobody from being served, and are ended."""
    before, began = hasty["ingest"].cpu_seconds(), time.monotonic()
    starts = [b"", b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    stalled = []
    for number in range(200):
        connection = socket.create_connection(("127.0.0.1", hasty.port), timeout=60)
        connection.sendall(starts[number % len(starts)])
        stalled.append(connection)
    wait_until(lambda: is_alive(hasty), "it serves others")
    for connection in stalled:
        assert connection.recv(1) == b"", "ended without an answer"
        connection.close()
    seconds = time.monotonic() - began
    assert seconds < 60, "each after its own time, not one after the other"
    assert hasty["ingest"].cpu_seconds() - before < 0.4 * seconds, "idle but for looking at deadlines"


@pytest.mark.parametrize("begun", [b"GET /healthz HTTP/1.1\r\n", b"POST /log HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"])
def test_requests_that_never_end_are_ended(hasty, certificate, begun):
    with wait_until(lambda: in_time(hasty, certificate), "a handshake in time") as connection:
        connection.sendall(begun)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert b" 408 " in received or b" 401 " in received


def test_a_request_may_come_with_the_end_of_the_handshake(pipeline, certificate):
    """Both in one segment: what is decrypted early is not forgotten."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = certificate.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", pipeline.port), timeout=60) as connection:
        def until_done(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65536))
        until_done(session.do_handshake)
        session.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.sendall(outgoing.read())
        assert until_done(lambda: session.read(4096)).startswith(b"HTTP/1.1 200 ")


def test_garbage_instead_of_records_ends_the_connection(pipeline, certificate):
    connection = handshake(pipeline, certificate.client())
    plain = socket.socket(fileno=os.dup(connection.fileno()))
    plain.sendall(b"\x17\x03\x03\x00\x10" + b"x" * 16)
    plain.settimeout(60)
    while plain.recv(4096):
        pass
    plain.close()
    connection.close()
    assert pipeline.api().get("/healthz").status == 200


def redirected(method, target, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", REDIRECT_PORT, timeout=60)
    connection.request(method, target, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("method, target", [("GET", "/incidents?limit=5&q=a%20b"), ("POST", "/log"), ("GET", "/docs")])
def test_the_plain_port_sends_everybody_to_https(pipeline, method, target):
    answer = redirected(method, target, {"Host": f"localhost:{REDIRECT_PORT}"})
    assert answer.status == 308 and answer.getheader("Location") == f"https://localhost:{pipeline.port}{target}"
    assert answer.getheader("X-Content-Type-Options") == "nosniff" and answer.getheader("Strict-Transport-Security") is None


def test_curl_follows_the_redirection(pipeline, certificate):
    done = subprocess.run(["curl", "-sSL", "--cacert", certificate.authority, "-H", f"X-API-Key: {API_KEY}", "-H",
                           "Content-Type: application/json", "-d", json.dumps(EVENT), "--post301", "--location-trusted",
                           f"http://localhost:{REDIRECT_PORT}/log"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "ok", done


@pytest.mark.parametrize("trusted", [True, False])
def test_siemctl_trusts_the_authority_it_is_told(pipeline, certificate, trusted):
    environment = dict(pipeline.environment, SIEM_URL=f"https://localhost:{pipeline.port}", API_KEY=API_KEY,
                       SIEM_CA_FILE=certificate.authority if trusted else "")
    done = subprocess.run([os.path.join(BIN, "siemctl"), "incidents"], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) is trusted, done
    assert trusted or "certificate" in done.stderr, done


def test_the_images_health_check_speaks_https(pipeline, certificate):
    environment = dict(pipeline.environment, SIEM_TLS_CERTIFICATE=certificate.path)
    check = [os.path.join(TOP, "deploy", "health"), str(pipeline.port)]
    # It takes two seconds for an end of ingest.
    wait_until(lambda: subprocess.run(check, env=environment, timeout=120).returncode == 0, "it says that all is well")
    pipeline["ingest"].signal(signal.SIGSTOP)
    try:
        assert subprocess.run(check, env=environment, timeout=120).returncode != 0
    finally:
        pipeline["ingest"].signal(signal.SIGCONT)


def test_the_certificate_s_end_is_a_metric(pipeline):
    value = re.search(r"^siem_tls_certificate_expiry_timestamp_seconds (\S+)", pipeline.api().get("/metrics").body.decode(), re.M)
    days = (float(value.group(1)) - time.time()) / 86400
    assert 28 < days < 31
