#!/bin/bash
# Cold tenants on hosts that share a Consul and an object store: each host lets go of what nobody
# asks it for and brings it back on demand; the key, pins, rollbacks and new versions move a
# tenant that is cold as they do any other; a store that is away is said, and hinders nobody
# else; what a cold host counts on is not swept.  No clock is waited for: times of files are set.
. "${0%/*}/lib.sh"
. "${0%/*}/fleet.sh"
. "${0%/*}/s3.sh"
need nginx consul curl python3
need_built ragpoold ragpool-worker ragpool-build ragpool-probe ragpool-objects ragpool

start_s3 --page 2
s3_keys
s3_put generations other/thing x

host_consul='object_store = shared'
host_global='\ncold_after = 7d\nhold_down = 0ms\nfair_share = no'
host_rest="[object_store shared]\nbucket = generations\nendpoint = $s3\nprefix = prod/\n"
sample en
start_consul
kv_put rag/sentinel '{}'
kv_put rag/tenants/en/config "$(tenant_json v1 "$T/sources/en")"
kv_put rag/tenants/warm/config "$(tenant_json v1 "$T/sources/en" | sed 's/^{/{"lifecycle": {"cold_after": "0s"}, /')"
for host in a b; do
	start_host "$host"
	socket=$T/$host/run/query.sock
	wait_for 20 "$host listens" test -S "$socket"
	start_nginx
	eval "url_$host=$url"
done
command() { "$bin/ragpool" -c "$T/$1.conf" "${@:2}"; }	# command HOST ARGUMENT...
question() {	# question HOST [TENANT]: sets $status, $body, $headers
	local url_=url_$1
	url=${!url_}
	post "/query/${2:-en}" '{"query": "lighthouse keeper"}'
}
answers_on() { question "$1" "${3:-en}" && [ "$status" = "$2" ]; }	# answers_on HOST STATUS [TENANT]
answers_from() { question "$1" && [ "$status $(header x-ragpool-generation)" = "200 $2" ]; }

ok "both serve" wait_until 60 are_at v1
first=$(generation_of a)
for host in a b; do
	wait_for 30 "$host serves the other tenant" answers_on "$host" 200 warm
done
echo 'The lamp is lit at dusk.' >"$T/sources/en/lamp.txt"
kv_put rag/tenants/en/config "$(tenant_json v2 "$T/sources/en")"
ok "both serve the next version" wait_until 60 are_at v2
second=$(generation_of a)

# --- away and back ---
files() { ls "$T/$1/data/tenants/en/gen/$2" 2>/dev/null | tr '\n' ' '; }	# files HOST GENERATION
is_cold() { host_tells "$1" "[t['state'], t['cold']]" '["cold", "away"]'; }
turn_cold() {	# turn_cold HOST: what is live there goes, and all that was before it
	local live
	live=$(generation_of "$1")
	touch -d '-8 days' "$T/$1/data/inbox/.asked/en"
	command "$1" reload --wait >>"$T/commands.log" 2>&1
	wait_until 30 is_cold "$1" && [ "$(files "$1" "$live")" = "manifest.json " ]
}
alone() { [ "$(ls "$T/$1/data/tenants/en/gen")" = "$2" ]; }	# alone HOST GENERATION
fetches() { grep -c 'cold: fetch begins' "$T/$1.log"; }

before=$(sha256sum "$T/b/data/tenants/en/gen/$second/"* | sed 's/ .*//')
for host in a b; do
	ok "nobody asks $host for a week: cold" turn_cold "$host"
	ok "and nothing of it is left there but the manifest" wait_until 20 alone "$host" "$second"
done
s3_reset
question b
is "a question on one host is told to come back" \
	"$status $(json "j['error']['code']") $(header retry-after)" '503 index_cold 1'
ok "and does, to find it" wait_until 30 answers_from b "$second"
is "the same bytes" "$(sha256sum "$T/b/data/tenants/en/gen/$second/"* | sed 's/ .*//')" "$before"
is "by the recipe and a piece of each file" "$(s3_count "j['gets']") $(s3_count "j['requests'].get('PUT', 0)")" \
	"4 0"
bytes=$(cat "$T/b/data/tenants/en/gen/$second/"* | wc -c)
body=$(curl -s "$s3/_test/stats")
is "which were sent once" "$(json "0 < j['sent'] - $bytes < 4096")" true
is "the other host is as cold as before" "$(is_cold a; echo $?) $(fetches a) $(fetches b)" "0 0 1"
ok "a question there brings it back there" wait_until 30 answers_from a "$second"

s3_reset
ok "cold once more" turn_cold b
is "of which the store is told by a name alone" "$(s3_count "j['requests'].get('PUT', 0)")" 1

# --- moved while it is cold ---
ok "on both" turn_cold a
kv_put rag/tenants/en/generation "{\"generation\": \"$first\"}"
ok "a pointer set by hand to what is on no disk is followed by both" wait_until 40 both_serve "$first"
ok "and answers on one" wait_until 30 answers_from a "$first"
ok "and on the other" wait_until 30 answers_from b "$first"
is "without a build" "$(count 'build begins tenant=en')" 2

# What serves is not left for what is away: it is fetched first.
ok "cold on one host alone" turn_cold a
is "while the other serves" "$(answers_on b 200; echo $?)" 0
kv_put rag/tenants/en/generation "{\"generation\": \"$second\"}"
ok "the next pointer is followed" wait_until 40 both_serve "$second"
ok "cold again on one" turn_cold a
kv_put rag/tenants/en/pin "$first"
ok "a pin by key of what is in the store alone holds both" wait_until 40 both_serve "$first"
ok "and answers" wait_until 30 answers_from a "$first"
is "what is pinned does not leave" "$(touch -d '-8 days' "$T/a/data/inbox/.asked/en"
	command a reload --wait >>"$T/commands.log" 2>&1; is_cold a; echo $?)" 1
curl -s -X DELETE "$consul_url/v1/kv/rag/tenants/en/pin" >>"$T/commands.log"
ok "the pin goes, and what the key names is served" wait_until 40 both_serve "$second"
ok "by both" wait_until 30 answers_from a "$second"

# --- a store that is away ---
ok "cold on one host" turn_cold a
s3_fault '{"match": ".", "times": 1000000, "do": "gone"}'
question a
is "no store: the question is told to come back all the same" \
	"$status $(json "j['error']['code']") $(header retry-after)" '503 index_cold 1'
why() { host_tells a "'could not be fetched' in (t['last_error'] or '')" true; }
ok "and the status says why it does not come" wait_until 90 why
is "other tenants are served" "$(answers_on a 200 warm; echo $?)" 0
is "and so is this one on the other host" "$(answers_on b 200; echo $?)" 0
s3_reset
ok "with the store it is back" wait_until 90 answers_from a "$second"

# --- swept, and by hand ---
objects() {	# objects HOST VERB ARGUMENT...
	"$bin/ragpool-objects" "$2" --config "$T/$1.conf" --tenant en "${@:3}" 2>>"$T/objects.log" | tail -n 1
}
kv_put rag/tenants/en/generation "{\"generation\": \"$first\"}"
ok "back to what is not the newest" wait_until 40 both_serve "$first"
ok "cold once more" turn_cold a
body=$(objects b gc --keep 1 --grace 0)
is "a sweep from another host leaves what is cold here" \
	"$(json "[j['removed_generations'], j['cold_generations']]")" "[0, 1]"
ok "so that it comes back" wait_until 30 answers_from a "$first"
kv_put rag/tenants/en/generation "{\"generation\": \"$second\"}"
ok "and forward" wait_until 40 both_serve "$second"

ok "cold once more" turn_cold a
ok "a rollback has nothing there to go back to" test "$(command a rollback en >"$T/rollback" 2>&1; echo $?)" != 0
like "and says where there is something" "$(<"$T/rollback")" "no older generation on this host.*ragpool-objects list"
body=$(objects a list)
is "which lists both" "$(json "sorted(g['generation'] for g in j['generations'])")" "[\"$first\", \"$second\"]"
body=$(objects a fetch --generation "$first")
is "fetched" "$(json "j['existed']")" false
ok "it is gone back to" command a rollback en --to "$first"
ok "by both" wait_until 40 both_serve "$first"
ok "and answers on the one that was cold" wait_until 30 answers_from a "$first"
body=$(objects b gc --keep 1 --grace 0)
is "what nobody has cold is swept like any other" \
	"$(json "[j['removed_generations'], j['cold_generations']]")" "[1, 0]"
is "which no host notices that has it" "$(answers_from a "$first"; echo $?) $(answers_from b "$first"; echo $?)" "0 0"
finish
