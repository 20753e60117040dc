#!/bin/bash
# eval_model.sh: how well questions are answered with a real sentence model behind the gateway,
# beside the built-in embedder, on one judged set.
#
#   bench/eval_model.sh BUILD-FOLDER SET-FOLDER [MODEL-FOLDER]
#
# Needs python3 with the packages bench/minilm_server.py names (PYTHON chooses another one).  Prints
# nDCG@10 of hybrid, dense and lexical for both embedders; every document is embedded once.
set -eu
build=$(realpath "${1:?usage: eval_model.sh BUILD-FOLDER SET-FOLDER [MODEL-FOLDER]}")
set_dir=$(realpath "${2:?usage: eval_model.sh BUILD-FOLDER SET-FOLDER [MODEL-FOLDER]}")
here=$(cd "${0%/*}" && pwd)
T=$(mktemp -d)
pids=()
cleanup() {
	[ "${#pids[@]}" = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$T"
}
trap cleanup EXIT

await() {	# await FILE PID: until it is there, for a minute at most
	local i
	for i in $(seq 600); do
		[ ! -e "$1" ] || return 0
		kill -0 "$2" 2>/dev/null || break
		sleep 0.1
	done
	echo "eval_model: $1 did not come" >&2
	return 1
}

"${PYTHON:-python3}" "$here/minilm_server.py" --port-file "$T/port" ${3:+--model "$3"} &
pids+=($!)
await "$T/port" $!
mkdir "$T/run"
cat >"$T/ragpool.conf" <<END
[global]
data_dir = $T
run_dir = $T/run
[pool query]
[model minilm]
url = http://127.0.0.1:$(<"$T/port")/v1
batch = 16
concurrency = 2
timeout = 5m
budget = 30m
END
"$build/ragpool-gateway" -c "$T/ragpool.conf" >"$T/gateway.out" &
pids+=($!)
await "$T/run/gateway.sock" $!

printf '%-14s %-8s %9s %9s %10s %9s\n' embedder mode nDCG@10 recall@10 embedded seconds
for embedder in builtin:lsa model:minilm; do
	for mode in hybrid dense lexical; do
		"$build/ragpool" -c "$T/ragpool.conf" eval --embedder "$embedder" --mode "$mode" \
			--vectors "$T/vectors.db" --json "$set_dir" |
			"${PYTHON:-python3}" -c '
import json, sys
j = json.loads(sys.stdin.readlines()[-1])
print("%-14s %-8s %9.4f %9.4f %10d %9.1f" % (j["embedder"], j["mode"], j["ndcg_10"],
    j["recall_10"], j["embedded"], j["build_seconds"] + j["query_seconds"]))'
	done
done
