#!/usr/bin/env python3
"""roll_drive.py: rolls one after another, by the control socket, at what `ragpool pin` costs the
supervisor and without what starting a program each time would cost the machine.

  roll_drive.py SOCKET TENANT N EVERY_MS WORKERS GENERATION GENERATION

One line for bench/roll_sum.py: "ragpool rolls N ACKNOWLEDGED MS...".  A roll counts as
acknowledged when the supervisor says that every worker serves its epoch.
"""
import json
import socket
import sys
import time


def ask(path, request):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = s.recv(65536)
            if not part:
                break
            answer += part
    return json.loads(answer)


def main():
    path, tenant, n, every, workers = sys.argv[1:6]
    generations = sys.argv[6:8]
    took = []
    for i in range(int(n)):
        began = time.monotonic()
        answer = ask(path, {"command": "pin", "tenant": tenant, "generation": generations[i % 2]})
        ms = (time.monotonic() - began) * 1e3
        if answer.get("ok") and answer.get("workers") == int(workers):
            took.append(ms)
        else:
            print("not acknowledged: %s" % answer, file=sys.stderr)
        time.sleep(max(0, int(every) / 1e3 - (time.monotonic() - began)))
    print("ragpool rolls %s %d%s" % (n, len(took), "".join(" %.1f" % ms for ms in took)))


main()
