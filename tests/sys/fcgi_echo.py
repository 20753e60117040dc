#!/usr/bin/env python3
"""fcgi_echo.py: a FastCGI program that says what a web server passed on.

  fcgi_echo.py SOCKET GATE

/stream answers server-sent events: the first at once, the second when the file GATE exists.  Any
other address answers {"parameters": {...}, "body_bytes": N}.  Only the standard library is used.
"""
import json
import os
import socket
import struct
import sys
import threading
import time

path, gate = sys.argv[1:3]


def exactly(c, n):
    data = b""
    while len(data) < n:
        part = c.recv(n - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


def pairs(data):
    out, at = {}, 0

    def size():
        nonlocal at
        n = data[at]
        if n < 128:
            at += 1
            return n
        n = struct.unpack(">I", data[at:at + 4])[0] & 0x7fffffff
        at += 4
        return n
    while at < len(data):
        n, m = size(), size()
        out[data[at:at + n].decode("latin-1")] = data[at + n:at + n + m].decode("latin-1")
        at += n + m
    return out


def say(c, kind, rid, data):
    for i in range(0, len(data), 60000):
        part = data[i:i + 60000]
        c.sendall(struct.pack(">BBHHBx", 1, kind, rid, len(part), 0) + part)
    if not data:
        c.sendall(struct.pack(">BBHHBx", 1, kind, rid, 0, 0))


def serve(c):
    params = body = b""
    while True:
        _, kind, rid, n, pad = struct.unpack(">BBHHBx", exactly(c, 8))
        data = exactly(c, n)
        exactly(c, pad)
        params += data if kind == 4 else b""
        body += data if kind == 5 else b""
        if kind == 5 and n == 0:
            break
    p = pairs(params)
    if p["REQUEST_URI"] == "/stream":
        say(c, 6, rid, b"Status: 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n\r\n"
            b"data: first\n\n")
        while not os.path.exists(gate):
            time.sleep(.02)
        say(c, 6, rid, b"data: second\n\n")
    else:
        answer = json.dumps({"parameters": p, "body_bytes": len(body)}).encode()
        say(c, 6, rid, b"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
    say(c, 6, rid, b"")
    c.sendall(struct.pack(">BBHHBxIB3x", 1, 3, rid, 8, 0, 0, 0))
    c.close()


def safely(c):
    try:
        serve(c)
    except OSError:
        c.close()


s = socket.socket(socket.AF_UNIX)
s.bind(path)
os.chmod(path, 0o666)
s.listen(64)
while True:
    threading.Thread(target=safely, args=(s.accept()[0],), daemon=True).start()
