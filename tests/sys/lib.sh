# lib.sh: what every system test stands on.  bash; sourced, never run.
#
# A test makes everything it needs below one temporary folder, $T, on ports that were free,
# and starts every server in the foreground as its own child, so that it can end exactly
# those and nothing else.  It waits for events with a deadline and never for the clock.
# Results are TAP; when a check failed, the logs follow as comments.  A test whose server is
# not installed skips, unless RAGPOOL_NO_SKIP is set: then that is a failure.
#
#   . "${0%/*}/lib.sh"
#   need nginx consul
#   start_pool; start_nginx; ...
#   is "what is promised" "$got" "$wanted"
#   finish
#
# Environment: RAGPOOL_SOURCE and RAGPOOL_BUILD, the two trees (make check sets them);
# RAGPOOL_BIN, where the programs are if not in RAGPOOL_BUILD; RAGPOOL_KEEP=1 leaves $T;
# RAGPOOL_PATIENCE, see wait_until.

set -u
umask 022		# web server workers may be another user
export LC_ALL=C.UTF-8
unset "${!CONSUL_@}" CONFIG_KV_PREFIX http_proxy HTTP_PROXY	# the caller's are not ours
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
RAGPOOL_SOURCE=${RAGPOOL_SOURCE:-$(cd "$here/../.." && pwd)}
RAGPOOL_BUILD=${RAGPOOL_BUILD:-$RAGPOOL_SOURCE}
etc=$RAGPOOL_SOURCE/etc
. "$RAGPOOL_SOURCE/scripts/render.sh"
bin=${RAGPOOL_BIN:-$RAGPOOL_BUILD}
PYTHON=$(test -x /usr/bin/python3 && echo /usr/bin/python3 || command -v python3 || true)

poll=0.02		# seconds between two looks at something awaited
patience=${RAGPOOL_PATIENCE:-60}	# seconds for what should take a moment
tests=0
failures=0
finished=no
pids=()			# our own children, in the order they were started
T=$(mktemp -d "${TMPDIR:-/tmp}/rps.XXXXXX") || exit 99
chmod 755 "$T"
mkdir "$T/run"

# --- results ---------------------------------------------------------------------------

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

ok() {	# ok DESCRIPTION COMMAND...: the command succeeds; what it prints goes to a log
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@" >>"$T/commands.log" 2>&1; then
		printf 'ok %d - %s\n' "$tests" "$what"
		return 0
	fi
	failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$tests" "$what"
	note "failed: $*"
	return 1
}

is() {	# is DESCRIPTION GOT WANTED
	tests=$((tests + 1))
	if [ "$2" = "$3" ]; then
		printf 'ok %d - %s\n' "$tests" "$1"
		return 0
	fi
	failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$tests" "$1"
	note "   got: ${2:0:2000}"
	note "wanted: ${3:0:2000}"
	return 1
}

like() {	# like DESCRIPTION GOT EXTENDED-REGEX
	tests=$((tests + 1))
	if [[ $2 =~ $3 ]]; then
		printf 'ok %d - %s\n' "$tests" "$1"
		return 0
	fi
	failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$tests" "$1"
	note "   got: ${2:0:2000}"
	note "  like: $3"
	return 1
}

dump_logs() {
	local log
	for log in "$T"/*.log "$T"/run/*.log; do
		[ -s "$log" ] || continue
		note "--- ${log#"$T"/} (last 60 lines)"
		tail -n 60 "$log" | cut -c1-400 | sed 's/^/#   /'
	done
}

skip() {
	if [ -n "${RAGPOOL_NO_SKIP:-}" ]; then
		printf 'Bail out! %s\n' "$*"
		finished=yes
		exit 99
	fi
	printf '1..0 # SKIP %s\n' "$*"
	finished=yes
	exit 0
}

die() {		# the harness itself cannot go on: not a result of the test
	note "harness: $*"
	dump_logs
	printf 'Bail out! %s\n' "$*"
	finished=yes
	exit 99
}

finish() {
	finished=yes
	note "whole test: $SECONDS s"
	[ "$failures" = 0 ] || dump_logs
	printf '1..%d\n' "$tests"
	[ "$failures" = 0 ]
	exit
}

# --- waiting ---------------------------------------------------------------------------

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	printf '%s' "$((t / 1000))"
}

# wait_until SECONDS COMMAND...: asks again until it succeeds, or fails.  SECONDS is more than it
# takes on a machine of one's own; on a slow or busy one it may be much more, which is no fault.
# So it waits $patience seconds at least, until something has been waited for in vain.
wait_until() {
	local begun seconds=$1
	[ "$seconds" -ge "$patience" ] || seconds=$patience
	shift
	begun=$SECONDS
	until "$@"; do
		if [ $((SECONDS - begun)) -ge "$seconds" ]; then
			patience=0
			return 1
		fi
		sleep "$poll"
	done
}

wait_for() {	# wait_for SECONDS DESCRIPTION COMMAND...: gives the test up otherwise
	local seconds=$1 what=$2
	shift 2
	wait_until "$seconds" "$@" || die "waited $seconds s in vain: $what"
}

# --- processes -------------------------------------------------------------------------

is_alive() {	# a zombie of ours is not alive
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}

is_dead() { ! is_alive "$1"; }

start() {	# start NAME COMMAND...: in the background, output to $T/NAME.log, pid in $started
	local name=$1
	shift
	"$@" >>"$T/$name.log" 2>&1 </dev/null &
	started=$!
	pids+=("$started")
}

is_frozen() {	# all of its threads
	[ -z "$(grep -L '^State:[[:space:]]*T' "/proc/$1/task/"*/status)" ]
}

freeze() {	# freeze PID: it does nothing more until kill -CONT; only children of ours
	kill -STOP "$1"
	wait_for 10 "pid $1 stands still" is_frozen "$1"
}

stop() {	# stop PID [SIGNAL]: asks, waits, and ends it if that is in vain; only children of ours
	local pid=$1 i
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	if ! wait_until 10 is_dead "$pid"; then
		note "pid $pid did not stop in time"
		kill -KILL "$pid" 2>/dev/null
	fi
	wait "$pid" 2>/dev/null
	for i in "${!pids[@]}"; do
		[ "${pids[i]}" != "$pid" ] || unset 'pids[i]'
	done
}

cleanup() {
	local code=$? pid
	trap - EXIT
	# The array has holes where a test stopped something itself: by what is in it, not by
	# counting.  Last started, first ended.
	for pid in $(printf '%s\n' "${pids[@]}" | tac); do
		stop "$pid"
	done
	[ ! -s "$T/evaluator/where" ] || kill "$(cut -d' ' -f3 "$T/evaluator/where")" 2>/dev/null
	if [ "$finished" != yes ]; then
		dump_logs
		printf 'Bail out! the test ended early (exit %s)\n' "$code"
		code=99
	fi
	if [ -n "${RAGPOOL_KEEP:-}" ]; then
		note "kept $T"
	else
		rm -rf "$T"
	fi
	exit "$code"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

need() {	# need PROGRAM...: skip without them
	local name
	for name in "$@"; do
		case $name in
		python3) [ -n "$PYTHON" ] || skip "python3 is not installed" ;;
		*) command -v "$name" >/dev/null || skip "$name is not installed" ;;
		esac
	done
}

need_built() {	# need_built NAME...: our own programs, in the build tree
	local name
	for name in "$@"; do
		[ -x "$bin/$name" ] || skip "$bin/$name is not built"
	done
}

# --- configuration ---------------------------------------------------------------------

fill() {	# fill TEMPLATE OUT KEY=VALUE...: see scripts/render.sh
	render "$@" || die "cannot make $2 from etc/$1"
}

# free_ports N: N of them, different ones, on 127.0.0.1.  Below those that the kernel gives to
# outgoing connections, one of which could have it before our server does.
free_ports() {
	"$PYTHON" -c '
import random, socket, sys
with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
    first = int(f.read().split()[0])
def is_free(port):
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as s:
                s.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
ports = [p for p in range(min(10240, first // 2), first)]
random.shuffle(ports)
free = filter(is_free, ports)
print(*[next(free) for _ in range(int(sys.argv[1]))])' "$1"
}

# --- the servers -----------------------------------------------------------------------

# start_pool [KEY=VALUE...]: the supervisor with its workers.  WORKERS (2); CACHE (0, so that
# every question is asked), bytes of kept answers; FAIR (no, so that no load of ours is told to come
# back later), the fair share; AUTH (off), or keys; BUILDER, the program that
# builds; GLOBAL, more lines for that section; CONSUL, lines of a section of that name.  Sets
# $pool, its pid, $socket and $conf.
start_pool() {
	local workers=2 cache=0 fair=no auth=off builder=$bin/ragpool-build global='' consul='' pair
	for pair in "$@"; do
		case $pair in
		WORKERS=*) workers=${pair#*=} ;;
		CACHE=*) cache=${pair#*=} ;;
		FAIR=*) fair=${pair#*=} ;;
		AUTH=*) auth=${pair#*=} ;;
		BUILDER=*) builder=${pair#*=} ;;
		GLOBAL=*) global=${pair#*=} ;;
		CONSUL=*) consul="[consul]\n"${pair#*=} ;;
		*) die "start_pool: $pair" ;;
		esac
	done
	need_built ragpoold ragpool-worker ragpool-build ragpool-probe ragpool
	socket=$T/run/query.sock
	conf=$T/ragpool.conf
	mkdir -p "$T/data" "$T/tenants.d"
	fill ragpool.conf.in "$conf" "DATA=$T/data" "RUN=$T/run" "TENANTS=$T/tenants.d" \
		"SOCKET=$socket" MODE=0666 "WORKERS=$workers\nresult_cache = $cache" "CONSUL=$consul" \
		"GLOBAL=auth = $auth\nfair_share = $fair\nworker_program = $bin/ragpool-worker\nbuild_program = $builder\nprobe_program = $bin/ragpool-probe\n$global"
	"$bin/ragpoold" -c "$conf" -t >"$T/configtest.log" 2>&1 || die "ragpoold -t refuses $conf"
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
	wait_for 20 "ragpoold makes $socket" has_socket
}

has_socket() {
	is_alive "$pool" || die "ragpoold ended at once"
	test -S "$socket"
}

ragpool() { "$bin/ragpool" -c "$conf" "$@"; }

# start_nginx [SED-SCRIPT]: the shipped configuration, changed by the script if there is one.
# $answers: the socket of a second pool, if there is one.
# Sets $url and $nginx.
start_nginx() {
	local port
	local -a as_user=()
	port=$(free_ports 1)
	mkdir -p "$T/run/nginx-tmp"
	fill nginx/standalone.conf.in "$T/nginx.conf" "CONF=$T/run" "RUN=$T/run"
	fill nginx/ragpool.conf.in "$T/run/nginx-ragpool.conf" "SOCKET=$socket" "ANSWERS=${answers:-$socket}" \
		"LISTEN=127.0.0.1:$port"
	[ $# = 0 ] || sed -i "$1" "$T/run/nginx-ragpool.conf"
	[ "$(id -u)" != 0 ] || as_user=(-g 'user root;')
	start nginx nginx -p "$T/run/" -c "$T/nginx.conf" -e "$T/run/nginx-error.log" \
		"${as_user[@]}" -g 'daemon off;'
	nginx=$started
	url=http://127.0.0.1:$port
	wait_for 10 "nginx listens on $port" curl -s -o /dev/null "$url/_nothing"
}

# start_apache: the same behind Apache.  Sets $url and $apache.
start_apache() {
	local port modules user=''
	port=$(free_ports 1)
	mkdir -p "$T/run/apache-root"
	for modules in /usr/lib/apache2/modules /usr/lib64/httpd/modules; do
		[ ! -e "$modules/mod_proxy_fcgi.so" ] || break
	done
	[ "$(id -u)" != 0 ] || user='User www-data\nGroup www-data'
	fill apache/standalone.conf.in "$T/apache.conf" "RUN=$T/run" "LISTEN=127.0.0.1:$port" \
		"MODULES=$modules" "USER=$user"
	fill apache/ragpool.conf.in "$T/run/apache-ragpool.conf" "SOCKET=$socket" \
		"ANSWERS=${answers:-$socket}"
	start apache apache2 -f "$T/apache.conf" -DFOREGROUND
	apache=$started
	url=http://127.0.0.1:$port
	wait_for 10 "Apache listens on $port" curl -s -o /dev/null "$url/_nothing"
}

# start_lighttpd, start_caddy: and these.  Each sets $url and its own name.
start_lighttpd() {
	local port
	port=$(free_ports 1)
	fill lighttpd/ragpool.conf.in "$T/run/lighttpd-ragpool.conf" "SOCKET=$socket" \
		"ANSWERS=${answers:-$socket}" "ERRORS=$etc/lighttpd/errors"
	fill lighttpd/standalone.conf.in "$T/lighttpd.conf" "RUN=$T/run" ADDRESS=127.0.0.1 "PORT=$port"
	ok "lighttpd -tt" lighttpd -tt -f "$T/lighttpd.conf"
	start lighttpd lighttpd -D -f "$T/lighttpd.conf"
	lighttpd=$started
	url=http://127.0.0.1:$port
	wait_for 20 "lighttpd listens on $port" curl -s -o /dev/null "$url/_nothing"
}

start_caddy() {
	local port
	port=$(free_ports 1)
	fill caddy/ragpool.caddy.in "$T/run/ragpool.caddy" "SOCKET=$socket" \
		"ANSWERS=${answers:-$socket}" ADDRESS=127.0.0.1 "PORT=$port"
	fill caddy/standalone.caddy.in "$T/Caddyfile" "RUN=$T/run"
	export XDG_CONFIG_HOME=$T/run XDG_DATA_HOME=$T/run HOME=$T/run
	ok "caddy validate" caddy validate --adapter caddyfile --config "$T/Caddyfile"
	start caddy caddy run --adapter caddyfile --config "$T/Caddyfile"
	caddy=$started
	url=http://127.0.0.1:$port
	wait_for 20 "Caddy listens on $port" curl -s -o /dev/null "$url/_nothing"
}

# start_consul: a real server of one, not the volatile -dev agent.  Sets $consul_url and
# $consul.
start_consul() {
	local http serf_lan serf_wan rpc
	read -r http serf_lan serf_wan rpc <<<"$(free_ports 4)"
	mkdir -p "$T/consul"
	cat >"$T/consul.json" <<-END
	{"server": true, "bootstrap_expect": 1, "data_dir": "$T/consul", "node_name": "test",
	 "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "disable_update_check": true,
	 "ports": {"http": $http, "dns": -1, "grpc": -1, "server": $rpc,
	           "serf_lan": $serf_lan, "serf_wan": $serf_wan},
	 "performance": {"raft_multiplier": 1}}
	END
	start consul consul agent -config-file="$T/consul.json"
	consul=$started
	consul_url=http://127.0.0.1:$http
	wait_for 60 "Consul elects itself" consul_has_leader
}

consul_has_leader() { [[ $(curl -s "$consul_url/v1/status/leader") == \"127.* ]]; }

kv_put() {	# kv_put KEY VALUE
	local answer
	answer=$(curl -s -X PUT --data-binary "$2" "$consul_url/v1/kv/$1")
	[ "$answer" = true ] || die "Consul refused $1: $answer"
}

# start_mock NAME [OPTION...]: tests/mock-llm, endpoints of models.  Sets $mock_NAME, its port.
start_mock() {
	local name=$1
	shift
	start "mock-$name" "$PYTHON" "$RAGPOOL_SOURCE/tests/mock-llm/mock_llm.py" \
		--port-file "$T/mock-$name.port" "$@"
	wait_for 10 "the endpoints $name listen" test -s "$T/mock-$name.port"
	printf -v "mock_$name" %s "$(<"$T/mock-$name.port")"
}

tell_mock() {	# tell_mock NAME script|reset JSON
	local port=mock_$1
	curl -s -o /dev/null --data-binary "$3" "http://127.0.0.1:${!port}/_mock/$2" ||
		die "the endpoints $1 do not listen"
}

mock_count() {	# mock_count NAME EXPRESSION: of what was asked of it, as j
	local port=mock_$1 body
	body=$(curl -s "http://127.0.0.1:${!port}/_mock/count")
	json "$2"
}

# --- asking ----------------------------------------------------------------------------

# ask METHOD PATH [CURL-ARGUMENT...]: sets $status, $body and $headers (lower-case names).
ask() {
	local method=$1 path=$2
	shift 2
	status=$(curl -s -m 30 -X "$method" -o "$T/body" -D "$T/headers" -w '%{http_code}' \
		--path-as-is "$@" "$url$path")
	body=$(tr -d '\0' <"$T/body" 2>/dev/null)
	headers=$(tr -d '\r' <"$T/headers" 2>/dev/null |
		sed 's/^\([A-Za-z-]*\):/\L\1:/')
}

post() {	# post PATH JSON [CURL-ARGUMENT...]
	local path=$1 json=$2
	shift 2
	ask POST "$path" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}

stream() {	# stream FILE PATH JSON: in the background, as it arrives; its pid in $started
	local file=$1
	: >"$T/$file"
	curl -sN -m 100 -o "$T/$file" -X POST -H 'Content-Type: application/json' \
		-H 'Accept: text/event-stream' --data-binary "$3" "$url$2" &
	started=$!
	pids+=("$started")
}

header() { sed -n "s/^$1: *//p" <<<"$headers" | head -n 1; }	# header NAME

json() {	# json EXPRESSION: of the last $body, which the expression knows as j
	local port secret fd value
	[ -s "$T/evaluator/where" ] || start_evaluator
	read -r port secret _ <"$T/evaluator/where"
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" || return
	printf '%s\0' "$secret" "$1" "${body-}" >&"$fd"
	IFS= read -r -d '' value <&"$fd"
	exec {fd}>&-
	printf '%s\n' "$value"
}

# start_evaluator: the first to come starts it, in whatever subshell; it ends with the test.
start_evaluator() {
	if mkdir -m 700 "$T/evaluator" 2>/dev/null; then
		setsid "$PYTHON" "$here/evaluator.py" "$T/evaluator" $$ \
			>/dev/null 2>"$T/evaluator.log" </dev/null &
	fi
	wait_for 20 "the evaluator listens" test -s "$T/evaluator/where"
}

answers() {	# answers STATUS PATH JSON: does a query get that?
	post "$2" "$3"
	[ "$status" = "$1" ]
}

busy() { told 'sum(w["state"] == "serving" for w in j["workers"])'; }	# how many have a request in hand

nobody_is_busy() { [ "$(busy)" = 0 ]; }

put_tenant() {	# put_tenant NAME VERSION FOLDER: as the file the supervisor watches
	tenant_json "$2" "$3" >"$T/tenants.d/.$1.tmp"
	mv "$T/tenants.d/.$1.tmp" "$T/tenants.d/$1.json"
}

tenant_json() {	# tenant_json VERSION FOLDER
	printf '{"version": "%s", "data_source": {"type": "directory", "path": "%s"},\n' "$1" "$2"
	printf ' "index_params": {"chunk_size": 512, "chunk_overlap": 50}}\n'
}

# sample NAME: a folder of documents that every test may use, as $T/sources/NAME: "en", three
# short English texts, or "zh", the Chinese sample that is shipped.
sample() {
	local folder=$T/sources/$1
	mkdir -p "$folder"
	if [ "$1" = zh ]; then
		cp "$RAGPOOL_SOURCE"/etc/sample/handbook-zh/*.md "$folder/"
		return
	fi
	cat >"$folder/lighthouse.md" <<-END
	# The lighthouse

	The lighthouse keeper trims the lamp every evening and writes the weather into the
	log. In fog the horn sounds twice a minute. The tower was built of granite.

	## Supplies

	Oil, flour and letters arrive by boat each second Tuesday when the sea allows it.
	END
	cat >"$folder/bread.md" <<-END
	# Sourdough bread

	Feed the starter with rye flour the night before. Knead until the dough is smooth,
	let it rise for five hours, and bake it in a hot iron pot for fifty minutes.
	END
	cat >"$folder/bicycle.txt" <<-END
	How to mend a puncture. Take off the wheel, lever the tyre from the rim, find the hole
	by holding the inner tube under water, roughen the rubber and press the patch on it.
	END
}

# status_of EXPRESSION: of /status, as j.
status_of() {
	ask GET /status
	json "$1"
}

# told EXPRESSION: of what the command line says about the pool, as j; t(NAME) is a tenant.
told() {
	body=$(ragpool status --json 2>>"$T/commands.log")
	json "(lambda t: $1)(lambda n: ([x for x in j['tenants'] if x['name'] == n] or [None])[0])"
}

tells() { [ "$(told "$1")" = "$2" ]; }	# tells EXPRESSION WANTED

# load OUT ARGUMENT...: tests/sys/load.py in the background; its summary goes to OUT.
# Sets $load, its pid.
load() {
	local out=$1
	shift
	rm -f "$out.begun"
	start load "$PYTHON" "$here/load.py" --out "$out" "$@"
	load=$started
	wait_for 20 "the load begins" test -e "$out.begun"
}
