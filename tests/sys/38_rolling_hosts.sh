#!/bin/bash
# rolling_hosts = 1: under load never two hosts at a time have workers away from their work,
# also when the one that rolls loses its place in the middle.
. "${0%/*}/lib.sh"
. "${0%/*}/fleet.sh"
need nginx consul curl python3
need_built ragpoold ragpool-worker ragpool-build ragpool

host_workers='3\nmin_ready = 150ms'
host_consul='rolling_hosts = 1\nrolling_patience = 2s'
sample en
start_consul
kv_put rag/sentinel '{}'
kv_put rag/tenants/en/config "$(tenant_json v1 "$T/sources/en")"
start_host a
host_a=$started
start_host b
ok "both serve" wait_until 60 are_at v1
first=$(generation_of a)
echo 'The lamp is lit at dusk.' >"$T/sources/en/lamp.txt"
kv_put rag/tenants/en/config "$(tenant_json v2 "$T/sources/en")"
ok "both serve the next version" wait_until 60 are_at v2
second=$(generation_of a)

socket=$T/a/run/query.sock
start_nginx
load "$T/load.json" --url "$url/query/en" --body '{"query": "bread"}' \
	--body '{"query": "lighthouse keeper"}' --connections 3 --seconds 150
for to in "$first" "$second" "$first"; do
	kv_put rag/tenants/en/generation "{\"generation\": \"$to\"}"
	ok "both go to $to" wait_until 30 both_serve "$to" || break
done

# The place is lost in the middle of a long roll: the worker in hand is the last until the
# place is had again.  (A host hears of it when it renews its session, every 10 s, and for 15 s
# Consul gives the place to nobody.)
reload_a() {	# reload_a MIN_READY
	sed -i "s/^min_ready = .*/min_ready = $1/" "$T/a.conf"
	kill -HUP "$host_a"
}
place() { curl -s "$consul_url/v1/kv/rag/locks/roll/0"; }
a_has_place() {
	body=$(place) && session=$(json 'j[0].get("Session", "")') && [ ${#session} = 36 ] &&
		place | grep -q "$(printf '{"host":"a"' | base64 | cut -c1-14)"
}
said_by_a() { grep -q "$1" "$T/a.log"; }
reload_a 4s
ok "a has the place" wait_until 20 a_has_place
curl -s -X PUT "$consul_url/v1/session/destroy/$session" >>"$T/commands.log"
ok "having lost it, it stops where it is" wait_until 20 said_by_a "roll held: this host's place"
kv_put rag/tenants/en/generation "{\"generation\": \"$second\"}"
reload_a 150ms
ok "and goes on when it has it again" wait_until 30 said_by_a 'roll goes on'
ok "both come to what was meant meanwhile" wait_until 30 both_serve "$second"

# Somebody has the only place and does not give it back.
body=$(curl -s -X PUT "$consul_url/v1/session/create" -d '{"Name": "stranger", "LockDelay": "1ms"}')
session=$(json 'j["ID"]')
takes_place() { [ "$(curl -s -X PUT -d '{"host":"stranger"}' "$consul_url/v1/kv/rag/locks/roll/0?acquire=$session")" = true ]; }
wait_for 30 "a stranger takes the place" takes_place
kv_put rag/tenants/en/generation "{\"generation\": \"$first\"}"
ok "a roll that waits for too long says for whom" wait_until 20 said_by_a 'roll waits for its place .*: host stranger has it'
host_tells a 'j["roll"]["waits"]' x
is "so does its status" "$(json '[j["roll"]["phase"], j["roll"]["waits"]["holder"], j["roll"]["waits"]["overdue"]]')" \
	'["lock", "stranger", true]'
like "and the command" "$("$bin/ragpool" -c "$T/a.conf" status)" 'waits for its turn among the hosts since [0-9]+ s, host stranger has it'
ok "meanwhile it serves" answers 200 /query/en '{"query": "bread"}'
curl -s -X PUT "$consul_url/v1/session/destroy/$session" >>"$T/commands.log"
is_through() { host_tells "$1" 'j["roll"]["phase"] == "idle" and j["roll"]["waits"] is None' true; }
ok "when the place is free both go on" wait_until 30 eval 'is_through a && is_through b'
ok "to what was meant" both_serve "$first"

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "one generation an answer" "$(json 'j["mismatched"]')" 0

# When each had workers away, by its own log.
cat >"$T/overlap.py" <<'END'
import re, sys
spans = {}
for path in sys.argv[1:]:
    spans[path], begin = [], None
    for line in open(path, encoding="utf-8"):
        at = line.split(" ", 1)[0]
        if "roll has its place" in line or " roll goes on" in line:
            begin = at
        elif begin and re.search(r" roll (done|held)", line):
            spans[path].append((begin, at))
            begin = None
a, b = spans.values()
print(len(a), len(b), [(x, y) for x in a for y in b if x[0] < y[1] and y[0] < x[1]])
END
read -r of_a of_b both <<<"$("$PYTHON" "$T/overlap.py" "$T/a.log" "$T/b.log")"
note "rolls of a and b: $of_a, $of_b"
ok "both rolled, several times" test "$of_a" -ge 2 -a "$of_b" -ge 2
is "never at the same time" "$both" '[]'
finish
