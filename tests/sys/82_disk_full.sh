#!/bin/bash
# A disk that is full, for real: a small one of memory.  What serves serves on, what is accepted is
# durable or refused, a build says what is the matter and leaves no room taken, and all goes on by
# itself when there is room again.
#
# It mounts the disk in a namespace of its own; where that is not allowed it takes /dev/shm, if that
# is as small as containers have it.
if [ -z "${RAGPOOL_MOUNTS:-}" ]; then
	for how in 'unshare -m' 'unshare -rm'; do
		if $how sh -c 'mount -t tmpfs -o size=1m none /mnt' 2>/dev/null; then
			RAGPOOL_MOUNTS=yes exec $how "$0" "$@"
		fi
	done
	export RAGPOOL_MOUNTS=no
fi
. "${0%/*}/lib.sh"
need nginx curl python3

disk=$T/disk
mkdir -p "$disk"
if [ "$RAGPOOL_MOUNTS" = yes ]; then
	mount -t tmpfs -o size=64m,mode=755 none "$disk" || die "mount"
	trap 'umount -l "$disk"; cleanup' EXIT
elif [ "$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -le 131072 ] 2>/dev/null; then
	disk=$(mktemp -d /dev/shm/rps.XXXXXX) || die "/dev/shm"
	chmod 755 "$disk"
	trap 'rm -rf "$disk"; cleanup' EXIT
else
	skip "no file system may be mounted here, and /dev/shm is not small"
fi
free_kb() { df -k --output=avail "$disk" | tail -n 1; }
leave_kb() {	# leave_kb N: of the disk, the rest is ballast; never room for less than a page
	rm -f "$disk/ballast"
	local kb=$(($(free_kb) - $1))
	[ "$1" = 0 ] && kb=$((kb + 1024))
	dd if=/dev/zero of="$disk/ballast" bs=1k count="$kb" 2>/dev/null
}

sample en
mkdir -p "$T/large"
cp "$T"/sources/en/* "$T/large/"
mkdir -p "$T/tenants.d"
printf '{"version": "v1", "data_source": {"type": "push"}}\n' >"$T/tenants.d/box.json"
start_pool WORKERS=2 "GLOBAL=inbox_delay = 0ms\nhold_down = 0ms\nlog_file = $disk/pool.log"
ln -s "$disk/pool.log" "$T/pool.log"
stop "$pool"
sed -i "s|^data_dir = .*|data_dir = $disk/data|" "$conf"
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
start_nginx
put_tenant en v1 "$T/sources/en"
put_tenant large v1 "$T/large"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "large is served" answers 200 /query/large '{"query": "bread"}'
ask PUT /tenants/box/documents/first.txt -H 'Content-Type: text/plain' --data-binary 'The first axolotl.'
job=$(json 'j["job"]')
job_is() {	# job_is JOB STATE
	ask GET "/jobs/$1"
	[ "$(json 'j["state"]')" = "$2" ]
}
wait_for 60 "box is served" job_is "$job" live
load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 2 --seconds 90

# --- a build that fills it ---
"$PYTHON" - "$T/large" <<'PY'
import random, sys
words = ["w%x" % (i * 7919) for i in range(5000)]
random.seed(5)
for i in range(100):
    with open("%s/%03d.txt" % (sys.argv[1], i), "w") as f:
        for _ in range(40):
            f.write(" ".join(random.choices(words, k=100)) + ".\n\n")
PY
# How much it needs: the same, where there is room.
tenant_json v2 "$T/large" >"$T/large.json"
"$bin/ragpool-build" --data "$T/measured" --tenant large --config "$T/large.json" --quiet \
	>>"$T/build.log" 2>&1
source_kb=$(du -k "$T/measured/tenants/large/source.db" | cut -f1)
generation_kb=$(du -sk "$T/measured/tenants/large/gen" | cut -f1)
rm -rf "$T/measured"
old=$(cat "$disk/data/tenants/large/current")
is_told() { told 't("large")["last_error"]' | grep -q "$1"; }
is_clean() {	# between two tries
	[ -z "$(find "$disk/data/tenants/large" -name '*.tmp-*' -o -name '*-journal')" ]
}
fails() {	# fails WHERE REGEX: the build does, and leaves no room taken
	ok "a build whose $1 does not fit fails" wait_until 60 is_told "$2"
	like "it says what is the matter, and what helps" "$(told 't("large")["last_error"]')" \
		'MiB are free on the disk of .*/data: make room there'
	is "the old generation is live" "$(cat "$disk/data/tenants/large/current")" "$old"
	ok "and answers" answers 200 /query/large '{"query": "bread"}'
	ok "nothing is left but what was read" wait_until 30 is_clean
	is "and no other generation" "$(ls "$disk/data/tenants/large/gen")" "$old"
}
leave_kb $((source_kb / 2))
put_tenant large v2 "$T/large"
fails "source.db" 'database or disk is full'
leave_kb $((source_kb + generation_kb / 2))
fails "generation" '/gen/.tmp-.*No space left'
note "source.db takes $source_kb kB, the generation $generation_kb kB; $(free_kb) kB are free"

# --- nothing is accepted that is not durable ---
leave_kb 0
waiting() { find "$disk/data/inbox/box" -type f ! -name lock | sort; }
was=$(waiting)
for size in 10 100000; do
	head -c "$size" /dev/zero | tr '\0' x >"$T/body"
	ask PUT "/tenants/box/documents/full$size.txt" -H 'Content-Type: text/plain' --data-binary "@$T/body"
	is "a document of $size bytes on a full disk is refused" \
		"$status $(json 'j["error"]["code"]')" '507 storage_full'
	like "with a time to come again" "$(header retry-after)" '^[0-9]+$'
done
post /ingest/box '{"documents": [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]}'
is "several too" "$status $(json 'j["error"]["code"]')" '507 storage_full'
is "and nothing of them is there" "$(waiting)" "$was"
ok "questions are answered" answers 200 /query/box '{"query": "axolotl"}'
kill -KILL "$pool"
wait "$pool" 2>/dev/null
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
ok "a supervisor starts on a full disk" wait_until 20 tells 'j["ready"]' 2
ok "and its workers answer" answers 200 /query/box '{"query": "axolotl"}'
is "from what was live" "$(header x-ragpool-generation)" "$(cat "$disk/data/tenants/box/current")"

# --- there is room again ---
rm -f "$disk/ballast"
ask PUT /tenants/box/documents/second.txt -H 'Content-Type: text/plain' --data-binary 'The second okapi.'
is "documents are accepted" "$status" 202
job=$(json 'j["job"]')
ok "and built" wait_until 60 job_is "$job" live
is_live() { tells 't("large")["version"] + t("large")["state"]' v2live; }
ok "what did not fit is built by itself" wait_until 90 is_live
post /query/large '{"query": "bread", "top_k": 3}'
is "from the new generation" "$status" 200
ok "which is whole" ragpool verify large

# --- accepted with the last of the room ---
# It cannot be taken in, again and again, and is not put aside for that.
leave_kb 24
ask PUT /tenants/box/documents/third.txt -H 'Content-Type: text/plain' --data-binary 'The third quokka.'
is "little room is enough for a document" "$status" 202
job=$(json 'j["job"]')
failed_often() { [ "$(grep -c 'build failed tenant=box' "$T/pool.log" "$T/ragpoold.log" | awk -F: '{n += $2} END {print n}')" -ge 4 ]; }
ok "but not for its build" wait_until 60 failed_often
ask GET "/jobs/$job"
is "its job has not failed for it" "$(json 'j["state"] in ("queued", "building")')" true
rm -f "$disk/ballast"
ok "and it is live when there is room" wait_until 60 job_is "$job" live

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every other answer was 200" "$(json 'j["first_failures"]')" '[]'
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"
finish
