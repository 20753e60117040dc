#!/bin/bash
# ragpool load: a constant rate, rolls seen as they happen, and a verdict that can fail.
. "${0%/*}/lib.sh"
need nginx curl python3

data=$RAGPOOL_SOURCE/tests/test-data
mkdir -p "$T/sources"
cp -r "$data/documents" "$T/sources/docs"
start_pool WORKERS=2
start_nginx
put_tenant docs v1 "$T/sources/docs"
wait_for 60 "docs is served" answers 200 /query/docs '{"query": "tides"}'

measure() {	# measure OPTION...: sets $code, and $body for json
	body=$(ragpool load --json "$@" 2>"$T/load.err")
	code=$?
}

measure --rate 200 --seconds 1 --topics "$data/questions.jsonl" --mean-ms 5000 --timeout 60 "$url" docs
is "all that was due was asked and answered" "$code $(json '[j["asked"], j["failed"], j["answers"], j["passed"]]')" \
	'0 [200, 0, {"200": 200}, true]'
ok "the judged documents were found" test "$(json 'j["recall"] >= 0.9 and j["judged"] == 200')" = true
note "recall $(json 'j["recall"]'), latency $(json 'j["latency_ms"]')"
is "percentiles are in order" \
	"$(json '(lambda l: l == sorted(l))([j["latency_ms"][k] for k in ("p50", "p90", "p99", "p99.9", "max")])')" true
before=$(json 'j["generations"][0]["generation"]')

# A new generation during the load: no question fails, and the roll is seen.
"$bin/ragpool" -c "$conf" load --json --rate 50 --seconds 60 --mean-ms 60000 --timeout 60 "$url" docs >"$T/rolled.json" 2>>"$T/load.err" &
load=$!
pids+=("$load")
echo "The harbour master keeps a parrot." >"$T/sources/docs/parrot.md"
put_tenant docs v2 "$T/sources/docs"
moved() {
	post /query/docs '{"query": "parrot"}'
	[ "$(json 'j["generation"]')" != "$before" ]
}
wait_for 50 "the new generation is served" moved
for _ in {1..20}; do moved; done
kill -INT "$load"
wait "$load"
code=$?
body=$(<"$T/rolled.json")
is "a roll costs no question" "$code $(json '[j["failed"], j["passed"]]')" '0 [0, true]'
is "and is seen" "$(json 'len(j["generations"])')" 2
is "where it began" "$(json 'j["generations"][0]["generation"]')" "$before"

# Verdicts that must not pass.
measure --rate 50 --seconds 0.2 --mean-ms 0 --topics "$data/questions.jsonl" "$url" docs
is "too slow" "$code $(json '[j["failed"], j["passed"]]')" '1 [0, false]'
printf '{"query": "tides", "relevant": ["nothing.md"]}\n' >"$T/wrong.jsonl"
measure --rate 50 --seconds 0.2 --mean-ms 60000 --topics "$T/wrong.jsonl" "$url" docs
is "too little found" "$code $(json '[j["recall"], j["passed"]]')" '1 [0.0, false]'
measure --rate 50 --seconds 0.2 --mean-ms 60000 "$url" nobody
is "answers that are errors" "$code $(json '[j["failed"], j["answers"], j["passed"]]')" '1 [10, {"404": 10}, false]'
measure --rate 50 --seconds 0.2 --mean-ms 60000 "$url/retrieve" docs
is "another address is asked as it is" "$code $(json 'j["answers"]')" '0 {"200": 10}'
stop "$nginx"
measure --rate 50 --seconds 0.2 --mean-ms 60000 "$url" docs
is "nobody there" "$code $(json 'j["answers"]')" '1 {"refused": 10}'
measure --topics "$T/absent" "$url" docs
is "no questions" "$code $(wc -l <"$T/load.err")" '66 1'
measure --rate none "$url" docs
is "no rate" "$code" 64
finish
