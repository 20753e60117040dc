#!/bin/bash
# Pools of three kinds: one that follows its load, one that starts from none, one whose worker
# hangs.  The slow log tells where the time went and never what was asked.
. "${0%/*}/lib.sh"
need nginx curl python3

sup() { body=$(ragpool status --json 2>/dev/null) && json "$1"; }	# of the control socket
pool_of() { sup "[p for p in j['pools'] if p['pool'] == '$1'][0]['$2']"; }
total() { [ "$(pool_of "$1" total_processes)" = "$2" ]; }
ready() { [ "$(sup 'j["ready"]')" = "$1" ]; }

sample en
sample zh
start_pool WORKERS=2
stop "$pool"
sed -i "s|^workers = .*|pm = dynamic\nmax_workers = 5\nmin_spare_workers = 1\nmax_spare_workers = 2\n\
idle_timeout = 1s\nrequest_slowlog_timeout = 1ms\nslowlog = $T/slow.log|" "$conf"
cat >>"$conf" <<-END
	[pool rare]
	listen = $T/run/rare.sock
	listen_mode = 0666
	pm = ondemand
	max_workers = 3
	idle_timeout = 1s
	[pool stuck]
	listen = $T/run/stuck.sock
	workers = 1
END
ok "three pools are good" "$bin/ragpoold" -c "$conf" -t
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
wait_for 20 "ragpoold makes $socket" has_socket
put_tenant en v1 "$T/sources/en"
put_tenant zh v1 "$T/sources/zh"
start_nginx
wait_for 60 "en is live" tells 't("en")["state"] + " " + j["roll"]["state"]' "live idle"
wait_for 60 "zh is served" answers 200 /query/zh '{"query": "升级"}'

is "a pool that starts from none has none" "$(pool_of rare total_processes)" 0
hung=$(sup '[w["pid"] for w in j["workers"] if w["pool"] == "stuck"][0]')
kill -STOP "$hung"

# The load follows: up while eight ask, down when they are gone, nobody notices.
"$PYTHON" -c '
import glob, json, sys
text = "".join(open(f, encoding="utf-8").read() for f in sorted(glob.glob(sys.argv[1] + "/*.md")))
for at in range(0, 4000, 500):
    print(json.dumps({"query": (text * 4)[at:at + 5000], "top_k": 20}, ensure_ascii=False))
' "$T/sources/zh" >"$T/long.jsonl"
load "$T/load.json" --url "$url/query/zh" --bodies "$T/long.jsonl" --connections 8 --seconds 60
ok "under load the pool grows to its most" wait_until 30 total query 5
full() { [ "$(pool_of query max_children_reached)" -gt 0 ]; }
ok "and says that more were needed" wait_until 10 full
like "the queue of the socket is known" "$(pool_of query max_listen_queue)" '^[1-9]'
ok "nearly all their time is spent on requests" \
	test "$(pool_of query busy_ratio | cut -c1-3 | tr -d .)" -ge 5
kill -TERM "$load"
wait "$load"
ok "without it the pool shrinks to its spares" wait_until 30 total query 2
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"

# The slow log: JSON, the stages, not a word of the question.
body=$(tail -n 1 "$T/slow.log")
is "a slow request is on record with its tenant" "$(json 'j["tenant"]')" zh
is "and its route" "$(json 'j["route"]')" '/query/{tenant}'
ok "its stages add up" test "$(json 'abs(j["total_ms"] - sum(j[s + "_ms"] for s in
	["read", "embed", "search", "fetch", "other", "write"])) < 0.01')" = true
ok "what was asked is nowhere" sh -c "! grep -q '升级' '$T/slow.log'"
ok "the pool counts them" test "$(pool_of query slow_requests)" -gt 0

# From none to one and back.
stop "$nginx"
socket=$T/run/rare.sock
start_nginx
wait_for 10 "the first request finds a worker" answers 200 /query/en '{"query": "bread"}'
ok "it was made for it" grep -q "worker [0-9]* pid $(header x-ragpool-worker) started" "$T/ragpoold.log"
ok "and leaves when nobody asks" wait_until 20 total rare 0
is "the next one is answered too" "$(answers 200 /query/en '{"query": "bread"}'; echo $?)" 0
load "$T/load.json" --url "$url/query/zh" --bodies "$T/long.jsonl" --connections 6 --seconds 60
ok "as many come as wait" wait_until 20 total rare 3
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200 here too" "$(json 'j["first_failures"]')" '[]'

# Signals that change nothing.
kill -WINCH "$pool"
ragpool pause >/dev/null
ragpool reload >/dev/null
kill -TTIN "$pool"
told_so() { grep -q 'no worker more or fewer while a roll is under way' "$T/ragpoold.log"; }
ok "during a roll the pool is not resized by hand" wait_until 10 told_so
ragpool resume >/dev/null

# A worker that hangs without a request is found by its heartbeat.
ok "a worker that hangs is replaced" wait_until 40 is_dead "$hung"
like "and the log says why" "$(grep "pid $hung killed" "$T/ragpoold.log")" 'hangs without a request'
ok "a pool that is whole again" wait_until 10 total stuck 1
finish
