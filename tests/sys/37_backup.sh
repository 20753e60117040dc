#!/bin/bash
# Twenty backups of a pool under load that takes in changes meanwhile: each is whole, restores
# into an empty data folder, and answers there; a damaged one is refused before anything is
# changed, and a restore that is killed leaves what served.  Uploaded files go and come with it.
. "${0%/*}/lib.sh"
need nginx curl python3
BACKUPS=20

mkdir -p "$T/sources/docs"
document() { printf '# Note %d\n\nThe harbour of station %d is painted every spring.\n' "$1" "$1"; }
for n in $(seq 40); do document "$n" >"$T/sources/docs/$n.md"; done
sample en
start_pool "GLOBAL=hold_down = 0ms"
start_nginx
put_tenant docs v0 "$T/sources/docs"
put_tenant other v1 "$T/sources/en"
wait_for 30 "docs is live" tells 't("docs")["state"]' live
wait_for 30 "other is live" tells 't("other")["state"]' live
echo '{"query": "station 7", "expected": ["7.md"]}' >"$T/data/tenants/docs/golden.jsonl"
ragpool pin other >>"$T/commands.log" || die "cannot pin"
pinned=$(told 't("other")["generation"]')

# --- making them, under load and while builds run ----------------------------------------

load "$T/load.json" --url "$url/query/docs" --body '{"query": "painted every spring"}' \
	--connections 2 --seconds 240
ingest() {	# changes documents and asks for builds until it is told to stop
	local n=0
	while [ ! -e "$T/enough" ]; do
		n=$((n + 1))
		document $((100 + n)) >"$T/sources/docs/new$n.md"
		put_tenant docs "v$n" "$T/sources/docs"
		tells 't("docs")["version"]' "v$n" || sleep "$poll"
	done
}
ingest &
ingesting=$!
pids+=("$ingesting")
made=0
for n in $(seq "$BACKUPS"); do
	ragpool backup "$T/backups" >>"$T/backup.log" 2>&1 && made=$((made + 1))
done
has_built() { [ "$(grep -c 'build done tenant=docs' "$T/ragpoold.log")" -ge 3 ]; }
wait_until 30 has_built
touch "$T/enough"
wait "$ingesting"
kill -TERM "$load"
wait "$load"
is "backups made" "$made" "$BACKUPS"
is "each has a folder of its own" "$(ls "$T/backups" | grep -c Z)" "$BACKUPS"
body=$(<"$T/load.json")
is "every answer meanwhile was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
ok "while builds ran" has_built

# --- each of them --------------------------------------------------------------------------

by_hand() {	# by_hand DATA TENANT JSON: one request to a worker without a server; sets $body
	body=$(printf %s "$3" | SERVER_ADDR=127.0.0.1 REQUEST_METHOD=POST REQUEST_URI=/query/$2 \
		SCRIPT_NAME=/query/$2 QUERY_STRING='' CONTENT_TYPE=application/json \
		CONTENT_LENGTH=${#3} SERVER_PROTOCOL=HTTP/1.1 \
		"$bin/ragpool-worker" --data "$1" 2>>"$T/by_hand.log" | tr -d '\r' | sed '1,/^$/d')
}
whole=0 restored=0 right=0 pins=0
for name in $(ls "$T/backups" | grep Z); do
	ragpool backup --verify --at "$name" "$T/backups" >>"$T/commands.log" 2>&1 &&
		whole=$((whole + 1))
	rm -rf "$T/empty"
	mkdir "$T/empty"
	lone() { "$bin/ragpool" -d "$T/empty" -s "$T/run/nobody.sock" "$@" >>"$T/restore.log" 2>&1; }
	lone restore --at "$name" "$T/backups" && lone verify && restored=$((restored + 1))
	by_hand "$T/empty" docs '{"query": "station 7 painted", "top_k": 1}'
	[ "$(json 'j["hits"][0]["source"].endswith("/7.md") or j["hits"][0]["source"] == "7.md"')" = true ] &&
		right=$((right + 1))
	grep -q "other.operator.$pinned" "$T/empty/pins" && pins=$((pins + 1))
done
is "each is whole" "$whole" "$BACKUPS"
is "each restores into an empty folder that verifies" "$restored" "$BACKUPS"
is "and answers the golden query there" "$right" "$BACKUPS"
is "with its pin" "$pins" "$BACKUPS"
cmp -s "$T/empty/tenants/docs/golden.jsonl" "$T/data/tenants/docs/golden.jsonl"
is "and its golden queries" "$?" 0

# A build goes on from a restored source.db as if nothing had been.
"$bin/ragpool-build" --data "$T/empty" --tenant other --config "$T/empty/lkg/other.json" \
	--json >"$T/build.json" 2>>"$T/commands.log"
body=$(tail -n 1 "$T/build.json")
is "what was restored is not read again" "$(json '[j["documents_kept"], j["documents_read"], j["generation"]]')" \
	"[3, 0, \"$pinned\"]"

# --- shared with the one before --------------------------------------------------------------

rm -rf "$T/backups"
first=$(ragpool backup --copy --keys "$T/backups")
second=$(ragpool backup --copy "$T/backups")
like "nothing changed: nothing is new but the pointers" "$second" ' 0 of them new'
first=${first%%:*} second=${second%%:*}
index=tenants/other/gen/$pinned/index.rpx
is "an index is one file in both" "$(stat -c %i "$second/$index")" "$(stat -c %i "$first/$index")"
is "source.db too" "$(stat -c %i "$second/tenants/docs/source.db")" \
	"$(stat -c %i "$first/tenants/docs/source.db")"
[ "$(stat -c %i "$first/$index")" != "$(stat -c %i "$T/data/$index")" ]
is "but not the one that serves" "$?" 0
ok "the older one can go" ragpool backup --copy --keep 1 "$T/backups"
is "so that one is left" "$(ls "$T/backups" | grep -c Z)" 1

# --- uploaded files --------------------------------------------------------------------------

rm -rf "$T/backups"
echo 'Attached to nothing yet.' >"$T/loose.md"
upload() {	# upload NAME [FORM...]: sets $file
	ask POST /v1/files -F purpose=assistants -F "file=@$T/loose.md;filename=$1" "${@:2}"
	file=$(json 'j["id"]')
}
upload ends.md -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=86400'
ends=$file expires=$(json 'j["expires_at"]')
upload stays.md
stays=$file
files=$T/data/inbox/.files
key=$(ls "$files")
mkdir "$files/t-docs"		# as a key for docs alone would leave it
mv "$files/$key/${stays#file-}" "$files/t-docs/"
saved() { find "$T/backups/"*Z/inbox/.files -name '[0-9a-f]*' -type f -printf '%P\n' 2>/dev/null | sort | tr '\n' ' '; }
ok "a backup of one tenant" ragpool backup "$T/backups" docs
is "holds that tenant's files alone" "$(saved)" "t-docs/${stays#file-} "
rm -rf "$T/backups"
ok "a backup of all" ragpool backup "$T/backups"
is "holds all" "$(saved)" "$key/${ends#file-} t-docs/${stays#file-} "
is "as links" "$(stat -c %h "$files/t-docs/${stays#file-}")" 2
ask DELETE "/v1/files/$ends"
is "one is deleted, the others are lost" "$status" 200
rm -r "$files/t-docs"
ok "verified" ragpool backup --verify "$T/backups"
ok "one tenant comes back" ragpool restore --force "$T/backups" docs
is "with its file" "$(ls "$files/t-docs")" "${stays#file-}"
ask GET "/v1/files/$ends"
is "and nobody else's" "$status" 404
ok "all comes back" ragpool restore --force "$T/backups"
ask GET "/v1/files/$ends"
is "in a pool that runs, with its end" "$status $(json 'j["expires_at"]')" "200 $expires"
ask GET "/v1/files/$ends/content"
is "and what was in it" "$body" 'Attached to nothing yet.'
rm -rf "$T/backups"
ragpool backup --copy --keep 1 "$T/backups" >>"$T/commands.log"

# --- bad ones ---------------------------------------------------------------------------------

backup=$T/backups/$(ls "$T/backups" | grep Z)
current=$(cat "$T/data/tenants/other/current")
lone() { "$bin/ragpool" -d "$T/empty" -s "$T/run/nobody.sock" "$@"; }
before=$(find "$T/empty/tenants/other" -type f -printf '%P %i\n' | sort)
chmod u+w "$backup/$index"
printf x | dd of="$backup/$index" bs=1 seek=5000 conv=notrunc 2>>"$T/commands.log"
like "a flipped byte is found" "$(ragpool backup --verify "$T/backups" 2>&1)" 'index.rpx: SHA-256 differs'
like "and nothing is restored from it" "$(lone restore --force "$T/backups" other 2>&1)" 'SHA-256 differs'
is "not even in part" "$(find "$T/empty/tenants/other" -type f -printf '%P %i\n' | sort)" "$before"
sed -i 's/"bytes": 0*\([0-9]\)/"bytes": 9\1/' "$backup/manifest.jsonl"
like "a manifest that was changed is found" "$(ragpool backup --verify "$T/backups" 2>&1)" 'checksum differs'

# --- over what serves ----------------------------------------------------------------------------

rm -rf "$T/backups"
ragpool unpin other >>"$T/commands.log"
ragpool backup "$T/backups" docs other >>"$T/commands.log"
echo 'The ferry leaves at nine.' >"$T/sources/en/ferry.txt"
put_tenant other v2 "$T/sources/en"
wait_for 30 "other is newer" tells 't("other")["version"]' v2
like "what is newer is not overwritten" "$(ragpool restore "$T/backups" other 2>&1)" 'is at .*--force'
is "and serves on" "$(told 't("other")["version"]')" v2
# Killed at any point, the old one serves; then all of it, through the gate, without a restart.
for n in 1 2 3 4 5 6; do
	"$bin/ragpool" -c "$conf" restore --copy --force "$T/backups" docs >>"$T/commands.log" 2>&1 &
	victim=$!
	sleep "0.00$n"
	kill -KILL "$victim" 2>/dev/null
	wait "$victim" 2>/dev/null
	ragpool verify docs >>"$T/commands.log" 2>&1 || die "a restore that was killed left damage"
done
ok "with force it goes back" ragpool restore --force "$T/backups" other
ok "and is served without a restart" wait_until 20 tells 't("other")["generation"]' "$current"
is "nobody died" "$(told 'j["died"]')" 0
finish
