"""A local receiver of webhooks that remembers what came, and can be told to fail."""
import http.server
import json
import threading


class Webhook:
    """Listens on 127.0.0.1:port; `received` holds the decoded bodies in order of arrival."""

    def __init__(self):
        self.received = []
        self.replies = []  # (status, headers) to answer next, oldest first; then 200
        self.lock = threading.Lock()
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with webhook.lock:
                    status, headers = webhook.replies.pop(0) if webhook.replies else (200, {})
                    if status == 200:
                        webhook.received.append(json.loads(body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def texts(self):
        """Every received message as one string, for searching."""
        with self.lock:
            return [json.dumps(body, ensure_ascii=False) for body in self.received]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
