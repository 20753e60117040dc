#!/usr/bin/env python3
"""build_state.py DATA TENANT: all that a build leaves, as text, for comparing two trees.

Every file below DATA with its SHA-256, but for the two databases, whose bytes depend on what was
tried before: of these the rows, without times, row ids, stamps and numbers of builds."""
import hashlib
import os
import sqlite3
import sys


def files(data):
    for folder, _, names in sorted(os.walk(data)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            what = "rows below"
            if name not in ("source.db", "ledger.db"):
                with open(path, "rb") as f:
                    what = hashlib.sha256(f.read()).hexdigest()
            yield "%s %s" % (os.path.relpath(path, data), what)


def rows(path, *queries):
    if not os.path.exists(path):
        return
    db = sqlite3.connect(path)
    for query in queries:
        for row in db.execute(query):
            yield repr(row)
    db.close()


data, tenant = sys.argv[1:]
folder = os.path.join(data, "tenants", tenant)
for line in files(data):
    print(line)
for line in rows(
        os.path.join(folder, "source.db"),
        "select key, size, sha256, params, title, charset, refused, text, meta, has_parts,"
        " stamp = '', part_of is null from document order by key",
        "select key, ordinal, start, end, heading from chunk join document on id = document"
        " order by 1, 2",
        "select documents, texts, removals from synced"):
    print(line)
for line in rows(
        os.path.join(folder, "ledger.db"),
        "select key, file, name, title, type, bytes, job from document order by key",
        "select id, state, documents, removed, bytes, generation, reason, rejected from job"
        " order by id",
        "select job, n, op, key from item order by job, n",
        "select key, why from refused order by key",
        "select removed, removed_ever from build",
        "select generation from made order by generation"):
    print(line)
