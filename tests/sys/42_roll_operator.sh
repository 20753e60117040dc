#!/bin/bash
# What an operator does with a roll, under load: back to an earlier generation without a build,
# pins, pauses, aborts, a canary that is watched.  No request fails, exit codes tell the truth.
. "${0%/*}/lib.sh"
need nginx curl python3

start_pool WORKERS=3 "GLOBAL=canary_min_samples = 20"
sed -i 's/^\[pool query\]/&\nmax_surge = 1/' "$conf"
kill -HUP "$pool"
start_nginx
sample en
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
no_builds() { tells 'len(j["builds"]["running"]) + j["builds"]["waiting"]' 0; }
is_live() { tells 't("en")["state"] + " " + t("en")["version"] + " " + j["roll"]["state"]' "live $1 idle"; }
wait_for 20 "v1 is live" is_live v1
first=$(told 't("en")["generation"]')
printf '# Tides\n\nThe tide tables hang beside the door.\n' >"$T/sources/en/tides.md"
put_tenant en v2 "$T/sources/en"
wait_for 60 "v2 is live" is_live v2
second=$(told 't("en")["generation"]')
builds=$(grep -c 'build begins' "$T/ragpoold.log")

load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 8 --seconds 120

generations() { told 'sorted({w["epoch"] for w in j["workers"] if w["state"] != "draining"}) and t("en")["generation"]'; }
code() { "$@" >>"$T/commands.log" 2>&1; echo $?; }

# --- back, and held back ---
began=$(now_ms)
is "rollback says that it is done" "$(code ragpool rollback en)" 0
note "rollback of 3 workers in $(($(now_ms) - began)) ms"
is "the earlier generation serves" "$(generations)" "$first"
answers 200 /query/en '{"query": "tide tables"}'
is "and answers" "$(header x-ragpool-generation)" "$first"
is "the later one is quarantined" "$(told 't("en")["quarantined"][0]["generation"]')" "$second"
is "a reload does not bring it back" "$(code ragpool reload --wait)" 0
is "nor builds it again" "$(generations) $(grep -c 'build begins' "$T/ragpoold.log")" "$first $builds"
is "a pin on it is refused" "$(code ragpool pin en "$second")" 75
is "there is nothing before the first" "$(code ragpool rollback en)" 66
is "retry lifts the quarantine" "$(code ragpool retry en)" 0
wait_for 20 "no build runs" no_builds
wait_for 60 "v2 is live again" is_live v2

# --- pins ---
is "a pin moves the workers" "$(code ragpool pin en "$first")" 0
is "to its generation" "$(generations)" "$first"
is "status says who holds it" "$(told 't("en")["pinned"]["origin"]')" operator
is "what is pinned is not rolled back" "$(code ragpool rollback en)" 75
is "unpin follows the pointer" "$(code ragpool unpin en)" 0
is "again" "$(generations)" "$second"
is "a pin on nothing is refused" "$(code ragpool pin en 77-0123456789ab)" 66

# --- pause, abort ---
paused_in() { tells 'j["roll"]["state"] + " " + j["roll"]["phase"]' "paused $1"; }
ragpool pause --at roll
put_tenant en v3 "$T/sources/en"
ok "a roll is paused behind its canary" wait_until 20 paused_in roll
is "a wait ends at the pause" "$(code ragpool reload --wait)" 4
is "abort goes back, also paused" "$(code ragpool abort)" 0
is "to where it came from" "$(generations)" "$second"
is "and what it brought is quarantined" \
	"$(told 't("en")["state"] + " " + t("en")["quarantined"][0]["reason"]')" \
	"refused the roll was aborted"
wait_for 20 "the reload's wish is served" tells 'j["roll"]["phase"]' idle
is "nothing is left to abort" "$(code ragpool abort)" 65

# --- by signal ---
ragpool pause --at canary
put_tenant en v4 "$T/sources/en"
ok "a roll is paused at its canary" wait_until 20 paused_in canary
kill -s RTMIN+2 "$pool"
ok "a signal lets it go on" wait_until 10 is_live v4
ragpool pause --at canary
put_tenant en v5 "$T/sources/en"
ok "another one is paused" wait_until 20 paused_in canary
kill -s RTMIN+3 "$pool"
taken_back() { tells 't("en")["version"] + t("en")["state"] + j["roll"]["phase"]' v4refusedidle; }
ok "a signal aborts it" wait_until 10 taken_back

# --- a canary that is watched ---
sed -i 's/^max_surge = 1/max_surge = 0\ncanary_window = 2s/' "$conf"
ragpool reload --wait >>"$T/commands.log" 2>&1
put_tenant en v6 "$T/sources/en"
baking() { tells 'j["roll"]["phase"]' bake; }
ok "after it the roll goes on" wait_until 20 is_live v6
is "its canary passed, on numbers" \
	"$(told 'j["roll"]["canary"]["verdict"] + str(j["roll"]["canary"]["canary"]["requests"] > 20)')" passTrue
sixth=$(told 't("en")["generation"]')
sed -i 's/^canary_window = 2s/canary_window = 0s/' "$conf"
ragpool reload --wait >>"$T/commands.log" 2>&1
tenant_json v7 "$T/sources/en" | sed 's/^{/{"rollout": {"canary_window": "1h"}, /' >"$T/v7"
mv "$T/v7" "$T/tenants.d/en.json"
ok "a tenant may ask for a longer watch" wait_until 20 baking
is "the wait for its roll is as long as the window" "$(code ragpool reload --wait --timeout 0.2)" 5
is "what an operator waits for does not wait for that" "$(code ragpool pin en "$sixth")" 0
is "the roll gave way" "$(told 'j["roll"]["superseded"] > 0')" true

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
is "and from one generation" "$(json 'j["mismatched"]')" 0
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"
is "a watch into a pipe is one object a line" \
	"$(ragpool status --watch=0.1 2>&1 | head -n 3 | "$PYTHON" -c 'import json, sys
print(len([json.loads(line) for line in sys.stdin]))')" 3
finish
