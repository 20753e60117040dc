#!/bin/bash
# Hosts, each with its own data, on one Consul and one object store: a change is built once, by
# one of them, and served by all; pins, rollbacks and pointers set by hand concern all; a host
# that comes late fetches what it needs; a store that is away hinders nobody, what it lies
# about is refused by name; under a load that never stops.
. "${0%/*}/lib.sh"
. "${0%/*}/fleet.sh"
. "${0%/*}/s3.sh"
need nginx consul curl python3
need_built ragpoold ragpool-worker ragpool-build ragpool-objects ragpool

start_store() {
	start_s3 --page 2
	s3_put generations other/thing x
}
start_store
s3_keys
host_consul='object_store = shared'
host_rest="[object_store shared]\nbucket = generations\nendpoint = $s3\nprefix = prod/\n"

sample en
start_consul
kv_put rag/sentinel '{}'
kv_put rag/tenants/en/config "$(tenant_json v1 "$T/sources/en")"
start_host a
start_host b
ok "a document that was there first is served by both hosts" wait_until 60 are_at v1
first=$(generation_of a)
is "it was built once" "$(count 'build begins')" 1
is "judged by both: what comes from another host has no verdict here" "$(count 'gate passed')" 2
is "and handed over once" "$(count 'publish done') $(count 'fetch done')" "1 1"
body=$(key)
is "the key names it" "$(json '(j["generation"], j["config_version"], j["flip"])')" \
	"[\"$first\", \"v1\", 1]"

socket=$T/a/run/query.sock
start_nginx
load "$T/load.json" --url "$url/query/en" --body '{"query": "bread"}' \
	--body '{"query": "lighthouse keeper"}' --connections 3 --seconds 200

echo 'The lamp is lit at dusk.' >"$T/sources/en/lamp.txt"
kv_put rag/tenants/en/config "$(tenant_json v2 "$T/sources/en")"
ok "a new version is served by both" wait_until 60 are_at v2
second=$(generation_of a)
is "and was built once" "$(count 'build begins')" 2
body=$(key)
is "the key counts its replacements" "$(json '(j["flip"], j["previous"])')" "[2, \"$first\"]"

# The pointer set by hand, back and forth: what "live" means is every worker of every host.
times=()
for i in 1 2 3 4 5 6 7 8; do
	[ $((i % 2)) = 1 ] && to=$first || to=$second
	began=$(now_ms)
	kv_put rag/tenants/en/generation "{\"generation\": \"$to\"}"
	wait_until 20 both_serve "$to" || break
	times+=($(($(now_ms) - began)))
done
ok "a pointer written by hand is followed by both, every time" test "${#times[@]}" = 8
note "from the key to every worker of both hosts: $(printf '%s\n' "${times[@]}" | sort -n | tr '\n' ' ')ms"
is "without a build" "$(count 'build begins')" 2

kv_put rag/tenants/en/pin "$first"
ok "a pin by key holds both" wait_until 20 both_serve "$first"
curl -s -X DELETE "$consul_url/v1/kv/rag/tenants/en/pin" >>"$T/commands.log"
ok "until it is taken away" wait_until 20 both_serve "$second"

ok "a rollback on one host" "$bin/ragpool" -c "$T/a.conf" rollback en
ok "is followed by the other" wait_until 20 both_serve "$first"
"$bin/ragpool" -c "$T/b.conf" reload --wait >>"$T/commands.log" 2>&1
ok "which does not build again what was taken back" both_serve "$first"
is "no build at all" "$(count 'build begins')" 2

kv_put rag/tenants/en/config "$(tenant_json v2 "$T/sources")"
ok "other content under the same version raises an alert" wait_until 20 host_tells a \
	"t['alert']" config_changed_without_version
like "in the log too" "$(grep -h alert= "$T/a.log")" 'alert=config_changed_without_version'
is "and builds nothing" "$(count 'build begins')" 2

# A host that comes late, with nothing: what the key names comes from the store, and is judged
# here before it is followed.
start_host c
ok "a host that comes late serves what the key names" wait_until 60 serves c "$first"
is "without a build" "$(count 'build begins')" 2
like "fetched" "$(<"$T/c.log")" "fetch done tenant=en generation=$first"
like "and judged" "$(<"$T/c.log")" "gate passed tenant=en generation=$first"

# What the store holds is not what its name says: refused by name, nobody else notices.
s3_fault '{"match": "GET /generations/prod/en/pieces", "times": 9, "do": "lie"}'
kv_put rag/tenants/en/pin "$second"
ok "a pin holds a host that has its generation" wait_until 20 serves b "$second"
ok "the late one says which piece of the store lies" wait_until 20 host_tells c \
	"'is not what its name says' in json.dumps(t)" true
ok "and serves what it served" serves c "$first"
s3_reset
ok "a store that is mended is tried again" wait_until 30 serves c "$second"
curl -s -X DELETE "$consul_url/v1/kv/rag/tenants/en/pin" >>"$T/commands.log"
all_serve() { both_serve "$1" && serves c "$1"; }
ok "all go on" wait_until 20 all_serve "$first"
stop "$(head -n 1 "$T/c/run/ragpoold.pid")"

# The store is away.
stop "$s3_server"
echo 'The harbour is closed in storms.' >"$T/sources/en/harbour.txt"
kv_put rag/tenants/en/config "$(tenant_json v3 "$T/sources/en")"
ok "a store that is away hinders nobody: each builds" wait_until 60 are_at v3
is "one after another" "$(count 'build begins')" 4
builder=$(key | sed 's/.*"host": *"\([ab]\)".*/\1/')
ok "its builder says what is still to be published, and why it is not" wait_until 20 \
	host_tells "$builder" "'could not be published' in t['waits']" true
start_store
published() { body=$(key) && [ "$(json 'j.get("where", "")')" = shared ]; }
ok "it is published when the store is back" wait_until 70 published
start_host c
ok "so that the late one has it from there" wait_until 60 serves c "$(generation_of "$builder")"
is "without a build of its own" "$(grep -c 'build begins' "$T/c.log")" 0

# Where generations go is read with every one of them.
mkdir "$T/share"
for name in a b c; do
	sed -i "s|^bucket = generations|type = directory\npath = $T/share|; /^endpoint = /d" "$T/$name.conf"
done
echo 'A fishing boat came in late.' >"$T/sources/en/boat.txt"
kv_put rag/tenants/en/config "$(tenant_json v4 "$T/sources/en")"
ok "by a folder that hosts share, too" wait_until 60 are_at v4
ok "for all three" wait_until 30 host_tells c "t.get('version')" v4
is "built once" "$(count 'build begins')" 5

# The truth about both, as Consul tells it.
service_of() { body=$(curl -s "$consul_url/v1/health/service/ragpool") && json "$1"; }
passes() { [ "$(service_of 'sorted((s["Service"]["ID"], s["Checks"][-1]["Status"]) for s in j)')" = \
	'[["ragpool-a", "passing"], ["ragpool-b", "passing"], ["ragpool-c", "passing"]]' ]; }
ok "all are registered, and pass" wait_until 30 passes
told_by_b() { body=$(curl -s "$consul_url/v1/kv/rag/tenants/en/status/b?raw") && [ "$(json 'j["version"]')" = v4 ]; }
ok "and tell what they serve" wait_until 30 told_by_b

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "one generation an answer" "$(json 'j["mismatched"]')" 0
finish
