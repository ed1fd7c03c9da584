"""Rate limits: one budget over two ingest processes, the headers, and what holds while Redis is away."""
import signal
import threading
import time

from support.metrics import series
from support.pipeline import API_KEY, Pipeline
from support.waiting import pause, wait_until

EVENT = {"event_type": "login_success", "username": "ann"}


def running(**options):
    pipeline = Pipeline(options=options)
    pipeline.second = pipeline.add_ingest(2)
    return pipeline


def ready(pipeline):
    wait_until(lambda: pipeline.second(None).get("/readyz").status == 200, "the second ingest is ready")


ENOUGH_REFUSED = 100
# Asked for by a client each when Redis stopped: two rounds at most, before the process knew that it is away.
LEASES_LOST = 8
MOST_SECONDS = 120


class Hammer:
    """Clients that ask as fast as they can, for so long and until the budget is clearly used up; how many requests went
    through, and how long it took."""

    def __init__(self, connects, clients, seconds, request):
        self.passed, self.refused, self.other = 0, 0, []
        self.lock, self.seconds, self.request = threading.Lock(), seconds, request
        threads = [threading.Thread(target=self.run, args=(connects[number % len(connects)],)) for number in range(clients)]
        self.started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.elapsed = time.monotonic() - self.started

    def is_over(self, elapsed):
        return elapsed >= self.seconds and (self.refused >= ENOUGH_REFUSED or elapsed >= MOST_SECONDS)

    def run(self, connect):
        api = connect()
        while not self.is_over(time.monotonic() - self.started):
            answer = self.request(api)
            with self.lock:
                if answer.status in (200, 202):
                    self.passed += 1
                elif answer.status == 429:
                    self.refused += 1
                else:
                    self.other.append(answer)
            if answer.status == 429:
                pause(0.002)
        api.close()


def leases(connect):
    return series(connect(None).get("/metrics").body.decode()).get("siem_rate_leases_total", 0)


def log(api):
    return api.log(EVENT, wait=False)


def refusal(api):
    """The first one; a token may have come meanwhile."""
    return wait_until(lambda: next((answer for answer in [log(api)] if answer.status == 429), None), "it refuses", every=0)


def within(passed, count, period, elapsed, left=None):
    """What a budget of count/period, of which so much is left (None: all), allows in that time; 5 percent, and a token of the
    moment it was measured, are allowed for."""
    allowed = (count if left is None else left) + elapsed * count / period
    assert 0.95 * allowed - 1 <= passed <= 1.05 * allowed + 1, f"{passed} passed, {allowed:.1f} are allowed"


def test_two_processes_share_one_budget():
    with running(SIEM_RATE_LIMIT_KEY="100/minute") as pipeline:
        ready(pipeline)
        hammer = Hammer([pipeline.api, pipeline.second], 8, 4.0, log)
        assert not hammer.other, hammer.other[:3]
        within(hammer.passed, 100, 60, hammer.elapsed)
        assert hammer.refused >= ENOUGH_REFUSED
        refused = refusal(pipeline.api())
        assert refused.json == {"detail": "Too many requests. Try again later."}
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Policy"]) == ("100", "100;w=60")
        assert refused.headers["RateLimit-Remaining"] == "0" and 50 <= int(refused.headers["RateLimit-Reset"]) <= 61
        assert pipeline.api(None).get("/healthz").headers["RateLimit-Limit"] is None, "what is open to all is not limited"
        assert pipeline.metric("ingest", 'siem_rate_limited_total{by="key"}') > 0


def test_a_large_budget_is_shared_in_leases():
    """Redis is asked far less often than requests come."""
    with running(SIEM_RATE_LIMIT_ADDRESS="600/minute") as pipeline:
        ready(pipeline)
        api = pipeline.api(None)
        before = api.get("/ledger")
        assert before.headers["RateLimit-Limit"] == "600"
        hammer = Hammer([lambda: pipeline.api(None), lambda: pipeline.second(None)], 8, 4.0,
                        lambda api: api.request("POST", "/log", EVENT, {"X-API-Key": API_KEY, "Prefer": "respond-async"}))
        assert not hammer.other, hammer.other[:3]
        within(hammer.passed, 600, 60, hammer.elapsed)
        wait_until(lambda: int(api.get("/ledger").headers["RateLimit-Remaining"]) > 10, "the budget is there again", every=0.5)
        assert 0 < pipeline.metric("ingest", "siem_rate_leases_total") < hammer.passed / 2, "a lease holds several tokens"


def test_the_budget_comes_back():
    with running(SIEM_RATE_LIMIT_KEY="4/second") as pipeline:
        ready(pipeline)
        apis = [pipeline.api(), pipeline.second()]
        wait_until(lambda: [log(api).status for api in apis] == [429, 429], "both refuse")
        refused = refusal(apis[0])
        pause(int(refused.headers["Retry-After"]))
        assert log(apis[1]).status == 202
        assert log(apis[0]).status == 202


def test_without_redis_each_process_keeps_the_limit():
    with running(SIEM_RATE_LIMIT_KEY="50/minute", SIEM_VERDICT_TIMEOUT="300ms") as pipeline:
        ready(pipeline)
        assert log(pipeline.api()).status == 202
        pipeline["redis"].signal(signal.SIGSTOP)
        try:
            hammer = Hammer([pipeline.api], 4, 1.0, log)
            assert not hammer.other, hammer.other[:3]
            within(hammer.passed, 50, 60, hammer.elapsed)
        finally:
            pipeline["redis"].signal(signal.SIGCONT)
        wait_until(lambda: pipeline.api(None).get("/readyz").status == 200, "ready again")
        # The second process asks Redis as soon as it sees it again; until then it counts by itself.
        wait_until(lambda: log(pipeline.second()).status == 202 and leases(pipeline.second) > 0, "it takes a lease")
        left = int(log(pipeline.second()).headers["RateLimit-Remaining"])
        assert 50 - LEASES_LOST - 3 <= left <= 49, "Redis knows nothing of what went by without it, but of leases on their way"
        second = Hammer([pipeline.second], 4, 1.0, log)
        within(second.passed, 50, 60, second.elapsed, left)


def test_no_limit_costs_no_redis():
    with running() as pipeline:
        ready(pipeline)
        assert log(pipeline.api()).headers["RateLimit-Limit"] is None
        assert pipeline.redis.zcard(pipeline.key("rates")) == 0
