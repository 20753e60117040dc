#!/usr/bin/env python3
"""model.py: writes, deletions and questions at once, held against a model of what may be seen.

Writers own a part of the keys each, so that the order of what happens to one key is known: every
document has a word of its key, which questions ask for, and a token of its version.  Readers ask
at random; documents change, builders and supervisors are killed, and the supervisor is told to
reload meanwhile.
In the end, of every answer:

  durable    a question that was sent after an operation's job was live sees that operation, or a
             later one on the key: nothing accepted is lost, nothing deleted comes back
  honest     nobody sees what was not sent yet
  onward     what one worker answers never goes back
  one        all answers from one generation agree, and with what that generation holds
             (ragpool export --generation): no answer mixes two
  whole      of the documents of one request, a generation has all or none
  live       every accepted operation's job comes to live

Prints one JSON object; "violations" holds the history of the key concerned for each.
"""
import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

TOKEN = re.compile(r"token(\d+)v(\d+)x")


class Op:
    """One operation on one key: n-th of it, the token's version or None for a deletion."""

    def __init__(self, key, n, version, job, sent, batch):
        self.key, self.n, self.version, self.job, self.sent, self.batch = \
            key, n, version, job, sent, batch
        self.live = None        # when its job was seen to be live


class World:
    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.ops = {k: [Op(k, 0, None, None, 0, None)] for k in range(args.keys)}
        self.ops_of_job = {}
        self.reads = []
        self.bad_status = []
        self.batches = 0
        self.kills = self.reloads = self.versions = self.restarts = 0
        self.pool, self.supervisor = args.pool, None    # the pid; the one that we have started

    def connect(self):
        where = urllib.parse.urlsplit(self.args.url)
        return http.client.HTTPConnection(where.hostname, where.port, timeout=30)


def ask(connection, method, path, body=None, kind="application/json"):
    headers = {"Content-Type": kind} if body is not None else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    return answer.status, answer.headers, data


def text_of(key, version):
    return "The record of kw%dz, entered as token%dv%dx in the book of station %d.\n" % (
        key, key, version, key % 7)


# --- who does what ---

def write(world, mine, seed):
    rng = random.Random(seed)
    c = world.connect()
    tenant = world.args.tenant
    while not world.stop.is_set():
        what = rng.random()
        keys = rng.sample(mine, rng.randint(2, 4)) if what < 0.25 else [rng.choice(mine)]
        delete = what > 0.7
        changes = []
        for k in keys:
            n = len(world.ops[k])
            changes.append((k, n, None if delete else n))
        sent = time.monotonic()
        # Before it is sent: a reader may see it before we have the answer.
        batch = None
        with world.lock:
            if len(keys) > 1:
                world.batches += 1
                batch = world.batches
            ops = [Op(k, n, v, None, sent, batch) for k, n, v in changes]
            for op in ops:
                world.ops[op.key].append(op)
        if delete:
            status, _, data = ask(c, "DELETE", "/tenants/%s/documents/doc%d.txt" % (tenant, keys[0]))
        elif len(keys) == 1:
            status, _, data = ask(c, "PUT", "/tenants/%s/documents/doc%d.txt" % (tenant, keys[0]),
                                  text_of(keys[0], changes[0][2]), "text/plain")
        else:
            status, _, data = ask(c, "POST", "/ingest/" + tenant, json.dumps({"documents": [
                {"id": "doc%d.txt" % k, "text": text_of(k, v)} for k, _, v in changes]}))
        if status != 202:
            world.bad_status.append("%s %s: %d %s" % (delete, keys, status, data[:200]))
            return
        job = json.loads(data)["job"]
        with world.lock:
            for op in ops:
                op.job = job
            world.ops_of_job[job] = ops
        time.sleep(rng.random() * 0.04)


def read(world, seed):
    rng = random.Random(seed)
    c = world.connect()
    while not world.stop.is_set():
        one_read(world, c, rng.randrange(world.args.keys))
        time.sleep(rng.random() * 0.02)     # builders have the lowest priority, and are to build


def one_read(world, c, key):
    sent = time.monotonic()
    status, headers, data = ask(c, "POST", "/query/" + world.args.tenant,
                                json.dumps({"query": "kw%dz" % key, "top_k": 10}))
    done = time.monotonic()
    if status != 200:
        world.bad_status.append("query: %d %s" % (status, data[:200]))
        return
    answer = json.loads(data)
    seen = None
    for hit in answer["hits"]:
        if hit["source"] == "doc%d.txt" % key:
            m = TOKEN.search(hit["text"])
            seen = int(m.group(2))
            if int(m.group(1)) != key:
                world.bad_status.append("doc%d.txt holds %s" % (key, m.group(0)))
    with world.lock:
        world.reads.append((sent, done, key, seen, headers["X-Ragpool-Generation"],
                            headers["X-Ragpool-Worker"]))


def watch_jobs(world):
    c = world.connect()
    while not world.stop.is_set() or open_jobs(world):
        for job in open_jobs(world)[:50]:
            status, _, data = ask(c, "GET", "/jobs/" + job)
            if status != 200:
                continue        # the ledger is being written: asked again
            state = json.loads(data)["state"]
            now = time.monotonic()
            if state == "live":
                for op in world.ops_of_job[job]:
                    op.live = now
        time.sleep(0.02)
        if world.stop.is_set() and time.monotonic() > world.deadline:
            return


def open_jobs(world):
    with world.lock:
        return [j for j, ops in world.ops_of_job.items() if ops[0].live is None]


def children(pid, name):
    out = subprocess.run(["pgrep", "-P", str(pid), "-x", name], capture_output=True, text=True)
    return [int(p) for p in out.stdout.split()]


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def restart(world):
    """The supervisor and whatever builder it has, both at once; another takes its place."""
    for pid in children(world.pool, "ragpool-build") + [world.pool]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if world.supervisor:
        world.supervisor.wait()
    while is_alive(world.pool):     # its lock goes with it
        time.sleep(0.005)
    world.supervisor = subprocess.Popen(
        [world.args.ragpoold, "-c", world.args.conf, "--foreground"], stdin=subprocess.DEVNULL,
        stdout=sys.stderr, stderr=sys.stderr)
    world.pool = world.supervisor.pid
    world.restarts += 1


def end_supervisor(world):
    if world.supervisor:
        world.supervisor.terminate()
        world.supervisor.wait(timeout=30)


def disturb(world, seed):
    rng = random.Random(seed)
    while not world.stop.wait(0.3 + rng.random() * 0.7):
        what = rng.random()
        if what < 0.1:
            restart(world)
        elif what < 0.5:
            os.kill(world.pool, signal.SIGHUP)
            world.reloads += 1
        elif what < 0.85:
            world.versions += 1
            document = {"version": "w%d" % world.versions, "data_source": {"type": "push"},
                        "index_params": {"chunk_size": rng.choice((64, 128, 512))}}
            tmp = os.path.join(os.path.dirname(world.args.document), ".next")
            with open(tmp, "w") as f:
                json.dump(document, f)
            os.rename(tmp, world.args.document)
        else:
            for pid in children(world.pool, "ragpool-build"):
                try:
                    os.kill(pid, signal.SIGKILL)
                    world.kills += 1
                except ProcessLookupError:
                    pass


# --- what may be seen ---

def feasible(world, key, seen, low, high):
    return [op.n for op in world.ops[key] if op.version == seen and low <= op.n <= high]


def history(world, key, read_=None):
    lines = ["op %d %s sent=%.3f live=%s job=%s batch=%s" % (
        op.n, "delete" if op.version is None else "put v%d" % op.version, op.sent,
        "%.3f" % op.live if op.live else None, op.job, op.batch) for op in world.ops[key]]
    lines += ["read sent=%.3f done=%.3f saw=%s generation=%s worker=%s%s" % (
        r[0], r[1], r[3], r[4], r[5], "   <---" if r == read_ else "")
        for r in world.reads if r[2] == key]
    return sorted(lines, key=lambda line: float(re.search(r"sent=([\d.]+)", line).group(1)))


def check_reads(world, violations):
    """durable, honest, onward."""
    by_worker = {}
    for r in sorted(world.reads):
        sent, done, key, seen, generation, worker = r
        low = max([op.n for op in world.ops[key] if op.live is not None and op.live < sent] or [0])
        high = max(op.n for op in world.ops[key] if op.sent < done)
        before = by_worker.setdefault((worker, key), [])
        onward = max([n for arrived, n in before if arrived < sent] or [0])
        may = feasible(world, key, seen, low, high)
        if not may:
            violations.append({"what": "durable, honest: saw %s, may be op %d to %d" % (
                seen, low, high), "key": key, "history": history(world, key, r)})
            continue
        may = [n for n in may if n >= onward]
        if not may:
            violations.append({"what": "onward: saw %s, the worker was at op %d" % (seen, onward),
                               "key": key, "history": history(world, key, r)})
            continue
        before.append((done, may[0]))


def export(world, generation):
    args = world.args
    out = subprocess.run([args.ragpool, "-d", args.data, "-s", "/nowhere", "export",
                          "--generation", generation, "--vectors", "none", args.tenant],
                         capture_output=True, text=True)
    if out.returncode != 0:
        return None
    held = {}
    for line in out.stdout.splitlines()[1:]:
        document = json.loads(line)
        m = TOKEN.search(document["chunks"][0]["text"])
        held[int(m.group(1))] = int(m.group(2))
    return held


def check_generations(world, violations):
    """one, whole."""
    seen = {}
    for r in world.reads:
        seen.setdefault(r[4], {}).setdefault(r[2], {}).setdefault(r[3], r)
    exported = 0
    names = set(os.listdir(os.path.join(world.args.data, "tenants", world.args.tenant, "gen")))
    for generation in seen:
        held = export(world, generation) if generation in names else None
        exported += held is not None
        for key, values in seen[generation].items():
            wanted = set(values) if held is None else {held.get(key)}
            if len(wanted) > 1 or set(values) != wanted:
                violations.append({"what": "one: %s answers %s, holds %s" % (
                    generation, list(values), held and held.get(key)), "key": key,
                    "history": history(world, key, next(iter(values.values())))})
    for generation in names:
        held = export(world, generation) if not generation.startswith(".") else None
        if held is not None:
            check_batches(world, generation, held, violations)
    return exported


def check_batches(world, generation, held, violations):
    batches = {}
    for ops in world.ops.values():
        for op in ops:
            if op.batch is not None and op.key in held:
                batches.setdefault(op.batch, []).append((op.key, held[op.key] >= op.n))
    for batch, there in batches.items():
        if len({t for _, t in there}) > 1:
            violations.append({"what": "whole: %s has a part of request %d: %s" % (
                generation, batch, there), "key": there[0][0],
                "history": history(world, there[0][0])})


# --- what it would find ---

def self_test():
    """Histories with a fault in each, and one without: what is found of them."""
    def world_of(reads, live=10.0):
        world = World(argparse.Namespace(keys=1, pool=0))
        world.ops[0] += [Op(0, 1, 1, "a", 1.0, None), Op(0, 2, None, "b", 2.0, None)]
        world.ops[0][1].live, world.ops[0][2].live = 5.0, live
        world.reads = [(sent, sent + .1, 0, seen, generation, worker)
                       for sent, seen, generation, worker in reads]
        return world

    def found(world):
        violations = []
        check_reads(world, violations)
        return [v["what"].split(":")[0] for v in violations]

    assert found(world_of([(.5, None, "g0", "w"), (3, 1, "g1", "w"), (6, 1, "g1", "v"),
                           (7, None, "g2", "w"), (8, 1, "g1", "v")])) == []
    assert found(world_of([(6, None, "g0", "w")], live=None)) == []     # the deletion, perhaps
    lost = world_of([(6, None, "g0", "w")])
    lost.ops[0].pop()
    assert found(lost) == ["durable, honest"]
    assert found(world_of([(11, 1, "g1", "w")])) == ["durable, honest"]     # it came back
    assert found(world_of([(.2, 1, "g1", "w")])) == ["durable, honest"]     # before it was sent
    assert found(world_of([(3, 1, "g1", "w"), (6, None, "g2", "w"), (7, 1, "g1", "w")])) == ["onward"]
    violations = []
    torn = world_of([])
    torn.ops[1] = [Op(1, 0, None, None, 0, None), Op(1, 1, 1, "a", 1.0, 9)]
    torn.ops[0] += [Op(0, 3, 3, "c", 3.0, 9)]
    check_batches(torn, "g", {0: 1, 1: 1}, violations)
    assert [v["what"].split(":")[0] for v in violations] == ["whole"]
    torn.args.data, torn.args.tenant = "/nowhere", "t"
    torn.reads = [(3, 3.1, 0, 1, "g1", "w"), (3.2, 3.3, 0, None, "g1", "v")]
    os_listdir, os.listdir = os.listdir, lambda path: []
    check_generations(torn, violations)
    os.listdir = os_listdir
    assert [v["what"].split(":")[0] for v in violations] == ["whole", "one"]


def tried_enough(world):
    with world.lock:
        return len({r[4] for r in world.reads}) > 4 and len({r[5] for r in world.reads}) > 1 and \
            len(world.reads) > 200 and len(world.ops_of_job) > 50


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    p = argparse.ArgumentParser()
    for name in ("--url", "--tenant", "--data", "--ragpool", "--ragpoold", "--conf", "--document"):
        p.add_argument(name, required=True)
    p.add_argument("--pool", type=int, required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keys", type=int, default=24)
    p.add_argument("--seconds", type=float, default=12)
    p.add_argument("--writers", type=int, default=2)
    p.add_argument("--readers", type=int, default=4)
    world = World(p.parse_args())
    args = world.args
    threads = [threading.Thread(target=write, args=(
        world, list(range(i, args.keys, args.writers)), args.seed * 1000 + i))
        for i in range(args.writers)]
    threads += [threading.Thread(target=read, args=(world, args.seed * 1000 + 100 + i))
                for i in range(args.readers)]
    threads.append(threading.Thread(target=disturb, args=(world, args.seed * 1000 + 200)))
    watcher = threading.Thread(target=watch_jobs, args=(world,))
    for t in threads + [watcher]:
        t.start()
    time.sleep(args.seconds)
    end = time.monotonic() + 10 * args.seconds      # for machines that are slow or busy
    while not tried_enough(world) and time.monotonic() < end:
        time.sleep(0.1)
    world.deadline = time.monotonic() + 60
    world.stop.set()
    for t in threads + [watcher]:
        t.join()
    c = world.connect()
    for _ in range(3):          # once for each worker, about: the state they all end in
        for key in range(args.keys):
            one_read(world, c, key)
    end_supervisor(world)
    violations = []
    check_reads(world, violations)
    exported = check_generations(world, violations)
    never = [job for job, ops in world.ops_of_job.items() if ops[0].live is None]
    print(json.dumps({
        "seed": args.seed, "operations": sum(len(o) - 1 for o in world.ops.values()),
        "jobs": len(world.ops_of_job), "reads": len(world.reads),
        "generations": len({r[4] for r in world.reads}), "exported": exported,
        "workers": len({r[5] for r in world.reads}), "builders_killed": world.kills,
        "supervisors_killed": world.restarts, "reloads": world.reloads, "versions": world.versions, "never_live": never[:10],
        "bad_status": world.bad_status[:10], "violations": violations[:5],
        "violation_count": len(violations)}, indent=1))


if __name__ == "__main__":
    main()
