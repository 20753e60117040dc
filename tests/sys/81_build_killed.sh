#!/bin/bash
# A build that is killed, at each of its named places and at any moment: the next one ends as if
# nothing had been, the old generation is whole all the time, and nothing is left lying about.
# RAGPOOL_KILLS: how many random kills (15); RAGPOOL_SEED: which ones.  RAGPOOL_CALLS=N, by hand:
# with strace, also at up to N calls of each kind that writes.
. "${0%/*}/lib.sh"
need nginx curl python3
need_built ragpool ragpool-build ragpool-worker ragpoold

kills=${RAGPOOL_KILLS:-15}
seed=${RAGPOOL_SEED:-$$}
docs=$T/docs
mkdir -p "$docs" "$T/base/inbox"
printf '{"version": "v1", "data_source": {"type": "directory", "path": "%s"}}' "$docs" >"$T/t.json"

build() {	# build DATA: sets $code
	"$bin/ragpool-build" --data "$1" --tenant t --config "$T/t.json" --json --quiet \
		>>"$T/build.log" 2>&1
	code=$?
}
cli() { "$bin/ragpool" -d "$1" -s "$T/run/nobody.sock" "${@:2}"; }	# cli DATA COMMAND...
state() { "$PYTHON" "$here/build_state.py" "$1" t; }	# state DATA
after_a_while() {	# after_a_while MS: less than that
	local us=$(((RANDOM << 15 | RANDOM) % ($1 * 1000)))
	sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
}
send() {	# send DATA NAME TEXT: a document by the inbox
	printf '%s\n' "$3" >"$T/$2"
	cli "$1" ingest t "$T/$2" >>"$T/commands.log" 2>&1
}

# What is there: one piece of source.db more than the sync takes at once, and pushed documents.
"$PYTHON" - "$docs" 0 <<'PY'
import sys
for i in range(620):
    with open("%s/%04d.md" % (sys.argv[1], i), "w") as f:
        f.write("# Note %d\n\nThe keeper of tower %d writes down the weather.\n" % (i, i))
PY
send "$T/base" kept.txt 'A pushed document that stays.'
send "$T/base" replaced.txt 'A pushed document, first version.'
send "$T/base" vacuous.txt 'A pushed document, to be removed.'
build "$T/base"
is "the first build" "$code" 0
old=$(cat "$T/base/tenants/t/current")

# What changes: nearly every file, some go, some come; documents come, change, and go.
rm -f "$docs"/000[0-4].md
"$PYTHON" - "$docs" <<'PY'
import sys
for i in range(20, 640):
    with open("%s/%04d.md" % (sys.argv[1], i), "w") as f:
        f.write("# Note %d\n\nThe keeper of tower %d counts the ships, %d of them.\n" % (i, i, i % 7))
with open("%s/blob.bin" % sys.argv[1], "wb") as f:
    f.write(b"\x7fELF\x01\x02\x03")
PY
send "$T/base" replaced.txt 'A pushed document, second version.'
send "$T/base" fresh.txt 'A pushed document that is new.'
entry() {	# entry SEQ JSON: an entry of the inbox as a worker writes it
	printf '%s%08xRPIN0001' "$2" "${#2}" >"$T/base/inbox/t/0000000000$1-00000000"
}
entry f0 '{"items": [{"op": "remove", "key": "vacuous.txt"}]}'
printf 'half an entry' >"$T/base/inbox/t/0000000000f1-00000000"

# The same, where nothing was ever built.
mkdir -p "$T/empty"
cp -a "$T/base/inbox" "$T/empty/inbox"
cp -a "$T/empty" "$T/first"
build "$T/first"
is "an undisturbed first build" "$code" 0
state "$T/first" >"$T/wanted-empty"

cp -a "$T/base" "$T/undisturbed"
from=$(now_ms)
build "$T/undisturbed"
took=$(($(now_ms) - from))
is "an undisturbed build of what changed" "$code" 0
state "$T/undisturbed" >"$T/wanted-base"
new=$(cat "$T/undisturbed/tenants/t/current")
note "$old becomes $new in $took ms"

differences=0
compare() {	# compare DATA BASE DESCRIPTION: is it what the undisturbed build has left?
	state "$1" >"$T/got"
	cmp -s "$T/wanted-$2" "$T/got" && return
	differences=$((differences + 1))
	note "$3 differs:"
	diff "$T/wanted-$2" "$T/got" | head -n 20 | cut -c1-300 | sed 's/^/#   /'
}
is_whole() {	# is_whole DATA: what is live verifies
	cli "$1" verify t >>"$T/commands.log" 2>&1
}

# --- at each place ---
reached=0
whole=0
places=0
for place in $("$bin/ragpool-build" --list-failpoints); do
	places=$((places + 1))
	data=$T/data-$place
	cp -a "$T/base" "$data"
	RAGPOOL_FAILPOINT=$place build "$data" 2>/dev/null
	[ "$code" = 137 ] && reached=$((reached + 1)) || note "$place: not reached (exit $code)"
	[ "$(cat "$data/tenants/t/current")" = "$old" ] && is_whole "$data" &&
		whole=$((whole + 1)) || note "$place: what was live is not whole any more"
	build "$data"
	[ "$code" = 0 ] || note "$place: the next build fails ($code)"
	compare "$data" base "$place"
	rm -rf "$data"
done
is "every place was reached" "$reached" "$places"
ok "and there are some" test "$places" -ge 16
is "the old generation was whole each time" "$whole" "$places"
is "and the next build left what an undisturbed one leaves" "$differences" 0

# --- at any moment ---
# From the old generation or from none.  One or two kills, then a build that is left alone: three while an entry is taken in would put
# that aside, as they should.
RANDOM=$seed
note "random kills: RAGPOOL_SEED=$seed RAGPOOL_KILLS=$kills"
killed=0
whole=0
for ((i = 0; i < kills; i++)); do
	data=$T/data-$i
	base=base
	[ $((i % 3)) != 2 ] || base=empty
	cp -a "$T/$base" "$data"
	for ((j = 0; j < 1 + i % 2; j++)); do
		setsid "$bin/ragpool-build" --data "$data" --tenant t --config "$T/t.json" --json \
			--quiet >>"$T/build.log" 2>&1 &
		victim=$!
		after_a_while "$took"
		kill -KILL -- "-$victim" 2>/dev/null
		wait "$victim" 2>/dev/null
		[ $? = 137 ] && killed=$((killed + 1))
	done
	[ ! -e "$data/tenants/t/current" ] || is_whole "$data" && whole=$((whole + 1))
	build "$data"
	[ "$code" = 0 ] || note "kill $i: the next build fails ($code)"
	compare "$data" "$base" "kill $i"
	rm -rf "$data"
done
is "after random kills what is live is whole" "$whole" "$kills"
is "and the next build left what an undisturbed one leaves" "$differences" 0
note "$killed builds were killed in the middle, $((kills + kills / 2 - killed)) had ended"

# --- at the calls that write ---
if [ -n "${RAGPOOL_CALLS:-}" ]; then
	traced() {	# traced DATA OPTION...
		local data=$1
		shift
		strace -f -q "$@" "$bin/ragpool-build" --data "$data" --tenant t --config "$T/t.json" \
			--quiet 2>>"$T/commands.log" >&2
	}
	killed=0
	for call in fsync fdatasync syncfs rename write pwrite64 unlink mkdir chmod; do
		cp -a "$T/base" "$T/counted"
		traced "$T/counted" -c -o "$T/calls" -e trace=$call
		rm -rf "$T/counted"
		calls=$(awk -v c=$call '$NF == c {print $4 + 0}' "$T/calls")
		for ((i = 1; i <= ${calls:-0}; i += 1 + calls / RAGPOOL_CALLS)); do
			data=$T/data-$call
			cp -a "$T/base" "$data"
			traced "$data" -o /dev/null -e trace=$call -e "inject=$call:signal=KILL:when=$i" 2>/dev/null
			is_whole "$data" || note "$call $i: what is live is not whole any more"
			killed=$((killed + 1))
			build "$data"
			compare "$data" base "killed at $call $i"
			rm -rf "$data"
		done
	done
	is "after kills at $killed calls the next build left the same" "$differences" 0
fi

# --- supervisor and builder, in the middle of a scheduled build ---
# What was accepted is there once in the end, and the pool goes on by itself.
start_pool WORKERS=2 'GLOBAL=inbox_delay = 0ms\nhold_down = 0ms'
start_nginx
put_tenant t v1 "$docs"
wait_for 60 "it is served" answers 200 /query/t '{"query": "ships"}'
builder() { pgrep -P "$pool" -x ragpool-build | head -n 1; }
has_builder() { victim=$(builder) && [ -n "$victim" ]; }
is_live() { ask GET "/jobs/$1"; [ "$(json 'j["state"]')" = live ]; }
begins() { has_builder || is_live "${job[i]}"; }	# which ends while nobody looks, at times
rounds=4
accepted=0
for ((i = 0; i < rounds; i++)); do
	ask PUT "/tenants/t/documents/pushed$i.txt" -H 'Content-Type: text/plain' \
		--data-binary "Quagga$i lives here."
	[ "$status" = 202 ] && accepted=$((accepted + 1))
	job[i]=$(json 'j["job"]')
	wait_for 20 "a build begins" begins
	after_a_while "$took"
	kill -KILL "$pool" ${victim:+"$victim"} 2>/dev/null
	wait "$pool" 2>/dev/null
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
done
is "documents were accepted" "$accepted" "$rounds"
all_live() {
	for ((i = 0; i < rounds; i++)); do
		is_live "${job[i]}" || return 1
	done
}
ok "every job is live in the end, without anybody's help" wait_until 60 all_live
once=0
for ((i = 0; i < rounds; i++)); do
	post /query/t "{\"query\": \"Quagga$i\", \"top_k\": 50}"
	[ "$(json "[h['source'] for h in j['hits']].count('pushed$i.txt')")" = 1 ] &&
		once=$((once + 1))
done
is "every document is there, once" "$once" "$rounds"
is_quiet() {
	tells 't("t")["state"] + j["roll"]["state"]' liveidle && ! has_builder
}
wait_for 20 "the pool is at rest" is_quiet
ok "what is live is whole" is_whole "$T/data"
leftovers() { find "$T/data" -name '*.tmp-*' -o -name '*-journal' -o -name '.unfinished'; }
is "no temporary file is left" "$(leftovers)" ''
finish
