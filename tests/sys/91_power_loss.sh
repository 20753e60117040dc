#!/bin/bash
# Loss of power, at any moment: what builds, writes and keys do to the disk is recorded, and put
# together again as a disk may be found that kept only what it was told to keep (power.py).
# RAGPOOL_POWER: how many of these states (150); RAGPOOL_SEED: which ones.
. "${0%/*}/lib.sh"
need python3 "${CC:-cc}"
need_built ragpool ragpool-build

rounds=${RAGPOOL_POWER:-150}
seed=${RAGPOOL_SEED:-$$}
data=$T/data
"${CC:-cc}" -shared -fPIC -O1 -o "$T/recorder.so" "$here/recorder.c" || die "recorder.c does not compile"
mkdir "$data" "$T/v1" "$T/v2" "$T/work"
said() { printf 'said %s\n' "$*" >>"$T/record"; }
recorded() {
	RECORDER_ROOT=$data RECORDER_LOG=$T/record LD_PRELOAD=$T/recorder.so "$@" 2>>"$T/commands.log"
}
said root "$data"
mkdir "$data/inbox"	# the supervisor's
printf 'mkdir 750 %s\nsyncdir %s\n' "$data/inbox" "$data" >>"$T/record"

build() {	# build FOLDER
	printf '{"version": "v", "data_source": {"type": "directory", "path": "%s"}}' "$T/$1" >"$T/t.json"
	said building "$T/$1"
	body=$(recorded "$bin/ragpool-build" --data "$data" --tenant t --config "$T/t.json" --json --quiet | tail -n 1)
	said built "$(json "j['generation']")"
}
send() {	# send NAME TEXT
	printf '%s\n' "$2" >"$T/$1"
	said sending "$1" "$(stat -c %s "$T/$1")"
	body=$(recorded "$bin/ragpool" -d "$data" -s "$T/nobody" ingest t "$T/$1" | tail -n 1)
	said sent "$(json "j['job'][4:].split('.')[0]")"
}
make_key() {
	local text
	text=$(recorded "$bin/ragpool" -d "$data" -s "$T/nobody" key create --role reader --tenant t)
	said key "${text:3:12}"
}

for i in $(seq 40); do
	printf '# Note %d\n\nThe keeper of tower %d counts %d ships.\n' "$i" "$i" $((i * i)) >"$T/v1/$i.md"
done
cp "$T/v1/"* "$T/v2/"
rm "$T/v2/7.md"
printf '# Note 8\n\nThe lamp of tower 8 is out.\n' >"$T/v2/8.md"
printf '# Note 41\n\nA tower without a keeper.\n' >"$T/v2/41.md"

build v1
send one.txt 'A document that is sent.'
send two.txt 'Another one.'
build v1
make_key
send two.txt 'Another one, in its second version.'
build v2
make_key
build v2

like "four builds, three documents and two keys were recorded" "$(grep -ac '^said' "$T/record")" '^17$'
ok "and nothing was missed: played back, it is the folder" \
	"$PYTHON" "$here/power.py" whole "$T/record" "$data"
"$PYTHON" "$here/power.py" check "$T/record" "$bin" "$T/work" --rounds "$rounds" --seed "$seed" \
	${RAGPOOL_KEEP:+--keep} >"$T/states" 2>&1
is "whatever a loss of power leaves: what was acknowledged is there, and the rest is old or new" $? 0
note "RAGPOOL_SEED=$seed RAGPOOL_POWER=$rounds"
note "$(tail -n 40 "$T/states" | cut -c1-600)"
finish
