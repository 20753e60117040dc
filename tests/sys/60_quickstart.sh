#!/bin/bash
# The one command of the README: it brings everything up, is idempotent, and stops what it
# started.
. "${0%/*}/lib.sh"
need nginx curl python3
need_built ragpoold ragpool-worker ragpool-build ragpool

dir=$T/quick
port=$(free_ports 1)
url=http://127.0.0.1:$port
quickstart() {	# quickstart LOG OPTION...
	local log=$T/$1.log
	shift
	"$RAGPOOL_SOURCE/scripts/quickstart" --no-deps --dir "$dir" "$@" >"$log" 2>&1
}

pid_in() { head -c 20 "$dir/var/$1.pid" 2>/dev/null | tr -cd 0-9; }

# Whatever happens, what it started must not outlive the test.
trap 'quickstart end --stop; cleanup' EXIT

[ ! -e "$RAGPOOL_SOURCE/config.status" ] || skip "the source folder itself is configured"

began=$SECONDS
ok "it succeeds" quickstart first --port "$port" || finish
note "took $((SECONDS - began)) s"
first=$(<"$T/first.log")
like "it asks an English question" "$first" 'docs> [A-Z]'
like "it asks a Chinese question" "$first" 'handbook-zh> 滚动'
like "it says how to ask" "$first" "curl -s http://127.0.0.1:$port/query/docs"
like "it says how to stop" "$first" "quickstart --stop --dir $dir"

# The curl line that it prints works as it is printed.
line=$(sed -n '/^  ask /,/^  status /p' "$T/first.log" | sed '$d; s/^  ask  *//')
body=$(bash -c "$line")
is "the printed line answers" "$(json 'j["tenant_id"]')" docs
is "with passages" "$(json 'len(j["hits"]) > 0')" true
line=$(sed -n 's/^  status  *//p' "$T/first.log")
like "the printed status command works" "$(bash -c "$line" 2>&1)" 'docs'

ragpoold=$(pid_in ragpoold)
nginx_pid=$(pid_in nginx)
if [ "$(id -u)" = 0 ]; then
	is "root's servers run as somebody else" "$(stat -c %U "/proc/$ragpoold")" ragpool
	is "nginx too" "$(stat -c %U "/proc/$nginx_pid")" ragpool
fi

began=$SECONDS
ok "again: it succeeds" quickstart second --port "$port"
note "took $((SECONDS - began)) s"
is "and leaves running what runs" "$(pid_in ragpoold) $(pid_in nginx)" "$ragpoold $nginx_pid"

ok "--stop succeeds" quickstart stop --stop
ok "ragpoold is gone" is_dead "$ragpoold"
ok "nginx is gone" is_dead "$nginx_pid"
ok "nothing listens any more" test "$(curl -s -o /dev/null -w '%{http_code}' "$url/health")" = 000
ok "--stop again is no error" quickstart stop --stop
finish
