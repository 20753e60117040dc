#!/bin/bash
# A tenant out as JSON lines and in as another: the same rankings, nothing embedded again, and
# lines that are wrong are left out by their number.
. "${0%/*}/lib.sh"
need python3
need_built ragpool ragpool-build ragpool-worker ragpool-gateway

data=$T/data
mkdir -p "$data"
cli() { "$bin/ragpool" -d "$data" -s "$T/run/nobody.sock" "$@"; }
by_hand() {	# by_hand TENANT JSON: one request to a worker without a server; sets $body
	body=$(printf %s "$2" | SERVER_ADDR=127.0.0.1 REQUEST_METHOD=POST REQUEST_URI=/query/$1 \
		SCRIPT_NAME=/query/$1 QUERY_STRING='' CONTENT_TYPE=application/json \
		CONTENT_LENGTH=${#2} SERVER_PROTOCOL=HTTP/1.1 \
		"$bin/ragpool-worker" --data "$data" 2>>"$T/by_hand.log" | tr -d '\r' | sed '1,/^$/d')
}
sqlite() {	# sqlite QUERY: of the ledger of two
	"$PYTHON" -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])' "$data/tenants/two/ledger.db" "$1"
}
sample zh
sample en
cp "$T"/sources/en/* "$T/sources/zh/"
for n in $(seq 30); do
	printf '# Note %d\n\n## Harbour\n\nThe harbour of station %d is painted.\n\n## Detail\n\nMark%d.\n' \
		"$n" "$n" "$n" >"$T/sources/zh/note$n.md"
done
params='"index_params": {"chunk_size": 64, "chunk_overlap": 8, "parent_size": 256}'
printf '{"version": "v1", "data_source": {"type": "directory", "path": "%s"}, %s}' \
	"$T/sources/zh" "$params" >"$T/one.json"
printf '{"version": "v1", "data_source": {"type": "push"}, %s}' "$params" >"$T/two.json"
build() {	# build TENANT DOCUMENT: sets $body to what it says
	body=$("$bin/ragpool-build" --data "$data" --tenant "$1" --config "$T/$2.json" --json \
		2>>"$T/build.log" | tail -n 1)
}
build one one
chunks=$(json 'j["chunks"]')
documents=$(json 'j["documents"]')

cli export one >"$T/one.jsonl" 2>>"$T/commands.log"
is "a line for each document and the head" "$(wc -l <"$T/one.jsonl")" $((documents + 1))
ok "it is imported as another tenant" cli import two "$T/one.jsonl"
is "and waits where documents that are sent do" \
	"$(ls "$data/inbox/two" | grep -c '^0000')" 1
build two two
is "which builds without reading or cutting any" \
	"$(json '[j["chunks"], j["documents_kept"], j["documents_read"]]')" "[$chunks, $documents, 0]"
same=0
for query in 'harbour of station 7' 'rye flour' 'Mark12' 'granite tower' '手册' 'painted'; do
	question="{\"query\": \"$query\", \"top_k\": 10}"
	by_hand one "$question"
	one=$(json '[[h["source"], h["text"], h["score"]] for h in j["hits"]]')
	by_hand two "$question"
	[ "$one" != '[]' ] && [ "$one" = "$(json '[[h["source"], h["text"], h["score"]] for h in j["hits"]]')" ] &&
		same=$((same + 1))
done
is "and ranks the same" "$same" 6
cli export two >"$T/two.jsonl" 2>>"$T/commands.log"
body=$("$PYTHON" - "$T/one.jsonl" "$T/two.jsonl" <<'PY'
import json, sys
def lines(path):
    for line in open(path).read().splitlines()[1:]:
        d = json.loads(line)
        del d["bytes"], d["sha256"]	# of the text, now
        yield d
print(json.dumps(list(lines(sys.argv[1])) == list(lines(sys.argv[2]))))
PY
)
is "its own export says the same" "$body" true
is "its documents are known as pushed ones" "$(sqlite 'select count(*) from document')" "$documents"
build two two
is "built again nothing changes" "$(json '[j["unchanged"], j["documents_kept"], j["removed"]]')" \
	"[true, $documents, 0]"

# In order with what else is sent: what came before the import does not come after it.
older=$(sed -n 2p "$T/one.jsonl" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["key"])')
mkdir -p "$T/sent"
printf 'An older quahog, sent before the import.\n' >"$T/sent/$older"
ok "a document is sent" cli ingest two "$T/sent/$older"
ok "one of that name is imported" cli import two "$T/one.jsonl"
printf 'A newer okapi, sent after it.\n' >"$T/sent/newer.txt"
ok "another is sent" cli ingest two "$T/sent/newer.txt"
build two two
is "the import counts, and what came after it" \
	"$(json '[j["documents"], j["rejected"]]')" "[$((documents + 1)), 0]"
by_hand two '{"query": "quahog", "mode": "lexical"}'
is "what was sent before is not found" "$(json "'quahog' in json.dumps(j['hits'])")" false

# From a generation: no text but that of its chunks, vectors as they are indexed.
generation=$(cat "$data/tenants/one/current")
cli export --generation "$generation" --vectors json one >"$T/sealed.jsonl" 2>>"$T/commands.log"
body=$(sed -n 2p "$T/sealed.jsonl")
is "a generation's export has vectors" "$(json 'len(j["chunks"][0]["vectors"][0]["values"]) > 7')" true
ok "and is imported, too" cli import three "$T/sealed.jsonl"
build three two
is "as many passages" "$(json 'j["documents"]')" "$documents"

# One that is killed has accepted nothing of its batch, and may be run again.
mkfifo "$T/lines"
start import "$bin/ragpool" -d "$data" -s "$T/run/nobody.sock" import killed "$T/lines"
exec 7>"$T/lines"
head -n 20 "$T/one.jsonl" >&7
has_begun() { [ -n "$(find "$data/inbox/killed" -name '.tmp-*' -size +0 2>/dev/null)" ]; }
wait_for 20 "the import has begun" has_begun
kill -KILL "$started"
exec 7>&-
wait "$started" 2>/dev/null
is "nothing is accepted" "$(ls "$data/inbox/killed" | grep -c '^0000')" 0
ok "it is run again" cli import killed "$T/one.jsonl"
build killed two
is "and all is there" "$(json '[j["documents"], j["documents_kept"], j["documents_read"]]')" \
	"[$documents, $documents, 0]"
is "without a trace of the first" "$(find "$data" -name '.tmp-*' -o -name '*-journal')" ''

# What was cut otherwise is cut anew from its text.
sed 's/"chunk_size": 64/"chunk_size": 32/' "$T/two.json" >"$T/four.json"
ok "imported where passages are smaller" cli import four "$T/one.jsonl"
build four four
is "it is cut anew" "$(json 'j["documents_read"]')" "$documents"

# Lines that are wrong.
"$PYTHON" - "$T/one.jsonl" >"$T/bad.jsonl" <<'PY'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
good = json.loads(lines[1])
def bad(**change):
    d = json.loads(lines[1]); d.update(change); return json.dumps(d)
def chunk(**change):
    d = json.loads(lines[1]); d["chunks"][0].update(change); return json.dumps(d)
print(lines[0])
print(json.dumps(good))                                     # 2, good
print("{\"key\": ")                                         # 3
print(bad(key="a\nb"))                                      # 4
print(bad(chunks=[]))                                       # 5
print(chunk(end=10 ** 6))                                   # 6
print(chunk(text="something else"))                         # 7
print(chunk(vectors=[{"identity": 1, "f32": "AAA!"}]))      # 8
print(chunk(vectors=[{"identity": 1, "f32": "AADAfw"}]))    # 9, NaN
print(bad(surprise=1))                                      # 10
print("[1]")                                                # 11
print(bad(key="last.md"))                                   # 12, good
PY
cli import five "$T/bad.jsonl" >"$T/bad.out" 2>"$T/bad.err"
is "an import with bad lines fails" "$?" 65
like "but takes the good ones" "$(cat "$T/bad.out")" '^2 documents.* 9 lines left out'
is "and names each bad one" "$(sed -n 's/.*line \([0-9]*\) is left out.*/\1/p' "$T/bad.err" | xargs)" \
	'3 4 5 6 7 8 9 10 11'
build five two
is "the good ones are built" "$(json 'j["documents"]')" 2
like "what is no export is refused" "$(cli import six "$T/two.json" 2>&1)" 'line 1: not an export'

# Vectors of a model elsewhere: the new tenant asks it for none.
start_mock a
start_pool "GLOBAL=gateway_program = $bin/ragpool-gateway\n[model ada]\nurl = http://127.0.0.1:$mock_a/v1\nbatch = 8\ncache = 0\n"
wait_for 20 "the gateway listens" test -S "$T/run/gateway.sock"
for name in one two; do
	sed 's/"index_params"/"embedding_model": "ada", &/' "$T/$name.json" >"$T/$name-ada.json"
done
embed() {	# embed TENANT DOCUMENT
	body=$("$bin/ragpool-build" --data "$data" --tenant "$1" --config "$T/$2-ada.json" --json \
		--gateway "$T/run/gateway.sock" 2>>"$T/build.log" | tail -n 1)
}
embed paid one
passages=$(json 'j["passages_embedded"]')
cli export paid >"$T/paid.jsonl" 2>>"$T/commands.log"
like "vectors are imported" "$(cli import again "$T/paid.jsonl")" " $chunks vectors; 0 lines"
embed again two
is "and none is embedded again" "$(json '[j["passages_embedded"], j["passages_kept"], j["requests"]]')" \
	"[0, $passages, 0]"
finish
