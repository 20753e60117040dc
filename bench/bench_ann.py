#!/usr/bin/env python3
"""Compare bench_ann with bench_hnswlib, point by point, in turns.

  bench_ann.py SET WORK [--rounds 5] [--recall 0.95,0.99] [--bench-ann PATH] [--bench-hnswlib PATH]

WORK holds the two indexes (ours.rpx, hnswlib.idx); what is missing is built.  For each
recall the cheapest setting of either engine that reaches it is looked for, then both run
in turns, ROUNDS times.  Prints the medians of queries per CPU second, their ratio and the
lowest and highest ratio of one turn.  A shared machine distorts single runs by 40 %.
"""
import argparse
import json
import os
import statistics
import subprocess

SLACKS = [0.02, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.11, 0.12, 0.13, 0.14, 0.16, 0.18,
          0.20, 0.24, 0.28, 0.34, 0.40, 0.50, 0.70]
WIDTHS = [16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 512,
          768, 1024, 1536, 2048]


class Engine:
    def __init__(self, program, folder, index, steps):
        self.program, self.folder, self.index, self.steps = program, folder, index, steps
        self.seen = {}

    def run(self, *words):
        out = subprocess.run([self.program, self.folder, *words], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        return json.loads(out.splitlines()[-1])

    def build(self):
        if not os.path.exists(self.index):
            print(json.dumps(self.run("build", self.index)), flush=True)

    def point(self, step):
        return self.run("walk", self.index, str(step))

    def cheapest(self, recall):
        """The first setting that reaches the recall, by bisection."""
        lo, hi = 0, len(self.steps)
        while lo < hi:
            mid = (lo + hi) // 2
            if mid not in self.seen:
                self.seen[mid] = self.point(self.steps[mid])["recall"]
            if self.seen[mid] >= recall:
                hi = mid
            else:
                lo = mid + 1
        return self.steps[lo] if lo < len(self.steps) else None


def compare(ours, theirs, recall, rounds):
    a, b = ours.cheapest(recall), theirs.cheapest(recall)
    row = {"recall": recall, "ours_at": a, "hnswlib_at": b}
    if a is not None and b is not None:
        pairs = [(ours.point(a), theirs.point(b)) for _ in range(rounds)]
        mine = [p[0]["qps"] for p in pairs]
        yours = [p[1]["qps"] for p in pairs]
        ratios = [m / y for m, y in zip(mine, yours)]
        row.update(ours_recall=pairs[0][0]["recall"], hnswlib_recall=pairs[0][1]["recall"],
                   ours_qps=statistics.median(mine), hnswlib_qps=statistics.median(yours),
                   ratio=round(statistics.median(ratios), 2),
                   lowest=round(min(ratios), 2), highest=round(max(ratios), 2))
    print(json.dumps(row), flush=True)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("set")
    p.add_argument("work")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--recall", default="0.95,0.99")
    p.add_argument("--bench-ann", default=os.path.join(here, "bench_ann"))
    p.add_argument("--bench-hnswlib", default=os.path.join(here, "bench_hnswlib"))
    o = p.parse_args()
    ours = Engine(o.bench_ann, o.set, os.path.join(o.work, "ours.rpx"), SLACKS)
    theirs = Engine(o.bench_hnswlib, o.set, os.path.join(o.work, "hnswlib.idx"), WIDTHS)
    ours.build()
    theirs.build()
    for recall in o.recall.split(","):
        compare(ours, theirs, float(recall), o.rounds)


if __name__ == "__main__":
    main()
