"""The Go implementation as a friend sees it: its HTTP server, octet by octet where it matters, over TLS with an identity of the test's.

Made from what was observed of it: at most 100 files in a listing, counted before permissions; no paging, whatever the query says; If-Modified-Since
inclusive in whole seconds; 401 for what is not permitted; ranges, but no entity tags; HTTP/1.1 that closes when it likes.
"""
import email.utils
import hashlib
import http.server
import json
import os
import re
import socketserver
import ssl
import threading
import urllib.parse
from pathlib import Path


class GoPeer:
    limit = 100

    def __init__(self, directory, fingerprint, pem, port=0, host="127.0.0.1"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.fingerprint = fingerprint
        self.requests = []
        self.forbidden = set()
        self.break_after = {}  # name: octets of its content after which the connection breaks, once
        self.lies = {}         # name: {"size": ..., "sum": ...}
        self.delay = 0
        self.endless = False   # the listing goes on until nobody listens
        self.sent = 0
        certificate = self.directory.parent / "peer.pem"
        certificate.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["http/1.1"])
        peer = self

        class Handler(RequestHandler):
            owner = peer

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.server = Server((host, port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"{self.fingerprint}=127.0.0.1:{self.port}"

    def publish(self, name, content, time=None):
        path = self.directory / name
        path.write_bytes(content)
        if time is not None:
            os.utime(path, (time, time))
        return path

    def listing(self, since):
        files = sorted((path for path in self.directory.iterdir() if path.suffix == ".pgp" and path.is_file()), key=lambda path: path.stat().st_mtime_ns)
        chosen = [path for path in files if path.stat().st_mtime >= since][:self.limit]
        entries = []
        for path in chosen:
            if path.name in self.forbidden:
                continue
            content = path.read_bytes()
            entry = {"path": f"/p2p/{self.fingerprint}/{path.name}", "size": len(content), "sum": hashlib.sha256(content).hexdigest()}
            entry.update(self.lies.get(path.name, {}))
            entries.append(entry)
        return json.dumps(entries, separators=(",", ":")).encode()

    def asked(self, pattern):
        return [request for request in self.requests if re.search(pattern, request[0])]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class RequestHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "", ""

    def log_message(self, *arguments):
        pass

    def answer(self, status, content, **fields):
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.owner.sent += len(content)

    def do_GET(self):
        peer = self.owner
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        peer.requests.append((path, dict(self.headers.items())))
        if peer.delay:
            threading.Event().wait(peer.delay)
        if path == f"/p2p/{peer.fingerprint}" and peer.endless:
            return self.list_for_ever()
        if path == f"/p2p/{peer.fingerprint}":
            since = self.headers.get("If-Modified-Since")
            since = email.utils.parsedate_to_datetime(since).timestamp() if since else float("-inf")
            return self.answer(200, peer.listing(since), Content_Type="application/json")
        match = re.fullmatch(r"/p2p/([0-9a-f]+)/([^/]+)", path)
        if not match or match[1] != peer.fingerprint:
            return self.answer(400, b"\n")
        file = peer.directory / match[2]
        if match[2] in peer.forbidden:
            return self.answer(401, b"Error file is not allowed for user\n")
        if not file.is_file():
            return self.answer(404, b"File not found\n")
        self.file(file, file.read_bytes())

    def list_for_ever(self):
        peer = self.owner
        self.send_response_only(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"[")
        self.close_connection = True
        try:
            for number in range(1 << 40):
                entry = f'{{"path":"/p2p/{peer.fingerprint}/f-{number}.pgp","size":1,"sum":"{number:064x}"}},'.encode()
                self.wfile.write(entry)
                peer.sent += len(entry)
        except OSError:
            pass

    def file(self, file, content):
        peer = self.owner
        wanted = re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range", ""))
        if wanted and int(wanted[1]) >= len(content):
            return self.answer(416, b"invalid range\n", Content_Range=f"bytes */{len(content)}")
        first = int(wanted[1]) if wanted else 0
        limit = peer.break_after.pop(file.name, None)
        if limit is not None:
            self.send_response_only(206 if wanted else 200)
            self.send_header("Content-Length", str(len(content) - first))
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[first:first + limit])
            self.wfile.flush()
            self.close_connection = True
            return None
        if wanted:
            return self.answer(206, content[first:], Accept_Ranges="bytes", Content_Range=f"bytes {first}-{len(content) - 1}/{len(content)}")
        return self.answer(200, content, Accept_Ranges="bytes")
