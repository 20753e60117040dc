#!/usr/bin/env python3
"""roll_sum.py: adds up what bench/roll saw; the last line is JSON.

Reads lines "NAME PHASE LOAD ..." as roll_load.lua writes them, and "NAME rolls N ACKNOWLEDGED
MS..." with the duration of every roll.  NAME is ragpool or a program beside it; PHASE is base
or roll.
"""
import collections
import json
import sys


class Side:
    def __init__(self):
        self.requests = self.us = self.non_200 = self.mixed = self.checked = self.errors = 0
        self.latency = collections.Counter()
        self.first = ""

    def add(self, rest):
        counts, first, histogram = rest.split("|", 2)
        n = [int(x) for x in counts.split()]
        self.requests += n[0]
        self.us += n[1]
        self.non_200 += n[2]
        self.mixed += n[3]
        self.checked += n[4]
        self.errors += n[5]
        self.first = self.first or first
        for pair in histogram.split():
            us, count = pair.split(":")
            self.latency[int(us)] += int(count)

    def quantile(self, q):
        left = q * sum(self.latency.values())
        for us in sorted(self.latency):
            left -= self.latency[us]
            if left <= 0:
                return round(us / 1000, 2)
        return None


def quantile(values, q):
    values = sorted(values)
    return round(values[min(len(values) - 1, int(q * len(values)))], 1) if values else None


def summary(sides, rolls):
    base, roll = sides["base"], sides["roll"]
    acknowledged, took = rolls[1], rolls[2]
    out = {
        "rolls": rolls[0], "acknowledged": acknowledged,
        "requests": base.requests + roll.requests,
        "requests_during_rolls": roll.requests,
        "non_200": base.non_200 + roll.non_200, "errors": base.errors + roll.errors,
        "mixed": base.mixed + roll.mixed, "checked": base.checked + roll.checked,
        "p50_ms": roll.quantile(.5), "p50_base_ms": base.quantile(.5),
        "p99_ms": roll.quantile(.99), "p99_base_ms": base.quantile(.99),
        "per_s": round(roll.requests / max(roll.us, 1) * 1e6),
        "per_s_base": round(base.requests / max(base.us, 1) * 1e6),
        "roll_p50_ms": quantile(took, .5), "roll_p99_ms": quantile(took, .99),
    }
    if out["p99_base_ms"]:
        out["p99_ratio"] = round(out["p99_ms"] / out["p99_base_ms"], 3)
    first = base.first or roll.first
    if first:
        out["first_failure"] = first
    return out


def main():
    sides = collections.defaultdict(lambda: {"base": Side(), "roll": Side()})
    rolls = collections.defaultdict(lambda: [0, 0, []])
    for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
        name, kind, rest = line.rstrip("\n").split(" ", 2)
        if kind == "rolls":
            n, acknowledged, *took = rest.split()
            rolls[name][0] += int(n)
            rolls[name][1] += int(acknowledged)
            rolls[name][2] += [float(ms) for ms in took]
        elif rest.startswith("LOAD "):
            sides[name][kind].add(rest[5:])
    out = {"server": sys.argv[2], **summary(sides["ragpool"], rolls["ragpool"])}
    beside = {name: summary(s, rolls[name]) for name, s in sides.items() if name != "ragpool"}
    for peer in beside.values():
        for key in ("mixed", "checked", "acknowledged", "roll_p50_ms", "roll_p99_ms"):
            peer.pop(key, None)
    if beside:
        out["beside"] = beside
    if len(sys.argv) > 3:
        for key, value in out.items():
            if key != "beside":
                print("%-22s %s" % (key, value))
        for name, peer in beside.items():
            print("%-22s %s" % (name, json.dumps(peer)))
    print(json.dumps(out))


main()
