#!/usr/bin/env python3
"""known.py: how questions are told from those that a knowledge base cannot answer.

  known.py files SETS OUT NAME...              folders of documents, one a set: build a tenant of each
  known.py report PROGRAM DATA SETS NAME...    PROGRAM: bench/bench_known; DATA: where the tenants are

A set is a folder as `ragpool eval` reads it; its tenant has its name.  200 questions of each set, evenly
chosen, are put to its own tenant, to that without the documents that answer them ("gone"), and to every
other tenant of the same script ("foreign").  NAME+NAME: two sets about the same things, of which neither
is foreign to the other.  NAME-nN, such as scifact-n6: a tenant of so many of its documents.  Only the standard library is used.  See doc/notes/known.md.
"""
import bisect
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

ASKED = 200


def lines(folder, name):
    path = os.path.join(folder, name)
    return list(open(path, encoding="utf-8") if os.path.exists(path) else gzip.open(path + ".gz", "rt", encoding="utf-8"))


def safe(name):
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def part_of(name):
    """"scifact-n6": six documents of scifact."""
    found = re.match(r"(.*)-n(\d+)$", name)
    return (found.group(1), int(found.group(2))) if found else (name, None)


def judged(folder):
    return [x.split("\t")[:2] for x in lines(folder, "qrels.tsv")[1:]]


def chosen(sets, base, n):
    """The safe names of n documents that answer something; None: of all."""
    if n is None:
        return None
    d = sorted({safe(d) for _, d in judged(os.path.join(sets, base))})
    return set(d[::len(d) // n][:n])


def write_files(sets, out, names):
    for name in names:
        base, n = part_of(name)
        wanted = chosen(sets, base, n)
        os.makedirs(os.path.join(out, name), exist_ok=True)
        for line in lines(os.path.join(sets, base), "corpus.jsonl"):
            d = json.loads(line)
            if wanted is not None and safe(str(d["id"])) not in wanted:
                continue
            with open(os.path.join(out, name, safe(str(d["id"])) + ".md"), "w", encoding="utf-8") as f:
                f.write(("# %s\n\n" % d["title"] if d.get("title") else "") + d["text"] + "\n")


class Signs:
    def __init__(self, line):
        _, self.idf, self.all, self.bm25, self.idf_share, self.share, self.cosine = (float(x) for x in line.split("\t")[1:])


def write_questions(sets, name, to):
    base, n = part_of(name)
    folder = os.path.join(sets, base)
    wanted, pairs = chosen(sets, base, n), judged(folder)
    q = [json.loads(x) for x in lines(folder, "queries.jsonl")]
    if wanted is not None:
        answered = {a for a, b in pairs if safe(b) in wanted}
        q = [x for x in q if str(x["id"]) in answered]
    q = q[::max(1, len(q) // ASKED)][:ASKED]
    with open(os.path.join(to, name + ".jsonl"), "w", encoding="utf-8") as f:
        f.writelines(json.dumps({"id": str(x["id"]), "text": x["text"]}, ensure_ascii=False) + "\n" for x in q)
    with open(os.path.join(to, name + ".qrels"), "w", encoding="utf-8") as f:
        f.writelines("%s\t%s\n" % (a, safe(b)) for a, b in pairs)
    return any("\u4e00" <= c <= "\u9fff" for x in q[:5] for c in x["text"])


def auc(yes, no):
    no = sorted(no)
    return sum(bisect.bisect_left(no, x) + bisect.bisect_right(no, x) for x in yes) / 2 / len(yes) / len(no)


SIGNS = {
    "best cosine": lambda s: s.cosine,
    "best BM25": lambda s: s.bm25,
    "BM25 / sum of idf": lambda s: s.bm25 / max(s.idf, 1e-9),
    "share of idf": lambda s: s.idf_share,
    "cosine x share": lambda s: s.cosine * s.idf_share,
    "share of W": lambda s: s.share,
    "H / W^0.7": lambda s: s.share * s.all ** .3,
}


def is_known(s):    # core/known.c, of built-in vectors
    return s.share > 0 and s.share >= min(1, .4 / s.all ** .3) - 1e-6


def report(program, data, sets, groups):
    alike = {n: set(g.split("+")) for g in groups for n in g.split("+")}
    with tempfile.TemporaryDirectory() as to:
        chinese = {n: write_questions(sets, n, to) for n in alike}

        def ask(tenant, questions, gone=False):
            q = os.path.join(to, questions)
            out = subprocess.run([program, data, tenant, q + ".jsonl"] + [q + ".qrels"] * gone,
                                 stdout=subprocess.PIPE, check=True).stdout.decode()
            return [Signs(x) for x in out.splitlines()]
        own = {n: ask(n, n) for n in alike}
        gone = [s for n in alike for s in ask(n, n, True)]
        foreign = [s for n in alike for q in alike if q not in alike[n] and chinese[q] == chinese[n] for s in ask(n, q)]
    everyone = [s for n in own for s in own[n]]
    print("%d questions of their own, %d foreign ones" % (len(everyone), len(foreign)))
    print("the rule refuses %.2f %% of own, %.1f %% of foreign, %.1f %% of gone" % tuple(
        100 * sum(not is_known(s) for s in v) / len(v) for v in (everyone, foreign, gone)))
    print("%-16s %11s %8s   own refused: foreign, gone; worst set" % ("sign", "AUC foreign", "gone"))
    for name, sign in SIGNS.items():
        yes, no, hard = ([sign(s) for s in x] for x in (everyone, foreign, gone))
        text = "%-16s %11.3f %8.3f" % (name, auc(yes, no), auc(yes, hard))
        for part in (.005, .01, .02):
            limit = sorted(yes)[int(part * len(yes))]
            below = [100 * sum(x < limit for x in v) / len(v) for v in (no, hard)]
            worst = max((100 * sum(sign(s) < limit for s in own[n]) / len(own[n]), n) for n in own)
            text += "   %.1f %%: %.1f, %.1f; %.1f %s" % (100 * part, *below, *worst)
        print(text)


if len(sys.argv) > 4 and sys.argv[1] == "files":
    write_files(sys.argv[2], sys.argv[3], sys.argv[4:])
elif len(sys.argv) > 5 and sys.argv[1] == "report":
    report(*sys.argv[2:5], sys.argv[5:])
else:
    sys.exit(__doc__)
