#!/usr/bin/env python3
"""fcgi_peers.py: peers of a FastCGI socket that nobody would want.

  fcgi_peers.py hostile SOCKET URL    each case once; after each the URL must answer 200
  fcgi_peers.py slow SOCKET URL N     N peers that hold their workers: how long until the URL answers
  fcgi_peers.py readers SOCKET URL N BODY     the same, of peers that ask and take a byte now and then
  fcgi_peers.py reading URL PATH N BODY       the same, of N clients of the web server
  fcgi_peers.py sip SOCKET N BODY     N peers that ask and take a byte now and then, as long as there are any
  fcgi_peers.py sending URL PATH N    N clients of the web server that stop half way through 100 KB: does URL answer?
  fcgi_peers.py clients URL N         N clients of the web server at a byte a second: does it answer beside?
  fcgi_peers.py ask SOCKET NAME=VALUE... [-- BODY]   a request straight to a worker; prints its answer

Those with a URL print "NAME OUTCOME" lines.  Only the standard library is used.
"""
import random
import socket
import struct
import sys
import threading
import time
import urllib.request

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6
URI = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/health", "SERVER_ADDR": "127.0.0.1"}


def record(kind, content=b"", rid=1, version=1, claims=None):
    n = len(content) if claims is None else claims
    return struct.pack(">BBHHBx", version, kind, rid, n, 0) + content


def begin(role=1, rid=1, flags=0):
    return record(BEGIN, struct.pack(">HB5x", role, flags), rid)


def size(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def params(pairs):
    return b"".join(size(len(k.encode())) + size(len(v.encode())) + k.encode() + v.encode() for k, v in pairs.items())


def request(pairs, body=b"", rid=1):
    p = params(pairs)
    head = b"".join(record(PARAMS, p[i:i + 60000], rid) for i in range(0, len(p), 60000))
    data = b"".join(record(STDIN, body[i:i + 60000], rid) for i in range(0, len(body), 60000))
    return begin(rid=rid) + head + record(PARAMS, b"", rid) + data + record(STDIN, b"", rid)


def cases():
    big = struct.pack(">I", 0xfffffffe)
    half = struct.pack(">I", 0xc0000000)
    yield "a pair near 2^31", begin() + record(PARAMS, big + b"\1ab") + record(PARAMS)
    yield "two halves of 2^31", begin() + record(PARAMS, half + half + b"ab") + record(PARAMS)
    yield "a pair that is cut", begin() + record(PARAMS, b"\5\5abc") + record(PARAMS)
    yield "300 MB of parameters", begin() + record(PARAMS, params({"N": "v" * 60000})) * 5000
    yield "a million parameters", begin() + record(PARAMS, b"\1\0a" * 20000) * 50 + record(PARAMS)
    yield "version 0", b"\0" + begin()[1:]
    yield "version 2", b"\2" + begin()[1:]
    yield "an unknown type", record(77, b"x", 0) + begin() + record(88, b"y")
    yield "a body first", begin() + record(STDIN, b"x")
    yield "role 9", begin(role=9)
    yield "another request's parameters", begin() + record(PARAMS, b"\1\1ab", 2) + record(PARAMS, b"", 2)
    yield "a length beyond the end", record(PARAMS, b"abc", claims=65535)
    yield "abort at once", begin() + record(ABORT)
    yield "abort in the parameters", begin() + record(PARAMS, b"\1\1ab") + record(ABORT)
    yield "abort in the body", begin() + record(PARAMS, params(
        dict(URI, REQUEST_METHOD="POST", REQUEST_URI="/query/en", CONTENT_TYPE="application/json",
             CONTENT_LENGTH="100"))) + record(PARAMS) + record(STDIN, b'{"q') + record(ABORT)
    yield "questions about ourselves", record(9, b"\x80\xff", 0) + record(9, b"\0" * 5000, 0)
    yield "two at once", begin(rid=1) + begin(rid=2) + record(PARAMS, b"", 2) + record(PARAMS, b"", 1)
    yield "HTTP", b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    yield "a request for nothing", begin() + record(PARAMS) + record(STDIN)
    yield "a length that lies", request(dict(URI, REQUEST_METHOD="POST", REQUEST_URI="/query/en",
                                             CONTENT_TYPE="application/json", CONTENT_LENGTH="1000000"), b"{} ")
    yield "half a head", b"\1\1\0"
    yield "nothing", b""
    for seed in range(8):
        yield "random %d" % seed, random.Random(seed).randbytes(4096)
    good = request(URI)
    for at in range(0, len(good), 5):
        bad = bytearray(good)
        bad[at] ^= 0xff
        yield "byte %d turned" % at, bytes(bad)


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(8)
    s.connect(path)
    return s


def send(s, data):
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    except OSError:
        pass
    s.close()


def get(url, timeout=60):
    with urllib.request.urlopen(url, timeout=timeout) as a:
        a.read()
        return a.status


def hostile(path, url):
    good = bad = 0
    for name, data in cases():
        send(connect(path), data)
        try:
            status = get(url)
        except OSError as e:
            status = e
        if status == 200:
            good += 1
        else:
            bad += 1
            print("after %s: %s" % (name, status))
    print("answered %d" % good)
    print("failed %d" % bad)


def drip(s, data, pause):
    try:
        for b in data:
            s.send(bytes([b]))
            time.sleep(pause)
    except OSError:
        pass


def slow(path, url, n):
    """The peers are silent, or say a byte now and then of their head, or of a body."""
    head = begin() + record(PARAMS, params({"N": "v" * 1000}))
    post = dict(URI, REQUEST_METHOD="POST", REQUEST_URI="/query/en", CONTENT_TYPE="application/json",
                CONTENT_LENGTH="1000")
    body = begin() + record(PARAMS, params(post)) + record(PARAMS)
    held = [connect(path) for _ in range(n)]
    for i, s in enumerate(held):
        if i % 3 == 1:
            threading.Thread(target=drip, args=(s, head, .2), daemon=True).start()
        elif i % 3 == 2:
            s.sendall(body)
            threading.Thread(target=drip, args=(s, record(STDIN, b" " * 1000), .2), daemon=True).start()
        else:
            s.send(b"\1")
    time.sleep(.3)      # every worker has taken one by now, or takes it before the question
    began = time.monotonic()
    print("status %s" % get(url))
    print("waited_s %d" % (time.monotonic() - began))


def sip(s):
    """A byte now and then of what comes; ends when there is no more."""
    s.settimeout(60)
    try:
        while s.recv(1):
            time.sleep(.2)
    except OSError:
        pass


def answers_beside(held, url):
    for s in held:
        threading.Thread(target=sip, args=(s,), daemon=True).start()
    time.sleep(.5)      # every worker has taken one by now, or takes it before the question
    began = time.monotonic()
    print("status %s" % get(url))
    print("waited_s %d" % (time.monotonic() - began))


def askers(path, n, body):
    """Straight on the socket; what a worker has to say must be more than the socket holds."""
    query = dict(URI, REQUEST_METHOD="POST", REQUEST_URI="/query/en", CONTENT_TYPE="application/json",
                 CONTENT_LENGTH=str(len(body)))
    held = [connect(path) for _ in range(n)]
    for s in held:
        s.sendall(request(query, body))
    return held


def sippers(path, n, body):
    sips = [threading.Thread(target=sip, args=(s,)) for s in askers(path, n, body)]
    for t in sips:
        t.start()


def reading(url, path, n, body):
    host, port = url.split("//")[1].split("/")[0].split(":")
    held = []
    for _ in range(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((host, int(port)))
        s.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                  % (path.encode(), len(body)) + body)
        held.append(s)
    answers_beside(held, url + "/health")


def sending(url, path, n):
    host, port = url.split("//")[1].split("/")[0].split(":")
    held = []
    for _ in range(n):
        s = socket.create_connection((host, int(port)), timeout=10)
        s.sendall(b"PUT %s HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
                  % path.encode() + b"x" * 50000)
        held.append(s)
    time.sleep(.3)      # if workers were taken for them, all are by now
    began = time.monotonic()
    print("status %s" % get(url + "/health"))
    print("waited_s %d" % (time.monotonic() - began))


def clients(url, n):
    host, port = url.split("//")[1].split("/")[0].split(":")
    head = b"POST /query/en HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    held = []
    for i in range(n):
        s = socket.create_connection((host, int(port)), timeout=10)
        s.sendall(head if i % 2 else head[:20])
        held.append(s)
    good = 0
    for i in range(30):
        for s in held[i::10]:
            s.send(b" " if held.index(s) % 2 else b"a")
        good += get(url) == 200
    still = sum(open_still(s) for s in held)
    print("open %d" % still)
    print("answered %d" % good)


def open_still(s):
    s.setblocking(False)
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def ask(path, args):
    body = args[args.index("--") + 1].encode() if "--" in args else b""
    pairs = dict(a.split("=", 1) for a in (args[:args.index("--")] if "--" in args else args))
    s = connect(path)
    s.sendall(request(pairs, body))
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    out = b""
    while len(data) >= 8:
        _, kind, _, n, pad = struct.unpack(">BBHHBx", data[:8])
        if kind == STDOUT:
            out += data[8:8 + n]
        data = data[8 + n + pad:]
    sys.stdout.buffer.write(out)


what, rest = sys.argv[1], sys.argv[2:]
if what == "hostile":
    hostile(*rest)
elif what == "slow":
    slow(rest[0], rest[1], int(rest[2]))
elif what == "readers":
    answers_beside(askers(rest[0], int(rest[2]), rest[3].encode()), rest[1])
elif what == "sip":
    sippers(rest[0], int(rest[1]), rest[2].encode())
elif what == "reading":
    reading(rest[0], rest[1], int(rest[2]), rest[3].encode())
elif what == "sending":
    sending(rest[0], rest[1], int(rest[2]))
elif what == "clients":
    clients(rest[0], int(rest[1]))
else:
    ask(rest[0], rest[1:])
