#!/bin/bash
# The supervisor is killed in every phase of a roll, under load: its workers serve on, its
# successor starts from what was proven, and ends where the pointer says.  No request fails,
# and no answer is made of two generations.
. "${0%/*}/lib.sh"
need nginx curl python3

start_pool WORKERS=3
start_nginx
sample en
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
settled_on() {
	tells 't("en")["version"] + j["roll"]["state"] + str(j["ready"]) + str(len({w["epoch"] for w in j["workers"]}))' \
		"${1}idle31"
}
paused_in() { tells 'j["roll"]["state"] + " " + j["roll"]["phase"]' "paused $1"; }
unproven() { grep -c 'was not proven when the supervisor ended' "$T/ragpoold.log"; }
kill_and_start() {
	kill -KILL "$pool"
	wait "$pool" 2>/dev/null
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
}
wait_for 20 "v1 is live" settled_on v1

load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 8 --seconds 120
n=1
for phase in hold lock surge canary bake roll verify; do
	n=$((n + 1))
	ragpool pause --at "$phase"
	put_tenant en "v$n" "$T/sources/en"
	wait_for 20 "the roll to v$n is paused in $phase" paused_in "$phase"
	before=$(unproven)
	kill_and_start
	ok "killed in $phase, it ends on what was wanted" wait_until 20 settled_on "v$n"
	case $phase in
	surge | canary | bake) wanted=1 ;;
	*) wanted=0 ;;
	esac
	is "killed in $phase, it starts from what was proven" "$(($(unproven) - before))" "$wanted"
done

# On the way back, what is proven is where it goes back to.
good=v$n
for phase in back back-verify; do
	n=$((n + 1))
	ragpool pause --at roll
	put_tenant en "v$n" "$T/sources/en"
	wait_for 20 "the roll to v$n is paused behind its canary" paused_in roll
	ragpool pause --at "$phase"
	ragpool abort >>"$T/commands.log" 2>&1
	is "an abort that is paused in $phase says so" $? 4
	kill_and_start
	ok "killed in $phase, it ends where it came from" wait_until 20 settled_on "$good"
	is "and says what is not served, and why" \
		"$(told 't("en")["state"] + ": " + t("en")["last_error"]')" \
		"refused: the roll was aborted"
done

# With an order given and not yet answered.
n=$((n + 1))
worker=$(told 'j["workers"][0]["pid"]')
kill -STOP "$worker"
put_tenant en "v$n" "$T/sources/en"
ordered() { tells 'j["workers"][0]["step"]' ordered; }
wait_for 20 "the canary is ordered" ordered
kill_and_start
kill -CONT "$worker"
ok "killed with an order on its way, it ends on what was wanted" wait_until 20 settled_on "v$n"

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
is "and from one generation" "$(json 'j["mismatched"]')" 0
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"
finish
