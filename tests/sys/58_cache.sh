#!/bin/bash
# The same question to the same generation is answered from memory, and to no other; reads
# have an ETag; answers say where their time went.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
start_pool WORKERS=1 CACHE=8m AUTH=keys
start_nginx
put_tenant en v1 "$T/sources/en"
admin=$(ragpool key create --role admin --tenant '*')
bound=$(ragpool key create --role reader --tenant en --filter '{"path": "bicycle.txt"}')
key=$admin
q() { post "${path:-/query/en}" "$1" -H "Authorization: Bearer $key" "${@:2}"; }
served() { q '{"query": "bread"}' && [ "$status" = 200 ]; }
wait_for 60 "en is served" served

question='{"query": "rye flour and an inner tube", "top_k": 9}'
q "$question"
first=$body
is "the first time" "$(header x-ragpool-cache)" miss
like "an answer says where its time went" "$(header server-timing)" 'search;dur=[0-9]+\.[0-9]{3}'
q "$question"
is "the second time" "$(header x-ragpool-cache)" hit
is "the same answer" "$body" "$first"
generation=$(header x-ragpool-generation)
like "with its generation" "$generation" '^1-'
q '{"query": "rye flour and an inner tube", "top_k": 8}'
is "another question" "$(header x-ragpool-cache)" miss
path=/retrieve
q '{"tenant": "en", "query": "rye flour"}'
is "another address" "$(header x-ragpool-cache)" miss
path=/v1/vector_stores/en/search
q '{"query": "rye flour"}'
q '{"query": "rye flour"}'
is "on other wires too" "$(header x-ragpool-cache) $(json 'j["data"][0]["filename"]')" 'hit bread.md'
path=/retrieval
q '{"knowledge_id": "en", "query": "rye flour"}'
q '{"knowledge_id": "en", "query": "rye flour"}'
is "and Dify's" "$(header x-ragpool-cache) $(json 'j["records"][0]["title"]')" 'hit Sourdough bread'
path=/mcp
call() { q '{"jsonrpc": "2.0", "id": '"$1"', "method": "tools/call", "params": {"name": "search", "arguments": {"query": "rye flour and an inner tube"}}}' \
	-H 'Accept: application/json, text/event-stream'; }
call 1
call 2
is "and a tool's, whatever the number of the call" \
	"$(header x-ragpool-cache) $(json '[j["id"], sorted(r["url"] for r in j["result"]["structuredContent"]["results"])[0]]')" \
	'hit [2, "bicycle.txt"]'
key=$bound
call 3
is "another key's filter" "$(header x-ragpool-cache) $(json '[r["url"] for r in j["result"]["structuredContent"]["results"]]')" \
	'miss ["bicycle.txt"]'
key=$admin
unset path
key=$bound
q "$question"
is "another key's filter" "$(header x-ragpool-cache) $(json '{h["source"].rsplit("/")[-1] for h in j["hits"]} == {"bicycle.txt"}')" \
	'miss true'
q "$question"
is "and again" "$(header x-ragpool-cache) $(json '{h["source"].rsplit("/")[-1] for h in j["hits"]} == {"bicycle.txt"}')" \
	'hit true'
key=none
q "$question"
is "no key, no answer" "$status" 401
key=$admin
q '{"query": ""}'
q '{"query": ""}'
is "what is refused is not kept" "$status $(header x-ragpool-cache)" '422 miss'

printf '# Rye\n\nRye flour keeps for a year in an inner tube.\n' >"$T/sources/en/rye.md"
put_tenant en v2 "$T/sources/en"
moved() { q "$question" && [ "$(header x-ragpool-generation)" != "$generation" ]; }
wait_for 60 "en moves on" moved
is "a new generation answers anew" "$(header x-ragpool-cache) $(json 'j["hits"][0]["source"].rsplit("/")[-1]')" 'miss rye.md'
q "{\"query\": \"rye flour and an inner tube\", \"top_k\": 9, \"generation\": \"$generation\"}"
is "the old one by its name" "$status $(header x-ragpool-generation)" "200 $generation"
next=$(q "$question"; header x-ragpool-generation)
ok "en is rolled back" ragpool rollback en
back() { q "$question" && [ "$(header x-ragpool-generation)" = "$generation" ]; }
wait_until 20 back
is "the pool is back on the old one" "$(header x-ragpool-generation)" "$generation"
mkdir -p "$T/data/tenants/en/verdict"
chmod u+w "$T/data/tenants/en/verdict/$next.json" 2>/dev/null
printf '{"verdict": "fail"}\n' >"$T/data/tenants/en/verdict/$next.json"
q "{\"query\": \"rye\", \"generation\": \"$next\"}"
is "what failed is not opened by its name" "$status $(json 'j["error"]["code"]')" '404 generation_not_found'

# --- reads ---
get() { ask GET "$1" -H "Authorization: Bearer $admin" "${@:2}"; }
get /v1/vector_stores/en
tag=$(header etag)
like "a read has a tag" "$tag" '^"[0-9a-f]{32}"$'
is "and may be kept" "$(header cache-control)" 'private, no-cache'
get /v1/vector_stores/en -H "If-None-Match: $tag"
is "the same is not sent again" "$status $(header content-type)" "304 "
get /v1/vector_stores/en -H 'If-None-Match: "x"'
is "another is" "$status $(header etag)" "200 $tag"
get /v1/vector_stores/nobody -H 'If-None-Match: *'
is "an error is an error" "$status $(header etag)" '404 '
q "$question" -H 'If-None-Match: *'
is "a question is answered" "$status $(header etag) $(header cache-control)" '200  no-store'
finish
