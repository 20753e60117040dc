#!/usr/bin/env python3
"""bench_cold.py BUILD [--passages N] [--rounds N]: from the first question to a cold tenant until
it is answered.

One pool, one tenant of N invented passages (make_corpus, to be found in BUILD/bench), an object
store in a folder of this machine: no network between.  Each round: nobody has asked for eight
days, the pool lets go; then one client asks every 20 ms until there is a 200.  Prints the bytes
and the milliseconds: of the whole, of the child that fetches, and of reading the same files
once (the floor)."""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def pair(name, value):
    out = b""
    for text in (name, value):
        n = len(text)
        out += bytes([n]) if n < 128 else (n | 1 << 31).to_bytes(4, "big")
    return out + name.encode() + value.encode()


def record(kind, data):
    return bytes([1, kind]) + (1).to_bytes(2, "big") + len(data).to_bytes(2, "big") + b"\0\0" + data


def ask(path, tenant):
    """The status of one question, straight to the socket."""
    body = b'{"query": "lighthouse keeper"}'
    params = b"".join(pair(*p) for p in (
        ("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/query/" + tenant),
        ("SCRIPT_NAME", "/query/" + tenant), ("QUERY_STRING", ""), ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"), ("CONTENT_TYPE", "application/json"), ("CONTENT_LENGTH", str(len(body)))))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(record(1, b"\0\1\0\0\0\0\0\0") + record(4, params) + record(4, b"") +
                  record(5, body) + record(5, b""))
        got = b""
        while chunk := s.recv(1 << 16):
            got += chunk
    m = re.search(rb"Status: (\d+)", got)
    return int(m[1]) if m else 200


def wait(what, seconds=120):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.02)


class Pool:
    def __init__(self, build, top):
        self.build, self.top, self.data = build, top, os.path.join(top, "data")
        for folder in ("run", "tenants.d", "data", "share"):
            os.makedirs(os.path.join(top, folder), exist_ok=True)
        self.conf = os.path.join(top, "ragpool.conf")
        programs = "".join("%s_program = %s/ragpool-%s\n" % (n, build, n)
                           for n in ("worker", "build", "probe", "objects"))
        with open(self.conf, "w") as f:
            f.write("[global]\ndata_dir = %s/data\nrun_dir = %s/run\ntenants_dir = %s/tenants.d\n"
                    "log_file = %s/log\nauth = off\ncold_after = 7d\ncold_store = store\n%s"
                    "[pool query]\nlisten = %s/run/q.sock\nworkers = 2\nresult_cache = 0\n"
                    "[object_store store]\ntype = directory\npath = %s/share\n"
                    % (top, top, top, top, programs, top, top))
        self.process = subprocess.Popen([build + "/ragpoold", "-c", self.conf, "--foreground"],
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def status(self):
        r = subprocess.run([self.build + "/ragpool", "-c", self.conf, "status", "--json"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(r.stdout)["tenants"][0]
        except (ValueError, IndexError):
            return {"state": "", "cold": None}

    def ask(self):
        try:
            return ask(self.top + "/run/q.sock", "docs")
        except OSError:
            return 0

    def folder(self):
        return os.path.join(self.data, "tenants/docs/gen", self.status()["generation"])

    def turn_cold(self):
        past = time.time() - 8 * 86400
        os.utime(self.data + "/inbox/.asked/docs", (past, past))
        subprocess.run([self.build + "/ragpool", "-c", self.conf, "reload", "--wait"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: self.status().get("cold") == "away")

    def fetch_ms(self):
        with open(self.top + "/log") as f:
            log = f.read()
        times = [re.findall(r"^(\S+) .*cold: %s" % what, log, re.M)[-1]
                 for what in ("fetch begins", "tenant=docs generation=[^ ]* is served again")]
        at = [time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + t[19:].rstrip("Z"))
              for t in times]
        return (at[1] - at[0]) * 1000


def read_ms(folder):
    began = time.monotonic()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            while f.read(1 << 20):
                pass
    return (time.monotonic() - began) * 1000


def rounds(pool, count):
    all_ms, fetch_ms = [], []
    for _ in range(count):
        pool.turn_cold()
        began, asked = time.monotonic(), 0
        while True:
            asked += 1
            if pool.ask() == 200:
                break
            time.sleep(0.02)
        all_ms.append((time.monotonic() - began) * 1000)
        fetch_ms.append(pool.fetch_ms())
    return sorted(all_ms), sorted(fetch_ms)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--passages", type=int, default=10000)
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    build = os.path.abspath(a.build)
    top = tempfile.mkdtemp(prefix="rpcold.")
    source = os.path.join(top, "source")
    subprocess.run([build + "/bench/make_corpus", "-n", str(a.passages), source], check=True)
    try:
        pool = Pool(build, top)
        try:
            with open(pool.top + "/tenants.d/docs.json", "w") as f:
                json.dump({"version": "v1", "data_source": {"type": "directory", "path": source}}, f)
            wait(lambda: pool.ask() == 200, 600)
            folder = pool.folder()
            size = sum(os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder))
            whole, fetch = rounds(pool, a.rounds)
            print("%7d passages %7.1f MiB: until answered %6.0f ms (%.0f to %.0f), of which "
                  "fetching %6.0f ms; reading the files once %5.0f ms"
                  % (a.passages, size / 2**20, whole[len(whole) // 2], whole[0], whole[-1],
                     fetch[len(fetch) // 2], read_ms(folder)))
        finally:
            pool.stop()
    finally:
        shutil.rmtree(top)


main()
