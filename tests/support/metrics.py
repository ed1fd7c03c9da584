"""Reading a process's /metrics."""
import http.client


def metric(host, port, name):
    """The value of one series, e.g. siem_drops_total{reason="full"}; 0 when it is not there."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        for line in connection.getresponse().read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0
    finally:
        connection.close()
