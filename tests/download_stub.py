"""A web server with every bad habit there is, for downloads."""

import hashlib
import http.server
import threading
from contextlib import contextmanager


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; misbehaves as `server.habits` says, once for each entry."""

    def do_GET(self):
        server = self.server
        content = server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        habit = None
        counted = "checksums" not in self.path
        if counted:
            server.requests.append(self.headers.get("Range"))
            habit = server.habits.pop(0) if server.habits else None
        if habit == "unsized":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)
            return None
        if habit == "busy":
            return self.send_error(503)
        if habit == "change":
            content = server.files[self.path] = server.changed
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        start = 0
        span = self.headers.get("Range") if server.ranges else None
        if span and self.headers.get("If-Range", etag) == etag:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        half = (start + len(content)) // 2
        # A server may give less than was asked for (RFC 9110, section 15.3.7).
        end = half if habit == "short" else len(content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("Content-Length", str(end - start))
        if self.path.endswith(".gz"):
            self.send_header("Content-Encoding", "x-gzip")
        if self.path.endswith(".html"):
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if server.etags:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(content[start : half if habit == "drop" else end])

    def log_message(self, *args):
        pass


@contextmanager
def running_site():
    """A server without files: `files` by path, `habits` and `requests` (their Range) in order."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.habits, server.requests, server.files = [], [], {}
    server.ranges = server.etags = True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
