#!/usr/bin/env python3
"""service.py: the usual ways to build this: FastAPI, an HNSW of hnswlib or FAISS, and BM25, fused by ranks.

  service.py prepare SET STORE OUT  the passages of STORE (a store.db) and queries.jsonl of SET into
                                  OUT/*.npz (LSA of 128)
  uvicorn service:app             serves OUT (SERVICE_DATA) at POST /query {"query", "top_k"}: SERVICE_KIND=matrix, or
                                  customary
  service.py chroma URL OUT       fills a collection of Chroma's server with the same vectors
  service.py bodies OUT KIND      prints one request a line: text, or chroma (with the question's vector)
  service.py stream SET N         prints N requests: 50,000 different questions, windows of 6 to 12 words of
                                  the corpus, drawn by Zipf's law with exponent 1; seeded
  service.py score OUT KIND URL QRELS   nDCG@10 by HTTP

Two of them.  "customary" is put together of the libraries that are usual for it: rank_bm25 (BM25Okapi.get_scores(), a loop
over all documents) and FAISS (IndexHNSWFlat, M 16, efConstruction 64, efSearch 100), asked by asyncio.to_thread() in an async
handler.  "matrix" is a stronger one: BM25 as a matrix of impacts made in advance, hnswlib, a handler in the thread pool.
Needs numpy, scipy, hnswlib, faiss-cpu, rank-bm25, fastapi, uvicorn.
"""
import gzip
import json
import math
import os
import re
import sqlite3
import sys
import urllib.request

import numpy as np
import scipy.sparse as sp

DIM = 128


def words(text):
    return re.findall(r"\w+", text.lower())


def lines(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
        return [json.loads(x) for x in f if x.strip()]


def read_set(folder):
    name = folder + "/corpus.jsonl"
    corpus = lines(name if os.path.exists(name) else name + ".gz")
    return corpus, lines(folder + "/queries.jsonl")


def prepare(folder, store, out):
    from scipy.sparse.linalg import svds
    _, queries = read_set(folder)
    rows = sqlite3.connect(store).execute("select d.key, c.text from chunk c join document d on d.id = c.document"
                                          " order by c.id").fetchall()
    ids = [key for key, _ in rows]
    texts = [text for _, text in rows]
    vocabulary, rows, cols, counts = {}, [], [], []
    for i, text in enumerate(texts):
        seen = {}
        for w in words(text):
            seen[w] = seen.get(w, 0) + 1
        for w, n in seen.items():
            rows.append(i)
            cols.append(vocabulary.setdefault(w, len(vocabulary)))
            counts.append(n)
    tf = sp.csr_matrix((counts, (rows, cols)), shape=(len(texts), len(vocabulary)), dtype=np.float32)
    n = tf.shape[0]
    df = np.bincount(tf.indices, minlength=len(vocabulary))
    idf = np.log(1 + (n - df + .5) / (df + .5)).astype(np.float32)
    length = np.asarray(tf.sum(1)).ravel()
    bm = tf.copy()
    norm = 1.2 * (1 - .75 + .75 * length / length.mean())
    bm.data = bm.data * 2.2 / (bm.data + np.repeat(norm, np.diff(bm.indptr))) * idf[bm.indices]
    w = tf.copy()
    w.data = (1 + np.log(w.data)) * idf[w.indices]
    norms = np.sqrt(np.asarray(w.multiply(w).sum(1)).ravel()) + 1e-9
    w = sp.diags(1 / norms) @ w
    u, s, vt = svds(w.astype(np.float32), k=DIM, random_state=0)
    project = (vt.T / 1).astype(np.float32)
    vectors = np.asarray(w @ project, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    os.makedirs(out, exist_ok=True)
    np.savez(out + "/model.npz", idf=idf, project=project, vectors=vectors)
    sp.save_npz(out + "/bm25.npz", bm.tocsc())
    json.dump({"ids": ids, "texts": texts, "vocabulary": vocabulary,
               "queries": [[str(q.get("_id", q.get("id"))), q["text"]] for q in queries]},
              open(out + "/set.json", "w"))


class Model:
    def __init__(self, out):
        j = json.load(open(out + "/set.json"))
        self.ids, self.texts, self.vocabulary, self.queries = j["ids"], j["texts"], j["vocabulary"], j["queries"]
        m = np.load(out + "/model.npz")
        self.idf, self.project, self.vectors = m["idf"], m["project"], m["vectors"]
        self.bm25 = sp.load_npz(out + "/bm25.npz")

    def terms(self, text):
        return [self.vocabulary[w] for w in words(text) if w in self.vocabulary]

    def embed(self, text):
        v = np.zeros(DIM, dtype=np.float32)
        for t in self.terms(text):
            v += self.idf[t] * self.project[t]
        return v / (np.linalg.norm(v) + 1e-9)

    def index(self):
        import hnswlib
        self.hnsw = hnswlib.Index(space="ip", dim=DIM)
        self.hnsw.init_index(max_elements=len(self.ids), ef_construction=64, M=16)
        self.hnsw.add_items(self.vectors, num_threads=1)
        self.hnsw.set_ef(100)
        self.hnsw.set_num_threads(1)

    def scores(self, text):
        scores = np.zeros(len(self.ids), dtype=np.float32)
        b = self.bm25
        for t in set(self.terms(text)):
            at = slice(b.indptr[t], b.indptr[t + 1])
            scores[b.indices[at]] += b.data[at]
        return scores

    def near(self, text):
        return self.hnsw.knn_query(self.embed(text), k=50)[0][0]

    def ask(self, text, k):
        scores = self.scores(text)
        first = np.argpartition(-scores, 50)[:50]
        first = first[np.argsort(-scores[first])]
        fused = {}
        for ranking in (first, self.near(text)):
            for rank, i in enumerate(ranking):
                fused[int(i)] = fused.get(int(i), 0) + 1 / (60 + rank)
        return sorted(fused.items(), key=lambda x: -x[1])[:k]


class Customary(Model):
    def index(self):
        import faiss
        from rank_bm25 import BM25Okapi
        self.okapi = BM25Okapi([words(text) for text in self.texts])
        faiss.omp_set_num_threads(1)
        self.hnsw = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)
        self.hnsw.hnsw.efConstruction = 64
        self.hnsw.add(self.vectors)
        self.hnsw.hnsw.efSearch = 100

    def scores(self, text):
        return self.okapi.get_scores(words(text))

    def near(self, text):
        return self.hnsw.search(self.embed(text).reshape(1, -1), 50)[1][0]


def make_app():
    import asyncio
    from fastapi import FastAPI
    from pydantic import BaseModel
    is_customary = os.environ.get("SERVICE_KIND") == "customary"
    model = (Customary if is_customary else Model)(os.environ["SERVICE_DATA"])
    model.index()
    service = FastAPI()

    class Question(BaseModel):
        query: str
        top_k: int = 5

    def answer(q):
        return {"hits": [{"source": model.ids[i], "text": model.texts[i], "score": s}
                         for i, s in model.ask(q.query, q.top_k)]}

    async def query_in_thread(q: Question):
        return await asyncio.to_thread(answer, q)

    def query(q: Question):
        return answer(q)
    service.post("/query")(query_in_thread if is_customary else query)
    return service


def post(url, body):
    r = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(r, timeout=120) as a:
        return json.load(a)


def fill_chroma(url, out):
    m = Model(out)
    root = url + "/api/v2/tenants/default_tenant/databases/default_database/collections"
    c = post(root, json.dumps({"name": "bench", "get_or_create": True, "configuration": {"hnsw": {
        "space": "ip", "ef_construction": 64, "max_neighbors": 16, "ef_search": 100}}}))
    for i in range(0, len(m.ids), 500):
        post(root + "/%s/add" % c["id"], json.dumps({
            "ids": [str(k) for k in range(i, min(i + 500, len(m.ids)))], "embeddings": m.vectors[i:i + 500].tolist(), "documents": m.texts[i:i + 500]}))
    print("%s/%s/query" % (root, c["id"]))


def body_of(m, kind, text, k):
    if kind == "chroma":
        return json.dumps({"query_embeddings": [m.embed(text).tolist()], "n_results": k,
                           "include": ["documents", "distances"]})
    return json.dumps({"query": text, "top_k": k})


def score(out, kind, url, qrels):
    m = Model(out)
    relevant = {}
    for line in open(qrels):
        part = line.split()
        if len(part) >= 3 and part[-1].lstrip("-").isdigit() and int(part[-1]) > 0:
            relevant.setdefault(part[0], {})[part[-2]] = int(part[-1])
    total = asked = 0
    for name, text in m.queries:
        if name not in relevant:
            continue
        a = post(url, body_of(m, kind, text, 30))
        if kind == "chroma":
            found = [m.ids[int(i)] for i in a["ids"][0]]
        else:
            found = [h["source"] for h in a["hits"]]
        found = list(dict.fromkeys(x.rsplit("/")[-1].removesuffix(".txt") for x in found))[:10]
        want = relevant[name]
        dcg = sum(want.get(d, 0) / math.log2(i + 2) for i, d in enumerate(found))
        best = sum(g / math.log2(i + 2) for i, g in enumerate(sorted(want.values(), reverse=True)[:10]))
        total += dcg / best
        asked += 1
    print("%.4f" % (total / asked))


def stream(folder, n, different=50000):
    import random
    chance = random.Random(1)
    texts = [x for x in ((d.get("title", "") + " " + d.get("text", "")).split() for d in read_set(folder)[0]) if len(x) > 12]
    asked = []
    for _ in range(different):
        text, length = chance.choice(texts), chance.randint(6, 12)
        at = chance.randrange(len(text) - length + 1)
        asked.append(json.dumps({"query": " ".join(text[at:at + length]), "top_k": 5}))
    for i in chance.choices(range(different), [1 / (i + 1) for i in range(different)], k=n):
        print(asked[i])


def documents(folder, out):
    """One file a document, for ragpool."""
    os.makedirs(out, exist_ok=True)
    for d in read_set(folder)[0]:
        with open("%s/%s.txt" % (out, d.get("_id", d.get("id"))), "w", encoding="utf-8") as f:
            f.write((d.get("title", "") + "\n\n" + d.get("text", "")).strip() + "\n")


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "prepare":
        prepare(*sys.argv[2:5])
    elif what == "stream":
        stream(sys.argv[2], int(sys.argv[3]))
    elif what == "documents":
        documents(*sys.argv[2:4])
    elif what == "chroma":
        fill_chroma(*sys.argv[2:4])
    elif what == "bodies":
        model = Model(sys.argv[2])
        for _, q in model.queries:
            print(body_of(model, sys.argv[3], q, 5))
    elif what == "score":
        score(*sys.argv[2:6])
elif "SERVICE_DATA" in os.environ:
    app = make_app()
