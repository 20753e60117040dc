#!/bin/bash
# The supervisor itself: one at a time, a conf with errors is refused, it may be killed under
# load and succeeded without a failed request, it backs off from a worker that cannot start.
. "${0%/*}/lib.sh"
need nginx curl python3

not() { ! "$@"; }
sup() { body=$(ragpool status --json 2>/dev/null) && json "$1"; }	# of the control socket
ready() { [ "$(sup 'j["ready"]')" = "$1" ]; }

sample en
start_pool WORKERS=3
start_nginx
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 10 "three workers" ready 3

# A second one changes nothing for the first.
inode=$(stat -c %i "$socket")
"$bin/ragpoold" -c "$conf" >"$T/second.log" 2>&1
is "a second supervisor leaves with 75" $? 75
like "and says who runs" "$(<"$T/second.log")" "already running \(pid $pool\)"
is "the socket is the same" "$(stat -c %i "$socket")" "$inode"

# Configuration: all or nothing.
cp "$conf" "$T/good.conf"
sed -i 's/^workers = .*/workers = many/' "$conf"
kill -HUP "$pool"
told() { grep -q 'conf refused, the old one stays' "$T/ragpoold.log"; }
ok "a configuration with an error is refused" wait_until 10 told
is "and the workers are as many as before" "$(
	cp "$T/good.conf" "$conf"
	sup 'j["ready"]'
)" 3
sed -i 's/^workers = .*/workers = 2/' "$conf"
ok "a good one is taken" ragpool reload --wait
ok "with the new number of workers" wait_until 10 ready 2
kill -TTIN "$pool"
ok "one more by a signal" wait_until 10 ready 3

kill -TTOU "$pool"
ok "one fewer by another" wait_until 10 ready 2

# Logs are opened anew, by the workers too.
kill -USR1 "$pool"
reopened() { grep -q 'log reopened' "$T/ragpoold.log"; }
ok "the log is opened anew by a signal" wait_until 10 reopened

# A paused roll moves nobody; it goes on where it was.
paused() { [ "$(sup 'j["roll"]["state"]')" = paused ]; }
kill -RTMIN+1 "$pool"
ok "a roll is paused by a signal" wait_until 10 paused
kill -RTMIN+2 "$pool"
ok "and resumed by another" wait_until 10 not paused
ragpool pause
epoch=$(sup 'j["epoch"]')
ragpool reload
is "a paused roll is said to be paused" "$(sup 'j["roll"]["state"]')" paused
is "nobody moved" "$(sup 'sorted({w["epoch"] for w in j["workers"]})')" "[$epoch]"
ragpool resume
moved() { [ "$(sup 'sorted({w["epoch"] for w in j["workers"]})')" = "[$((epoch + 1))]" ]; }
ok "it goes on" wait_until 10 moved

# Killed under load: its workers serve on, its successor takes over.  RAGPOOL_KILLS times (3).
kills=${RAGPOOL_KILLS:-3}
load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 8 --seconds 120
gone() {	# gone PID...: the workers of the dead one have left
	local pid
	for pid; do
		is_dead "$pid" || return 1
	done
}
: >"$T/took"
for _ in $(seq "$kills"); do
	orphans=$(sup '" ".join(str(w["pid"]) for w in j["workers"])')
	began=$(now_ms)
	kill -KILL "$pool"
	wait "$pool" 2>/dev/null
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
	wait_for 10 "the successor is ready" ready 2
	wait_for 10 "the workers of the dead one leave" gone $orphans
	echo $(($(now_ms) - began)) >>"$T/took"
done
note "killed $kills times; new workers ready, old ones gone, after (ms): $(sort -n "$T/took" |
	awk '{ t[NR] = $1 } END { print "median", t[int((NR + 1) / 2)], "most", t[NR] }')"
ok "a roll reaches everyone" ragpool reload --wait
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"

# The lock decides, whatever the pid file says.
stop "$pool"
mkdir -p "$T/run"
printf '1\n' >"$T/run/ragpoold.pid"
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
ok "a pid file that names somebody else hinders nobody" wait_until 10 ready 2

# A worker that cannot start is tried less and less often.
printf '#!/bin/sh\nexit 3\n' >"$T/broken"
chmod +x "$T/broken"
cp "$conf" "$T/good.conf"
sed -i "s|^worker_program = .*|worker_program = $T/broken|" "$conf"
kill -HUP "$pool"
ragpool reload --wait >/dev/null
for pid in $(sup '" ".join(str(w["pid"]) for w in j["workers"] if w["pid"])'); do kill -KILL "$pid"; done
backing_off() { grep -q 'keeps dying, next try in 800 ms' "$T/ragpoold.log"; }
ok "a worker that cannot start is backed off from" wait_until 10 backing_off
ok "and not hammered" test "$(sup 'j["died"]')" -lt 16
cp "$T/good.conf" "$conf"
kill -HUP "$pool"
ok "mended, it comes back" wait_until 20 ready 2

# Options of workers travel on their command line: after a reload there are new workers.
took_over() {	# took_over OLD-PIDS: two others serve
	ready 2 && [ "$(sup "sorted(w['pid'] for w in j['workers'] if w['pid'] in [${1// /, }])")" = '[]' ]
}
old=$(sup '" ".join(str(w["pid"]) for w in j["workers"])')
is "ten hits may be asked for" "$(answers 200 /query/en '{"query": "boat", "top_k": 10}'; echo $?)" 0
sed -i 's/^workers = 2$/workers = 2\ntop_k_max = 5\nmax_body = 1k/' "$conf"
kill -HUP "$pool"
ok "after a reload with other limits there are new workers" wait_until 20 took_over "$old"
is "with the new top_k_max" "$(answers 422 /query/en '{"query": "boat", "top_k": 10}'; echo $?)" 0
is "and the new max_body" \
	"$(answers 413 /query/en "{\"query\": \"$(printf '%2000s' x)\"}"; echo $?)" 0
walks() { grep -c 'new workers one after another' "$T/ragpoold.log"; }
before=$(walks)
sed -i 's/^workers = 2$/workers = 2\nrequest_timeout = 40s\nlisten_backlog = 77/' "$conf"
kill -HUP "$pool"
told_restart() { grep -q 'only a restart brings it into force.*listen_backlog' "$T/ragpoold.log"; }
ok "what only a restart brings into force is named" wait_until 10 told_restart
is "an option of the supervisor takes no new workers" "$(walks)" "$before"

# Asked to stop with a request in hand: it is finished.  Asked twice: it is not.
ended() { is_dead "$pool"; }
# hold: a request that does not come to its end, in the hands of a worker.
hold() {
	start holder "$PYTHON" -c '
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(struct.pack(">BBHHBBHB5x", 1, 1, 1, 8, 0, 0, 1, 0))
time.sleep(30)' "$socket"
	holder=$started
	wait_until 10 in_hand
}
in_hand() { [ "$(sup '[w for w in j["workers"] if w["state"] == "reading"] != []')" = true ]; }
again() { start ragpoold "$bin/ragpoold" -c "$conf" --foreground; pool=$started; wait_until 10 ready 2; }
ok "a request is in hand" hold
kill -QUIT "$pool"
stopping() { grep -q 'ragpoold\['"$pool"'\] stopping$' "$T/ragpoold.log"; }
ok "QUIT begins the end" wait_until 10 stopping
ok "which waits for the request" is_alive "$pool"
kill -QUIT "$pool"
ok "a second one does not" wait_until 5 ended
stop "$holder"
ok "it starts again" again
ok "a request is in hand" hold
kill -INT "$pool"
ok "INT ends it at once" wait_until 5 ended
stop "$holder"

is "the command line names what was meant" \
	"$(ragpool statsu 2>&1 | grep -o 'did you mean "status"')" 'did you mean "status"'
for program in ragpool ragpoold ragpool-worker ragpool-build ragpool-probe; do
	like "$program --version" "$("$bin/$program" --version)" "^$program [0-9]"
	ok "$program --help" sh -c '"$1" --help | grep -q "^usage: "' - "$bin/$program"
done

# Every option stands in the commented example, and nothing else.
is "etc/ragpool.conf names every option" \
	"$(sed -n 's/^;\([a-z_]*\) =.*/\1/p' "$RAGPOOL_SOURCE/etc/ragpool.conf.sample.in")" \
	"$("$bin/ragpoold" --options | sed -n 's/^  \([a-z_]*\) =.*/\1/p')"
# And with every semicolon taken away it is a configuration; what has no default is filled in.
mkdir -p "$T/all/lib" "$T/all/run" "$T/all/etc/ragpool/tenants.d"
sed -e 's/^;\([a-z_]* =\)/\1/; s/^; \[\(.*\) NAME\]/[\1 one]/' -e "s|/var/lib/ragpool|$T/all/lib|; s|/run/ragpool|$T/all/run|" \
	-e "s|@sysconfdir@|$T/all/etc|; s|@pkglibexecdir@/|$bin/|; s|@bindir@/|$bin/|" \
	-e 's|^url =.*|url = http://127.0.0.1:11434|; s|^bucket =.*|bucket = generations|' \
	"$RAGPOOL_SOURCE/etc/ragpool.conf.sample.in" >"$T/all/ragpool.conf"
is "with nothing commented out it loads" "$("$bin/ragpoold" -c "$T/all/ragpool.conf" -t 2>&1)" \
	"$T/all/ragpool.conf is good"
finish
