"""A client of the REST API: one kept-alive connection, one per thread. Every answer is held against the API's
document (support/schema.py)."""
import http.client
import json
import threading

from support.schema import document


class Answer:
    """Status, headers and body of one reply."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def connect(host, port, timeout, tls):
    """A connection for HTTP, or HTTPS with that context."""
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=timeout)
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)


class Api:
    """Requests to http://host:port (https:// with `tls`, an ssl.SSLContext) with an API key; OSError or
    HTTPException when there is no reply."""

    def __init__(self, host, port, key=None, timeout=60.0, tls=None):
        self.host, self.port, self.key, self.timeout, self.tls = host, port, key, timeout, tls
        self.connection = None

    def request(self, method, path, body=None, headers=None):
        """One request; a body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        if self.key is not None:
            sent.setdefault("X-API-Key", self.key)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self.connection = connect(self.host, self.port, self.timeout, self.tls)
        try:
            self.connection.request(method, path, body=body, headers=sent)
            reply = self.connection.getresponse()
            answer = Answer(reply.status, reply.headers, reply.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if reply.will_close:
            self.close()
        document().check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def log(self, event, wait=True):
        """POST /log; wait=False asks for 202 as soon as it is stored."""
        return self.request("POST", "/log", event, None if wait else {"Prefer": "respond-async"})

    def logs(self, events):
        """POST /logs as NDJSON."""
        body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        return self.request("POST", "/logs", body, {"Content-Type": "application/x-ndjson"})


class Connections:
    """One Api per thread and key, so that polling does not open a connection each time."""

    def __init__(self, host, port, tls=None):
        self.host, self.port, self.tls, self.kept, self.lock = host, port, tls, {}, threading.Lock()

    def get(self, key):
        place = (threading.get_ident(), key)
        with self.lock:
            if place not in self.kept:
                self.kept[place] = Api(self.host, self.port, key, tls=self.tls)
            return self.kept[place]

    def close(self):
        for api in self.kept.values():
            api.close()
