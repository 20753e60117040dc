#!/bin/bash
# A worker is a plain FastCGI program: on fd 0 or on a socket handed over in systemd's manner,
# without a supervisor and without a web server.
. "${0%/*}/lib.sh"
need cgi-fcgi python3
need_built ragpool-worker ragpool-build

# on_socket WHERE SOCKET COMMAND...: with a listening unix socket as fd 0, or as fd 3 with
# LISTEN_FDS and LISTEN_PID set.
on_socket() {
	exec "$PYTHON" -c '
import os, socket, sys
where, path, command = sys.argv[1], sys.argv[2], sys.argv[3:]
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(16)
if where == "stdin":
    os.dup2(s.fileno(), 0)
else:
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(s.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(command[0], command)' "$@"
}

# fcgi SOCKET METHOD PATH [JSON]: sets $status, $headers and $body, as ask does.
fcgi() {
	local text=${4-} answer
	answer=$(printf %s "$text" | SERVER_ADDR=127.0.0.1 REQUEST_METHOD=$2 REQUEST_URI=$3 SCRIPT_NAME=$3 QUERY_STRING='' \
		CONTENT_TYPE=application/json CONTENT_LENGTH=${#text} SERVER_PROTOCOL=HTTP/1.1 \
		cgi-fcgi -bind -connect "$1" | tr -d '\r')
	headers=$(sed '/^$/q' <<<"$answer" | sed 's/^\([A-Za-z-]*\):/\L\1:/')
	body=$(sed '1,/^$/d' <<<"$answer")
	status=$(header status)
	status=${status%% *}
	status=${status:-200}
}

sample en
mkdir -p "$T/data"
tenant_json v1 "$T/sources/en" >"$T/en.json"
ok "a generation is built by hand" \
	"$bin/ragpool-build" --data "$T/data" --tenant en --config "$T/en.json"

start worker on_socket stdin "$T/a.sock" "$bin/ragpool-worker" --data "$T/data"
first=$started
wait_for 10 "the worker has its socket" test -S "$T/a.sock"
fcgi "$T/a.sock" POST /query/en '{"query": "rye flour", "top_k": 1}'
is "on fd 0 it answers" "$status" 200
is "with the right document" "$(json 'j["hits"][0]["source"].endswith("bread.md")')" true

start activated on_socket fd3 "$T/b.sock" "$bin/ragpool-worker" --data "$T/data"
second=$started
wait_for 10 "the worker has its socket" test -S "$T/b.sock"
fcgi "$T/b.sock" POST /query/en '{"query": "granite tower", "top_k": 1}'
is "on a socket handed over it answers" "$status" 200
fcgi "$T/b.sock" GET /health
is "and is healthy" "$status" 200

# The next generation goes live by the pointer; SIGHUP is the order to look.
before=$(fcgi "$T/a.sock" POST /query/en '{"query": "x"}' && header x-ragpool-generation)
echo "A new paragraph about the zeppelin in the shed." >>"$T/sources/en/bread.md"
tenant_json v2 "$T/sources/en" >"$T/en.json"
ok "the next one is built" \
	"$bin/ragpool-build" --data "$T/data" --tenant en --config "$T/en.json"
kill -HUP "$first"
finds_zeppelin() {
	fcgi "$T/a.sock" POST /query/en '{"query": "zeppelin", "top_k": 1}'
	[[ $body == *zeppelin\ in\ the\ shed* ]]
}
ok "after SIGHUP it serves that" wait_until 10 finds_zeppelin
ok "which is another generation" test "$(header x-ragpool-generation)" != "$before"
is "in the same process" "$(header x-ragpool-worker)" "$first"

for pid in "$first" "$second"; do
	kill -TERM "$pid"
	wait "$pid"
	is "SIGTERM ends it, and it says 0" $? 0
done

"$bin/ragpool-worker" --data "$T/data" >"$T/usage.log" 2>&1 </dev/null
is "without a socket it says how it is used" $? 64
finish
