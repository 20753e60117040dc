#!/bin/bash
# Tenants whose vectors are made by an endpoint: built, asked, changed; nothing is paid twice;
# without the endpoint or the gateway queries are answered by words; a gateway that is killed
# comes back; tenants on different models do not notice each other.
. "${0%/*}/lib.sh"
need nginx curl python3
need_built ragpool-gateway

start_mock a
start_mock b --dim 32
sample en
for i in $(seq 40); do
	printf '# Note %d\n\nThis is note number %d, about subject %d.\n' "$i" "$i" "$((i * i))" \
		>"$T/sources/en/note$i.md"
done
model_section() {	# model_section NAME PORT [LINE...]
	printf '[model %s]\\nurl = http://127.0.0.1:%s/v1\\n' "$1" "$2"
	shift 2
	printf '%s\\n' "$@"
}
GATEWAY_LINES="$(model_section ada "$mock_a" 'alias = text-embedding-ada-002' 'batch = 8' 'timeout = 20s' \
	'retries = 0' 'breaker_failures = 2' 'breaker_pause = 1s' 'cache = 0')$(model_section other "$mock_b" 'cache = 0')"
start_pool WORKERS=3 "GLOBAL=gateway_program = $bin/ragpool-gateway\n$GATEWAY_LINES"
start_nginx
put() {	# put TENANT VERSION MODEL
	printf '{"version": "%s", "data_source": {"type": "directory", "path": "%s"}, "embedding_model": "%s"}\n' \
		"$2" "$T/sources/en" "$3" >"$T/tenants.d/.$1.tmp"
	mv "$T/tenants.d/.$1.tmp" "$T/tenants.d/$1.json"
}
generation() { post "/query/$1" '{"query": "bread"}'; json 'j.get("generation", "")'; }
dense() { post "/query/$1" "{\"query\": \"$2\", \"mode\": \"dense\"}"; }

put one v1 text-embedding-ada-002
put two v1 other
wait_for 60 "one is served" answers 200 /query/one '{"query": "bread"}'
wait_for 60 "two is served" answers 200 /query/two '{"query": "bread"}'
dense one "sourdough bread rye flour"
is "vectors of the endpoint find the document" "$(json 'j["hits"][0]["source"]')" bread.md
is "and nothing is said to lack" "$(json '"degraded" in j')" false
is "every passage was embedded once" "$(mock_count a '[j["distinct"] > 40, j["again"]]')" "[true, 0]"
is "in batches" "$(mock_count a 'j["largest"]')" 8
is "each tenant by its own model" "$(mock_count b '[list(j["models"]), j["again"]]')" '[["other"], 0]'

# --- what changed is embedded, and nothing else ---
tell_mock a reset '{}'
printf '# Note 7\n\nThis note was written anew, about glaciers.\n' >"$T/sources/en/note7.md"
first=$(generation one)
put one v2 text-embedding-ada-002
moved() { [ "$(generation one)" != "$first" ] && [ "$status" = 200 ]; }
wait_for 60 "one moves on" moved
dense one "this note was written anew about glaciers"
is "the changed note is found" "$(json 'j["hits"][0]["source"]')" note7.md
is "one passage was embedded, besides queries" "$(mock_count a 'j["largest"]')" 1

# --- the endpoint is down: words, and that is said; the other tenant does not notice ---
tell_mock a script '{"always": {"kind": "status", "status": 500}}'
post /query/one '{"query": "lighthouse keeper"}'
is "by words alone, and it says so" "$status $(json '[j["degraded"], j["hits"][0]["source"]]')" \
	'200 ["embedding_unavailable", "lighthouse.md"]'
dense one lighthouse
is "who wants vectors alone gets the error" "$status $(json 'j["error"]["code"]')" "503 embedding_unavailable"
post /query/one '{"query": "lighthouse keeper"}'
is "with the breaker open it is answered all the same" "$status $(json 'j["degraded"]')" "200 embedding_unavailable"
dense two "sourdough bread"
is "the other model answers" "$status $(json '"degraded" in j')" "200 false"
tell_mock a script '{"always": null}'
back() { dense one "sourdough bread rye"; [ "$status" = 200 ]; }
ok "it is found again after the pause" wait_until 10 back

# --- a build that cannot reach its model leaves what serves, and goes on where it was ---
tell_mock a reset '{}'
for i in $(seq 41 80); do printf '# Extra %d\n\nExtra text %d on matter %d.\n' "$i" "$i" "$((i * 7))" >"$T/sources/en/extra$i.md"; done
tell_mock a script '{"faults": [{"kind": "slow", "seconds": 0}, {"kind": "slow", "seconds": 0}], "always": {"kind": "html"}}'
"$bin/ragpool-build" --data "$T/data" --tenant one --config "$T/tenants.d/one.json" --gateway "$T/run/gateway.sock" \
	--dry-run --json >"$T/dry.json" 2>>"$T/commands.log"
body=$(<"$T/dry.json")
is "a rehearsal counts what is to be embedded" "$(json '[j["dry_run"], j["to_embed"], j["requests"]]')" "[true, 40, 5]"
is "and asks for nothing" "$(mock_count a 'j["requests"]')" 0
first=$(generation one)
tell_mock a reset '{}'
tell_mock a script '{"faults": [{"kind": "slow", "seconds": 0}, {"kind": "slow", "seconds": 0}, {"kind": "slow", "seconds": 0}, {"kind": "slow", "seconds": 0}], "always": {"kind": "html"}}'
"$bin/ragpool-build" --data "$T/data" --tenant one --config "$T/tenants.d/one.json" --gateway "$T/run/gateway.sock" \
	--json >"$T/failed.json" 2>>"$T/commands.log"
body=$(<"$T/failed.json")
is "a model that answers wrongly ends the build" "$(json 'j["error"]["code"]')" embedding_bad_response
# Four answers of eight were good; questions of somebody else may have had some of them.
tell_mock a script '{"always": null}'
wait_until 5 back
tell_mock a reset '{}'
"$bin/ragpool-build" --data "$T/data" --tenant one --config "$T/tenants.d/one.json" --gateway "$T/run/gateway.sock" \
	--json --no-publish >"$T/resumed.json" 2>>"$T/commands.log"
body=$(<"$T/resumed.json")
is "the next one pays for the rest alone" "$(json '[j["passages_embedded"] in (8, 16, 24, 32),
	j["requests"] * 8 == j["passages_embedded"]]')" '[true, true]'

# --- another model: a new generation, while the old one answers with its own ---
put one v3 other
wait_for 60 "one moves to the other model" moved
dense one "sourdough bread rye"
is "by the other model's vectors" "$(json '[j["hits"][0]["source"], "degraded" in j]')" '["bread.md", false]'

# --- the gateway is killed under load ---
is_ready() { [ "$(told 'j["gateway"]["state"]')" = ready ]; }
gateway_pid() { told 'j["gateway"]["pid"]'; }
is_followed() { is_ready && [ "$(gateway_pid)" != "$killed" ]; }
old=$(gateway_pid)
load "$T/load.json" --url "$url/query/one" --body '{"query": "sourdough bread"}' --seconds 4 --rate 60
for i in 1 2 3; do
	wait_for 10 "a gateway is there" is_ready
	killed=$(gateway_pid)
	kill -KILL "$killed"
	wait_for 10 "another one follows" is_followed
done
wait "$load"
body=$(<"$T/load.json")
is "no request failed" "$(json 'j["failures"]')" 0
like "and another gateway is there" "$(gateway_pid)" '^[1-9][0-9]*$'

# --- a new key, a new gateway, no gap ---
old=$(gateway_pid)
sed -i 's/^batch = 8/batch = 16/' "$conf"
ok "a reload brings a new one" ragpool reload --wait
replaced() { [ "$(gateway_pid)" != "$old" ] && is_ready; }
ok "the gateway is replaced" wait_until 10 replaced
ok "the old one has left" wait_until 10 is_dead "$old"
finish
