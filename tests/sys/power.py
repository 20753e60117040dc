#!/usr/bin/env python3
"""power.py: what a loss of power can leave of a folder, from what recorder.c has written down.

  power.py whole LOG FOLDER         does the record, played back, give the folder as it is?
  power.py check LOG BIN WORK [--rounds N] [--seed N] [--keep]
                                    N of the states that a loss of power could leave, each made
                                    below WORK and put to the programs in BIN: is everything that
                                    was acknowledged there, is what is live whole, does the next
                                    build end well, and with the documents it should?

A mark is a line "said WORD..." that the test itself adds to the record:

  root PATH                 first of all: the folder
  building SOURCE           a build begins, of the files in this folder
  built GENERATION          it said that it had made it
  sending NAME BYTES        a document is about to be sent
  sent ID                   it was acknowledged as this job
  key ID                    a key was made

What is assumed of a disk, and no more:  bytes of a file are safe after fsync() of the file; a name
is safe after fsync() of its folder; syncfs() makes all safe.  Whatever is not safe may be there or
not, in any combination, but a rename is done or not done.  A file's bytes that are not safe may
be there, be gone, be zeroes, or be there up to some point.  So at each moment:

  strict    nothing but what is safe
  names     every name, and of bytes what is safe
  zeroes    every name and size, and zeroes for what is not safe
  all       everything: the process died, the machine did not
  random    of each folder's names a first part of those that are not safe, and of each file's
            bytes some: a few of these for each moment
"""
import argparse
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys


class File:
    def __init__(self, mode):
        self.mode, self.safe, self.pending = mode, b"", []

    @staticmethod
    def change(data, op):
        kind, at, what = op
        if kind == "truncate":
            return data[:at] + bytes(max(0, at - len(data)))
        return data[:at] + bytes(max(0, at - len(data))) + what + data[at + len(what):]

    def bytes(self, how, rng):
        data = self.safe
        if how == "strict":
            return data
        ops = self.pending
        if how == "random":
            how = rng.choice(["strict", "all", "zeroes", "part", "some"])
            if how == "strict":
                return data
            if how == "part":
                ops = ops[:rng.randrange(len(ops) + 1)]
            if how == "some":
                ops = [o for o in ops if rng.random() < 0.5]
        for op in ops:
            if how == "zeroes" and op[0] == "write":
                op = (op[0], op[1], bytes(len(op[2])))
            data = self.change(data, op)
        return data

    def sync(self):
        self.safe, self.pending = self.bytes("all", None), []


class Folder:
    def __init__(self):
        self.safe, self.now, self.pending = {}, {}, []

    def set(self, **changes):
        self.pending.append(changes)
        self.apply(self.now, changes)

    @staticmethod
    def apply(names, changes):
        for name, what in changes.items():
            if what is None:
                names.pop(name, None)
            else:
                names[name] = what

    def names(self, how, rng):
        if how == "strict":
            return self.safe
        if how != "random":
            return self.now
        names = dict(self.safe)
        for changes in self.pending[:rng.randrange(len(self.pending) + 1)]:
            self.apply(names, changes)
        return names

    def sync(self):
        self.safe, self.pending = dict(self.now), []


class Disk:
    def __init__(self, root):
        self.root, self.top, self.inodes, self.said = root, Folder(), {}, []
        self.all = [self.top]

    def find(self, path):
        """The folder that holds it, and its name there."""
        at = self.top
        parts = [p for p in os.path.relpath(os.path.normpath(path), self.root).split("/")]
        for p in parts[:-1]:
            at = at.now[p]
        return at, parts[-1]

    def at(self, path):
        if os.path.normpath(path) == self.root:
            return self.top
        folder, name = self.find(path)
        return folder.now[name]

    def create(self, path, what):
        folder, name = self.find(path)
        folder.set(**{name: what})
        self.all.append(what)
        return what

    def rename(self, a, b):
        (from_, old), (to, new) = self.find(a), self.find(b)
        what = from_.now[old]
        if from_ is to:
            from_.set(**{old: None, new: what})
        else:
            to.set(**{new: what})
            from_.set(**{old: None})

    def play(self, verb, args, data):
        if verb == "create":
            self.inodes[args[0]] = self.create(args[2], File(int(args[1], 8)))
        elif verb == "mkdir":
            self.create(args[1], Folder())
        elif verb == "write":
            self.inodes[args[0]].pending.append(("write", int(args[1]), data))
        elif verb == "truncate":
            self.inodes[args[0]].pending.append(("truncate", int(args[1]), None))
        elif verb == "mode":
            self.inodes[args[0]].mode = int(args[1], 8)
        elif verb == "rename":
            self.rename(*args)
        elif verb == "link":
            folder, name = self.find(args[1])
            folder.set(**{name: self.at(args[0])})
        elif verb in ("unlink", "rmdir"):
            folder, name = self.find(args[0])
            folder.set(**{name: None})
        elif verb == "sync":
            self.inodes[args[0]].sync()
        elif verb == "syncdir":
            self.at(args[0]).sync()
        elif verb == "syncfs":
            for what in self.all:
                what.sync()
        elif verb == "said":
            self.said.append(" ".join(args))
        else:
            sys.exit("unknown: %s" % verb)


def walk(disk, how, rng=None):
    out = []

    def down(path, what):
        if isinstance(what, File):
            out.append((path, what.mode, what.bytes(how, rng)))
            return
        if path:
            out.append((path, None, b""))
        for name, child in sorted(what.names(how, rng).items()):
            down(os.path.join(path, name), child)

    down("", disk.top)
    return out


def records(path):
    with open(path, "rb") as f:
        log = f.read()
    at = 0
    while at < len(log):
        end = log.index(b"\n", at)
        words = log[at:end].decode().split(" ")
        at = end + 1
        data = b""
        if words[0] == "write":
            data = log[at:at + int(words[3])]
            at += int(words[3])
        yield words[0], words[1:], data


def root_of(path):
    for verb, args, _ in records(path):
        if verb == "said" and args[0] == "root":
            return args[1]
    sys.exit("the record does not begin with: said root PATH")


def whole(log, folder):
    disk = Disk(root_of(log))
    for r in records(log):
        disk.play(*r)
    played = {p: b for p, mode, b in walk(disk, "all")}
    real = {}
    for at, dirs, files in os.walk(folder):
        for name in dirs:
            real[os.path.relpath(os.path.join(at, name), folder)] = b""
        for name in files:
            with open(os.path.join(at, name), "rb") as f:
                real[os.path.relpath(os.path.join(at, name), folder)] = f.read()
    for path in sorted(set(played) | set(real)):
        if played.get(path) != real.get(path):
            print("differs: %s (%s played, %s real)" % (
                path, *("%d bytes" % len(x[path]) if path in x else "none" for x in (played, real))))
    return played != real


def states(log, randoms, rng):
    """Every state that differs from those before, with what had been said by then."""
    disk, seen = Disk(root_of(log)), set()
    for verb, args, data in records(log):
        disk.play(verb, args, data)
        for how in ["strict", "names", "zeroes", "all"] + ["random"] * randoms:
            tree = walk(disk, how, rng)
            digest = hashlib.sha256()
            for path, mode, data_ in tree:
                digest.update(("%s %s %d\n" % (path, mode, len(data_))).encode() + data_)
            key = (digest.digest(), len(disk.said))
            if key not in seen:
                seen.add(key)
                yield how, "%s %s" % (verb, " ".join(args)), tree, list(disk.said)


def write_tree(top, tree):
    os.makedirs(top)
    for path, mode, data in tree:
        path = os.path.join(top, path)
        if mode is None:
            os.mkdir(path)
            continue
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)


# ---- what has to hold ----

class Expected:
    """From the marks: what was acknowledged, and what was under way."""

    def __init__(self, said):
        self.source, self.built, self.building = None, [], False
        self.sent, self.under_way, self.jobs, self.keys = {}, {}, [], []
        for words in (line.split() for line in said):
            if words[0] == "building":
                self.source, self.building = words[1], True
            elif words[0] == "built":
                self.built.append(words[1])
                self.building = False
            elif words[0] == "sending":
                self.under_way = {words[1]: int(words[2])}
            elif words[0] == "sent":
                self.sent.update(self.under_way)
                self.under_way = {}
                self.jobs.append(words[1])
            elif words[0] == "key":
                self.keys.append(words[1])

    def documents(self):
        """Each that is acceptable."""
        base = {n: os.path.getsize(os.path.join(self.source, n)) for n in os.listdir(self.source)}
        yield {**base, **self.sent}
        yield {**base, **self.sent, **self.under_way}


def rows(path, query):
    if not os.path.exists(path):
        return []
    db = sqlite3.connect(path)
    try:
        return list(db.execute(query))
    finally:
        db.close()


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Trial:
    def __init__(self, a, data, said, coming):
        self.a, self.data, self.coming, self.wrong = a, data, coming, []
        self.expected = Expected(said)
        self.tenant = os.path.join(data, "tenants", "t")

    def expect(self, what, *details):
        if not what:
            self.wrong.append(" ".join(str(d) for d in details))

    def run(self, program, *arguments):
        r = subprocess.run([os.path.join(self.a.bin, program), *arguments], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode != 0:
            self.expect(False, program, *arguments, "ended with", r.returncode, r.stdout[-300:])
        return r.returncode == 0

    def verify(self):
        self.run("ragpool", "-d", self.data, "-s", "/nowhere", "verify", "t")

    def as_found(self):
        e, live = self.expected, read(os.path.join(self.tenant, "current")).strip()
        allowed = e.built[-1:] if e.built else [""]
        if e.building:
            allowed = allowed + self.coming
        self.expect(live in allowed, "live is", live or "none", "and may be", allowed)
        if live:
            self.verify()
        keys = read(os.path.join(self.data, "keys.json"))
        for key in e.keys:
            self.expect('"%s"' % key in keys, "the key", key, "is lost")

    def rebuild(self):
        e = self.expected
        config = os.path.join(os.path.dirname(self.data), "t.json")
        with open(config, "w") as f:
            json.dump({"version": "v", "data_source": {"type": "directory", "path": e.source}}, f)
        if not self.run("ragpool-build", "--data", self.data, "--tenant", "t", "--config", config,
                        "--json", "--quiet"):
            return
        self.verify()
        got = dict(rows(os.path.join(self.tenant, "source.db"), "select key, size from document"))
        self.expect(got in list(e.documents()), "documents are", got, "not", list(e.documents()))
        jobs = {r[0] for r in rows(os.path.join(self.tenant, "ledger.db"), "select id from job")}
        for job in e.jobs:
            self.expect(job in jobs, "the job", job, "is lost")

    def judge(self):
        self.as_found()
        if self.expected.source is not None:
            self.rebuild()
        return self.wrong


def check(a):
    rng = random.Random(a.seed)
    every = list(states(a.log, a.randoms, rng))
    chosen = sorted(rng.sample(range(len(every)), min(a.rounds, len(every))))
    all_built = Expected(every[-1][3]).built
    bad = 0
    for i in chosen:
        how, after, tree, said = every[i]
        top = os.path.join(a.work, str(i))
        write_tree(os.path.join(top, "data"), tree)
        done = len(Expected(said).built)
        wrong = Trial(a, os.path.join(top, "data"), said, all_built[done:done + 1]).judge()
        if wrong:
            bad += 1
            print("state %d, %s after %s (%s):" % (i, how, after.replace(a.root, ""), said[-1]))
            print("".join("    %s\n" % w for w in wrong[:3]), end="")
        if not wrong or not a.keep:
            shutil.rmtree(top)
    print("%d states of %d, %d wrong" % (len(chosen), len(every), bad))
    return bad > 0


def main():
    p = argparse.ArgumentParser()
    sub = p.add_subparsers(dest="verb", required=True)
    w = sub.add_parser("whole")
    w.add_argument("log")
    w.add_argument("folder")
    s = sub.add_parser("check")
    s.add_argument("log")
    s.add_argument("bin")
    s.add_argument("work")
    s.add_argument("--rounds", type=int, default=100)
    s.add_argument("--seed", type=int, default=1)
    s.add_argument("--randoms", type=int, default=2)
    s.add_argument("--keep", action="store_true", help="leave the states that are wrong")
    a = p.parse_args()
    if a.verb == "whole":
        sys.exit(whole(a.log, a.folder))
    a.root = root_of(a.log)
    sys.exit(check(a))


main()
