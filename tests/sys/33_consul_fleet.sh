#!/bin/bash
# Two hosts, each with its own data, on one Consul: a change is built once, by either of them,
# and served by both; pins, rollbacks and pointers set by hand concern both; under a load that
# never stops.
. "${0%/*}/lib.sh"
need nginx consul curl python3
need_built ragpoold ragpool-worker ragpool-build ragpool

# start_host NAME: a supervisor of its own, as if on another machine.
start_host() {
	local name=$1
	mkdir -p "$T/$name/data" "$T/$name/run" "$T/$name/tenants.d"
	fill ragpool.conf.in "$T/$name.conf" "DATA=$T/$name/data" "RUN=$T/$name/run" \
		"TENANTS=$T/$name/tenants.d" "SOCKET=$T/$name/run/query.sock" MODE=0666 WORKERS=2 \
		"CONSUL=[consul]\naddress = $consul_url\nwait = 10s\nhost = $name\nobject_store = shared" \
		"GLOBAL=auth = off\nworker_program = $bin/ragpool-worker\nbuild_program = $bin/ragpool-build\nprobe_program = $bin/ragpool-probe\nobjects_program = $here/fake_objects.sh\nkeep_generations = 10"
	start "$name" "$bin/ragpoold" -c "$T/$name.conf" --foreground
}

host_tells() {	# host_tells NAME EXPRESSION WANTED: t is the tenant, of ragpool status
	body=$("$bin/ragpool" -c "$T/$1.conf" status --json 2>>"$T/commands.log")
	[ "$(json "(lambda t: $2)(([x for x in j['tenants'] if x['name'] == 'en'] or [{}])[0])")" = "$3" ]
}

# serves NAME GENERATION: every worker of the host is on it.
serves() {
	host_tells "$1" "t.get('generation') == '$2' and
		all(w['epoch'] == j['epoch'] and w['state'] != 'boot' for w in j['workers'])" true
}

both_serve() { serves a "$1" && serves b "$1"; }

generation_of() {	# generation_of NAME
	body=$("$bin/ragpool" -c "$T/$1.conf" status --json 2>>"$T/commands.log")
	json "[x['generation'] for x in j['tenants'] if x['name'] == 'en'][0]"
}

are_at() {	# are_at VERSION: both serve one generation, of that version
	host_tells a "t.get('version')" "$1" && host_tells b "t.get('version')" "$1" || return 1
	[ "$(generation_of a)" = "$(generation_of b)" ] && both_serve "$(generation_of a)"
}

count() { cat "$T/a.log" "$T/b.log" | grep -c "$1"; }	# count PATTERN: in both logs

key() { curl -s "$consul_url/v1/kv/rag/tenants/en/generation?raw"; }

export FAKE_OBJECTS=$T/store
mkdir "$FAKE_OBJECTS"
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
is "and handed over once" "$(sort "$T/store/calls" | tr '\n' ';')" "fetch en $first;publish en $first;"
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

touch "$T/store/fail"
echo 'The harbour is closed in storms.' >"$T/sources/en/harbour.txt"
kv_put rag/tenants/en/config "$(tenant_json v3 "$T/sources/en")"
ok "a store that fails hinders nobody: each builds" wait_until 60 are_at v3
is "one after another" "$(count 'build begins')" 4

# The truth about both, as Consul tells it.
service_of() { body=$(curl -s "$consul_url/v1/health/service/ragpool") && json "$1"; }
passes() { [ "$(service_of 'sorted((s["Service"]["ID"], s["Checks"][-1]["Status"]) for s in j)')" = \
	'[["ragpool-a", "passing"], ["ragpool-b", "passing"]]' ]; }
ok "both are registered, and pass" wait_until 30 passes
told_by_b() { body=$(curl -s "$consul_url/v1/kv/rag/tenants/en/status/b?raw") && [ "$(json 'j["version"]')" = v3 ]; }
ok "and tell what they serve" wait_until 30 told_by_b

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "one generation an answer" "$(json 'j["mismatched"]')" 0
finish
