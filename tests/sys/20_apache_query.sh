#!/bin/bash
# The same behind Apache, with the configuration that is shipped for it.
. "${0%/*}/lib.sh"
need apache2 curl python3

sample en
start_pool WORKERS=2
start_apache
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'

post /query/en '{"query": "How long does the dough rise?"}'
is "a question is answered" "$status" 200
is "the right document comes first" "$(json 'j["hits"][0]["source"].endswith("bread.md")')" true
is "the body names the generation of the header" "$(json 'j["generation"]')" \
	"$(header x-ragpool-generation)"

post /query/en '{"query": "dough"}' -H 'Transfer-Encoding: chunked'
is "a body sent in chunks arrives" "$status" 200

post /query/nobody '{"query": "x"}'
is "an unknown tenant" "$status $(json 'j["error"]["code"]')" '404 tenant_not_found'
ask GET /query/en
is "a wrong method" "$status $(json 'j["error"]["code"]')" '405 method_not_allowed'
ask GET '/%zz' -g
is "an address that is refused by Apache itself: one shape" \
	"$status $(json 'sorted(j), sorted(j["error"])')" \
	'400 [["detail", "error"], ["code", "message", "param", "type"]]'

load "$T/load.json" --url "$url/query/en" --body '{"query": "lamp in fog"}' \
	--seconds 3 --connections 8
ok "the pool can be rolled meanwhile" ragpool reload --wait
wait "$load"
body=$(<"$T/load.json")
is "under load, over a roll: every answer 200" "$(json 'list(j["statuses"])')" '["200"]'

stop "$pool"
post /query/en '{"query": "bread"}'
is "without a pool: unavailable, in the same shape" \
	"$status $(json 'j["error"]["type"]')" '503 server_error'
is "and when to come back" "$(header retry-after)" 1
finish
