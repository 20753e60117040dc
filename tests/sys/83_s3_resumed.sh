#!/bin/bash
# A download from S3 that is killed goes on where it was: what was read is not asked for again, and
# nothing is taken for deleted that a listing has not left out to its end.
. "${0%/*}/lib.sh"
need python3 curl
need_built ragpool-build ragpool
unset "${!AWS_@}"
export HOME=$T AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY='secret/of+the=test'

objects=1300	# of which 500 a piece are committed
read -r port <<<"$(free_ports 1)"
s3=http://127.0.0.1:$port
start s3server "$PYTHON" "$here/s3server.py" --port "$port" --page 400
wait_for 20 "the S3 server listens" curl -s -o /dev/null "$s3/_test/stats"
printf '{"version": "v1", "data_source": {"type": "s3", "bucket": "many", "endpoint": "%s"}}\n' \
	"$s3" >"$T/many.json"
build() {	# sets $code and $body, the last line
	"$bin/ragpool-build" --data "$T/data" --tenant many --config "$T/many.json" --json \
		>"$T/build.out" 2>>"$T/build.log"
	code=$?
	body=$(tail -n 1 "$T/build.out")
}
gets() { body=$(curl -s "$s3/_test/stats"); json 'j["gets"]'; }
reset() { curl -s -X POST "$s3/_test/reset" >/dev/null; }
current() { cat "$T/data/tenants/many/current"; }
fill() { curl -s -X POST "$s3/_test/fill?bucket=many&count=$1" >/dev/null; }
fill $objects

RAGPOOL_FAILPOINT=sync.document:1150 build 2>/dev/null
is "killed in the third piece" "$code" 137
read_once=$(gets)
reset
build
is "the next one has all" "$code $(json 'j["documents"]')" "0 $objects"
again=$(gets)
ok "having asked only for what was not kept: $again of $objects" test "$again" -eq $((objects - 1000))
note "$read_once objects were asked for before the kill, $((read_once + again - objects)) twice"
first=$(current)

# Killed behind each piece it comes to its end all the same.
reset
fill "$objects&word=sentence"
delete() { curl -s -X POST "$s3/_test/delete?bucket=many&key=notes/000/note%20$1.md"; }
delete 0
for ((i = 0; i < 2; i++)); do
	RAGPOOL_FAILPOINT=sync.piece build 2>/dev/null
	is "killed behind a piece" "$code" 137
	is "what is live is the old one" "$(current)" "$first"
done

# A listing that breaks off is none: nothing goes for what it has not named.
curl -s -X POST "$s3/_test/fault" \
	--data-binary '{"match": "GET /many.*continuation-token", "times": 1, "do": "xml"}' >/dev/null
build
ok "half a listing is refused" test "$code" -ne 0
is "and what is live is the old one" "$(current)" "$first"
is "nor has anything gone" \
	"$("$bin/ragpool" -d "$T/data" -s "$T/nobody.sock" export many 2>/dev/null | grep -c '"key"')" "$objects"
build
is "a whole one is taken, and what it does not name goes" \
	"$code $(json '[j["documents"], j["removed"]]')" "0 [$((objects - 1)), 1]"
# Several are on their way when it is killed: these may be asked for twice.
total=$(gets)
ok "each was asked for once, but for those on their way: $total" \
	test "$total" -ge $((objects - 1)) -a "$total" -le $((objects + 199))
finish
