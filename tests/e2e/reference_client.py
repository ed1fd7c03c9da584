#!/usr/bin/python3
"""A client of the old server, as its users wrote them: seven events, then the dashboard and the incidents. It knows
the old paths and names, nothing of this project, and must go on working.

usage: reference_client.py URL KEY"""
import json
import sys
import urllib.request

EVENTS = [
    ("Brute force login attack", {
        "event_type": "login_failed", "source_ip": "192.168.1.100", "username": "admin", "count": 8,
        "description": "Multiple failed login attempts detected", "raw_log": "Failed login for user 'admin'"}),
    ("Suspicious login", {
        "event_type": "suspicious_login", "source_ip": "185.220.101.45", "username": "john.doe",
        "description": "Login from an unusual location", "metadata": {"country": "unknown", "known_device": False}}),
    ("SQL injection", {
        "event_type": "sql_injection", "source_ip": "45.33.32.156",
        "raw_log": "GET /products?id=1 OR 1=1; DROP TABLE users;--"}),
    ("Privilege escalation", {
        "event_type": "privilege_escalation", "username": "dev_user", "source_ip": "10.0.0.50",
        "raw_log": "dev_user : TTY=pts/0 ; COMMAND=sudo -i"}),
    ("Network anomaly", {
        "event_type": "network_anomaly", "source_ip": "172.16.0.25", "count": 25,
        "metadata": {"unique_ips_count": 30, "port_range": "1-1024"}}),
    ("Normal login", {
        "event_type": "login_success", "source_ip": "192.168.1.10", "username": "alice",
        "description": "Successful login"}),
    ("Access to a sensitive file", {
        "event_type": "file_access", "username": "guest", "source_ip": "10.0.0.99",
        "description": "Access to /etc/shadow", "raw_log": "open /etc/shadow"}),
]


class Client:
    def __init__(self, base_url, api_key):
        self.base_url, self.api_key = base_url, api_key

    def call(self, method, path, body=None):
        headers = {"X-API-Key": self.api_key, "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


def send_events(client):
    for number, (title, event) in enumerate(EVENTS, 1):
        answer = client.call("POST", "/log", event)
        log = answer["log"]
        print(f"[{number}] {title}: {answer['status']}")
        print(f"    severity: {log['severity']}  threat: {log['is_threat']}")
        if answer["status"] == "threat_detected":
            print(f"    details: {log['threat_details']}")
            print(f"    incident: {answer['incident_id']}  alert sent: {answer['alert_sent']}")


def show_dashboard(client):
    stats = client.call("GET", "/dashboard")
    print(f"events: {stats['total_events']}  threats: {stats['total_threats']}")
    for severity in ("critical", "high", "medium", "low"):
        print(f"  {severity}: {stats[severity + '_incidents']}")
    print(f"active: {stats['active_incidents']}  resolved: {stats['resolved_incidents']}")
    print(f"attackers: {', '.join(stats['top_attack_ips'])}")
    for event_type, count in stats["top_event_types"].items():
        print(f"  {event_type}: {count}")


def show_incidents(client):
    answer = client.call("GET", "/incidents?limit=10")
    print(f"incidents: {answer['count']}")
    for incident in answer["incidents"]:
        print(f"  {incident['id']} [{incident['severity']}] {incident['title']} ({incident['status']})")
    first = client.call("GET", "/incidents/" + answer["incidents"][0]["id"])
    updated = client.call("POST", f"/incidents/{first['id']}/status?status=resolved&resolution=done")
    print(f"{updated['status']}: {updated['incident']['id']} is {updated['incident']['status']}")


def main():
    client = Client(sys.argv[1], sys.argv[2])
    health = client.call("GET", "/")
    print(f"{health['message']} {health['version']}: {health['status']}")
    send_events(client)
    show_dashboard(client)
    show_incidents(client)


if __name__ == "__main__":
    main()
