#!/usr/bin/env python3
"""Our cuts beside those of LangChain's and LlamaIndex's splitters, asked the same questions.

    python3 -m venv v && v/bin/pip install langchain-text-splitters llama-index-core
    v/bin/python bench/chunking.py --ragpool build/ragpool SET [--embedder static:DIR --mode dense]

SET is a folder with docs/ and questions.jsonl (core/eval_spans.h).  Every row is indexed and
asked by the same program with the same embedder; only the cuts differ.  Nothing but the text
of a chunk is indexed for the others; ours come with their heading paths, as in a build.
"""
import argparse
import json
import os
import subprocess
import tempfile


def langchain(size, overlap):
    from langchain_text_splitters import RecursiveCharacterTextSplitter as Splitter

    splitter = Splitter(chunk_size=size, chunk_overlap=overlap, add_start_index=True) if size else \
        Splitter(add_start_index=True)

    def cut(text):
        for part in splitter.create_documents([text]):
            start = part.metadata["start_index"]
            yield start, start + len(part.page_content)
    return cut


def llamaindex(size, overlap):
    from llama_index.core import Document
    from llama_index.core.node_parser import SentenceSplitter as Splitter

    splitter = Splitter(chunk_size=size, chunk_overlap=overlap) if size else Splitter()

    def cut(text):
        at = 0
        for node in splitter.get_nodes_from_documents([Document(text=text)]):
            start, end = node.start_char_idx, node.end_char_idx
            if start is None:       # it lost its place: look for the text itself
                start = text.index(node.text, at)
                end = start + len(node.text)
            at = start
            yield start, end
    return cut


def write_chunks(path, folder, cut):
    with open(path, "w") as out:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), newline="") as f:
                text = f.read()
            place = [0]             # character to byte
            for c in text:
                place.append(place[-1] + len(c.encode()))
            for start, end in cut(text):
                if end > start:
                    out.write(json.dumps({"doc": name, "start_byte": place[start],
                                          "end_byte": place[end]}) + "\n")


def run(args, more):
    command = [args.ragpool, "eval", "--json", "--embedder", args.embedder, "--mode", args.mode]
    return json.loads(subprocess.run(command + more + [args.set], check=True, text=True,
                                     stdout=subprocess.PIPE).stdout)


def recall_at(args, more, budget):
    """Recall of answers of so many bytes, between the two numbers of chunks around it."""
    below = (0.0, 0.0)
    for k in range(1, 64):
        r = run(args, ["--top-k", str(k)] + more)
        here = (r["answered_bytes"], r["recall"])
        if here[0] >= budget:
            part = (budget - below[0]) / (here[0] - below[0])
            return below[1] + part * (here[1] - below[1])
        below = here
    return below[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ragpool", required=True)
    parser.add_argument("--embedder", default="builtin:lsa")
    parser.add_argument("--mode", default="hybrid")
    parser.add_argument("set")
    args = parser.parse_args()
    docs = os.path.join(args.set, "docs")
    budget = run(args, ["--top-k", "5"])["answered_bytes"]     # of our default's five chunks

    def row(name, more):
        r = run(args, ["--top-k", "5"] + more)
        at = recall_at(args, more, budget)
        print(f"| {name} | {r['chunks']} | {r['answered_bytes'] / 5:.0f} | {r['recall']:.4f} | "
              f"{r['precision']:.4f} | {at:.4f} |", flush=True)

    print(f"{args.embedder}, {args.mode}")
    print(f"| cut by | chunks | bytes of a passage | recall, 5 passages | precision | "
          f"recall, {budget:.0f} bytes |")
    print("|---|---:|---:|---:|---:|---:|")
    for size, overlap, parent in (512, 50, 0), (256, 25, 512), (256, 25, 1024), (1024, 200, 0):
        row(f"ragpool {size}/{overlap}" + (f" in {parent}" if parent else ""),
            ["--chunk-size", str(size), "--chunk-overlap", str(overlap),
             "--parent-size", str(parent)])
    with tempfile.TemporaryDirectory() as folder:
        for name, make, sizes in (
                ("LangChain recursive", langchain, ((0, 0), (2000, 200), (1000, 100))),
                ("LlamaIndex sentence", llamaindex, ((0, 0), (512, 50), (256, 25)))):
            for size, overlap in sizes:
                path = os.path.join(folder, "chunks.jsonl")
                write_chunks(path, docs, make(size, overlap))
                row(f"{name} {f'{size}/{overlap}' if size else 'default'}", ["--chunks", path])


if __name__ == "__main__":
    main()
