#!/bin/bash
# Kill -9 of workers during a load.  With a web server that asks once, at most the request in
# the worker's hands is lost; with the shipped configuration not even that.  The place of the
# dead is filled at once.  RAGPOOL_KILLS is how many die (10).
. "${0%/*}/lib.sh"
need nginx curl python3

kills=${RAGPOOL_KILLS:-10}

# workers: the pids of the pool's workers.
workers() {
	local pid
	for pid in $(cat /proc/"$pool"/task/"$pool"/children 2>/dev/null); do
		if [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = ragpool-worker ]; then
			printf '%s\n' "$pid"
		fi
	done
}

has_workers() { [ "$(workers | wc -l)" = "$1" ]; }

# has_served PID: is there an answer from it in the log of the load?
has_served() { grep -q "\"worker\": \"$1\"" "$T/answers.jsonl"; }

# new_served: has a worker that is not in $known answered yet?  Sets $newcomer.
new_served() {
	for newcomer in $(workers); do
		[[ " $known " == *" $newcomer "* ]] || { has_served "$newcomer" && return 0; }
	done
	return 1
}

# kill_one N: ends the N-th worker and waits until its successor has answered; how long that
# took, by the clock of the answers, goes to $T/gaps.
kill_one() {
	local victim at
	known=$(workers | tr '\n' ' ')
	victim=$(workers | sed -n "$((1 + $1 % 2))p")
	wait_for 10 "worker $victim answers" has_served "$victim"
	at=$EPOCHREALTIME
	kill -KILL "$victim"
	wait_for 10 "a successor answers" new_served
	"$PYTHON" -c '
import json, sys
killed, newcomer = float(sys.argv[1]), sys.argv[2]
times = [json.loads(line)["done"] for line in open(sys.argv[3])
    if line.endswith("\n") and json.loads(line)["worker"] == newcomer]
print(round((min(times) - killed) * 1e3, 1))' "$at" "$newcomer" "$T/answers.jsonl" >>"$T/gaps"
}

# run_kills: the load, and $kills workers ended in it, one after another.
run_kills() {
	local n
	: >"$T/answers.jsonl"
	: >"$T/gaps"
	load "$T/load.json" --url "$url/query/zh" --bodies "$T/long.jsonl" --connections 8 \
		--seconds 120 --log "$T/answers.jsonl"
	for n in $(seq "$kills"); do
		kill_one "$n"
	done
	kill -TERM "$load"
	wait "$load"
	body=$(<"$T/load.json")
	note "until the successor answered (ms): $(sort -n "$T/gaps" | tr '\n' ' ')"
	note "$(json '"%s requests at %s/s, p99 %s ms, statuses %s" % (j["requests"], j["rate"],
		j["latency_ms"]["p99"], j["statuses"])')"
}

# Long questions, so that a worker is busy nearly all the time and a kill finds it at work.
sample zh
"$PYTHON" -c '
import glob, json, sys
text = "".join(open(f, encoding="utf-8").read() for f in sorted(glob.glob(sys.argv[1] + "/*.md")))
for at in range(0, 4000, 500):
    print(json.dumps({"query": (text * 4)[at:at + 5000], "top_k": 20}, ensure_ascii=False))
' "$T/sources/zh" >"$T/long.jsonl"
start_pool WORKERS=2
start_nginx
put_tenant zh v1 "$T/sources/zh"
wait_for 60 "zh is served" answers 200 /query/zh '{"query": "升级"}'
wait_for 10 "two workers" has_workers 2

run_kills
is "shipped configuration, $kills workers killed: every answer 200" \
	"$(json 'j["first_failures"]')" '[]'
is "none of their places had to wait" "$(grep -c 'keeps dying' "$T/ragpoold.log")" 0
is "the pool counts what it lost" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" "$kills"
is "and is whole again" "$(workers | wc -l)" 2

stop "$nginx"
start_nginx '/^	server unix:/{n;N;d}; s/fastcgi_next_upstream .*/fastcgi_next_upstream off;/'
is "each upstream has one line left" "$(grep -c 'server unix:' "$T/run/nginx-ragpool.conf")" 2
run_kills
ok "asked once: at most the $kills requests in their hands failed" \
	test "$(json 'j["failures"]')" -le "$kills"
is "and those were told it was the server" \
	"$(json 'sorted(set(j["statuses"]) - {"200", "502"})')" '[]'
is "none of their places had to wait here either" "$(grep -c 'keeps dying' "$T/ragpoold.log")" 0
finish
