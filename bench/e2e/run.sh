#!/bin/bash
# run.sh: ragpool by HTTP beside a constant FastCGI answer, a FastAPI service and Chroma's server.
#
#   bench/e2e/run.sh SET [ROUNDS]     SET: corpus.jsonl(.gz), queries.jsonl, qrels.tsv
#
# Same machine, corpus, questions and load (wrk, 8 connections); rounds are interleaved, figures are
# medians of ROUNDS (5).  Two processes each.  Needs wrk, nginx, libfcgi-dev; PYTHON_ENV: a venv with
# what service.py names; CHUNK: tokens of a chunk (1024, about a document); CHROMA: Chroma's server program (npm chromadb).  What is missing is left out.
set=$(realpath "$1") rounds=${2:-5}
here_bench=$(cd "${0%/*}" && pwd)
RAGPOOL_SOURCE=${RAGPOOL_SOURCE:-$(cd "$here_bench/../.." && pwd)}
. "$RAGPOOL_SOURCE/tests/sys/lib.sh"
need wrk nginx curl
py=${PYTHON_ENV:+$PYTHON_ENV/bin/}python3
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
listens() { curl -s -o /dev/null -m 2 "$1"; }

"$py" "$here_bench/service.py" documents "$set" "$T/sources/set"
start_pool WORKERS=2
start_nginx
printf '{"version": "1", "data_source": {"type": "directory", "path": "%s"},\n "index_params": {"chunk_size": %s, "chunk_overlap": 16}}\n' \
	"$T/sources/set" "${CHUNK:-1024}" >"$T/tenants.d/.set.tmp" && mv "$T/tenants.d/.set.tmp" "$T/tenants.d/set.json"
wait_for 600 "the tenant is served" answers 200 /query/set '{"query": "cells"}'
note "chunks: $(ragpool generations --json set | tr ',' '\n' | grep -m1 chunks)"
declare -A at bodies kind
at[ragpool]=$url/query/set kind[ragpool]=text

gcc -O2 -o "$T/constant" "$here_bench/constant.c" -lfcgi
start constant "$T/constant" "$T/run/constant.sock" 2
sed "s|$socket|$T/run/constant.sock|; s|ragpool_|constant_|g" "$T/run/nginx-ragpool.conf" >"$T/run/constant.conf"
port=$(free_ports 1)
sed -i "s|listen .*|listen 127.0.0.1:$port;|" "$T/run/constant.conf"
sed "s|nginx-ragpool.conf|constant.conf|; s|nginx.pid|constant.pid|" "$T/nginx.conf" >"$T/constant-nginx.conf"
start nginx2 nginx -p "$T/run/" -c "$T/constant-nginx.conf" -e "$T/run/nginx2-error.log" -g "user $(id -un);" -g 'daemon off;'
wait_for 10 "the constant answers" listens "http://127.0.0.1:$port/"
at[constant]=http://127.0.0.1:$port/query/set kind[constant]=text

if [ -n "${PYTHON_ENV:-}" ]; then
	"$py" "$here_bench/service.py" prepare "$set" "$T/service"
	"$py" "$here_bench/service.py" bodies "$T/service" text >"$T/text.bodies"
	"$py" "$here_bench/service.py" bodies "$T/service" chroma >"$T/chroma.bodies"
	port=$(free_ports 1)
	cd "$here_bench" || exit
	PYTHONDONTWRITEBYTECODE=1 SERVICE_DATA=$T/service start service "$PYTHON_ENV/bin/uvicorn" service:app --port "$port" --workers 2 --log-level warning
	wait_for 120 "the service listens" listens "http://127.0.0.1:$port/docs"
	at[fastapi]=http://127.0.0.1:$port/query kind[fastapi]=text
	if [ -n "${CHROMA:-}" ]; then
		port=$(free_ports 1)
		start chroma "$CHROMA" run --path "$T/chroma" --port "$port"
		wait_for 60 "Chroma listens" listens "http://127.0.0.1:$port/api/v2/heartbeat"
		at[chroma]=$("$py" "$here_bench/service.py" chroma "http://127.0.0.1:$port" "$T/service") kind[chroma]=chroma
	fi
else
	sed 's/^{.*"text": \("[^"]*"\).*$/{"query": \1, "top_k": 5}/' "$set/queries.jsonl" >"$T/text.bodies"
fi
for ((i = 0; i < rounds; i++)); do
	for name in "${!at[@]}"; do
		BODIES=$T/${kind[$name]}.bodies wrk -t1 -c8 -d4s --latency -s "$here_bench/post.lua" "${at[$name]}" >"$T/wrk.out"
		awk '/Requests.sec/ { print $2 }' "$T/wrk.out" >>"$T/$name.qps"
		grep -H 'Non-2xx' "$T/wrk.out" && note "$name failed"
	done
done
mine=$(median <"$T/ragpool.qps")
for name in "${!at[@]}"; do
	theirs=$(median <"$T/$name.qps")
	note "$name: $theirs requests/s (of: $(tr '\n' ' ' <"$T/$name.qps")); ragpool / $name = $(awk -v a="$mine" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')"
done
half=$(awk -v a="$mine" 'BEGIN { print int(a / 2) }')
for ((i = 0; i < 3; i++)); do
	note "at half load ($half/s): $(ragpool load --json --rate "$half" --seconds 5 --topics <(sed 's/, "top_k": 5//' "$T/text.bodies") "$url" set | tr ',' '\n' | grep -E 'p50|p99|failed' | tr '\n' ' ')"
done
if [ -n "${PYTHON_ENV:-}" ]; then
	for name in ragpool fastapi chroma; do
		[ -z "${at[$name]:-}" ] || note "$name nDCG@10: $("$py" "$here_bench/service.py" score "$T/service" "$([ $name = fastapi ] && echo text || echo $name)" "${at[$name]}" "$set/qrels.tsv")"
	done
fi
finished=yes
