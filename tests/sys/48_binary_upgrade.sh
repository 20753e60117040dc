#!/bin/bash
# New binaries under load.  USR2 puts another supervisor in the place of the running one, which
# keeps its pid, its lock, its sockets and its workers; one that is no good changes nothing.
# Then the workers are replaced one after another, never more than one missing.
. "${0%/*}/lib.sh"
need nginx curl python3

sup() { body=$(ragpool status --json 2>/dev/null) && json "$1"; }	# of the control socket
ready() { [ "$(sup 'j["ready"]')" = "$1" ]; }
worker_pids() { sup 'sorted(w["pid"] for w in j["workers"])'; }
said() { [ "$(grep -c "$1" "$T/ragpoold.log")" -ge "$2" ]; }	# said TEXT TIMES

# Binaries of this test alone, to be replaced while they run.
mkdir "$T/bin"
cp "$bin/ragpoold" "$bin/ragpool-worker" "$T/bin/"
programs=$bin
sample en
start_pool WORKERS=3
stop "$pool"
sed -i "s|^worker_program = .*|worker_program = $T/bin/ragpool-worker|" "$conf"
start ragpoold "$T/bin/ragpoold" -c "$conf" --foreground
pool=$started
put_tenant en v1 "$T/sources/en"
start_nginx
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 10 "three workers" ready 3
load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 8 --seconds 120

# replace FILE PROGRAM: as a package manager does, by rename.
replace() {
	cp "$2" "$1.new"
	chmod +x "$1.new"
	mv "$1.new" "$1"
}

# --- binaries that are no good ---------------------------------------------------------
before=$(worker_pids)
refused=0
for broken in '#!/bin/sh
exit 3' '#!/bin/sh
kill -SEGV $$' '#!/bin/sh
echo "{}"; exit 1' '#!/nowhere/sh
'; do
	printf '%s\n' "$broken" >"$T/broken"
	replace "$T/bin/ragpoold" "$T/broken"
	kill -USR2 "$pool"
	refused=$((refused + 1))
	ok "a broken binary is refused ($refused)" \
		wait_until 15 said 'the new binary is refused, this one goes on' "$refused"
done
rm "$T/bin/ragpoold"
kill -USR2 "$pool"
ok "a missing one too" wait_until 15 said 'the new binary is refused, this one goes on' 5
replace "$T/bin/ragpoold" "$programs/ragpoold"
cp "$conf" "$T/good.conf"
sed -i 's/^workers = .*/workers = many/' "$conf"
kill -USR2 "$pool"
ok "and a configuration it cannot read" \
	wait_until 15 said 'the new binary is refused, this one goes on' 6
cp "$T/good.conf" "$conf"
is "the workers are the same" "$(worker_pids)" "$before"
ok "the supervisor is there" is_alive "$pool"

descriptors() { ls "/proc/$pool/fd" | wc -l; }
held=$(descriptors)
# --- ten that are ----------------------------------------------------------------------
took=0
for _ in $(seq 10); do
	replace "$T/bin/ragpoold" "$programs/ragpoold"
	kill -USR2 "$pool"
	took=$((took + 1))
	wait_until 15 said 'took over 3 workers of the binary before' "$took" || break
	wait_until 10 ready 3
done
is "ten binaries took over" "$took" 10
is "the workers are the same still" "$(worker_pids)" "$before"
is "the process is too" "$(sup 'j["supervisor"]["pid"]')" "$pool"
is "it runs the binary that is there" \
	"$(stat -L -c %i "/proc/$pool/exe")" "$(stat -c %i "$T/bin/ragpoold")"
"$programs/ragpoold" -c "$conf" >"$T/second.log" 2>&1
is "its lock is its own" $? 75
ok "and it holds no more descriptors than before" test "$(descriptors)" -le "$held"
kill -KILL "$(sup 'next(w["pid"] for w in j["workers"] if w["pid"])')"
ok "a worker that dies is seen and replaced" wait_until 10 ready 3
ok "a roll reaches everyone" ragpool reload --wait

# --- workers ---------------------------------------------------------------------------
# sample_ready: how many were ready, looked at for as long as the file $T/watch exists.
sample_ready() {
	while [ -e "$T/watch" ]; do
		printf '%s\n' "$(ragpool status --json | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["ready"])')"
	done
}
for n in 1 2; do
	before=$(worker_pids)
	replace "$T/bin/ragpool-worker" "$programs/ragpool-worker"
	: >"$T/watch"
	sample_ready >"$T/ready.txt" &
	sampler=$!
	ok "the workers are replaced ($n)" ragpool respawn --wait
	rm "$T/watch"
	wait "$sampler"
	is "all of them" "$(sup "[w['pid'] for w in j['workers'] if w['pid'] in $before]")" '[]'
	ok "never more than one was missing" test "$(sort -n "$T/ready.txt" | head -n 1)" -ge 2
done

# A worker program that does not start costs one worker, and the walk ends there.
cp "$conf" "$T/good.conf"
sed -i '/^\[global\]/a reload_timeout = 2s\nshutdown_timeout = 2s' "$conf"
kill -HUP "$pool"
ok "a short patience is taken" ragpool reload --wait
before=$(worker_pids)
printf '#!/bin/sh\nexit 3\n' >"$T/broken"
replace "$T/bin/ragpool-worker" "$T/broken"
ragpool respawn --wait >/dev/null 2>&1
is "a broken worker program ends the walk" $? 5
is "two of the old ones serve on" "$(sup 'j["ready"]')" 2
replace "$T/bin/ragpool-worker" "$programs/ragpool-worker"
ok "mended, the third comes back" wait_until 20 ready 3

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"
kill -TERM "$pool"
ok "it ends as ever" wait_until 10 is_dead "$pool"
finish
