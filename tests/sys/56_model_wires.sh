#!/bin/bash
# Vectors and orders of given texts on other services' interfaces: by tenants, by configured
# models behind the gateway, by what is built in.
. "${0%/*}/lib.sh"
need nginx curl python3
need_built ragpool-gateway

start_mock a
sample en
for i in $(seq 40); do
	printf '# Note %d\n\nThis is note number %d about subject %d.\n' "$i" "$i" "$((i * i))" \
		>"$T/sources/en/note$i.md"
done
section() { printf '[model %s]\\nurl = http://127.0.0.1:%s/v1\\n%s\\n' "$1" "$mock_a" "$2"; }
start_pool WORKERS=2 CACHE=8m "GLOBAL=gateway_program = $bin/ragpool-gateway\n$(section ada '')$(
	section orders 'kind = rerank\napi = jina')$(section words 'kind = chat')"
start_nginx
put_tenant en v1 "$T/sources/en"
mkdir -p "$T/sources/few"
cp "$T/sources/en/bread.md" "$T/sources/few/"
put_tenant few v1 "$T/sources/few"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "few is served" answers 200 /query/few '{"query": "bread"}'

# --- OpenAI ---
listed() { ask GET /v1/models; [ "$(json 'len(j["data"])')" = 5 ]; }
wait_for 10 "the gateway is there" listed
is "tenants and models" "$(json '[[m["id"], m.get("kind")] for m in j["data"]]')" \
	'[["rag/en", null], ["rag/few", null], ["ada", "embedding"], ["orders", "rerank"], ["words", "chat"]]'
ask GET /v1/models/ada
is "one model" "$status $(json '[j["id"], j["kind"]]')" '200 ["ada", "embedding"]'
ask GET /v1/models/nobody
is "none of that name" "$status $(json 'j["error"]["code"]')" '404 model_not_found'

embed() { post /v1/embeddings "$1"; }
embed '{"model": "rag/en", "input": "the lighthouse keeper"}'
is "by a tenant's own embedder" "$status $(json '[j["object"], j["model"], j["data"][0]["object"],
	abs(sum(x * x for x in j["data"][0]["embedding"]) - 1) < 1e-3]')" '200 ["list", "rag/en", "embedding", true]'
like "which belongs to a generation" "$(header x-ragpool-generation)" '^1-[0-9a-f]{12}$'
is "tokens are counted" "$(json 'j["usage"]["prompt_tokens"] == j["usage"]["total_tokens"] > 2')" true
embed '{"model": "rag/en", "input": ["qqqq zzzz", "bread"]}'
is "no word is known: zeros" "$(json '[any(d["embedding"]) for d in j["data"]]')" '[false, true]'
embed '{"model": "ada", "input": ["one", "two words"]}'
is "by a configured model" "$status $(json '[[d["index"] for d in j["data"]], len({len(d["embedding"]) for d in j["data"]})]')" \
	'200 [[0, 1], 1]'
floats=$(json '[round(x + 0.0, 5) for x in j["data"][1]["embedding"]]')
embed '{"model": "ada", "input": "two words", "encoding_format": "base64"}'
is "the same in base64" "$(json '(lambda b, s: [round(x, 5) for x in s.unpack("<%df" % (len(b) // 4), b)])(
	__import__("base64").b64decode(j["data"][0]["embedding"]), __import__("struct"))')" "$floats"
"$PYTHON" -c 'import json; print(json.dumps({"model": "ada", "input": ["text %d" % i for i in range(600)]}))' >"$T/many"
ask POST /v1/embeddings -H 'Content-Type: application/json' --data-binary "@$T/many"
is "more than fit into one request to the gateway" "$status $(json '[d["index"] for d in j["data"]] == list(range(600))')" '200 true'
while read -r s c p text; do
	code="$s $c $p"
	embed "$text"
	is "refused: ${text:0:60}" "$status $(json 'j["error"]["code"] + " " + str(j["error"]["param"])')" "$code"
done <<-'END'
	404 model_not_found model {"model": "nobody", "input": "x"}
	404 model_not_found model {"model": "orders", "input": "x"}
	404 model_not_found model {"model": "rag/few", "input": "x"}
	404 tenant_not_found None {"model": "rag/nobody", "input": "x"}
	400 invalid_tenant None {"model": "rag/../x", "input": "x"}
	422 missing_field model {"input": "x"}
	422 missing_field input {"model": "ada"}
	422 wrong_type input {"model": "ada", "input": [1, 2, 3]}
	422 wrong_type input {"model": "ada", "input": [[1, 2], [3]]}
	422 wrong_type input {"model": "ada", "input": {"text": "x"}}
	422 out_of_range input {"model": "ada", "input": []}
	422 empty_query input {"model": "ada", "input": ["x", ""]}
	422 out_of_range encoding_format {"model": "ada", "input": "x", "encoding_format": "int8"}
	422 dimension_mismatch dimensions {"model": "rag/en", "input": "x", "dimensions": 3}
	422 out_of_range input_type {"model": "ada", "input": "x", "input_type": "song"}
	422 unknown_field inputs {"model": "ada", "inputs": "x"}
END

# --- Ollama ---
post /api/embed '{"model": "rag/en", "input": ["bread", "lamp"], "truncate": true, "keep_alive": "5m", "options": {}}'
is "Ollama's shape" "$status $(json '[j["model"], len(j["embeddings"]), j["total_duration"] > 0, j["load_duration"],
	j["prompt_eval_count"]]')" '200 ["rag/en", 2, true, 0, 2]'
ask GET /api/tags
is "its list" "$status $(json '[[m["name"], m["name"] == m["model"], "T" in m["modified_at"]] for m in j["models"]][:3]')" \
	'200 [["rag/en", true, true], ["rag/few", true, true], ["ada", true, true]]'
ask GET /api/version
like "its version" "$(json 'j["version"]')" '^[0-9]+\.[0-9]+'

# --- rerank ---
for path in /v1/rerank /v2/rerank /rerank; do
	post "$path" '{"model": "orders", "query": "rye flour", "top_n": 2, "documents":
		["the lamp", "rye flour", "wheat flour and salt"]}'
	is "$path by a model" "$status $(json '[[r["index"] for r in j["results"]], sorted(j), "document" in j["results"][0]]')" \
		'200 [[1, 2], ["id", "meta", "model", "results", "usage"], false]'
done
post /v1/rerank '{"query": "rye flour", "documents": [{"text": "the lamp"}, {"text": "rye flour and salt"}], "return_documents": true}'
is "built in, with the texts" "$status $(json '[j["model"], [r["index"] for r in j["results"]], j["results"][0]["document"],
	j["results"][0]["relevance_score"] > 0.3, j["results"][1]["relevance_score"]]')" \
	'200 ["builtin", [1, 0], {"text": "rye flour and salt"}, true, 0]'
while read -r s c p text; do
	code="$s $c $p"
	post /v2/rerank "$text"
	is "refused: ${text:0:60}" "$status $(json 'j["error"]["code"] + " " + str(j["error"]["param"])')" "$code"
done <<-'END'
	404 model_not_found model {"model": "ada", "query": "x", "documents": ["y"]}
	422 missing_field query {"documents": ["y"]}
	422 missing_field documents {"query": "x"}
	422 empty_query query {"query": " ", "documents": ["y"]}
	422 out_of_range documents {"query": "x", "documents": []}
	422 wrong_type documents {"query": "x", "documents": [7]}
	422 missing_field documents {"query": "x", "documents": [{"body": "y"}]}
	422 out_of_range top_n {"query": "x", "documents": ["y"], "top_n": 0}
	422 out_of_range rank_fields {"query": "x", "documents": ["y"], "rank_fields": ["title"]}
END
# --- a question's hits, put in order anew ---
post /query/en '{"query": "rye flour", "rerank": true, "top_k": 3, "rerank_top": 20, "explain": true}'
is "by the model that is configured" "$status $(json '[len(j["hits"]), j["hits"][0]["title"],
	[h["score"] for h in j["hits"]] == sorted([h["score"] for h in j["hits"]], reverse=True), "degraded" in j]')" \
	'200 [3, "Sourdough bread", true, false]'
like "which takes its time" "$(header server-timing)" 'rerank;dur='
post /query/en '{"query": "note number 7", "rerank": "builtin", "top_k": 1}'
is "by what is built in" "$status $(json 'j["hits"][0]["title"]')" '200 Note 7'
post /query/en '{"query": "bread", "rerank": "nobody"}'
is "by nobody" "$status $(json 'j["error"]["code"]')" '404 model_not_found'
tell_mock a script '{"always": {"kind": "status", "status": 500}}'
embed '{"model": "ada", "input": "a text never seen"}'
is "an endpoint that fails" "$status $(json 'j["error"]["code"]') $(header retry-after)" '503 embedding_unavailable 2'

post /query/en '{"query": "starter", "rerank": "orders", "top_k": 2}'
is "a reranker that fails: the order as it was, and it says so" "$status $(json '[j["degraded"], len(j["hits"]), j["hits"][0]["title"]]')" \
	'200 ["rerank_unavailable", 2, "Sourdough bread"]'
post /query/en '{"query": "starter", "rerank": "orders", "top_k": 2}'
is "which is not kept" "$(header x-ragpool-cache)" miss

# --- Dify's errors ---
post /retrieval '{"knowledge_id": "nobody", "query": "x"}'
is "Dify's error beside ours" "$status $(json '[j["error_code"], j["error_msg"] == j["detail"], j["error"]["code"]]')" \
	'404 [2001, true, "tenant_not_found"]'
post /retrieval '{"knowledge_id": "en"}'
is "for other faults the status" "$status $(json 'j["error_code"]')" '422 422'
finish
