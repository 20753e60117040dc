#!/bin/bash
# Jobs when builders and supervisors fail: one that hangs is found and ended, one that runs is
# cancelled, one that another process holds up waits, and a supervisor that is started again, after
# a kill or a stop, goes on with what was open.  All as the API tells it.
. "${0%/*}/lib.sh"
need nginx curl python3

# The builder, which hangs before it commits what it has read if there is a file that says so; one
# that is deaf does not obey either.
cat >"$T/builder" <<'END'
#!/bin/bash
folder=${0%/*}
if [ -e "$folder/hang" ]; then
	[ "$(<"$folder/hang")" != deaf ] || trap '' TERM
	export RAGPOOL_FAILPOINT=sync.commit=hang
	echo $$ >"$folder/hanging"
fi
exec "$real_builder" "$@"
END
chmod +x "$T/builder"
export real_builder=$bin/ragpool-build

mkdir -p "$T/tenants.d"
printf '{"version": "v1", "data_source": {"type": "push"}}\n' >"$T/tenants.d/box.json"
start_pool WORKERS=2 "BUILDER=$T/builder" 'GLOBAL=inbox_delay = 0ms\nhold_down = 0ms\nbuild_stall = 3s'
start_nginx
send() {	# send NAME TEXT: sets $job
	ask PUT "/tenants/box/documents/$1" -H 'Content-Type: text/plain' --data-binary "$2"
	[ "$status" = 202 ] || note "send $1: $status"
	job=$(json 'j["job"]')
}
job_is() {	# job_is JOB STATE
	ask GET "/jobs/$1"
	[ "$(json 'j["state"]')" = "$2" ]
}
finds() {	# finds WORD ID
	post /query/box "{\"query\": \"$1\", \"top_k\": 20}"
	[ "$(json "[h['source'] for h in j['hits']].count('$2')")" = 1 ]
}
hang() {	# hang HOW
	rm -f "$T/hanging"
	echo "$1" >"$T/hang"
}
kill_and_start() {	# kill_and_start SIGNAL
	kill -"$1" "$pool"
	wait "$pool" 2>/dev/null
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
	wait_for 20 "ragpoold listens again" tells 'j["ready"]' 2
}
send first.txt 'The first quokka.'
wait_for 60 "it serves" job_is "$job" live

# --- a builder that hangs ---
for how in hanging deaf; do
	hang "$how"
	send "$how.txt" "The $how quokka."
	wait_for 20 "a builder hangs" test -s "$T/hanging"
	victim=$(<"$T/hanging")
	wait_for 20 "its job is being built" job_is "$job" building
	rm "$T/hang"
	ok "a $how builder is found and ended" wait_until 30 is_dead "$victim"
	ok "it is tried again, and live" wait_until 30 job_is "$job" live
	ok "and found, once" finds "$how" "$how.txt"
done
is "the log says so each time" "$(grep -c 'stalled, stopped' "$T/ragpoold.log" | sed 's/^[2-9]$/2 or more/')" '2 or more'

# --- cancelling what runs ---
hang obedient
send cancelled.txt 'The cancelled quokka.'
wait_for 20 "it is being built" job_is "$job" building
ok "it is cancelled" ragpool cancel box
ok "its job says so" wait_until 20 job_is "$job" failed
is "and why" "$(json 'j["reason"]')" 'cancelled by an operator'
ok "the builder is gone" wait_until 10 is_dead "$(<"$T/hanging")"
rm "$T/hang"
is "the tenant too" "$(told '[t("box")["state"], t("box")["last_error"]]')" \
	'["refused", "cancelled by an operator"]'
cancelled=$job
send after.txt 'The quokka after it.'
ok "the next build is live" wait_until 30 job_is "$job" live
ok "and brings what was accepted before" finds cancelled cancelled.txt
ok "whose job is live then" wait_until 10 job_is "$cancelled" live

# --- cancelling what waits ---
hang obedient
printf '{"version": "v1", "data_source": {"type": "push"}}
' >"$T/tenants.d/.other.tmp"
mv "$T/tenants.d/.other.tmp" "$T/tenants.d/other.json"
wait_for 20 "another tenant's builder has the only place" test -s "$T/hanging"
rm "$T/hang"
waiting_is() { ask GET "/jobs/$waiting" && [ "$(json '[j["state"], j["reason"], len(j["items"])]')" = "$1" ]; }
send waiting.txt 'The waiting quokka.'
waiting=$job
ok "what waits for a place is queued" waiting_is '["queued", null, 1]'
ok "it is cancelled" wait_until 10 ragpool cancel box
ok "then its job says so" wait_until 20 waiting_is '["failed", "cancelled by an operator", 1]'
ask GET '/tenants/box/jobs?state=queued'
is "it is not listed as one that waits" "$(json 'j["jobs"]')" '[]'
ask GET '/tenants/box/jobs'
is "but once, as it is" "$(json "[x['state'] for x in j['jobs'] if x['job'] == '$waiting']")" '["failed"]'
ok "the other tenant's is cancelled, too" ragpool cancel other
send then.txt 'The quokka after that.'
ok "the next build is live" wait_until 30 job_is "$job" live
ok "and brings what waited" finds waiting waiting.txt
ok "whose job is live then" wait_until 10 job_is "$waiting" live

# --- a roll that is taken back ---
ragpool pause --at roll >>"$T/commands.log" 2>&1
send aborted.txt 'The aborted quokka.'
paused() { tells 'j["roll"]["state"]' paused; }
wait_for 20 "the roll waits behind its canary" paused
job_is "$job" gated
is "its job is in a sealed generation" "$(json 'j["state"]')" gated
ragpool abort >>"$T/commands.log" 2>&1
ok "a roll that is aborted fails its job" wait_until 20 job_is "$job" failed
like "which says why" "$(json 'j["reason"]')" 'was refused: the roll was aborted'
ragpool resume >>"$T/commands.log" 2>&1
aborted=$job
send following.txt 'The quokka that follows.'
ok "the next one is live" wait_until 30 job_is "$job" live
ok "and brings it" finds aborted aborted.txt
ok "whose job is live then, too" wait_until 10 job_is "$aborted" live

# --- a pointer that cannot be written ---
# The supervisor writes it anew and renames it; a folder of that name is in the way.
mkdir "$T/data/tenants/box/current.tmp-$pool"
send pointer.txt 'The quokka that is pointed to.'
held() { grep -q 'gate passed tenant=box generation=.*, but: ' "$T/ragpoold.log"; }
wait_for 20 "the pointer cannot be written" held
job_is "$job" gated
is "its job waits" "$(json 'j["state"]')" gated
rmdir "$T/data/tenants/box/current.tmp-$pool"
ok "and is live when it can be" wait_until 30 job_is "$job" live

# --- a builder by hand has the tenant ---
mkfifo "$T/held"
"$PYTHON" - "$T/data/tenants/box/lock" "$T/held" <<'PY' &
import fcntl, sys
with open(sys.argv[1], "r+") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    open(sys.argv[2]).read()
PY
pids+=($!)
exec 8>"$T/held"		# it has the lock, and reads until we close
send waiting.txt 'The waiting quokka.'
is_busy() { told 't("box")["last_error"]' | grep -q 'another build of this tenant is running'; }
ok "a build of somebody else is waited for" wait_until 20 is_busy
exec 8>&-
ok "and followed" wait_until 30 job_is "$job" live

# --- the supervisor, with jobs that are open ---
for signal in KILL TERM; do
	hang obedient
	send "$signal-building.txt" "The building quokka of $signal."
	building=$job
	wait_for 20 "one is being built" job_is "$building" building
	send "$signal-queued.txt" "The queued quokka of $signal."
	queued=$job
	job_is "$queued" queued
	is "one waits" "$(json 'j["state"]')" queued
	rm "$T/hang"	# for the next builder: this one hangs
	kill_and_start "$signal"
	ok "after $signal, what was building is live" wait_until 30 job_is "$building" live
	ok "and what was queued" wait_until 30 job_is "$queued" live
	ok "both are found, once" finds "$signal" "$signal-queued.txt"
done
ask GET /tenants/box/jobs
is "no job is left" "$(json '[x["job"] for x in j["jobs"] if x["state"] != "live"]')" '[]'
finish
