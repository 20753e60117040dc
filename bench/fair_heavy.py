#!/usr/bin/env python3
"""fair_heavy.py URL RATE SECONDS BODY: posts BODY (a file) at a constant rate, whatever comes back.

Prints one line: asked, and how many got which status.  A connection a request, all on one core.
"""
import asyncio
import collections
import sys
import urllib.parse


async def ask(host, port, request, counts):
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        line = await reader.readline()
        counts[line.split()[1].decode() if line.count(b" ") > 1 else "cut"] += 1
        await reader.read()
        writer.close()
    except OSError:
        counts["refused"] += 1


async def main(url, rate, seconds, body):
    at = urllib.parse.urlsplit(url)
    body = open(body, "rb").read()
    request = ("POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
               "Content-Length: %d\r\n\r\n" % (at.path, at.netloc, len(body))).encode() + body
    loop = asyncio.get_running_loop()
    counts, tasks, begin = collections.Counter(), set(), loop.time()
    for i in range(int(rate * seconds)):
        due = begin + i / rate
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        task = loop.create_task(ask(at.hostname, at.port, request, counts))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=10)
    print("asked %d %s" % (int(rate * seconds), " ".join("%s:%d" % x for x in sorted(counts.items()))))


asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
