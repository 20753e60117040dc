# fleet.sh: hosts on one Consul, each a supervisor with its own data.  Sourced after lib.sh.
#
#   start_consul; start_host a; start_host b; wait_until 60 both_serve "$generation"
#
# Variables  host_workers, lines of [pool]; host_consul, lines of [consul]; host_global, lines of
#            [global], the first of them empty; host_rest, more sections: what start_host writes
#            into its ragpool.conf, with \n.

# start_host NAME: a supervisor of its own, as if on another machine.
start_host() {
	local name=$1
	mkdir -p "$T/$name/data" "$T/$name/run" "$T/$name/tenants.d"
	fill ragpool.conf.in "$T/$name.conf" "DATA=$T/$name/data" "RUN=$T/$name/run" \
		"TENANTS=$T/$name/tenants.d" "SOCKET=$T/$name/run/query.sock" MODE=0666 \
		"WORKERS=${host_workers:-2}" \
		"CONSUL=${host_rest:-}[consul]\naddress = $consul_url\nwait = 10s\nhost = $name\n${host_consul:-}" \
		"GLOBAL=auth = off\nworker_program = $bin/ragpool-worker\nbuild_program = $bin/ragpool-build\nprobe_program = $bin/ragpool-probe\nobjects_program = $bin/ragpool-objects\nkeep_generations = 10${host_global:-}"
	start "$name" "$bin/ragpoold" -c "$T/$name.conf" --foreground
}

host_tells() {	# host_tells NAME EXPRESSION WANTED: t is the tenant, of ragpool status
	body=$("$bin/ragpool" -c "$T/$1.conf" status --json 2>>"$T/commands.log")
	[ "$(json "(lambda t: $2)(([x for x in j['tenants'] if x['name'] == 'en'] or [{}])[0])")" = "$3" ]
}

# serves NAME GENERATION: every worker of the host is on it, and no roll is under way or waits.
serves() {
	host_tells "$1" "t.get('generation') == '$2' and j['roll']['phase'] == 'idle' and
		all(w['epoch'] == j['epoch'] and w['state'] != 'boot' for w in j['workers'])" true
}

both_serve() { serves a "$1" && serves b "$1"; }

generation_of() {	# generation_of NAME
	body=$("$bin/ragpool" -c "$T/$1.conf" status --json 2>>"$T/commands.log")
	json "[x['generation'] for x in j['tenants'] if x['name'] == 'en'][0]"
}

are_at() {	# are_at VERSION: both serve that version
	host_tells a "t.get('version')" "$1" && host_tells b "t.get('version')" "$1" || return 1
	serves a "$(generation_of a)" && serves b "$(generation_of b)"
}

count() { cat "$T"/[abc].log | grep -c "$1"; }	# count PATTERN: in the logs of all hosts

key() { curl -s "$consul_url/v1/kv/rag/tenants/en/generation?raw"; }
