"""A whole pipeline of real processes in a directory of its own, for tests.

Wires are ipc:// sockets, Redis a private one on a unix socket, HTTP on free ports of 127.0.0.1. Nothing
restarts by itself: a test kills and starts what it wants. Every process is ended when the test ends, even
when the test dies (PR_SET_PDEATHSIG), and only those started here."""
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import redis

from support.api import Api, Connections
from support.metrics import metric
from support.schema import document
from support.threats import ThreatListener
from support.waiting import wait_until
from support.webhook import Webhook

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("SIEM_BIN", os.path.join(TOP, "build", "dev", "bin"))
KEY_PREFIX = "siem:{0}:"
API_KEY = "key-of-the-tests"
START_SECONDS = 180.0
STOP_SECONDS = 90.0
PR_SET_PDEATHSIG = 1
# What sanitizers, asserts and valgrind print.
REPORT = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed"
                    r"|ERROR SUMMARY: [1-9])")
LIBC = ctypes.CDLL("libc.so.6", use_errno=True)


reserved = []


def free_port():
    """A port nobody listens on, below the range the kernel gives to outgoing connections. No other test is given it while
    this process lives, though whoever listens there is killed and started again: a socket's name stands for it."""
    while True:
        port = random.randint(11000, 31000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0siem-test-port-{port}")
                probe.bind(("127.0.0.1", port))
                reserved.append(claim)
                return port
            except OSError:
                claim.close()


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def before_exec():
    """Scheduled as the services schedule themselves, and deploy/up Redis."""
    die_with_parent()
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Process:
    """One process that can be started, signalled and started again under the same options."""

    def __init__(self, name, arguments, environment, directory, executable=None):
        self.name, self.arguments, self.environment = name, arguments, environment
        self.directory, self.executable = directory, executable
        self.log_path = os.path.join(directory, "logs", name + ".log")
        self.popen = None

    def start(self):
        assert self.popen is None, f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                self.arguments, executable=self.executable, env=self.environment, cwd=TOP,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=before_exec)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """SIGKILL, as a crash or the kernel's OOM killer would."""
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()
            self.popen = None

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; returns the exit status, and kills it after `seconds`."""
        if self.popen is None:
            return 0
        self.popen.send_signal(signal.SIGCONT)
        self.popen.terminate()
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL
        self.popen = None
        return status

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def memory_kib(self):
        """Resident memory now."""
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def cpu_seconds(self):
        """User and system time so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Pipeline:
    """with Pipeline(detectors=2) as pipeline: ... ; options: {"SIEM_NAME": "value"} for all services;
    certificate: what the API shows its clients (support/certificates.py), who then speak HTTPS."""

    def __init__(self, detectors=1, options=None, webhook=False, binaries=None, certificate=None):
        self.directory = tempfile.mkdtemp(prefix="siem-test-", dir=os.environ.get("SIEM_TEST_DIR", "/tmp"))
        os.mkdir(os.path.join(self.directory, "logs"))
        os.mkdir(os.path.join(self.directory, "redis"))
        os.mkdir(os.path.join(self.directory, "ingest"))
        self.binaries = binaries or BIN
        self.options = dict(options or {})
        if certificate:
            self.options.update(SIEM_TLS_CERTIFICATE=certificate.path, SIEM_TLS_KEY=certificate.key_path)
        self.webhook = Webhook() if webhook else None
        self.listeners, self.processes = [], {}
        self.port = free_port()
        self.connections = Connections("127.0.0.1", self.port, certificate.client() if certificate else None)
        self.redis_path = os.path.join(self.directory, "redis.sock")
        self.redis = redis.Redis(unix_socket_path=self.redis_path, decode_responses=True)
        self.redis_bytes = redis.Redis(unix_socket_path=self.redis_path)
        self.environment = self.make_environment()
        self.add_redis()
        self.add_service("incident", SIEM_FINDINGS_LISTEN=self.ipc("findings"), SIEM_THREATS_LISTEN=self.ipc("threats"),
                         SIEM_RECEIPTS_LISTEN=self.ipc("receipts"))
        for number in range(1, detectors + 1):
            self.add_detector(number)
        self.add_service("ingest", SIEM_LISTEN=f"127.0.0.1:{self.port}", API_KEY=API_KEY,
                         SIEM_STATE_DIR=os.path.join(self.directory, "ingest"), SIEM_EVENTS_LISTEN=self.ipc("events"),
                         SIEM_RECEIPTS_FROM=self.ipc("receipts"))
        self.add_service("alerter", SIEM_THREATS_FROM=self.ipc("threats"))

    # Making it

    def make_environment(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("SIEM_") and name not in ("API_KEY", "SLACK_WEBHOOK_URL", "DEBUG")}
        # Short stacks: compiling expressions allocates a million times.
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:halt_on_error=1:malloc_context_size=5")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        environment["SIEM_REDIS_URL"] = f"unix://{self.redis_path}"
        environment["SIEM_SPOOL_SEGMENT"] = "4M"
        # A busy machine may hold a verdict up; tests of that moment set their own patience.
        environment["SIEM_VERDICT_TIMEOUT"] = "25s"
        # Tests choose their events' hour themselves; the wall clock must not add findings.
        environment["SIEM_OFF_HOURS"] = ""
        if self.webhook:
            environment["SLACK_WEBHOOK_URL"] = self.webhook.url
            environment["SIEM_ALERT_ALLOW_HTTP"] = "1"
            environment["SIEM_ALERT_ALLOW_PRIVATE"] = "127.0.0.0/8"
        environment.update(self.options)
        return environment

    def ipc(self, name):
        return f"ipc://{self.directory}/{name}.sock"

    def add_redis(self):
        self.processes["redis"] = Process(
            "redis", ["redis-server", os.path.join(TOP, "deploy", "redis.conf"), "--unixsocket", self.redis_path,
                      "--dir", os.path.join(self.directory, "redis")],
            self.environment, self.directory, executable="/usr/bin/redis-check-rdb")

    def add_service(self, name, **options):
        environment = dict(self.environment, SIEM_INSTANCE=name, **options)
        environment.setdefault("SIEM_METRICS_LISTEN", f"127.0.0.1:{free_port()}")
        program = os.path.join(self.binaries, "siem-" + name.split("-")[0])
        self.processes[name] = Process(name, [program], environment, self.directory)

    def add_ingest(self, number, **options):
        """Another ingest process, before the start; returns its client. Detectors take from all of them."""
        name, port = f"ingest-{number}", free_port()
        os.mkdir(os.path.join(self.directory, name))
        self.add_service(name, **dict(dict(SIEM_LISTEN=f"127.0.0.1:{port}", API_KEY=API_KEY,
                         SIEM_STATE_DIR=os.path.join(self.directory, name), SIEM_EVENTS_LISTEN=self.ipc(f"events-{number}"),
                         SIEM_RECEIPTS_FROM=self.ipc("receipts")), **options))
        for detector in self.detectors:
            self.processes[detector].environment["SIEM_EVENTS_FROM"] += "," + self.ipc(f"events-{number}")
        return lambda key=API_KEY: Api("127.0.0.1", port, key)

    def add_detector(self, number):
        scratch = os.path.join(self.directory, f"detector-{number}")
        os.makedirs(scratch, exist_ok=True)
        self.add_service(f"detector-{number}", SIEM_EVENTS_FROM=self.ipc("events"), SIEM_FINDINGS_TO=self.ipc("findings"),
                         SIEM_SCRATCH_DIR=scratch)

    # Running it

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, value, trace):
        statuses = self.end(failed=kind is not None)
        if kind is None:
            bad = {name: status for name, status in statuses.items() if status != 0}
            assert not bad, f"not every process stopped by itself with status 0: {bad}"
            assert not self.reports, "sanitizer reports:\n" + "\n".join(self.reports)
            assert not document().faults, "\n".join(document().faults[:5])

    def start(self):
        for process in self.processes.values():
            process.start()
            if process.name == "redis":
                self.wait_redis()
        self.wait_ready()
        if self.webhook:
            wait_until(lambda: self.redis.hlen(self.key("channels")), "the alerter has announced its channel", START_SECONDS)

    def wait_redis(self):
        def answers():
            try:
                return self.redis.ping()
            except redis.exceptions.RedisError:
                return False
        wait_until(answers, "Redis answers", START_SECONDS)

    def wait_ready(self):
        """Waits for /readyz 200, and for every detector to be connected."""
        api = self.api()

        def ready():
            dead = [name for name, process in self.processes.items() if process.popen and not process.running]
            assert not dead, f"died at the start: {dead}\n" + "\n".join(self.tail(name) for name in dead)
            try:
                return api.get("/readyz").status == 200
            except OSError:
                return False
        wait_until(ready, "/readyz answers 200", START_SECONDS)

    def end(self, failed=True):
        """Stops everything in the order of deploy/down; returns the exit statuses. After a failure the
        ends of the logs are printed, and the directory stays."""
        for thing in self.listeners + [self.connections]:
            thing.close()
        order = [name for name in self.processes if name.startswith("ingest")]
        order += [name for name in self.processes if name.startswith("detector")] + ["incident"]
        order += [name for name in self.processes if name.startswith("alerter")] + ["redis"]
        statuses = {name: self.processes[name].stop() for name in order}
        if self.webhook:
            self.webhook.close()
        logs = {name: self.processes[name].log() for name in order if os.path.exists(self.processes[name].log_path)}
        self.reports = [f"{name}: {line}" for name, log in logs.items() for line in log.splitlines() if REPORT.search(line)]
        if failed or self.reports or any(statuses.values()):
            print(f"exit statuses {statuses}; everything is kept in {self.directory}")
            for name in logs:
                print(self.tail(name))
        else:
            shutil.rmtree(self.directory)
        return statuses

    def tail(self, name, lines=30):
        return f"--- {name}\n" + "\n".join(self.processes[name].log().splitlines()[-lines:])

    def __getitem__(self, name):
        return self.processes[name]

    @property
    def detectors(self):
        return [name for name in self.processes if name.startswith("detector")]

    def scale(self, detectors):
        """Starts or stops detectors until `detectors` run."""
        for number in range(1, max(detectors, len(self.detectors)) + 1):
            name = f"detector-{number}"
            if number > detectors:
                assert self.processes[name].stop() == 0
            else:
                if name not in self.processes:
                    self.add_detector(number)
                if not self.processes[name].running:
                    self.processes[name].start()

    # Looking at it

    def api(self, key=API_KEY):
        """This thread's client with that key."""
        return self.connections.get(key)

    def listen(self):
        """A THREATS subscriber that is certainly connected: it has heard a heartbeat."""
        listener = ThreatListener(self.ipc("threats"))
        self.listeners.append(listener)
        wait_until(lambda: listener.heartbeats, "a heartbeat on THREATS")
        return listener

    @property
    def services(self):
        """Names of all processes but Redis."""
        return [name for name in self.processes if name != "redis"]

    def metrics_address(self, process):
        """Host and port of a process's /metrics."""
        environment = self.processes[process].environment
        listen = environment["SIEM_LISTEN" if process == "ingest" else "SIEM_METRICS_LISTEN"]
        return "127.0.0.1", int(listen.rsplit(":", 1)[1])

    def metric(self, process, name):
        """One series of a process's /metrics."""
        return metric(*self.metrics_address(process), name)

    def key(self, name):
        return KEY_PREFIX + name
