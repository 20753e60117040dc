#!/bin/bash
# Vector stores of a pool that follows Consul: their documents are its keys, written by
# check-and-set.  What is deleted goes from every host, also from one that was down; what merely
# vanishes is kept by all.
. "${0%/*}/lib.sh"
. "${0%/*}/fleet.sh"
need nginx consul curl python3
need_built ragpool-objects

code() { json 'j["error"]["code"]'; }
key() { curl -s "$consul_url/v1/kv/rag/tenants/$1/config?raw=true"; }
has_key() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$consul_url/v1/kv/rag/tenants/$1/config")" = 200 ]; }
is_completed() { ask GET "/v1/vector_stores/$1/files/$2" && [ "$(json 'j.get("status")')" = completed ]; }
is_renamed() { ask GET "/v1/vector_stores/$store" && [ "$(json 'j.get("name")')" = "$1" ]; }
makes() { post /v1/vector_stores '{"name": "later"}' && [ "$status" = 200 ]; }

start_consul
kv_put rag/sentinel '{}'
mkdir "$T/share"
share="[object_store share]\ntype = directory\npath = $T/share\n"
start_pool WORKERS=2 "CONSUL=address = $consul_url\nwait = 5s\nobject_store = share\n$share" \
	"GLOBAL=inbox_delay = 50ms\nhold_down = 0ms\nobjects_program = $bin/ragpool-objects"
host_rest=$share host_consul='object_store = share' host_global='\nhold_down = 0ms' host_workers=1
start_host b
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
later=$(json 'j["id"]')

# --- on the other host ---
post /v1/vector_stores '{"name": "asleep"}'
asleep=$(json 'j["id"]')
on_b() { ls "$T/b/data/tenants/$1/gen/" 2>/dev/null | grep -q .; }	# on_b STORE
for each in "$store" "$later" "$asleep"; do
	wait_for 60 "b has $each" on_b "$each"
done
tree() {	# tree STORE: its keys, but for what a host says of itself, perhaps a moment late
	curl -s "$consul_url/v1/kv/rag/tenants/$1/?keys" | tr -d '[]"' | tr , '\n' | grep -v /status/
}
has_tombstone() { tree "$1" && [ "$(tree "$1")" = "rag/tenants/$1/gone" ]; }
has_none() { [[ $(tree "$1") != */gone* ]]; }
curl -s -X DELETE "$consul_url/v1/kv/rag/tenants/$later/config" >>"$T/commands.log"
ask DELETE "/v1/vector_stores/$store"
is "deleted" "$status $(json 'j["deleted"]')" '200 true'
ask GET "/v1/vector_stores/$store"
is "at once" "$status $(code)" '404 tenant_not_found'
ok "the key is gone, and all beside it but one" has_tombstone "$store"
body=$(curl -s "$consul_url/v1/kv/rag/tenants/$store/gone?raw=true")
is "which says when and by whom" "$(json "sorted(j) == ['at', 'host'] and abs(j['at'] - $(date +%s)) < 300")" true
wait_for 30 "its data is removed" test ! -e "$T/data/tenants/$store"
wait_for 30 "b has heard of it" test -e "$T/b/data/gone/$store"
stop "$(head -n 1 "$T/b/run/ragpoold.pid")"
ask DELETE "/v1/vector_stores/$asleep"
is "another is deleted while b is down" "$status" 200
start_host b

# Two readings half a minute apart, on b from its start.
is_removed() { [ ! -e "$T/b/data/tenants/$1" ] && [ ! -e "$T/b/data/gone/$1" ]; }
wait_for 60 "it goes from the other host too" is_removed "$store"
wait_for 60 "and from one that was down" is_removed "$asleep"
has_let_go() { body=$("$bin/ragpool" -c "$1" status --json); [ "$(json "'$later' in [t['name'] for t in j['tenants']]")" = false ]; }
for each in "$T/b.conf" "$conf"; do
	wait_for 60 "one that an operator deleted is not served" has_let_go "$each"
done
was_removed() { grep -q "data removed tenant=$1" "$T/b.log" "$T/ragpoold.log"; }
ok "but its files stay on both" eval 'on_b "$later" && test -e "$T/data/tenants/$later" && ! was_removed "$later"'

# --- keys that mean nothing any more ---
ok "the keys that say so stay" has_tombstone "$asleep"
kv_put rag/tenants/old/gone '{"at": 1000000000, "host": "b"}'
kv_put "rag/tenants/$store/config" '{"version": "9", "data_source": {"type": "push"}}'
ok "until the tenant is made again" wait_until 20 has_none "$store"
ok "or for a month" wait_until 20 has_none old
ok "but no shorter" has_tombstone "$asleep"
finish
