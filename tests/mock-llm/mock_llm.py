#!/usr/bin/env python3
"""mock_llm.py: endpoints of models for tests, with faults by script.  Python 3, no packages.

    mock_llm.py [--port N] [--dim N] [--port-file FILE] [--delay SECONDS]

Speaks what ragpool's gateway speaks (README.md beside this file lists it all):

    POST /v1/embeddings  /v1/chat/completions  /v1/rerank     OpenAI, Jina
    POST /api/embed  /api/chat                                Ollama
    POST /v2/embed  /v2/rerank                                Cohere
    GET  /v1/models

and is told and asked by

    POST /_mock/script    {"faults": [FAULT, ...]}  the next requests, one each; then all is well
                          {"always": FAULT or null} every request without a fault of its own
    GET  /_mock/count     what was asked so far
    POST /_mock/reset     forget all of it
"""
import argparse
import base64
import hashlib
import json
import re
import select
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")


def words_of(text):
    return WORD.findall(text.lower())


def embed(text, dim):
    """The same text gives the same vector everywhere; texts that share words lie near."""
    v = [0.0] * dim
    for word in words_of(text) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for k in range(4):
            at, sign = struct.unpack_from("<IB", digest, 5 * k)
            v[at % dim] += 1.0 if sign & 1 else -1.0
    norm = sum(x * x for x in v) ** 0.5
    if norm == 0:
        v[0] = norm = 1.0
    return [x / norm for x in v]


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.go = threading.Event()	# for streams that are held
        self.now = 0		# requests in hand: what is reset is not over
        self.reset()

    def reset(self):
        self.faults = []
        self.always = None
        self.go.clear()
        self.count = {"requests": 0, "texts": 0, "largest": 0, "most": 0, "cut": 0,
                      "paths": {}, "models": {}, "keys": []}
        self.seen = {}

    def next_fault(self):
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always

    def note(self, path, model, texts, key):
        with self.lock:
            c = self.count
            c["requests"] += 1
            c["texts"] += len(texts)
            c["largest"] = max(c["largest"], len(texts))
            c["paths"][path] = c["paths"].get(path, 0) + 1
            c["models"][model] = c["models"].get(model, 0) + len(texts)
            if key and key not in c["keys"]:
                c["keys"].append(key)
            for text in texts:
                self.seen[text] = self.seen.get(text, 0) + 1

    def counted(self):
        with self.lock:
            twice = sum(n - 1 for n in self.seen.values())
            return dict(self.count, now=self.now, distinct=len(self.seen), again=twice)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    # --- answers ---

    def send_bytes(self, body, status=200, kind="application/json", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value, status=200, headers=()):
        self.send_bytes(json.dumps(value).encode(), status, headers=headers)

    def begin_stream(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    # --- faults ---

    def misbehave(self, fault):
        """True when the fault is the whole answer."""
        kind = fault["kind"]
        if kind == "slow":
            time.sleep(fault.get("seconds", 1))
            return False
        if kind == "stall":     # until it is given up
            left = select.select([self.connection], [], [], fault.get("seconds", 1))[0]
            self.close_connection = bool(left)
            return bool(left)
        if kind == "status":
            headers = [("Retry-After", str(fault["retry_after"]))] if "retry_after" in fault else []
            self.send_json({"error": {"message": fault.get("message", "as it was scripted")}},
                           fault["status"], headers)
        elif kind == "redirect":
            self.send_bytes(b"", 302, headers=[("Location", fault.get(
                "to", "http://169.254.169.254/latest/meta-data/"))])
        elif kind == "html":
            self.send_bytes(b"<html>502 Bad Gateway</html>", fault.get("status", 200), "text/html")
        elif kind == "close":
            self.close_connection = True
        elif kind == "huge":
            self.begin_stream("application/json")
            try:
                self.wfile.write(b'{"data": [')
                for _ in range(fault.get("mib", 1024)):
                    self.wfile.write(b"1," * (512 * 1024))
            except OSError:
                with state.lock:
                    state.count["cut"] += 1
        else:
            return False
        return True

    @staticmethod
    def spoil(fault, vectors):
        """Vectors as the fault wants them, and whether their text is cut."""
        kind = fault["kind"] if fault else None
        if kind == "short":
            vectors = vectors[:-1]
        elif kind == "long":
            vectors = vectors + vectors[:1]
        elif kind == "dimension":
            vectors = [v[:-1] for v in vectors]
        elif kind == "nan":
            vectors = [[float("nan")] + v[1:] for v in vectors]
        elif kind == "zero":
            vectors = [[0.0] * len(v) for v in vectors]
        return vectors

    def send_spoilt(self, fault, value):
        body = json.dumps(value).encode()
        kind = fault["kind"] if fault else None
        if kind == "truncated":
            body = body[:len(body) // 2]
        elif kind == "infinite":
            body = re.sub(rb"-?0\.\d+", b"1e999", body, count=1)
        self.send_bytes(body)

    # --- the languages ---

    def openai_embeddings(self, o, fault):
        texts = o["input"] if isinstance(o["input"], list) else [o["input"]]
        vectors = self.spoil(fault, [embed(t, o.get("dimensions", options.dim)) for t in texts])
        data = []
        for i, v in enumerate(vectors):
            if o.get("encoding_format") == "base64":
                v = base64.b64encode(struct.pack("<%df" % len(v), *v)).decode()
            data.append({"object": "embedding", "index": i, "embedding": v})
        if fault and fault["kind"] == "shuffled":
            data.reverse()
        if fault and fault["kind"] == "doubled":
            data[-1]["index"] = 0
        tokens = sum(len(words_of(t)) for t in texts)
        self.send_spoilt(fault, {"object": "list", "data": data, "model": o["model"],
                                 "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})

    def ollama_embed(self, o, fault):
        texts = o["input"] if isinstance(o["input"], list) else [o["input"]]
        self.send_spoilt(fault, {"model": o["model"], "embeddings": self.spoil(
            fault, [embed(t, options.dim) for t in texts])})

    def cohere_embed(self, o, fault):
        self.send_spoilt(fault, {"id": "1", "embeddings": {"float": self.spoil(
            fault, [embed(t, options.dim) for t in o["texts"]])}})

    def rerank(self, o, fault):
        asked = set(words_of(o["query"]))
        results = []
        for i, text in enumerate(o["documents"]):
            words = words_of(text)
            results.append({"index": i, "relevance_score":
                            sum(w in asked for w in words) / (len(words) or 1)})
        results.sort(key=lambda r: -r["relevance_score"])
        if fault and fault["kind"] == "short":
            results.pop()
        self.send_spoilt(fault, {"id": "1", "results": results[:o.get("top_n", len(results))]})

    @staticmethod
    def reply_to(o, fault):
        """The answer repeats the last message, or says what it was told, word by word."""
        with state.lock:
            state.count["messages"] = o["messages"]
        if fault and "text" in fault:
            return re.findall(r"\S+\s*", fault["text"])
        last = o["messages"][-1]["content"]
        return re.findall(r"\S+\s*", "You said: " + last)

    def wait_to_go(self, seconds):
        """Until it is told to go on, or nobody listens any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not state.go.wait(0.02):
            if select.select([self.connection], [], [], 0)[0]:
                raise BrokenPipeError

    def stream(self, kind, lines, fault):
        cut = fault["kind"] == "cut" if fault else False
        pause = fault.get("pause", 0) if fault and fault["kind"] == "drip" else 0
        self.begin_stream(kind)
        try:
            for i, line in enumerate(lines):
                if cut and i == fault.get("after", 2):
                    return
                self.wfile.write(line.encode())
                self.wfile.flush()
                time.sleep(pause)
                if fault and fault["kind"] == "hold" and i == fault.get("after", 2):
                    self.wait_to_go(fault.get("seconds", 60))
        except OSError:
            with state.lock:
                state.count["cut"] += 1

    def openai_chat(self, o, fault):
        pieces = self.reply_to(o, fault)
        usage = {"prompt_tokens": sum(len(words_of(m["content"])) for m in o["messages"]),
                 "completion_tokens": len(pieces)}
        if not o.get("stream") or (fault and fault["kind"] == "whole"):
            self.send_json({"object": "chat.completion", "model": o["model"], "usage": usage,
                            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                                "role": "assistant", "content": "".join(pieces)}}]})
            return
        lines = ['data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n']
        lines += ["data: %s\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": p}}]})
                  for p in pieces]
        lines += ['data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n',
                  "data: %s\n\n" % json.dumps({"choices": [], "usage": usage}), "data: [DONE]\n\n"]
        self.stream("text/event-stream", lines, fault)

    def ollama_chat(self, o, fault):
        lines = [json.dumps({"message": {"role": "assistant", "content": p}, "done": False}) + "\n"
                 for p in self.reply_to(o, fault)]
        lines.append(json.dumps({"message": {"content": ""}, "done": True, "done_reason": "stop",
                                 "prompt_eval_count": 1, "eval_count": len(lines)}) + "\n")
        self.stream("application/x-ndjson", lines, fault)

    ROUTES = {"/v1/embeddings": openai_embeddings, "/api/embed": ollama_embed,
              "/v2/embed": cohere_embed, "/v1/rerank": rerank, "/v2/rerank": rerank,
              "/rerank": rerank, "/v1/chat/completions": openai_chat, "/api/chat": ollama_chat}

    # --- requests ---

    def do_GET(self):
        if self.path == "/_mock/count":
            self.send_json(state.counted())
        elif self.path == "/v1/models":
            self.send_json({"object": "list", "data": [{"id": "mock", "object": "model"}]})
        else:
            self.send_json({"error": {"message": "nothing here"}}, 404)

    def do_POST(self):
        try:
            o = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        except ValueError:
            self.send_json({"error": {"message": "not JSON"}}, 400)
            return
        if self.path.startswith("/_mock/"):
            self.told(o)
            return
        route = self.ROUTES.get(self.path)
        if route is None:
            self.send_json({"error": {"message": "nothing here"}}, 404)
            return
        texts = o.get("input") or o.get("texts") or o.get("documents") or []
        state.note(self.path, o.get("model", ""), [texts] if isinstance(texts, str) else texts,
                   self.headers.get("Authorization", ""))
        with state.lock:
            state.now += 1
            state.count["most"] = max(state.count["most"], state.now)
        try:
            self.serve(route, o, texts)
        except OSError:
            with state.lock:
                state.count["cut"] += 1
        finally:
            with state.lock:
                state.now -= 1

    def serve(self, route, o, texts):
        fault = state.next_fault()
        if fault and fault["kind"] == "poison":	# refuses what holds the word, and only that
            if any(fault["word"] in t for t in texts):
                self.send_json({"error": {"message": "the input is too long"}}, 400)
                return
            fault = None
        if options.delay > 0:
            time.sleep(options.delay)
        if fault and self.misbehave(fault):
            return
        route(self, o, fault)

    def told(self, o):
        if self.path == "/_mock/reset":
            state.reset()
        elif self.path == "/_mock/go":
            state.go.set()
        elif self.path == "/_mock/script":
            with state.lock:
                state.faults += o.get("faults", [])
                if "always" in o:
                    state.always = o["always"]
        self.send_json({"ok": True})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--dim", type=int, default=64)
parser.add_argument("--delay", type=float, default=0, help="seconds that every answer takes")
parser.add_argument("--port-file", help="where the port is written once it listens")
options = parser.parse_args()
state = State()

if __name__ == "__main__":
    server = Server(("127.0.0.1", options.port), Handler)
    if options.port_file:
        with open(options.port_file, "w") as f:
            f.write("%d\n" % server.server_port)
    print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
