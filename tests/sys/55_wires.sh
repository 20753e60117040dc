#!/bin/bash
# The shapes of other services' interfaces, as their clients send and expect them.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
cat >"$T/sources/en/dated.md" <<-END
	---
	lang: en
	year: 2024
	day: 2024-05-17
	tags: [sea, storm]
	draft: false
	---
	# The storm

	The storm tore two shutters from the lighthouse and broke the flagpole.
END
start_pool WORKERS=2
start_nginx
put_tenant en v1 "$T/sources/en"
put_tenant other v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "other is served" answers 200 /query/other '{"query": "bread"}'

# --- OpenAI ---
ask GET /v1/models
is "tenants are models" "$status $(json '[j["object"], [m["id"] for m in j["data"]]]')" \
	'200 ["list", ["rag/en", "rag/other"]]'
is "with all members" "$(json 'sorted(j["data"][0])')" '["created", "id", "object", "owned_by"]'
ask GET /v1/models/rag/en
is "one model" "$status $(json '[j["id"], j["object"]]')" '200 ["rag/en", "model"]'
ask GET /v1/models/rag/nobody
is "none of that name" "$status $(json 'j["error"]["code"]')" '404 tenant_not_found'
ask GET '/v1/vector_stores?limit=1&order=asc'
is "a page of vector stores" "$(json '[[s["id"] for s in j["data"]], j["has_more"], j["first_id"], j["last_id"]]')" \
	'[["en"], true, "en", "en"]'
ask GET '/v1/vector_stores?limit=5&order=asc&after=en'
is "the next page" "$(json '[[s["id"] for s in j["data"]], j["has_more"]]')" '[["other"], false]'
ask GET '/v1/vector_stores?order=desc&before=en'
is "the other way round" "$(json '[s["id"] for s in j["data"]]')" '["other"]'
ask GET '/v1/vector_stores?limit=0'
is "a page of nothing" "$status $(json 'j["error"]["code"]')" '422 out_of_range'
ask GET /v1/vector_stores/en
is "one store" "$status $(json '[j["object"], j["status"], j["file_counts"]["total"]]')" \
	'200 ["vector_store", "completed", 4]'
post /v1/vector_stores/en/search '{"query": "What did the storm break?", "max_num_results": 2,
	"ranking_options": {"ranker": "auto", "score_threshold": 0.1}, "rewrite_query": false}'
is "a search" "$status $(json '[j["object"], j["search_query"], j["has_more"], j["next_page"]]')" \
	'200 ["vector_store.search_results.page", ["What did the storm break?"], false, null]'
is "its best hit" "$(json '[j["data"][0]["filename"], j["data"][0]["content"][0]["type"],
	0 <= j["data"][0]["score"] <= 1, j["data"][0]["file_id"].startswith("file-")]')" \
	'["dated.md", "text", true, true]'
is "attributes are plain" "$(json '{k: j["data"][0]["attributes"].get(k) for k in ("lang", "year", "draft", "tags")}')" \
	'{"lang": "en", "year": 2024, "draft": false, "tags": null}'
post /v1/vector_stores/en/search '{"query": ["bread", "storm"], "filters": {"type": "and", "filters": [
	{"type": "eq", "key": "lang", "value": "en"}, {"type": "gte", "key": "year", "value": 2020}]}}'
is "several questions, one filter, no passage twice" \
	"$(json '[[h["filename"] for h in j["data"]], len(j["search_query"])]')" '[["dated.md"], 2]'
for text in '{}' '{"query": []}' '{"query": 7}' '{"query": "x", "max_num_results": 51}' \
	'{"query": "x", "ranking_options": {"score_threshold": 2}}' '{"query": "x", "filters": {"type": "near", "key": "a", "value": 1}}'; do
	post /v1/vector_stores/en/search "$text"
	is "refused: $text" "$status" 422
done

# --- Dify ---
dify() {	# dify CONDITIONS [OPERATOR]
	post /retrieval "{\"knowledge_id\": \"en\", \"query\": \"storm lamp bread tube\", \"retrieval_setting\":
		{\"top_k\": 9, \"score_threshold\": 0}, \"metadata_condition\": {\"logical_operator\": \"${2:-and}\",
		\"conditions\": $1}}"
}
post /retrieval '{"knowledge_id": "en", "query": "storm", "retrieval_setting": {"top_k": 1, "score_threshold": 0.2}}'
is "records" "$status $(json '[len(j["records"]), j["records"][0]["title"], sorted(j["records"][0])]')" \
	'200 [1, "The storm", ["content", "metadata", "score", "title"]]'
is "metadata is an object" "$(json 'type(j["records"][0]["metadata"]).__name__')" dict
while IFS='|' read -r count condition; do
	dify "[$condition]"
	is "condition $condition" "$status $(json 'len({r["title"] for r in j["records"]})')" "200 $count"
done <<-'END'
	1|{"name": "lang", "comparison_operator": "is", "value": "en"}
	3|{"name": "lang", "comparison_operator": "is not", "value": "en"}
	1|{"name": "path", "comparison_operator": "contains", "value": "ate"}
	3|{"name": "path", "comparison_operator": "not contains", "value": "ate"}
	2|{"name": "path", "comparison_operator": "start with", "value": "b"}
	1|{"name": "path", "comparison_operator": "end with", "value": ".txt"}
	2|{"name": "path", "comparison_operator": "in", "value": ["bread.md", "bicycle.txt"]}
	2|{"name": "path", "comparison_operator": "not in", "value": ["bread.md", "bicycle.txt"]}
	3|{"name": "year", "comparison_operator": "empty"}
	1|{"name": "year", "comparison_operator": "not empty"}
	1|{"name": "year", "comparison_operator": "≥", "value": "2024"}
	0|{"name": "year", "comparison_operator": ">", "value": 2024}
	1|{"name": "day", "comparison_operator": "before", "value": "2024-06-01"}
	0|{"name": "day", "comparison_operator": "after", "value": "2024-06-01"}
END
dify '[{"name": "lang", "comparison_operator": "is", "value": "en"},
	{"name": "path", "comparison_operator": "is", "value": "bread.md"}]' or
is "or" "$(json 'len({r["title"] for r in j["records"]})')" 2
dify '[{"name": "lang", "comparison_operator": "resembles", "value": "en"}]'
is "no such comparison" "$status $(json 'j["error"]["code"]')" '422 invalid_filter'
post /retrieval '{"knowledge_id": "nobody", "query": "x"}'
is "no such knowledge" "$status" 404
finish
