#!/bin/bash
# The whole path behind nginx: documents in a folder, a question by HTTP, cited passages back.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
sample zh
start_pool WORKERS=2
start_nginx
put_tenant en v1 "$T/sources/en"
put_tenant zh v1 "$T/sources/zh"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "zh is served" answers 200 /query/zh '{"query": "升级"}'

post /query/en '{"query": "How do I find the hole in an inner tube?", "top_k": 2}'
is "a question is answered" "$status" 200
is "the tenant is named" "$(json 'j["tenant_id"]')" en
is "no language model is claimed" "$(json 'j["llm_generated"]')" false
is "the right document comes first" "$(json 'j["hits"][0]["source"].endswith("bicycle.txt")')" true
is "no more hits than asked for" "$(json 'len(j["hits"]) <= 2')" true
is "the answer has text" "$(json 'len(j["response"]) > 20')" true
is "every hit has all its members" "$(json 'all(set(h) >= {"score", "text", "title", "source",
	"start", "end"} for h in j["hits"])')" true
is "best hit first" "$(json '[h["score"] for h in j["hits"]] ==
	sorted((h["score"] for h in j["hits"]), reverse=True)')" true
is "the body names the generation of the header" "$(json 'j["generation"]')" \
	"$(header x-ragpool-generation)"
like "the answer is JSON" "$(header content-type)" '^application/json'
like "the worker names itself" "$(header x-ragpool-worker)" '^[0-9]+$'

# A citation can be checked against the bytes of the document.
is "the span holds the passage" "$(json "all(
	''.join(h['text'].split())[:20] in ''.join(open('$T/sources/en/' +
	h['source'].rsplit('/', 1)[-1], 'rb').read()[h['start']:h['end']].decode().split())
	for h in j['hits'])")" true

post /query/zh '{"query": "滚动升级失败怎么办？"}'
is "a Chinese question is answered" "$status" 200
is "the right Chinese document comes first" \
	"$(json 'j["hits"][0]["source"].endswith("rolling-upgrade.md")')" true
post /query/zh '{"query": "哨兵"}'
is "a word of two characters is found" \
	"$(json 'j["hits"][0]["source"].endswith("tenant-isolation.md")')" true
is "Chinese comes back unharmed" "$(json '"哨兵键" in "".join(h["text"] for h in j["hits"])')" true

post /query/en '{"query": "bread and inner tube", "top_k": 20, "with_metadata": true,
	"filters": {"type": "eq", "key": "path", "value": "bicycle.txt"}}'
is "a filter is obeyed" "$status $(json '(len(j["hits"]) > 0 and
	{h["metadata"]["path"] for h in j["hits"]} == {"bicycle.txt"})')" "200 true"

post /query/en '{"queries": ["inner tube", "granite tower"], "top_k": 1}'
is "two questions in one request" "$status $(json '[[r["query"], len(r["hits"])] for r in j["results"]]')" \
	'200 [["inner tube", 1], ["granite tower", 1]]'
is "each has its own answer" "$(json '[any(w in json.dumps(r["hits"]) for w in (["bicycle"], ["lighthouse"])[i])
	for i, r in enumerate(j["results"])]')" '[true, true]'
post /query/en '{"query": "inner tube", "top_k": 5}'
best=$(json 'j["hits"][0]["score"]')
post /query/en "{\"query\": \"inner tube\", \"top_k\": 5, \"score_threshold\": $best}"
is "a threshold keeps what reaches it" "$(json '[h["score"] for h in j["hits"]]')" "[$best]"
live=$(header x-ragpool-generation)
post /query/en "{\"query\": \"inner tube\", \"generation\": \"$live\"}"
is "a generation asked for by name answers" "$status $(header x-ragpool-generation)" "200 $live"
post /query/en '{"query": "x", "generation": "99-0123456789ab"}'
is "one that is not there does not" "$status $(json 'j["error"]["code"]')" "404 generation_not_found"

ask GET /health -H 'X-Request-Id: from-the-client.7'
is "a request keeps its id" "$(header x-request-id)" from-the-client.7
ask GET /health -H 'X-Request-Id: a b;c'
like "or gets one" "$(header x-request-id)" '^[0-9a-f]{32}$'

post /retrieve '{"tenant": "en", "query": "granite tower", "top_k": 1}'
is "/retrieve answers" "$status" 200
is "/retrieve finds" "$(json 'any("lighthouse" in json.dumps(h) for h in [j])')" true

for path in /health /api/health /api/live; do
	ask GET "$path"
	is "GET $path" "$status" 200
done

is "/status shows both workers" "$(status_of 'len(j["workers"])')" 2
like "the command shows them too" "$(ragpool status --json)" '"workers"'

load "$T/load.json" --url "$url/query/en" --body '{"query": "lamp in fog"}' \
	--body '{"query": "rye flour starter", "top_k": 3}' --seconds 3 --connections 8
wait "$load"
body=$(<"$T/load.json")
is "a short load: every answer 200" "$(json 'list(j["statuses"])')" '["200"]'
is "both workers had their share" "$(json 'len(j["workers"])')" 2
note "$(json '"%s requests/s, p50 %s ms, p99 %s ms" % (j["rate"], j["latency_ms"]["p50"],
	j["latency_ms"]["p99"])')"

stop "$pool"
ok "the socket is gone after a stop" test ! -e "$socket"
post /query/en '{"query": "bread"}'
is "without a pool the web server says so" "$status" 502
is "in the same shape" "$(json 'j["error"]["code"]')" upstream_down
finish
