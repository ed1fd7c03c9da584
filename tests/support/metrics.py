"""Reading a process's /metrics."""
import http.client


def page(host, port):
    """The whole page, as Prometheus reads it."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.getheader("Content-Type").startswith("text/plain; version=0.0.4")
        return reply.read().decode()
    finally:
        connection.close()


def series(text):
    """{'name{labels}': value} of a page."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    assert len({name for name, _ in lines}) == len(lines), "a series stands on the page twice"
    return {name: float(value) for name, value in lines}


def metric(host, port, name):
    """The value of one series, e.g. siem_drops_total{reason="full"}; 0 when it is not there."""
    return series(page(host, port)).get(name, 0.0)


def metric_sum(host, port, start):
    """The sum of all series whose name and labels start so, e.g. siem_events_total{stage="detect"."""
    return sum(value for name, value in series(page(host, port)).items() if name.startswith(start))
