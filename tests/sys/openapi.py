#!/usr/bin/env python3
"""openapi.py: does etc/openapi.yaml say what the workers do?

  openapi.py routes FILE <ROUTES     ROUTES: what "ragpool-worker --routes" prints
  openapi.py answers FILE URL        asks every operation, right and wrong, and judges the answers

Prints "DESCRIPTION<TAB>GOT<TAB>WANTED".  Needs python3-yaml and python3-jsonschema.
"""
import json
import sys
import time
import urllib.error
import urllib.request

import jsonschema
import yaml

api = yaml.safe_load(open(sys.argv[2], encoding="utf-8"))
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
operations = [(method.upper(), path, op) for path, item in api["paths"].items()
              for method, op in item.items() if method in METHODS]


def say(what, got, wanted="[]"):
    print("%s\t%s\t%s" % (what, got if isinstance(got, str) else json.dumps(got), wanted), flush=True)


def resolve(o):
    while isinstance(o, dict) and "$ref" in o:
        at = api
        for name in o["$ref"][2:].split("/"):
            at = at[name]
        o = at
    return o


def references(o):
    if isinstance(o, dict):
        if "$ref" in o:
            yield o["$ref"]
        for v in o.values():
            yield from references(v)
    elif isinstance(o, list):
        for v in o:
            yield from references(v)


def broken(ref):
    try:
        return not ref.startswith("#/") or resolve({"$ref": ref}) is None
    except KeyError:
        return True


def holes(path):
    return sorted(part[1:-1].rstrip("*") for part in path.split("/") if part.startswith("{"))


def parameters(path, op):
    return [resolve(p) for p in api["paths"][path].get("parameters", []) + op.get("parameters", [])]


def routes():
    table = [line.split() for line in sys.stdin]
    has = {(m, p.replace("*}", "}")): (role, int(size)) for m, p, role, size in table}
    says = {(m, p): op for m, p, op in operations}
    say("every route is described", sorted(" ".join(k) for k in has.keys() - says.keys()))
    say("and nothing else", sorted(" ".join(k) for k in says.keys() - has.keys()))
    both = sorted(has.keys() & says.keys())
    say("open to everyone is what says so", [k for k in both if (says[k].get("security") == []) != (has[k][0] == "none")])
    # Routes that read their body piece by piece have no size in the table.
    say("a body is described where one is read", [k for k in both if ("requestBody" in says[k]) != (
        has[k][1] > 0 or (has[k][0] == "editor" and k[0] in ("POST", "PUT") and not k[1].endswith("/cancel")))])
    say("every hole is a parameter", [p for m, p, op in operations if holes(p) != sorted(
        x["name"] for x in parameters(p, op) if x["in"] == "path")])
    ids = [op["operationId"] for _, _, op in operations]
    say("operations have names of their own", sorted({i for i in ids if ids.count(i) > 1}))
    say("no reference leads nowhere", sorted({r for r in references(api) if broken(r)}))
    used = set(references(api))
    say("no schema is left over", [n for n in api["components"]["schemas"] if "#/components/schemas/" + n not in used])
    bad = []
    for name, schema in api["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            bad.append("%s: %s" % (name, e.message))
    say("every schema is one", bad)


def complaints(schema, value):
    whole = {"$ref": "#/$defs/it", "components": api["components"], "$defs": {"it": schema}}
    found = jsonschema.Draft202012Validator(whole).iter_errors(value)
    return ["%s: %s" % ("/".join(map(str, e.absolute_path)), e.message[:200]) for e in found][:3]


def ask(url, method, path, body):
    """body: None, bytes of a form, or what becomes JSON."""
    kind = "multipart/form-data; boundary=x" if isinstance(body, bytes) else "application/json"
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    r = urllib.request.Request(url + path, data, {"Content-Type": kind} if data else {}, method=method)
    try:
        with urllib.request.urlopen(r, timeout=30) as a:
            return a.status, dict(a.headers), a.read()
    except urllib.error.HTTPError as e:
        return e.code, dict(e.headers), e.read()


def described(op, status):
    for key in (str(status), "%dXX" % (status // 100), "default"):
        if key in op["responses"]:
            return resolve(op["responses"][key])
    return None


def judge(what, op, url, method, path, body, wanted):
    status, headers, data = ask(url, method, path, body)
    said = described(op, status)
    bad = ["%s has no words for %d" % (op["operationId"], status)] if said is None else []
    if said is not None:
        (kind, content), = said["content"].items() if len(said["content"]) == 1 else [
            ("application/json", said["content"]["application/json"])]
        if headers.get("Content-Type") != kind:
            bad.append("it is " + headers.get("Content-Type", "of no type"))
        if kind == "application/json":
            bad += complaints(content["schema"], json.loads(data))
        low = {k.lower(): v for k, v in headers.items()}
        for name, h in said.get("headers", {}).items():
            h = resolve(h)
            if name.lower() in low:
                bad += complaints(h["schema"], low[name.lower()])
            elif name != "Retry-After":
                bad.append("no " + name)
    if status // 100 != wanted:
        bad.append("%d: %s" % (status, data[:200]))
    say(what, bad)
    return data


def files():
    """Files and vector stores, whose ids are told by the answers before."""
    url = sys.argv[3]
    asked = set()

    def run(name, path, body=None, wanted=2):
        (method, op), = [(m, o) for m, _, o in operations if o["operationId"] == name]
        asked.add(name)
        if isinstance(body, dict) and wanted == 2:
            schema = op["requestBody"]["content"]["application/json"]["schema"]
            say("%s: the question is as described" % name, complaints(schema, body))
        what = "its answer is" if wanted == 2 else "%s is refused" % path
        data = judge("%s: %s as described" % (name, what), op, url, method, path, body, wanted)
        return json.loads(data) if data[:1] == b"{" else {}

    def until(path, member, value):
        end = time.monotonic() + 60
        while json.loads(ask(url, "GET", path, None)[2]).get(member) != value and time.monotonic() < end:
            time.sleep(0.05)

    form = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nThe yak grunts.\r\n'
            b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n%s\r\n--x--\r\n')
    run("createFile", "/v1/files", form % b"fine-tune", 4)
    file = "/v1/files/" + run("createFile", "/v1/files", form % b"assistants")["id"]
    run("listFiles", "/v1/files?limit=1&order=asc")
    run("listFiles", "/v1/files?limit=0", None, 4)
    run("getFile", file)
    run("getFile", "/v1/files/file-0", None, 4)
    run("getFileContent", file + "/content")
    run("createVectorStore", "/v1/vector_stores", {"expires_after": {"anchor": "last_active_at", "days": 1}}, 4)
    store = "/v1/vector_stores/" + run("createVectorStore", "/v1/vector_stores", {
        "name": "yaks", "metadata": {"a": "b"}, "chunking_strategy": {"type": "auto"}})["id"]
    run("updateVectorStore", store, {"name": "more yaks", "description": "of all kinds"})
    run("updateVectorStore", store, {"nonsense": 1}, 4)
    wish = {"file_id": file[10:], "attributes": {"colour": "brown", "legs": 4, "calm": False}}
    run("attachFile", store + "/files", wish)
    run("attachFile", store + "/files", {"file_id": "file-" + "0" * 24}, 4)
    there = store + "/files/" + file[10:]
    until(there, "status", "completed")
    run("getVectorStoreFile", there)
    run("getVectorStoreFile", store + "/files/nobody", None, 4)
    run("getVectorStoreFileContent", there + "/content")
    run("listVectorStoreFiles", store + "/files?filter=completed")
    run("listVectorStoreFiles", "/v1/vector_stores/en/files?limit=1")
    run("updateVectorStoreFile", there, {"attributes": {"colour": "black"}})
    batch = store + "/file_batches/" + run("attachFiles", store + "/file_batches", {"files": [wish]})["id"]
    run("attachFiles", store + "/file_batches", {"file_ids": []}, 4)
    run("getBatch", batch)
    run("getBatch", store + "/file_batches/vsfb_0", None, 4)
    run("listBatchFiles", batch + "/files")
    run("cancelBatch", batch + "/cancel")
    run("detachFile", there)
    run("deleteVectorStore", store)
    run("deleteVectorStore", "/v1/vector_stores/en", None, 4)
    run("deleteFile", file)
    say("operations on files and stores", len(asked), "18")


GOOD = {
    "query": ("/query/en", [{"query": "bread", "explain": True, "with_metadata": True, "top_k": 3},
                            {"queries": ["bread", "lamp"], "filter": {"kind": "markdown"}}, {"query": "\u77e5\u8bc6"}]),
    "retrieve": ("/retrieve", [{"query": "bread", "tenant": "en"}, {"query": "bread"}, {"queries": ["bread"]}]),
    "difyRetrieval": ("/retrieval", [{"knowledge_id": "en", "query": "bread",
                                      "retrieval_setting": {"top_k": 2, "score_threshold": 0.1}}]),
    "createChatCompletion": ("/v1/chat/completions", [
        {"model": "rag/en", "messages": [{"role": "user", "content": "bread"}]}]),
    "ollamaChat": ("/api/chat", [
        {"model": "en", "messages": [{"role": "user", "content": "bread"}], "stream": False}]),
    "listModels": ("/v1/models", [None]), "getModel": ("/v1/models/rag/en", [None]),
    "listVectorStores": ("/v1/vector_stores?limit=1&order=asc", [None]),
    "getVectorStore": ("/v1/vector_stores/en", [None]),
    "searchVectorStore": ("/v1/vector_stores/en/search", [{"query": "bread"}, {
        "query": ["bread", "lamp"], "max_num_results": 2, "filters": {"type": "eq", "key": "kind", "value": "markdown"}}]),
    "health": ("/health", [None]), "apiHealth": ("/api/health", [None]), "live": ("/api/live", [None]),
    "status": ("/status", [None]), "ollamaTags": ("/api/tags", [None]), "ollamaVersion": ("/api/version", [None]),
    "mcp": ("/mcp", [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]),
}
ALSO_BAD = {
    "query": [("/query/nobody", {"query": "x"}), ("/query/UPPER", {"query": "x"}), ("/query/en", {"query": 7})],
    "getModel": [("/v1/models/rag/nobody", None)], "getVectorStore": [("/v1/vector_stores/nobody", None)],
    "listVectorStores": [("/v1/vector_stores?limit=none", None)],
}


def answers():
    url = sys.argv[3]
    for method, path, op in operations:
        name = op["operationId"]
        if name not in GOOD:
            continue
        good, bodies = GOOD[name]
        for body in bodies:
            if body is not None:
                schema = op["requestBody"]["content"]["application/json"]["schema"]
                say("%s: the question is as described" % name, complaints(schema, body))
            judge("%s: its answer is as described" % name, op, url, method, good, body, 2)
        wrong = "DELETE" if method != "DELETE" else "PUT"
        judge("%s: refused as described" % name, op, url, wrong, good, None, 4)
        if "requestBody" in op:
            judge("%s: a bad body is refused as described" % name, op, url, method, good, {"nonsense": 1}, 4)
        for where, body in ALSO_BAD.get(name, []):
            judge("%s: %s is refused as described" % (name, where), op, url, method, where, body, 4)
    say("operations that are asked", len(GOOD), str(len({op["operationId"] for _, _, op in operations} & set(GOOD))))


if sys.argv[1] == "routes":
    routes()
else:
    answers()
    files()
