#!/usr/bin/env python3
"""An agent of Consul that misbehaves as it is told.

  fake_consul.py --port N --folder F [--cert FILE --key FILE]

F/keys.json  {"rag/tenants/a/config": ["text of the value", ModifyIndex], ...}; a value that is
             null is null in the answer, one that is {"bytes": N} is N bytes of x, one that is
             {"base64": "..."} is given as it is.
F/mode       one word, read anew for each request; a request that is held back is answered as
             soon as it changes.  See the functions named mode_... below; "ok" is a good agent.
F/index      the X-Consul-Index of a good answer, else the highest ModifyIndex.
F/asked      one line for each request, as it came: mode, method, path.
"""
import argparse
import base64
import http.server
import json
import os
import ssl
import threading
import time
import urllib.parse


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = "."
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def read(self, name, otherwise=""):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                return f.read().strip()
        except FileNotFoundError:
            return otherwise

    def mode(self):
        return self.read("mode", "ok")

    def keys(self):
        return json.loads(self.read("keys.json", "{}"))

    def index(self):
        return int(self.read("index", "0") or 0) or max([v[1] for v in self.keys().values()] + [1])

    def send(self, status, body=b"", index=None, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("X-Consul-Knownleader", headers.pop("leader", "true"))
        if index is not None:
            self.send_header("X-Consul-Index", str(index))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def tree(self, prefix):
        entries = []
        for key, (value, modified) in sorted(self.keys().items()):
            if not key.startswith(prefix):
                continue
            if isinstance(value, dict) and "bytes" in value:
                value = base64.b64encode(b"x" * value["bytes"]).decode()
            elif isinstance(value, dict):
                value = value["base64"]
            elif value is not None:
                value = base64.b64encode(value.encode()).decode()
            entries.append({"Key": key, "Value": value, "ModifyIndex": modified, "Flags": 0})
        return json.dumps(entries).encode() if entries else b""

    def hold(self, query):
        """As a blocking query: until the index is higher, the mode another, or the time over."""
        seen, mode = int(query.get("index", ["0"])[0]), self.mode()
        wait = float(query.get("wait", ["0ms"])[0][:-2]) / 1000
        end = time.monotonic() + wait
        while seen and self.index() == seen and self.mode() == mode and time.monotonic() < end:
            time.sleep(0.02)

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send(403, b"Permission denied")

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        with self.lock, open(os.path.join(self.folder, "asked"), "a", encoding="utf-8") as f:
            f.write("%s %s %s\n" % (self.mode(), self.headers.get("X-Consul-Token", "-"), self.path))
        if "recurse" not in query:
            known = urllib.parse.unquote(url.path[len("/v1/kv/"):]) in self.keys()
            return self.send(200 if known else 404, b"{}" if known else b"", self.index())
        self.hold(query)
        prefix = urllib.parse.unquote(url.path[len("/v1/kv/"):])
        return getattr(self, "mode_" + self.mode())(self.tree(prefix))

    def mode_ok(self, tree):
        self.send(200 if tree else 404, tree, self.index())

    def mode_lower(self, tree):
        self.send(200, tree, 1)

    def mode_zero(self, tree):
        self.send(200, tree, 0)

    def mode_text(self, tree):
        self.send(200, tree, "abc")

    def mode_missing(self, tree):
        self.send(200, tree)

    def mode_hidden(self, _):
        self.send(404, b"", self.index())

    def mode_denied(self, _):
        self.send(403, b"Permission denied")

    def mode_token(self, tree):
        """Only with the token "new"."""
        if self.headers.get("X-Consul-Token") == "new":
            return self.mode_ok(tree)
        return self.mode_denied(tree)

    def mode_500(self, _):
        self.send(500, b"rpc error making call: EOF")

    def mode_503(self, _):
        self.send(503, b"")

    def mode_400(self, _):
        self.send(400, b"Invalid index")

    def mode_429(self, _):
        self.send(429, b"slow down", Retry_After="1")

    def mode_leaderless(self, tree):
        """A stale answer, and an older one."""
        self.send(200, b"[]", 3, leader="false")

    def mode_html(self, _):
        self.send(200, b"<html><body>It works!</body></html>", self.index())

    def mode_object(self, _):
        self.send(200, b'{"Key": "rag/tenants/en/config"}', self.index())

    def mode_empty(self, _):
        self.send(200, b"[]", self.index())

    def mode_half(self, tree):
        self.send(200, tree[:len(tree) // 2], self.index())

    def mode_cut(self, tree):
        """Half of what was promised, then the connection is closed."""
        self.send(200, tree[:len(tree) // 2], self.index(), length=len(tree))
        self.close_connection = True

    def mode_redirect(self, _):
        self.send(302, b"", Location="http://169.254.169.254/")

    def mode_reset(self, _):
        self.close_connection = True
        self.connection.close()

    def mode_hang(self, _):
        while self.mode() == "hang":
            time.sleep(0.05)
        self.close_connection = True

    def mode_drip(self, tree):
        """One byte a second."""
        self.send(200, b"", self.index(), length=len(tree))
        for byte in tree:
            if self.mode() != "drip":
                break
            self.wfile.write(bytes([byte]))
            time.sleep(1)
        self.close_connection = True

    def mode_flood(self, _):
        """A hundred megabytes without end in sight, that begin as they should."""
        self.flood(b"[" + b" " * (1 << 20))

    def mode_noise(self, _):
        self.flood(b"\x00" * (1 << 20))

    def flood(self, piece):
        self.send_response(200)
        self.send_header("X-Consul-Index", str(self.index()))
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(piece)
        except OSError:
            pass
        self.close_connection = True


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--folder", required=True)
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--client-ca", help="ask for a client's certificate, signed by this one")
    args = p.parse_args()
    Agent.folder = args.folder
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Agent)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
        if args.client_ca:
            context.load_verify_locations(args.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
