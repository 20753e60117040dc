#!/bin/bash
# A tenant lives in real Consul.  Under a load that never stops, its documents and its version
# change ten times.  No request may fail, every worker must end on the last generation, and
# none may have been restarted for it.
. "${0%/*}/lib.sh"
need nginx consul curl python3

flips=10
mkdir -p "$T/sources/flip"

# write_document N: what the N-th version says; by rename, as an editor would.
write_document() {
	cat >"$T/sources/flip/.new" <<-END
	# Bulletin $1

	The harbour bulletin of day $1 reports a swell of $((10 + $1)) decimetres.
	The code word of the day is marker$1.
	END
	mv "$T/sources/flip/.new" "$T/sources/flip/bulletin.md"
}

# is_live N: does the pool answer with what version N says?
is_live() {
	post /query/flip '{"query": "code word of the day", "top_k": 1}'
	[ "$status" = 200 ] && [[ $body == *"marker$1."* ]]
}

# is_rolled: has every worker acknowledged the newest epoch, with $generation live in it?
is_rolled() {
	ask GET /status
	[ "$(json "{w['epoch'] for w in j['workers']} == {j['target_epoch']} == {j['epoch']} and
		[t['generation'] for t in j['tenants'] if t['name'] == 'flip'] == ['$generation']")" = true ]
}

start_consul
start_pool WORKERS=4 "CONSUL=address = $consul_url\nwait = 10s"
start_nginx
kv_put rag/sentinel '{}'
write_document 0
kv_put rag/tenants/flip/config "$(tenant_json v0 "$T/sources/flip")"
wait_for 60 "the tenant is served" is_live 0
before=$(status_of 'sorted(w["pid"] for w in j["workers"])')

load "$T/load.json" --url "$url/query/flip" --body '{"query": "swell in the harbour"}' \
	--body '{"query": "code word", "top_k": 5}' --connections 6 --seconds 240
generation=
for n in $(seq "$flips"); do
	began=$(now_ms)
	write_document "$n"
	kv_put rag/tenants/flip/config "$(tenant_json "v$n" "$T/sources/flip")"
	wait_until 30 is_live "$n" || break
	generation=$(header x-ragpool-generation)
	wait_until 30 is_rolled || break
	note "version $n is live on all workers after $(($(now_ms) - began)) ms"
done
ok "all $flips changes went live" is_live "$flips"
last=$(header x-ragpool-generation)
is "and the last one is the one that was waited for" "$last" "$generation"
ok "every worker acknowledged it" is_rolled
is "the same workers as before" "$(status_of 'sorted(w["pid"] for w in j["workers"])')" "$before"
is "no restarts" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" 0

# The load goes on until each worker has answered from the last generation; then it ends.
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "one generation an answer, the same in header and body" "$(json 'j["mismatched"]')" 0
is "no worker went back to an older one" "$(json 'j["went_back"]')" 0
is "each of the generations was seen" "$(json 'len(j["generations"])')" "$((flips + 1))"
is "the last generation seen is the live one" "$(json 'j["generations"][-1]["generation"]')" "$last"
note "$(json '"%s requests at %s/s, p50 %s ms, p99 %s ms, max %s ms" % (j["requests"], j["rate"],
	j["latency_ms"]["p50"], j["latency_ms"]["p99"], j["latency_ms"]["max"])')"

# Every worker, asked now, answers from it.
load "$T/after.json" --url "$url/query/flip" --body '{"query": "code word"}' --connections 8 \
	--requests 400 --seconds 30
wait "$load"
body=$(<"$T/after.json")
is "afterwards all workers answer from the last generation" \
	"$(json 'sorted(set(j["last_generation"].values()))')" "[\"$last\"]"
is "all four of them" "$(json 'len(j["last_generation"])')" 4
finish
