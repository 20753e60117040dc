#!/usr/bin/env python3
"""evaluator.py: works out the expressions of lib.sh's json(), so that no interpreter is started
for each of them.

  evaluator.py FOLDER PID

Listens on loopback; its port and a secret go to FOLDER/where, which only its owner may read.  One
connection is one question: the secret, an expression and a JSON text, each ended by a zero byte.
The answer is the expression's value as text, with the JSON text's value as j.  It ends with the
process PID, a test, and when the folder is gone.
"""
import json
import os
import secrets
import socketserver
import sys


def value_of(expression, text):
    try:
        j = json.loads(text)
        v = eval("(" + expression + ")", {"j": j, "json": json})
    except Exception as e:
        return "(%s: %s)" % (type(e).__name__, e)
    return v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)


class Question(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self):
        data = b""
        while data.count(0) < 3:
            some = self.request.recv(1 << 20)
            if not some:
                return
            data += some
        secret, expression, text = (part.decode("utf-8", "surrogateescape") for part in data.split(b"\0")[:3])
        if secrets.compare_digest(secret, self.server.secret):
            self.wfile.write(value_of(expression, text).encode("utf-8", "surrogateescape"))


class Evaluator(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder, test):
        super().__init__(("127.0.0.1", 0), Question)
        self.folder, self.test = folder, test
        self.secret = secrets.token_hex(16)

    def say_where(self):
        new = os.path.join(self.folder, "new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("%d %s %d\n" % (self.server_address[1], self.secret, os.getpid()))
        os.rename(new, os.path.join(self.folder, "where"))

    def service_actions(self):
        if not os.path.isdir(self.folder) or not os.path.isdir("/proc/%d" % self.test):
            os._exit(0)


os.closerange(3, 1024)      # whatever the test had open is not held open here
evaluator = Evaluator(sys.argv[1], int(sys.argv[2]))
evaluator.say_where()
evaluator.serve_forever()
