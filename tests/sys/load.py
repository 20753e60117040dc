#!/usr/bin/env python3
"""load.py: a bounded load of POST requests, and what came back.

Closed loop (the default): each connection sends its next request when it has its answer.
Open loop (--rate): requests have appointed times, and a latency counts from the appointed
time, so that a stall is not hidden by the requests that were not sent during it.

It ends after --seconds, after --requests, or on SIGTERM, whichever is first; answers that
are under way are waited for.  A file OUT.begun says that it may be told so.  The summary is one
JSON object:

  requests, seconds, rate    statuses {"200": n, "error: ...": n}
  failures                   all answers that are not 200; `first_failures` shows some
  latency_ms                 p50 p90 p99 max of the answers with 200
  generations                in the order in which they were first seen, with their counts
  workers                    {pid: requests}
  last_generation            {pid: the last one that worker answered from}
  went_back                  answers from an older generation to questions that were sent after
                             the same worker's first answer from a newer one had arrived
  mismatched                 answers whose body names another generation than its header

Only the standard library is used.
"""
import argparse
import http.client
import json
import os
import signal
import threading
import time
import urllib.parse


class Record:
    """What all connections saw; one lock, because the order across them matters."""

    def __init__(self, log):
        self.lock = threading.Lock()
        self.log = log
        self.statuses = {}
        self.latencies = []
        self.generations = {}
        self.rank = {}
        self.workers = {}
        self.last = {}
        self.since = {}
        self.first_failures = []
        self.went_back = 0
        self.mismatched = 0
        self.failures = 0
        self.requests = 0

    def add(self, at, sent, status, seconds, headers, body):
        generation = headers.get("X-Ragpool-Generation") or ""
        worker = headers.get("X-Ragpool-Worker") or ""
        with self.lock:
            self.requests += 1
            self.statuses[str(status)] = self.statuses.get(str(status), 0) + 1
            if self.log:
                self.log.write(json.dumps({
                    "at": round(at, 6), "done": time.time(), "status": status, "ms": round(seconds * 1e3, 3),
                    "generation": generation, "worker": worker}) + "\n")
            if status != 200:
                self.failures += 1
                if len(self.first_failures) < 10:
                    self.first_failures.append({
                        "at": round(at, 3), "status": status,
                        "body": body[:300].decode("utf-8", "replace")})
                return
            self.latencies.append(seconds)
            self.answered(sent, generation, worker, body)

    def answered(self, sent, generation, worker, body):
        if generation not in self.rank:
            self.rank[generation] = len(self.rank)
            self.generations[generation] = 0
        self.generations[generation] += 1
        self.workers[worker] = self.workers.get(worker, 0) + 1
        since = self.since.setdefault(worker, {})
        rank = self.rank[generation]
        if any(newer > rank and arrived < sent for newer, arrived in since.items()):
            self.went_back += 1
        since.setdefault(rank, time.monotonic())
        self.last[worker] = generation if rank == max(since) else self.last[worker]
        try:
            named = json.loads(body).get("generation", generation)
        except (ValueError, AttributeError):
            named = None
        if named != generation:
            self.mismatched += 1

    def summary(self, seconds):
        times = sorted(self.latencies)

        def at(q):
            return round(times[min(len(times) - 1, int(q * len(times)))] * 1e3, 3) if times else None
        return {
            "requests": self.requests, "seconds": round(seconds, 3),
            "rate": round(self.requests / seconds, 1) if seconds > 0 else 0,
            "statuses": self.statuses, "failures": self.failures,
            "first_failures": self.first_failures,
            "latency_ms": {"p50": at(.5), "p90": at(.9), "p99": at(.99), "max": at(1)},
            "generations": [{"generation": g, "answers": n} for g, n in self.generations.items()],
            "workers": self.workers, "last_generation": self.last,
            "went_back": self.went_back, "mismatched": self.mismatched}


class Load:
    def __init__(self, args, bodies, record):
        self.url = urllib.parse.urlsplit(args.url)
        self.path = self.url.path + ("?" + self.url.query if self.url.query else "")
        self.bodies = bodies
        self.record = record
        self.rate = args.rate
        self.limit = args.requests
        self.timeout = args.timeout
        self.start = time.monotonic()
        self.end = self.start + args.seconds
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.sent = 0

    def ticket(self):
        """The number of the next request and when it is due; None when there is none."""
        with self.lock:
            n = self.sent
            due = self.start + n / self.rate if self.rate else time.monotonic()
            if self.stop.is_set() or due >= self.end or (self.limit and n >= self.limit):
                return None
            self.sent += 1
            return n, due

    def connection(self):
        conn = None
        while (next_one := self.ticket()) is not None:
            n, due = next_one
            ahead = due - time.monotonic()
            if ahead > 0 and self.stop.wait(ahead):
                return
            if conn is None:
                conn = http.client.HTTPConnection(self.url.hostname, self.url.port or 80,
                                                  timeout=self.timeout)
            conn = self.one(conn, n, due)

    def one(self, conn, n, due):
        sent = time.monotonic()
        try:
            conn.request("POST", self.path, self.bodies[n % len(self.bodies)],
                         {"Content-Type": "application/json"})
            answer = conn.getresponse()
            body = answer.read()
            status, headers = answer.status, answer.headers
        except (OSError, http.client.HTTPException) as e:
            conn.close()
            conn = None
            status, headers, body = "error: " + type(e).__name__, {}, str(e).encode()
        now = time.monotonic()
        self.record.add(due - self.start, sent, status, now - due, headers, body)
        return conn


def main():
    p = argparse.ArgumentParser(description="a bounded load of POST requests")
    p.add_argument("--url", required=True)
    p.add_argument("--body", action="append", help="JSON to post; given more than once, in turn")
    p.add_argument("--bodies", help="a file with one JSON a line, in turn")
    p.add_argument("--connections", type=int, default=8)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--requests", type=int, default=0, help="at most so many (0: no such limit)")
    p.add_argument("--rate", type=float, default=0, help="open loop: so many a second")
    p.add_argument("--timeout", type=float, default=30, help="of one request, in seconds")
    p.add_argument("--log", help="a file that gets one JSON line for each answer")
    p.add_argument("--out", help="a file that gets the summary, by rename (default: stdout)")
    args = p.parse_args()

    bodies = [b.encode() for b in args.body or []]
    if args.bodies:
        with open(args.bodies, "rb") as f:
            bodies += [line.strip() for line in f if line.strip()]
    if not bodies:
        p.error("nothing to post: give --body or --bodies")

    log = open(args.log, "w", buffering=1, encoding="utf-8") if args.log else None
    record = Record(log)
    load = Load(args, bodies, record)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: load.stop.set())
    if args.out:
        open(args.out + ".begun", "w").close()
    threads = [threading.Thread(target=load.connection) for _ in range(args.connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    text = json.dumps(record.summary(time.monotonic() - load.start), indent=1, ensure_ascii=False)
    if log:
        log.close()
    if args.out:
        with open(args.out + ".tmp", "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.rename(args.out + ".tmp", args.out)
    else:
        print(text)


if __name__ == "__main__":
    main()
