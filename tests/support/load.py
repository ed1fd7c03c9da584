"""A reproducible stream of events, clients that send it, and what they know of each event afterwards.

A reply of 2xx says "stored"; 4xx says "not stored"; anything else, no reply included, leaves the client
not knowing: such an event may be counted once or not at all, but never twice. Nothing is sent again."""
import http.client
import threading

from support.waiting import pause

THREAT_EVERY = 20   # one event in so many is a threat
SOURCE_EVENTS = 4   # threats that share a source address, and so an incident
FAILURES = 8        # the count of each threat: enough for the rule, too few for high

STORED, REFUSED, UNKNOWN = "stored", "refused", "unknown"


def source_of(client, number):
    """The address of a threat; SOURCE_EVENTS threats of one client in a row share one."""
    group = number // THREAT_EVERY // SOURCE_EVENTS
    return f"10.{client % 256}.{group // 256 % 256}.{group % 256}"


def is_threat(number):
    return number % THREAT_EVERY == 0


def event_of(client, number):
    """The event number `number` of a client: always the same."""
    if is_threat(number):
        return {"event_type": "login_failed", "source_ip": source_of(client, number),
                "username": f"user{client}", "count": FAILURES}
    return {"event_type": "login_success", "source_ip": f"192.168.{client % 256}.{number % 256}",
            "username": f"user{number % 50}", "raw_log": f"session {number} opened", "metadata": {"n": number}}


class Tally:
    """How many events are stored, refused or unknown; in total, and of threats by source address."""

    def __init__(self):
        self.lock = threading.Lock()
        self.events = {STORED: 0, REFUSED: 0, UNKNOWN: 0}
        self.threats = {}  # source -> {outcome: events}
        self.refusals = {}  # status -> events

    def add(self, client, numbers, outcome, status=None):
        with self.lock:
            self.events[outcome] += len(numbers)
            if outcome == REFUSED:
                self.refusals[status] = self.refusals.get(status, 0) + len(numbers)
            for number in filter(is_threat, numbers):
                row = self.threats.setdefault(source_of(client, number), {STORED: 0, REFUSED: 0, UNKNOWN: 0})
                row[outcome] += 1

    @property
    def sent(self):
        return sum(self.events.values())


def outcome_of(status):
    if 200 <= status < 300:
        return STORED
    return REFUSED if 400 <= status < 500 else UNKNOWN


class Clients:
    """`clients` threads; each sends `events` events, `bulk_share` of them in POST /logs of `bulk_size`."""

    def __init__(self, connect, clients=4, events=1000, bulk_share=0.5, bulk_size=100, first_client=0):
        self.connect, self.events, self.bulk_size = connect, events, bulk_size
        self.bulk_events = int(events * bulk_share) // bulk_size * bulk_size
        self.tally = Tally()
        self.threads = [threading.Thread(target=self.run, args=(client,), daemon=True)
                        for client in range(first_client, first_client + clients)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        return self.tally

    def run(self, client):
        """Single events and bulk requests alternate, so that every moment of the load has both."""
        api = self.connect()
        number = bulk_sent = 0
        while number < self.events:
            if bulk_sent < self.bulk_events and bulk_sent <= number * self.bulk_events // self.events:
                numbers = range(number, number + self.bulk_size)
                bulk_sent += self.bulk_size
                self.send(api, client, numbers, lambda: api.logs([event_of(client, n) for n in numbers]))
            else:
                numbers = range(number, number + 1)
                self.send(api, client, numbers, lambda: api.log(event_of(client, number)))
            number = numbers.stop
        api.close()

    def send(self, api, client, numbers, request):
        try:
            status = request().status
        except (OSError, http.client.HTTPException):
            self.tally.add(client, numbers, UNKNOWN)
            pause(0.05)
            return
        outcome = outcome_of(status)
        self.tally.add(client, numbers, outcome, status)
        if outcome != STORED:
            pause(0.05)
