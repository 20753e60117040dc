#!/bin/bash
# Every wrong answer an agent can give, one after another, under a load that never stops: each
# is known for what it is, none takes a tenant away or backwards, and the good answer behind it
# is taken.
. "${0%/*}/lib.sh"
need nginx curl python3 openssl
F=$T/fake
mkdir "$F"

set_mode() { printf '%s' "$1" >"$F/.mode" && mv "$F/.mode" "$F/mode"; }

# set_keys VERSION INDEX [MORE]: en is of that version, "two" of v1 under index 5.
set_keys() {
	"$PYTHON" - "$F/keys.json" "$(tenant_json "$1" "$T/sources/en")" "$2" \
		"$(tenant_json v1 "$T/sources/two")" "${3:-{\}}" <<-'END'
	import json, os, sys
	path, en, index, two, more = sys.argv[1:]
	keys = {"rag/sentinel": ["{}", 1], "rag/tenants/en/config": [en, int(index)],
	        "rag/tenants/two/config": [two, 5]}
	keys.update(json.loads(more))
	with open(path + ".new", "w", encoding="utf-8") as f:
	    json.dump(keys, f)
	os.rename(path + ".new", path)
	END
}

served() {	# both tenants, from the generations they had
	post /query/en '{"query": "bread"}'
	[ "$status $(header x-ragpool-generation)" = "200 $generation" ] || return 1
	post /query/two '{"query": "bread"}'
	[ "$status" = 200 ]
}

is_version() { tells 't("en")["version"]' "$1"; }

# recover VERSION INDEX: a good answer with something new is taken, soon after the fault.
recover() {
	set_keys "$1" "$2"
	set_mode ok
	ragpool reload >>"$T/commands.log" 2>&1
	wait_until 30 is_version "$1"
}

sample en
cp -r "$T/sources/en" "$T/sources/two"
read -r port tls_port <<<"$(free_ports 2)"
set_mode ok
set_keys v1 10
start fake "$PYTHON" "$here/fake_consul.py" --port "$port" --folder "$F"
fake=$started
printf old >"$T/token"
chmod 600 "$T/token"
start_pool WORKERS=2 "CONSUL=address = http://127.0.0.1:$port\nwait = 1s\ntoken_file = $T/token"
start_nginx
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "two is served" answers 200 /query/two '{"query": "bread"}'
post /query/en '{"query": "bread"}'
generation=$(header x-ragpool-generation)
load "$T/load.json" --url "$url/query/en" --body '{"query": "bread"}' --connections 2 \
	--rate 100 --seconds 170

rss_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pool/status"; }
rss=$(rss_kb)

# fault MODE STATE...: the pool comes to know the agent as one of these, and serves on.
fault() {
	local mode=$1
	shift
	set_mode "$mode"
	ok "$mode is known" wait_until 20 tells "j['consul']['state'] in '$*'.split()" true
	ok "$mode takes nothing away" served
}

quiet() {	# quiet MODE: an answer that may be strange, but says what is so
	local before
	before=$(told 'j["consul"]["resets"]')
	set_mode "$1"
	ok "$1 is noticed" wait_until 20 tells "j['consul']['resets'] > $before" true
	ok "$1 takes nothing away" served
}

index=20
for mode in lower zero text missing; do
	quiet $mode
done
for row in 'hidden empty' 'denied denied' '500 leaderless' '503 leaderless' '400 confused' \
	'429 throttled' 'leaderless leaderless' 'html confused' 'object confused' 'half confused' \
	'cut unreachable' 'redirect confused' 'reset unreachable' 'flood confused' \
	'noise confused'; do
	# shellcheck disable=SC2086
	fault $row
	set_mode ok
	ragpool reload >>"$T/commands.log" 2>&1
	wait_until 20 tells 'j["consul"]["state"]' watching || break
done
is "after all of them the agent is believed again" "$(told 'j["consul"]["state"]')" watching
is "but not yet called healthy" "$(told 'j["consul"]["degraded"]')" true
ok "a hundred megabytes are given back" test "$(($(rss_kb) - rss))" -lt 20000
note "the supervisor grew from $rss to $(rss_kb) KiB"
ok "a change behind the faults is taken" recover v2 $((index += 1))
post /query/en '{"query": "bread"}'
generation=$(header x-ragpool-generation)

# Values of one key: refused alone, while a change of its neighbour is taken.
value() {	# value NAME JSON-VALUE
	set_keys "v-$1" $((index += 1)) "{\"rag/tenants/two/config\": [$2, $index]}"
	ok "beside $1 a change is taken" wait_until 20 is_version "v-$1"
	ok "$1 is refused, and said" wait_until 20 tells \
		"t('two')['state'] == 'refused' and t('two')['last_error'] is not None" true
	post /query/two '{"query": "bread"}'
	is "and what was there is served" "$status" 200
}
value null null
value nothing '""'
value 513k '{"bytes": 525312}'
value nul '"{\"version\": \"v\u0000\"}"'
value half '"{\"version\": \"v2\", \"data_source\""'
value base64 '{"base64": "!!!!"}'

# The past: a key that is older, with what it held before.
set_keys v1 10
ok "a document of the past is refused" wait_until 20 tells \
	't("en")["alert"]' config_older_than_accepted
is "and the newer one stays" "$(told 't("en")["version"]')" v-base64

# Keys that vanish: a 200 that lists fewer is a narrowed policy as much as a deletion.
echo '{"rag/sentinel": ["{}", 1], "rag/tenants/two/config": ["{}", 99]}' >"$F/keys.json"
ok "a tenant that is gone is kept" wait_until 20 tells \
	"'gone' in (t('en')['warning'] or '')" true
post /query/en '{"query": "bread"}'
is "and served" "$status" 200
set_keys v3 $((index += 200))
ok "it comes back" wait_until 20 is_version v3

# The token file is read anew as soon as the token is refused.
set_mode token
ok "a token is refused" wait_until 20 tells 'j["consul"]["state"]' denied
printf new >"$T/token"
ragpool reload >>"$T/commands.log" 2>&1
ok "the file's new token is taken" wait_until 20 tells 'j["consul"]["state"]' watching
set_mode ok

# TLS against an agent that has none; nobody at all; an agent that is only slow.
stop "$fake" KILL
ok "nobody there is known" wait_until 20 tells 'j["consul"]["state"]' unreachable
start fake "$PYTHON" "$here/fake_consul.py" --port "$port" --folder "$F"
fake=$started
ragpool reload >>"$T/commands.log" 2>&1
ok "and the agent that is back" wait_until 40 tells 'j["consul"]["state"]' watching
post /query/en '{"query": "bread"}'
generation=$(header x-ragpool-generation)
for mode in hang drip; do
	fault $mode unreachable
	set_mode ok
	ragpool reload >>"$T/commands.log" 2>&1
	ok "$mode ends" wait_until 40 tells 'j["consul"]["state"]' watching
done

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "no worker went back" "$(json 'j["went_back"]')" 0

# --- TLS: an agent with a certificate, that asks for one of ours -----------------------------
stop "$pool"
make_cert() {	# make_cert NAME SUBJECT SAN
	openssl req -newkey rsa:2048 -nodes -keyout "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$2" \
		-addext "subjectAltName=$3" 2>>"$T/openssl.log" &&
	openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial \
		-days 2 -copy_extensions copy -out "$T/$1.pem" 2>>"$T/openssl.log" &&
	chmod 600 "$T/$1.key"
}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$T/ca.key" -out "$T/ca.pem" \
	-subj '/CN=test CA' 2>>"$T/openssl.log" || die "openssl"
make_cert server server.dc1.consul DNS:server.dc1.consul || die "openssl"
make_cert client ragpool DNS:ragpool || die "openssl"
start tls "$PYTHON" "$here/fake_consul.py" --port "$tls_port" --folder "$F" \
	--cert "$T/server.pem" --key "$T/server.key" --client-ca "$T/ca.pem"
with_tls() {	# with_tls STATE LINES: a pool with these options comes to that state
	stop "$pool"
	start_pool "CONSUL=address = https://127.0.0.1:$tls_port\nwait = 1s\n$2"
	wait_until 20 tells 'j["consul"]["state"]' "$1"
}
ok "with the name and both certificates the agent is believed" with_tls watching \
	"ca_file = $T/ca.pem\ncert_file = $T/client.pem\nkey_file = $T/client.key\ntls_server_name = server.dc1.consul"
ok "not under another name" with_tls unreachable \
	"ca_file = $T/ca.pem\ncert_file = $T/client.pem\nkey_file = $T/client.key"
ok "not without our certificate" with_tls unreachable \
	"ca_file = $T/ca.pem\ntls_server_name = server.dc1.consul"
ok "not without its CA" with_tls unreachable \
	"cert_file = $T/client.pem\nkey_file = $T/client.key\ntls_server_name = server.dc1.consul"
ok "and serves all the same" wait_until 20 answers 200 /query/en '{"query": "bread"}'
finish
