#!/bin/bash
# Rolls one after another under saturation: every one is acknowledged by every worker, and no
# request fails.  A worker that notices its order only when it is idle never would.
. "${0%/*}/lib.sh"
need nginx curl python3

rolls=40

sample en
start_pool WORKERS=4
start_nginx
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
has_workers() { [ "$(status_of 'len(j["workers"])')" = "$1" ]; }
wait_for 10 "four workers" has_workers 4
before=$(status_of 'sorted(w["pid"] for w in j["workers"])')

load "$T/load.json" --url "$url/query/en" --body '{"query": "oil and letters by boat"}' \
	--body '{"query": "starter", "top_k": 1}' --connections 16 --seconds 180
began=$(now_ms)
acknowledged=0
for _ in $(seq "$rolls"); do
	ragpool reload --wait >>"$T/commands.log" 2>&1 && acknowledged=$((acknowledged + 1))
done
note "$rolls rolls of 4 workers in $(($(now_ms) - began)) ms"
is "every roll is acknowledged by all workers" "$acknowledged" "$rolls"

# Signals from outside may come in any number: they are no orders to the workers.
for _ in $(seq 50); do
	kill -HUP "$pool"
	for pid in $(json '" ".join(str(w["pid"]) for w in j["workers"] if w["pid"])'); do
		kill -HUP "$pid" 2>/dev/null
	done
done
ok "after a storm of signals a roll is still acknowledged" ragpool reload --wait
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
ok "and there were many" test "$(json 'j["requests"]')" -gt 500
note "$(json '"%s requests at %s/s, p50 %s ms, p99 %s ms" % (j["requests"], j["rate"],
	j["latency_ms"]["p50"], j["latency_ms"]["p99"])')"
is "the same workers as before" "$(status_of 'sorted(w["pid"] for w in j["workers"])')" "$before"
is "no restarts" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" 0

# Stopping under load: what a worker has in its hands is answered.
load "$T/stop.json" --url "$url/query/en" --body '{"query": "bread"}' --connections 8 --seconds 60 \
	--log "$T/stop.jsonl"
answered() { [ "$(wc -l <"$T/stop.jsonl")" -ge 100 ]; }
wait_for 10 "the load is there" answered
kill -TERM "$pool"
ok "the pool stops" wait_until 20 is_dead "$pool"
kill -TERM "$load"
wait "$load"
body=$(<"$T/stop.json")
note "$(json 'str(j["statuses"])')"
ok "it was asked until then" test "$(json 'j["statuses"]["200"]')" -ge 100
is "nothing but answers, and refusals after the end" \
	"$(json 'sorted(set(j["statuses"]) - {"200", "502"})')" '[]'
is "no answer was cut off" "$(grep -c 'prematurely closed' "$T/run/nginx-error.log")" 0
finish
