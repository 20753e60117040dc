#!/bin/bash
# bench_idle.sh [SECONDS] [WORKERS] [BUILD]: what a pool without requests costs.  CPU time of the
# supervisor and its workers, from /proc, as parts of one core; one tenant, a pool of
# WORKERS (4), watched for SECONDS (60).  Needs nothing but the programs in BUILD (.).
set -eu
seconds=${1:-60} workers=${2:-4} build=$(cd "${3:-.}" && pwd)
T=$(mktemp -d)
pool=
trap '[ -z "$pool" ] || kill "$pool"; wait; rm -rf "$T"' EXIT
mkdir -p "$T/run" "$T/tenants.d" "$T/source"
printf '# A note\n\nThe lamp of the harbour.\n' >"$T/source/note.md"
printf '{"version": "v1", "data_source": {"type": "directory", "path": "%s"}}\n' "$T/source" \
	>"$T/tenants.d/docs.json"
cat >"$T/ragpool.conf" <<END
[global]
data_dir = $T/data
run_dir = $T/run
tenants_dir = $T/tenants.d
log_file = $T/log
worker_program = $build/ragpool-worker
build_program = $build/ragpool-build
[pool query]
workers = $workers
END
"$build/ragpoold" -c "$T/ragpool.conf" 2>/dev/null &
pool=$!
until grep -q 'roll done' "$T/log" 2>/dev/null; do sleep 0.1; done

# Nanoseconds on a CPU, and how often it was given one, of every process.
usage() {
	for pid in "$pool" $(cat "/proc/$pool/task/$pool/children"); do
		read -r ns _ turns <"/proc/$pid/schedstat"
		echo "$pid $(cat "/proc/$pid/comm") $ns $turns"
	done
}
usage >"$T/before"
sleep "$seconds"
usage >"$T/after"
join "$T/before" "$T/after" | awk -v s="$seconds" '
	{ ns = $6 - $3; all += ns
	  printf "%-16s %8.4f %% of a core, %5.2f wake-ups a second\n", $2, ns / s / 1e7, ($7 - $4) / s }
	END { printf "together         %8.4f %% of a core\n", all / s / 1e7 }'
