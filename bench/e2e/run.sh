#!/bin/bash
# run.sh: ragpool by HTTP beside constant FastCGI answers, two FastAPI services and Chroma's server.
#
#   bench/e2e/run.sh SET [ROUNDS]     SET: corpus.jsonl(.gz), queries.jsonl, qrels.tsv
#
# Same machine, passages and load (wrk, 8 connections); rounds are interleaved, figures are medians of
# ROUNDS (5).  Two processes each, behind one nginx each but for the service and Chroma, which index
# the very passages that ragpool cut, and are asked for as many.
#
#   ragpool    the questions of the set, nothing kept (result_cache = 0)
#   stream     a stream of questions, windows of words, by Zipf's law (exponent 1, 50,000 different
#              ones): the same pool;  stream-cached: one with the default cache
#   repeated   the questions of the set to the pool with the cache: nearly all of them are kept
#   constant   the least a FastCGI program can do: what nginx, wrk and the protocol cost
#   large   the same with as many headers and bytes as the median answer to these questions has
#   matrix, customary   the services of service.py
#
# Needs wrk, nginx, libfcgi-dev; PYTHON_ENV: a venv with what service.py names; CHUNK: tokens of a
# chunk (1024, about a document); CHROMA: Chroma's server program (of pip chromadb).  What is missing is left out.
set=$(realpath "$1") rounds=${2:-5}
here_bench=$(cd "${0%/*}" && pwd)
RAGPOOL_SOURCE=${RAGPOOL_SOURCE:-$(cd "$here_bench/../.." && pwd)}
. "$RAGPOOL_SOURCE/tests/sys/lib.sh"
need wrk nginx curl
py=${PYTHON_ENV:+$PYTHON_ENV/bin/}python3
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
listens() { curl -s -o /dev/null -m 2 "$1"; }

"$py" "$here_bench/service.py" documents "$set" "$T/sources/set"
cached=$T/run/cached.sock
start_pool WORKERS=2 "GLOBAL=[pool cached]\nlisten = $cached\nlisten_mode = 0666\nworkers = 2"
start_nginx
printf '{"version": "1", "data_source": {"type": "directory", "path": "%s"},\n "index_params": {"chunk_size": %s, "chunk_overlap": 16}}\n' \
	"$T/sources/set" "${CHUNK:-1024}" >"$T/tenants.d/.set.tmp" && mv "$T/tenants.d/.set.tmp" "$T/tenants.d/set.json"
wait_for 600 "the tenant is served" answers 200 /query/set '{"query": "cells"}'
note "chunks: $(ragpool generations --json set | tr ',' '\n' | grep -m1 chunks)"
declare -A at bodies sent

front() {	# front NAME SOCKET: nginx before it, on a port of its own, in $port
	sed "s|$socket|$2|g; s|ragpool_|$1_|g" "$T/run/nginx-ragpool.conf" >"$T/run/$1.conf"
	port=$(free_ports 1)
	sed -i "s|listen .*|listen 127.0.0.1:$port;|" "$T/run/$1.conf"
	sed "s|nginx-ragpool.conf|$1.conf|; s|nginx.pid|$1.pid|" "$T/nginx.conf" >"$T/$1-nginx.conf"
	start "nginx-$1" nginx -p "$T/run/" -c "$T/$1-nginx.conf" -e "$T/run/$1-error.log" -g "user $(id -un);" -g 'daemon off;'
	wait_for 10 "$1 answers" listens "http://127.0.0.1:$port/"
}

"$py" "$here_bench/service.py" stream "$set" 400000 >"$T/stream.bodies"
sed 's/^{.*"text": \("[^"]*"\).*$/{"query": \1, "top_k": 5}/' "$set/queries.jsonl" >"$T/text.bodies"
at[ragpool]=$url/query/set bodies[ragpool]=text
at[stream]=$url/query/set bodies[stream]=stream
front cached "$cached"
at[stream-cached]=http://127.0.0.1:$port/query/set bodies[stream-cached]=stream
at[repeated]=http://127.0.0.1:$port/query/set bodies[repeated]=text

gcc -O2 -o "$T/constant" "$here_bench/constant.c" -lfcgi
start constant "$T/constant" "$T/run/constant.sock" 2
front constant "$T/run/constant.sock"
at[constant]=http://127.0.0.1:$port/query/set bodies[constant]=text
bytes=$(while read -r body; do
	curl -s -o /dev/null -w '%{size_download}\n' -H 'Content-Type: application/json' -d "$body" "$url/query/set"
done <"$T/text.bodies" | median)
note "an answer has $bytes bytes at the median"
start large "$T/constant" "$T/run/large.sock" 2 "$bytes"
front large "$T/run/large.sock"
at[large]=http://127.0.0.1:$port/query/set bodies[large]=text

if [ -n "${PYTHON_ENV:-}" ]; then
	"$py" "$here_bench/service.py" prepare "$set" "$T"/data/tenants/set/gen/*/store.db "$T/service"
	"$py" "$here_bench/service.py" bodies "$T/service" chroma >"$T/chroma.bodies"
	cd "$here_bench" || exit
	for kind in matrix customary; do
		port=$(free_ports 1)
		PYTHONDONTWRITEBYTECODE=1 SERVICE_DATA=$T/service SERVICE_KIND=$kind start "service-$kind" "$PYTHON_ENV/bin/uvicorn" service:app --port "$port" --workers 2 --log-level warning
		wait_for 120 "the service listens" listens "http://127.0.0.1:$port/docs"
		at[$kind]=http://127.0.0.1:$port/query bodies[$kind]=text
	done
	if [ -n "${CHROMA:-}" ]; then
		port=$(free_ports 1)
		start chroma "$CHROMA" run --path "$T/chroma" --port "$port"
		wait_for 60 "Chroma listens" listens "http://127.0.0.1:$port/api/v2/heartbeat"
		at[chroma]=$("$py" "$here_bench/service.py" chroma "http://127.0.0.1:$port" "$T/service") bodies[chroma]=chroma
	fi
fi
[ -z "${ONLY:-}" ] || for name in "${!at[@]}"; do
	[[ " $ONLY ragpool constant large " == *" $name "* ]] || unset "at[$name]"
done
for ((i = 0; i < rounds; i++)); do
	${READY:-true}
	for name in "${!at[@]}"; do
		FROM=${sent[$name]:-0} BODIES=$T/${bodies[$name]}.bodies \
			wrk -t1 -c8 -d4s --latency -s "$here_bench/post.lua" "${at[$name]}" >"$T/wrk.out"
		awk '/Requests.sec/ { print $2 }' "$T/wrk.out" >>"$T/$name.qps"
		sent[$name]=$((${sent[$name]:-0} + $(awk '/requests in/ { print $1 }' "$T/wrk.out")))
		grep -H 'Non-2xx' "$T/wrk.out" && note "$name failed"
	done
done
mine=$(median <"$T/ragpool.qps")
least=$(median <"$T/constant.qps")
for name in "${!at[@]}"; do
	theirs=$(median <"$T/$name.qps")
	note "$name: $theirs requests/s (of: $(tr '\n' ' ' <"$T/$name.qps")); $(awk -v a="$mine" -v b="$theirs" -v c="$least" -v d="$(median <"$T/large.qps")" 'BEGIN {
		printf "%.1f %% of the constant answer, %.1f %% of one as large, ragpool %.2f times", 100 * b / c, 100 * b / d, a / b }')"
done
[ -z "${at[stream-cached]:-}" ] || hits=$(tail -n +$((sent[stream-cached] + 1)) "$T/stream.bodies" | head -n 200 | while read -r body; do
	curl -s -o /dev/null -D - -H 'Content-Type: application/json' -d "$body" "${at[stream-cached]}"
done | grep -c 'X-Ragpool-Cache: hit')
[ -z "${at[stream-cached]:-}" ] || note "of the next 200 of stream-cached $hits were kept"
half=$(awk -v a="$mine" 'BEGIN { print int(a / 2) }')
${READY:-true}
for ((i = 0; i < 3; i++)); do
	note "at half load ($half/s): $(ragpool load --json --rate "$half" --seconds 5 --topics <(sed 's/, "top_k": 5//' "$T/text.bodies") "$url" set | tr ',' '\n' | grep -E 'p50|p99|failed' | tr '\n' ' ')"
done
if [ -n "${PYTHON_ENV:-}" ]; then
	for name in ragpool matrix customary chroma; do
		[ -z "${at[$name]:-}" ] || note "$name nDCG@10: $("$py" "$here_bench/service.py" score "$T/service" "$name" "${at[$name]}" "$set/qrels.tsv")"
	done
fi
finished=yes
