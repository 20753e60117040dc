#!/usr/bin/env python3
"""bench_tenants.py: many tenants in one pool, most of them asked for the first time.

Builds TENANTS small knowledge bases once (below --work, kept and taken up again), then:

  start        from exec to READY, without and with a last known good configuration
  reload       ragpool reload --wait with everything unchanged, and the flip of one tenant
  cold         the first query of each of --cold tenants, one at a time, over the socket
  memory       private memory of a worker that has opened more than it keeps open

Bounded; servers and load on one unix socket; ends what it starts.  The last line is JSON.

  bench/bench_tenants.py --build build-check/build --tenants 10000 --work /dev/shm/tenants
"""
import argparse
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

CONF = """[global]
data_dir = {work}/data
run_dir = {run}
tenants_dir = {work}/tenants.d
auth = off
log_file = {run}/log
worker_program = {build}/ragpool-worker
build_program = {build}/ragpool-build
[pool query]
listen = {run}/query.sock
workers = 2
"""


def record(kind, body):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def pair(name, value):
    return bytes([len(name), len(value)]) + name + value


def ask(path, tenant, query):
    """One request by FastCGI; its status and how long it took."""
    body = json.dumps({"query": query}).encode()
    params = b"".join(pair(k, v) for k, v in (
        (b"REQUEST_METHOD", b"POST"), (b"SERVER_ADDR", b"127.0.0.1"),
        (b"REMOTE_ADDR", b"127.0.0.1"), (b"REQUEST_URI", b"/query/" + tenant.encode()),
        (b"CONTENT_TYPE", b"application/json"), (b"CONTENT_LENGTH", str(len(body)).encode())))
    began = time.perf_counter()
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    s.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, params) + record(4, b"") +
              record(5, body) + record(5, b""))
    answer = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        answer += part
    took = time.perf_counter() - began
    s.close()
    head = answer[8:].split(b"\r\n", 1)[0]
    status = int(head.split()[1]) if head.startswith(b"Status:") else 200
    return status, took


def build_all(a):
    """What is not there yet, two at a time."""
    sources = a.work + "/sources"
    os.makedirs(sources, exist_ok=True)
    os.makedirs(a.work + "/tenants.d", exist_ok=True)
    words = "harbour lamp tide rope bread oil letter granite fog horn weather boat".split()
    rng = random.Random(7)
    for n in range(50):
        with open("%s/%02d.md" % (sources, n), "w") as f:
            f.write("# Note %d\n\n%s.\n" % (n, " ".join(rng.choices(words, k=60))))
    names = ["t%05d" % n for n in range(a.tenants)]
    running = []
    for name in names:
        document = "%s/tenants.d/%s.json" % (a.work, name)
        if not os.path.exists(document):
            with open(document, "w") as f:
                json.dump({"version": "v1", "data_source": {"type": "directory", "path": sources}}, f)
        if os.path.exists("%s/data/tenants/%s/current" % (a.work, name)):
            continue
        running.append(subprocess.Popen([a.build + "/ragpool-build", "-q", "--data", a.work + "/data",
                                         "--tenant", name, "--config", document],
                                        stdout=subprocess.DEVNULL))
        if len(running) == 2:
            if running.pop(0).wait() != 0:
                sys.exit("a build failed")
    for p in running:
        p.wait()
    return names


class Pool:
    def __init__(self, a):
        self.run = a.work + "/run"
        shutil.rmtree(self.run, ignore_errors=True)
        os.makedirs(self.run)
        self.conf = a.work + "/ragpool.conf"
        self.build = a.build
        with open(self.conf, "w") as f:
            f.write(CONF.format(work=a.work, run=self.run, build=a.build))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.run + "/notify")
        notify.settimeout(120)
        began = time.perf_counter()
        self.process = subprocess.Popen([a.build + "/ragpoold", "-c", self.conf],
                                        env=dict(os.environ, NOTIFY_SOCKET=self.run + "/notify"))
        while b"READY=1" not in notify.recv(4096):
            pass
        self.started_s = time.perf_counter() - began
        with open("/proc/%d/stat" % self.process.pid) as f:
            ticks = f.read().rsplit(")", 1)[1].split()[11:13]
        self.started_cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        notify.close()

    def tell(self, *words):
        began = time.perf_counter()
        out = subprocess.run([self.build + "/ragpool", "-c", self.conf] + list(words),
                             capture_output=True, text=True, timeout=300)
        if out.returncode != 0:
            sys.exit("ragpool %s: %s" % (" ".join(words), out.stderr))
        return out.stdout, time.perf_counter() - began

    def workers(self):
        status, _ = self.tell("status", "--json")
        return [w["pid"] for w in json.loads(status)["workers"]]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def private_kib(pid):
    """Pages that are this process's alone; mapped files that others could map are not."""
    total = 0
    with open("/proc/%d/smaps_rollup" % pid) as f:
        for line in f:
            if line.startswith("Anonymous:"):
                total += int(line.split()[1])
    return total


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default=".", help="the folder of the programs")
    p.add_argument("--work", required=True, help="a folder for the tenants, on the disk to measure")
    p.add_argument("--tenants", type=int, default=10000)
    p.add_argument("--cold", type=int, default=2000, help="tenants asked for the first time")
    a = p.parse_args()
    a.build, a.work = os.path.abspath(a.build), os.path.abspath(a.work)
    names = build_all(a)

    # Moved, not removed: ext4 is slow to make files for some seconds after many were deleted.
    if os.path.exists(a.work + "/data/lkg"):
        os.rename(a.work + "/data/lkg", "%s/data/lkg-%d" % (a.work, time.time()))
    pool = Pool(a)
    result = {"tenants": a.tenants, "first_start_s": round(pool.started_s, 2),
              "first_start_cpu_s": pool.started_cpu_s}
    pool.stop()
    pool = Pool(a)
    result.update(start_s=round(pool.started_s, 2), start_cpu_s=pool.started_cpu_s)
    _, took = pool.tell("reload", "--wait")
    result["reload_s"] = round(took, 3)

    random.Random(11).shuffle(names)
    times, bad = [], 0
    for name in names[:a.cold]:
        status, took = ask(pool.run + "/query.sock", name, "the lamp of the harbour")
        bad += status != 200
        times.append(took * 1e3)
    times.sort()
    result["cold_p50_ms"] = round(times[len(times) // 2], 2)
    result["cold_p99_ms"] = round(times[len(times) * 99 // 100], 2)
    result["cold_max_ms"] = round(times[-1], 2)
    result["failed"] = bad
    _, took = pool.tell("reload", "--wait")
    result["reload_warm_s"] = round(took, 3)
    result["worker_private_mib"] = round(max(map(private_kib, pool.workers())) / 1024, 1)
    result["worker_fds"] = len(os.listdir("/proc/%d/fd" % pool.workers()[0]))
    result["supervisor_private_mib"] = round(private_kib(pool.process.pid) / 1024, 1)
    pool.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
