#!/usr/bin/env python3
"""gateway.py: asks a gateway over its socket, many at once; for system tests.

    gateway.py SOCKET embed MODEL TEXT...            a JSON line: code or dim, ms, first numbers
    gateway.py SOCKET many MODEL N SAME [BUDGET_MS]  N connections ask at once, one text each;
                                                     SAME of them the same; a line of counts
    gateway.py SOCKET chat MODEL TEXT [PIECES]       pieces and end; closes after PIECES
    gateway.py SOCKET rerank MODEL QUERY TEXT...
    gateway.py SOCKET status
"""
import json
import socket
import struct
import sys
import threading
import time

HEAD = struct.Struct("=IBBHIII")
MAGIC = 0x57475052
DESCRIBE, EMBED, RERANK, CHAT, STATUS, RESULT, DELTA, ERROR = 1, 2, 3, 4, 5, 64, 65, 66


class Gateway:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(60)
        self.s.connect(path)

    def send(self, kind, o, texts=(), id=1):
        body = b"".join(struct.pack("=I", len(t)) + t for t in (t.encode() for t in texts))
        j = json.dumps(o).encode()
        self.s.sendall(HEAD.pack(MAGIC, 1, kind, 0, id, len(j), len(body)) + j + body)

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError("the gateway went away")
            data += more
        return data

    def receive(self):
        magic, _, kind, _, id, j, b = HEAD.unpack(self.take(HEAD.size))
        assert magic == MAGIC
        return kind, id, json.loads(self.take(j) or b"{}"), self.take(b)

    def ask(self, kind, o, texts=()):
        self.send(kind, o, texts)
        return self.receive()


def embed(path, model, texts, budget=0, query=True):
    began = time.monotonic()
    try:
        kind, _, o, body = Gateway(path).ask(EMBED, {
            "model": model, "texts": len(texts), "query": query, "budget_ms": budget}, texts)
    except (OSError, EOFError) as e:
        return {"code": "gone", "message": str(e)}
    if kind == ERROR:
        o["wait"] = o.pop("retry_after_ms")
    else:
        o["code"] = "ok"
        o["vectors"] = [[round(x, 4) for x in struct.unpack_from("=3f", body, i * 4 * o["dim"])]
                        for i in range(o["texts"])]
    o["ms"] = round((time.monotonic() - began) * 1000, 1)
    return o


def many(path, model, n, same, budget):
    answers = [None] * n
    start = threading.Barrier(n)

    def one(i):
        start.wait()
        text = "the same text" if i < same else "text number %d" % i
        answers[i] = embed(path, model, [text], budget)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    codes = {}
    for a in answers:
        codes[a["code"]] = codes.get(a["code"], 0) + 1
    return {"codes": codes, "merged": sum(a.get("merged", 0) for a in answers),
            "cached": sum(a.get("cached", 0) for a in answers)}


def chat(path, model, text, most):
    g = Gateway(path)
    g.send(CHAT, {"model": model, "messages": [{"role": "user", "content": text}]})
    pieces = []
    while True:
        kind, _, o, body = g.receive()
        if kind != DELTA:
            break
        pieces.append(body.decode())
        if len(pieces) == most:
            return {"code": "left", "pieces": len(pieces)}
    return dict(o, code=o.get("code", "ok"), pieces=len(pieces), text="".join(pieces))


def main(path, verb, *rest):
    if verb == "embed":
        return embed(path, rest[0], rest[1:])
    if verb == "many":
        return many(path, rest[0], int(rest[1]), int(rest[2]), int(rest[3]) if rest[3:] else 0)
    if verb == "chat":
        return chat(path, rest[0], rest[1], int(rest[2]) if rest[2:] else 0)
    if verb == "rerank":
        kind, _, o, body = Gateway(path).ask(
            RERANK, {"model": rest[0], "query": rest[1], "texts": len(rest) - 2}, rest[2:])
        if kind == RESULT:
            o["scores"] = [round(x, 3) for x in struct.unpack("=%df" % (len(rest) - 2), body)]
        return o
    return Gateway(path).ask(STATUS, {})[2]


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
