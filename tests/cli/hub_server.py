"""A server that speaks the hub's protocol, and a second one that keeps the large files as a content network does; with
what goes wrong out there: connections that break, requests that are put off, content that is not what was listed.
"""
import contextlib
import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse

COMMIT = "1234567890abcdef1234567890abcdef12345678"


class Hub:
    """One repository. What it was asked for is in `requests`: (method, path, headers), those of the second server in
    `cdn_requests`; `sent` counts the bytes of files' contents."""

    def __init__(self, repository, files):
        self.repository = repository
        self.files = dict(files)
        self.contents = {}  # what is sent in place of a file
        self.token = None  # without it: 401
        self.listing = None  # entries in place of the files'
        self.page_size = 1000
        self.cuts = 0  # connections that are still to break, each after `cut_after` bytes
        self.cut_after = 100_000
        self.answers = []  # (status, headers) that come instead, one for each request for a file
        self.ranges = True
        self.use_cdn = True
        self.location = None  # where files are said to be, in place of the second server
        self.requests, self.cdn_requests, self.sent = [], [], 0
        self.lock = threading.Lock()

    def hash(self, path):
        return hashlib.sha256(self.files[path]).hexdigest()

    def is_large(self, path):
        return not path.endswith((".json", ".txt", ".jinja", ".md"))

    def entries(self):
        if self.listing is not None:
            return self.listing
        entries = [{"type": "directory", "path": "folder", "oid": "0" * 40, "size": 0}]
        for path, content in self.files.items():
            entry = {"type": "file", "path": path, "size": len(content),
                     "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}
            if self.is_large(path):
                entry["lfs"] = {"oid": self.hash(path), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        return entries

    def take_cut(self):
        with self.lock:
            self.cuts -= 1
            return self.cuts >= 0

    def take_answer(self):
        with self.lock:
            return self.answers.pop(0) if self.answers else None

    def add_sent(self, count):
        with self.lock:
            self.sent += count


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None
    port_of_cdn = None

    def log_message(self, *_):
        pass

    def reply(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def content(self, path, headers):
        content = self.hub.contents.get(path, self.hub.files[path])
        begin, end, status = 0, len(content), 200
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if found and self.hub.ranges:
            begin, end, status = int(found[1]), int(found[2]) + 1, 206
            headers = [*headers, ("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")]
        body = content[begin:end]
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if len(body) > self.hub.cut_after and self.hub.take_cut():
            body = body[:self.hub.cut_after]
            self.close_connection = True
        self.hub.add_sent(len(body))
        self.wfile.write(body)


class HubHandler(Handler):
    def do_GET(self):
        hub, url = self.hub, urllib.parse.urlsplit(self.path)
        with hub.lock:
            hub.requests.append((self.command, self.path, dict(self.headers)))
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.reply(401)
        path = urllib.parse.unquote(url.path)  # through a proxy, the request names the server too
        if path == f"/api/models/{hub.repository}/tree/main":
            return self.tree(urllib.parse.parse_qs(url.query))
        found = re.fullmatch(re.escape(f"/{hub.repository}/resolve/") + r"([^/]+)/(.+)", path)
        if not found or found[1] not in ("main", COMMIT) or found[2] not in hub.files:
            return self.reply(404)
        return self.resolve(found[2])

    do_HEAD = do_GET

    def tree(self, query):
        entries, begin = self.hub.entries(), int(query.get("cursor", ["0"])[0])
        end = begin + self.hub.page_size
        headers = [("Content-Type", "application/json")]
        if end < len(entries):
            host = self.headers["Host"]
            headers.append(("Link", f'<http://{host}/api/models/{self.hub.repository}/tree/main?recursive=true'
                                    f'&cursor={end}>; rel="next"'))
        self.reply(200, headers, json.dumps(entries[begin:end]).encode())

    def resolve(self, path):
        hub = self.hub
        if self.command == "GET" and (answer := hub.take_answer()):
            return self.reply(*answer)
        headers = [("X-Repo-Commit", COMMIT)]
        if hub.is_large(path):
            headers += [("X-Linked-ETag", f'"{hub.hash(path)}"'), ("X-Linked-Size", str(len(hub.files[path])))]
            if hub.use_cdn or hub.location:
                place = hub.location or f"http://localhost:{self.port_of_cdn}/{urllib.parse.quote(path)}?signed=1"
                return self.reply(302, [*headers, ("Location", place)])
        return self.content(path, headers)


class CdnHandler(Handler):
    def do_GET(self):
        with self.hub.lock:
            self.hub.cdn_requests.append((self.command, self.path, dict(self.headers)))
        if "Authorization" in self.headers:
            return self.reply(400)
        return self.content(urllib.parse.unquote(self.path[1:].partition("?")[0]), [("ETag", '"of-the-cdn"')])

    do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients that leave are part of the test


@contextlib.contextmanager
def serving(hub, certificate=None, key=None):
    """Yields the endpoint's address; with a certificate (PEM) it speaks TLS, and the second server does not."""
    servers = []
    try:
        cdn = Server(("localhost", 0), type("Cdn", (CdnHandler,), {"hub": hub}))
        servers.append(cdn)
        main = Server(("127.0.0.1", 0), type("Main", (HubHandler,), {"hub": hub, "port_of_cdn": cdn.server_port}))
        servers.append(main)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            main.socket = context.wrap_socket(main.socket, server_side=True, do_handshake_on_connect=False)
        for server in servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{main.server_port}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
