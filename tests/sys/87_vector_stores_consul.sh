#!/bin/bash
# Vector stores of a pool that follows Consul: their documents are its keys, written by
# check-and-set.
. "${0%/*}/lib.sh"
need nginx consul curl python3

code() { json 'j["error"]["code"]'; }
key() { curl -s "$consul_url/v1/kv/rag/tenants/$1/config?raw=true"; }
has_key() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$consul_url/v1/kv/rag/tenants/$1/config")" = 200 ]; }
is_completed() { ask GET "/v1/vector_stores/$1/files/$2" && [ "$(json 'j.get("status")')" = completed ]; }
is_renamed() { ask GET "/v1/vector_stores/$store" && [ "$(json 'j.get("name")')" = "$1" ]; }
makes() { post /v1/vector_stores '{"name": "later"}' && [ "$status" = 200 ]; }

start_consul
kv_put rag/sentinel '{}'
start_pool WORKERS=2 "CONSUL=address = $consul_url\nwait = 5s" 'GLOBAL=inbox_delay = 50ms\nhold_down = 0ms'
start_nginx
wait_for 30 "Consul is watched" tells 'j["consul"]["state"] in ("watching", "empty")' true

post /v1/vector_stores '{"name": "Animals", "metadata": {"team": "zoo"}}'
is "a store is made" "$status $(json '[j["name"], j["status"]]')" '200 ["Animals", "in_progress"]'
store=$(json 'j["id"]')
body=$(key "$store")
is "its document is a key" "$(json '[j["version"], j["data_source"], j["store"]["name"], j["store"]["metadata"]]')" \
	'["1", {"type": "push"}, "Animals", {"team": "zoo"}]'
ok "and no file" test ! -e "$T/tenants.d/$store.json"
printf 'The zebra grazes at the quagmire.' >"$T/zebra.txt"
ask POST /v1/files -F purpose=assistants -F "file=@$T/zebra.txt"
file=$(json 'j["id"]')
post "/v1/vector_stores/$store/files" "{\"file_id\": \"$file\"}"
wait_for 60 "a file is searchable" is_completed "$store" "$file"

# Another writer's change is not written over by one who has not seen it.
changes() { post "/v1/vector_stores/$store" '{"name": "Beasts"}' && [ "$status" = 200 ]; }
wait_for 10 "renamed" changes
body=$(key "$store")
is "in Consul too" "$(json '[j["version"], j["store"]["name"], j["store"]["metadata"]]')" '["1+1", "Beasts", {"team": "zoo"}]'
kv_put "rag/tenants/$store/config" '{"version": "2", "data_source": {"type": "push"}, "store": {"name": "Others"}}'
wait_for 20 "another writer's name counts" is_renamed Others
wait_for 10 "renamed again" changes
body=$(key "$store")
is "its version goes on from there" "$(json '[j["version"], j["store"]]')" '["2+1", {"name": "Beasts"}]'

# Consul is away.
freeze "$consul"
post /v1/vector_stores '{"name": "never"}'
like "without Consul none is made" "$status $(code)" '^50[234] '
kill -CONT "$consul"
wait_for 60 "and one is when it is back" makes

ask DELETE "/v1/vector_stores/$store"
is "deleted" "$status $(json 'j["deleted"]')" '200 true'
ask GET "/v1/vector_stores/$store"
is "at once" "$status $(code)" '404 tenant_not_found'
ok "the key is gone" eval '! has_key "$store"'
wait_for 30 "its data is removed" test ! -e "$T/data/tenants/$store"
finish
