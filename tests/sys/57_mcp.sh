#!/bin/bash
# The Model Context Protocol at /mcp, in its stateless revision and the earlier ones: what is
# answered, what is refused and how; what search found is what fetch gives.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
"$PYTHON" - "$T/sources/en/long.md" <<'END'
import sys
with open(sys.argv[1], "w") as f:
    f.write("# The long journey\n\n")
    for i in range(3000):
        f.write("On day %d the caravan rested at well number %d and counted its camels twice.\n\n" % (i, i * 7))
END
start_pool WORKERS=2 AUTH=keys 'GLOBAL=cors_origins = https://app.example.com'
start_nginx
put_tenant en v1 "$T/sources/en"
all=$(ragpool key create --role reader --tenant '*')
one=$(ragpool key create --role reader --tenant en)
bound=$(ragpool key create --role reader --tenant en --filter '{"path": "bread.md"}')
key=$one

rpc() {	# rpc JSON [CURL-ARGUMENT...]
	local text=$1
	shift
	post "${path:-/mcp}" "$text" -H "Authorization: Bearer $key" -H 'Accept: application/json, text/event-stream' "$@"
}
asked() { post /query/en '{"query": "bread"}' -H "Authorization: Bearer $one" && [ "$status" = 200 ]; }
wait_for 60 "en is served" asked

# --- before 2026-07-28 ---
for version in 2025-11-25 2025-06-18 2025-03-26; do
	rpc '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "'$version'",
		"capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}'
	is "initialize $version" "$status $(json '[j["id"], j["result"]["protocolVersion"], j["result"]["serverInfo"]["name"],
		j["result"]["capabilities"], "resultType" in j["result"]]')" "200 [1, \"$version\", \"ragpool\", {\"tools\": {}}, false]"
done
is "no session is made" "$(header mcp-session-id)" ''
rpc '{"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {"protocolVersion": "1999-01-01"}}'
is "an unknown version gets the newest" "$(json '[j["id"], j["result"]["protocolVersion"]]')" '["a", "2025-11-25"]'
rpc '{"jsonrpc": "2.0", "method": "notifications/initialized"}' -H 'MCP-Protocol-Version: 2025-06-18'
is "a notification needs no answer" "$status$body" 202
rpc '{"jsonrpc": "2.0", "id": 4, "result": {}}'
is "nor does an answer" "$status$body" 202
rpc '{"jsonrpc": "2.0", "id": 2, "method": "ping"}' -H 'MCP-Protocol-Version: 2025-06-18'
is "ping" "$status $(json 'j["result"]')" '200 {}'
rpc '{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}'
is "tools, without a version" "$status $(json '[[t["name"], t["annotations"]["readOnlyHint"], sorted(t["inputSchema"]["properties"])]
	for t in j["result"]["tools"]]')" '200 [["search", true, ["filters", "query", "top_k"]], ["fetch", true, ["id"]]]'
rpc '{"jsonrpc": "2.0", "id": 2, "method": "resources/list"}' -H 'MCP-Protocol-Version: 2025-11-25'
is "what there is not" "$status $(json '[j["id"], j["error"]["code"]]')" '200 [2, -32601]'
rpc '[{"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/x"},
	{"jsonrpc": "2.0", "id": 2, "method": "none"}]'
is "several at once, as in 2025-03-26" "$status $(json '[[m["id"], "error" in m] for m in j]')" '200 [[1, false], [2, true]]'
rpc '[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]' -H 'MCP-Protocol-Version: 2025-06-18'
is "but not later" "$status $(json 'j["error"]["code"]')" '400 -32600'

# --- search and fetch ---
tool() {	# tool NAME ARGUMENTS
	rpc "{\"jsonrpc\": \"2.0\", \"id\": 3, \"method\": \"tools/call\", \"params\": {\"name\": \"$1\", \"arguments\": $2}}"
}
tool search '{"query": "sourdough rye bread"}'
is "search" "$status $(json '[len(j["result"]["content"]), j["result"]["isError"],
	json.loads(j["result"]["content"][0]["text"]) == j["result"]["structuredContent"],
	[sorted(r) for r in j["result"]["structuredContent"]["results"]][0],
	j["result"]["structuredContent"]["results"][0]["title"]]')" \
	'200 [1, false, true, ["id", "title", "url"], "Sourdough bread"]'
is "a document once" "$(json '(lambda u: len(u) == len(set(u)))([r["url"] for r in j["result"]["structuredContent"]["results"]])')" true
id=$(json 'j["result"]["structuredContent"]["results"][0]["id"]')
like "its id pins the generation" "$id" '^en:1-[0-9a-f]{12}:[0-9]+$'
tool fetch "{\"id\": \"$id\"}"
is "fetch gives that document, as it is" "$(json 'j["result"]["structuredContent"]["text"]')" "$(cat "$T/sources/en/bread.md")"
is "with all its members" "$(json '[sorted(j["result"]["structuredContent"]), j["result"]["structuredContent"]["id"] == "'"$id"'",
	j["result"]["structuredContent"]["metadata"]["truncated"]]')" '[["id", "metadata", "text", "title", "url"], true, false]'
tool search '{"query": "caravan well number 14000 camels", "top_k": 1}'
tool fetch "{\"id\": $(json 'json.dumps(j["result"]["structuredContent"]["results"][0]["id"])')}"
is "of a long one the part around" "$(json '(lambda c, d: [c["metadata"]["truncated"], len(c["text"]) <= 102400,
	len(c["text"]) > 50000, c["metadata"]["start"] <= c["metadata"]["found_start"] < c["metadata"]["found_end"] <= c["metadata"]["end"],
	c["text"] == d[c["metadata"]["start"]:c["metadata"]["end"]]])(j["result"]["structuredContent"],
	open("'"$T"'/sources/en/long.md").read())')" '[true, true, true, true, true]'
first=$(post /query/en '{"query": "bread"}' -H "Authorization: Bearer $one"; header x-ragpool-generation)
printf '# Sourdough bread\n\nNow with spelt.\n' >"$T/sources/en/bread.md"
put_tenant en v2 "$T/sources/en"
moved() { asked && [ "$(header x-ragpool-generation)" != "$first" ]; }
wait_for 60 "en moves on" moved
tool fetch "{\"id\": \"$id\"}"
like "after a change the same id is the same text" "$(json 'j["result"]["structuredContent"]["text"]')" 'starter with rye'
key=$bound
tool fetch "{\"id\": \"$id\"}"
is "a key's filter lets its own through" "$(json 'j["result"]["isError"]')" false
tool fetch "{\"id\": \"${id%:*}:0\"}"
is "and nothing else" "$(json '[j["result"]["isError"], "no such document" in j["result"]["content"][0]["text"]]')" '[true, true]'
key=$one
while IFS='|' read -r words name arguments; do
	tool "$name" "$arguments"
	is "told to the model: $name $arguments" "$status $(json '[j["result"]["isError"], "'"$words"'" in j["result"]["content"][0]["text"]]')" \
		'200 [true, true]'
done <<-END
	is missing|search|{}
	no text|search|{"query": " "}
	must be|search|{"query": "x", "top_k": 51}
	means nothing|search|{"query": "x", "colour": 1}
	no tenant|search|{"query": "x", "tenant": "nobody"}
	no tenant|fetch|{"id": "other:1-0123456789ab:1"}
	has answered|fetch|{"id": "en"}
	has answered|fetch|{"id": "en:../../x:1"}
	no such document|fetch|{"id": "${id%:*}:999999"}
	no generation|fetch|{"id": "en:77-0123456789ab:1"}
END
tool destroy '{}'
is "an unknown tool is an error of the protocol" "$status $(json 'j["error"]["code"]')" '200 -32602'

# --- several tenants ---
put_tenant other v1 "$T/sources/en"
key=$all
both() { rpc '{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}'; [ "$(json 'j["result"]["tools"][0]["inputSchema"]["properties"].get("tenant", {}).get("enum")')" = '["en", "other"]' ]; }
wait_for 60 "other is served" both
is "who sees several must name one" "$(json 'j["result"]["tools"][0]["inputSchema"]["required"]')" '["query", "tenant"]'
tool search '{"query": "bread"}'
is "or hears so" "$(json '[j["result"]["isError"], "tenant" in j["result"]["content"][0]["text"]]')" '[true, true]'
tool search '{"query": "bread", "tenant": "other"}'
like "named" "$(json 'j["result"]["structuredContent"]["results"][0]["id"]')" '^other:'
path=/mcp/other
tool search '{"query": "bread"}'
like "or by the address" "$(json 'j["result"]["structuredContent"]["results"][0]["id"]')" '^other:'
tool search '{"query": "bread", "tenant": "en"}'
is "which allows no other" "$(json 'j["result"]["isError"]')" true
unset path
key=$one

# --- 2026-07-28 ---
modern() {	# modern METHOD PARAMS [CURL-ARGUMENT...]
	local method=$1 params=$2
	shift 2
	rpc "{\"jsonrpc\": \"2.0\", \"id\": 9, \"method\": \"$method\", \"params\": {$params\"_meta\": {
		\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\", \"io.modelcontextprotocol/clientCapabilities\": {}}}}" \
		-H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $method" "$@"
}
modern server/discover ''
is "discover" "$status $(json '[j["result"]["resultType"], j["result"]["supportedVersions"][0], j["result"]["capabilities"],
	j["result"]["cacheScope"], j["result"]["ttlMs"] > 0, j["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"]]')" \
	'200 ["complete", "2026-07-28", {"tools": {}}, "private", true, "ragpool"]'
modern tools/list ''
is "tools, to be kept for a while" "$status $(json '[j["result"]["resultType"], len(j["result"]["tools"]), j["result"]["cacheScope"]]')" \
	'200 ["complete", 2, "private"]'
modern tools/call '"name": "search", "arguments": {"query": "lamp"}, ' -H 'Mcp-Name: search'
is "a call" "$status $(json '[j["result"]["resultType"], j["result"]["isError"], j["result"]["structuredContent"]["results"][0]["title"]]')" \
	'200 ["complete", false, "The lighthouse"]'
modern tools/call '"name": "search", "arguments": {"query": "lamp"}, ' -H 'Mcp-Name: =?base64?c2VhcmNo?='
is "its name in base64" "$status" 200
refused() {	# refused WHAT STATUS CODE
	is "$1: $2 $3" "$status $(json 'j["error"]["code"]')" "$2 $3"
}
modern tools/call '"name": "search", "arguments": {"query": "lamp"}, ' -H 'Mcp-Name: fetch'
refused "another name" 400 -32020
modern tools/call '"name": "search", "arguments": {"query": "lamp"}, ' -H 'Mcp-Name: =?base64?ZmV0Y2g=?='
refused "another name in base64" 400 -32020
modern tools/call '"name": "search", "arguments": {"query": "lamp"}, '
refused "no name" 400 -32020
rpc '{"jsonrpc": "2.0", "id": 9, "method": "tools/list", "params": {"_meta": {
	"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}}' \
	-H 'MCP-Protocol-Version: 2026-07-28'
refused "no method" 400 -32020
modern resources/list ''
refused "a method there is not" 404 -32601
modern initialize ''
refused "the handshake is gone" 404 -32601
meta='"io.modelcontextprotocol/protocolVersion": "2026-07-28"'
list() { rpc "{\"jsonrpc\": \"2.0\", \"id\": 9, \"method\": \"tools/list\", \"params\": {\"_meta\": {$1}}}" -H 'Mcp-Method: tools/list' "${@:2}"; }
list "$meta, \"io.modelcontextprotocol/clientCapabilities\": {}"
refused "no version in the headers" 400 -32020
list "$meta, \"io.modelcontextprotocol/clientCapabilities\": {}" -H 'MCP-Protocol-Version: 2025-11-25'
refused "another version in the headers" 400 -32020
list "$meta" -H 'MCP-Protocol-Version: 2026-07-28'
refused "no capabilities" 400 -32602
list '' -H 'MCP-Protocol-Version: 2026-07-28'
refused "no version in the body" 400 -32602
list '"io.modelcontextprotocol/protocolVersion": "1900-01-01"' -H 'MCP-Protocol-Version: 1900-01-01'
refused "an unknown version" 400 -32022
is "it says which are known" "$(json '[j["error"]["data"]["requested"], "2026-07-28" in j["error"]["data"]["supported"]]')" \
	'["1900-01-01", true]'
rpc '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}' -H 'MCP-Protocol-Version: 2031-01-01'
refused "one in the headers alone" 400 -32022
while read -r code text; do
	rpc "$text"
	refused "${text:0:40}" 400 "$code"
done <<-'END'
	-32700 {"jsonrpc":
	-32700 {"a": 1, "a": 2}
	-32600 []
	-32600 7
	-32600 {"id": 1, "method": "ping"}
	-32600 {"jsonrpc": "2.0"}
	-32600 {"jsonrpc": "2.0", "id": null, "method": "ping"}
	-32600 {"jsonrpc": "2.0", "id": 1, "method": 7}
	-32600 {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}
END

# --- pages, and who may ask ---
ping='{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
for origin in http://localhost:8080 http://127.0.0.1 'http://[::1]:3000' https://app.example.com; do
	rpc "$ping" -H "Origin: $origin"
	is "a page of $origin" "$status" 200
done
for origin in https://evil.example.com http://localhost.evil.com http://127.0.0.1.evil.com null; do
	rpc "$ping" -H "Origin: $origin"
	is "not of $origin" "$status $(json 'j["error"]["code"]')" '403 origin_not_allowed'
done
ask GET /mcp
is "there is no stream to open" "$status $(header allow)" '405 POST'
ask DELETE /mcp
is "nor a session to end" "$status" 405
key=none
rpc "$ping"
is "a key is needed" "$status $(header www-authenticate)" '401 Bearer error="invalid_token"'

# --- pages elsewhere ---
ask OPTIONS /query/en -H 'Origin: https://app.example.com' -H 'Access-Control-Request-Method: POST'
is "a preflight needs no key" "$status $(header access-control-allow-origin) $(header access-control-allow-methods)" \
	'204 https://app.example.com POST'
like "and allows the key" "$(header access-control-allow-headers)" 'Authorization'
ask OPTIONS /query/en -H 'Origin: https://evil.example.com' -H 'Access-Control-Request-Method: POST'
is "but not to others" "$status $(header access-control-allow-origin)" '405 '
post /query/en '{"query": "bread"}' -H "Authorization: Bearer $one" -H 'Origin: https://app.example.com'
is "an answer can be read" "$status $(header access-control-allow-origin) $(header vary)" '200 https://app.example.com Origin'
post /query/en '{"query": ""}' -H "Authorization: Bearer $one" -H 'Origin: https://app.example.com'
is "a refusal too" "$status $(header access-control-allow-origin)" '422 https://app.example.com'
post /query/en '{"query": "bread"}' -H "Authorization: Bearer $one" -H 'Origin: https://evil.example.com'
is "by no other page" "$status $(header access-control-allow-origin)" '200 '
finish
