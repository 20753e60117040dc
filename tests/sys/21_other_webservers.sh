#!/bin/bash
# lighttpd and Caddy, with the files that are shipped for them: each passes its server's own
# check, passes on what workers need, streams live, takes bodies, and answers its own errors in
# the one shape.
. "${0%/*}/lib.sh"
need lighttpd caddy curl python3

start_echo() {	# in place of the pool: says what the server passed on
	socket=$T/run/echo-$1.sock gate=$T/gate-$1
	start "echo-$1" "$PYTHON" "$here/fcgi_echo.py" "$socket" "$gate"
	echo_pid=$started
	wait_for 10 "the echo listens" test -S "$socket"
}

first_event() { grep -q first "$T/events-$1"; }

passes_on() {	# passes_on SERVER: what the program behind it saw
	local name=$1
	ask POST '/echo/a%2Fb?x=%20y' -H 'Authorization: Bearer k' -H 'Proxy: http://evil' \
		-H 'Content-Type: application/json' --data-binary '{"a": 1}'
	is "$name: the address as it was written" "$(json 'j["parameters"]["REQUEST_URI"]')" '/echo/a%2Fb?x=%20y'
	is "$name: the key" "$(json 'j["parameters"]["HTTP_AUTHORIZATION"]')" 'Bearer k'
	is "$name: where it listens" "$(json 'j["parameters"]["SERVER_ADDR"]')" 127.0.0.1
	is "$name: nobody's proxy" "$(json 'j["parameters"].get("HTTP_PROXY", "")')" ''
	is "$name: type and length" "$(json '[j["parameters"][n] for n in ("CONTENT_TYPE", "CONTENT_LENGTH")]')" \
		'["application/json", "8"]'
	ask OPTIONS /echo -H 'Origin: http://a'
	is "$name: OPTIONS" "$status $(json 'j["parameters"]["REQUEST_METHOD"]')" '200 OPTIONS'
	head -c 900000 /dev/zero >"$T/large"
	ask POST /echo --data-binary "@$T/large" -H 'Expect:'
	is "$name: a large body" "$status $(json 'j["body_bytes"]')" '200 900000'
	ask POST /echo --data-binary "@$T/large" -H 'Transfer-Encoding: chunked' -H 'Expect:'
	is "$name: the same in chunks" "$status $(json 'j["body_bytes"]')" '200 900000'
	note "$name: chunks come with the length $(json 'j["parameters"].get("CONTENT_LENGTH")')"
	start "curl-$name" curl -sN -o "$T/events-$name" "$url/stream"
	ok "$name: an event arrives while the next is not there yet" wait_until 10 first_event "$name"
	touch "$gate"
	wait "$started"
	is "$name: and then the next" "$(grep -c data "$T/events-$name")" 2
	ask GET /status
	is "$name: /status from this machine" "$status" 200
	stop "$echo_pid"
	ask GET /echo
	like "$name: nobody behind it, in the one shape" "$status $(json '[sorted(j), j["error"]["type"]]') $(header content-type)" \
		'^50[23] \[\["detail", "error"\], "server_error"\] application/json$'
}

answers_questions() {	# answers_questions SERVER
	post /query/en '{"query": "bread"}'
	is "$1: a question" "$status $(json 'j["hits"][0]["source"]')" '200 bread.md'
	head -c 1500000 /dev/zero >"$T/large"
	ask POST /query/en -H 'Content-Type: application/json' --data-binary "@$T/large" -H 'Expect:'
	is "$1: a body over the limit, in the one shape" "$status $(json '[j["error"]["code"], sorted(j)]')" \
		'413 ["body_too_large", ["detail", "error"]]'
	post /query/nobody '{"query": "bread"}'
	is "$1: a worker's own error passes as it is" "$status $(json 'j["error"]["code"]')" '404 tenant_not_found'
}

for server in lighttpd caddy; do
	start_echo "$server"
	"start_$server"
	web=${!server}
	wait_for 20 "$server listens" curl -s -o /dev/null "$url/echo"
	passes_on "$server"
	stop "$web"
done

sample en
start_pool WORKERS=2
put_tenant en v1 "$T/sources/en"
for server in lighttpd caddy; do
	"start_$server"
	wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
	answers_questions "$server"
done
finish
