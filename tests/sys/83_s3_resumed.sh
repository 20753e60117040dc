#!/bin/bash
# A download from S3 that is killed goes on where it was: what was read is not asked for again, and
# nothing is taken for deleted that a listing has not left out to its end.
. "${0%/*}/lib.sh"
. "${0%/*}/s3.sh"
need python3 curl
need_built ragpool-build ragpool

objects=1300	# of which 500 a piece are committed
start_s3 --page 400
s3_keys
printf '{"version": "v1", "data_source": {"type": "s3", "bucket": "many", "endpoint": "%s"}}\n' \
	"$s3" >"$T/many.json"
build() {	# sets $code and $body, the last line
	"$bin/ragpool-build" --data "$T/data" --tenant many --config "$T/many.json" --json \
		>"$T/build.out" 2>>"$T/build.log"
	code=$?
	body=$(tail -n 1 "$T/build.out")
}
current() { cat "$T/data/tenants/many/current"; }
fill() { s3_ask POST "fill?bucket=many&count=$1"; }
fill $objects

RAGPOOL_FAILPOINT=sync.document:1150 build 2>/dev/null
is "killed in the third piece" "$code" 137
read_once=$(s3_count 'j["gets"]')
s3_reset
build
is "the next one has all" "$code $(json 'j["documents"]')" "0 $objects"
again=$(s3_count 'j["gets"]')
ok "having asked only for what was not kept: $again of $objects" test "$again" -eq $((objects - 1000))
note "$read_once objects were asked for before the kill, $((read_once + again - objects)) twice"
first=$(current)

# Killed behind each piece it comes to its end all the same.
s3_reset
fill "$objects&word=sentence"
delete() { s3_ask POST "delete?bucket=many&key=notes/000/note%20$1.md"; }
delete 0
for ((i = 0; i < 2; i++)); do
	RAGPOOL_FAILPOINT=sync.piece build 2>/dev/null
	is "killed behind a piece" "$code" 137
	is "what is live is the old one" "$(current)" "$first"
done

# A listing that breaks off is none: nothing goes for what it has not named.
s3_fault '{"match": "GET /many.*continuation-token", "times": 1, "do": "xml"}'
build
ok "half a listing is refused" test "$code" -ne 0
is "and what is live is the old one" "$(current)" "$first"
is "nor has anything gone" \
	"$("$bin/ragpool" -d "$T/data" -s "$T/nobody.sock" export many 2>/dev/null | grep -c '"key"')" "$objects"
build
is "a whole one is taken, and what it does not name goes" \
	"$code $(json '[j["documents"], j["removed"]]')" "0 [$((objects - 1)), 1]"
# Several are on their way when it is killed: these may be asked for twice.
total=$(s3_count 'j["gets"]')
ok "each was asked for once, but for those on their way: $total" \
	test "$total" -ge $((objects - 1)) -a "$total" -le $((objects + 199))
finish
