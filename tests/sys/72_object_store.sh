#!/bin/bash
# Generations published to an object store by one host and fetched by another: S3, verified
# by signature and with troubles, and a folder.
. "${0%/*}/lib.sh"
. "${0%/*}/s3.sh"
need python3 curl
need_built ragpool-build ragpool-objects ragpool

start_s3 --page 2
s3_keys
s3_put generations other/thing x

mkdir "$T/share"
cat >"$T/ragpool.conf" <<END
[global]
data_dir = $T/one
[pool query]
[object_store bucket]
bucket = generations
endpoint = $s3
prefix = prod/
[object_store share]
type = directory
path = $T/share
END
objects() {	# objects VERB ARGUMENT...: sets $code and $body
	"$bin/ragpool-objects" "$1" --config "$T/ragpool.conf" --tenant alpha "${@:2}" \
		>"$T/objects.out" 2>>"$T/objects.log"
	code=$?
	body=$(tail -n 1 "$T/objects.out")
}
build() {	# build: sets $generation
	tenant_json "$1" "$T/sources/en" >"$T/alpha.json"
	"$bin/ragpool-build" --data "$T/one" --tenant alpha --config "$T/alpha.json" --json \
		>"$T/build.out" 2>>"$T/build.log" || die "no build"
	body=$(tail -n 1 "$T/build.out")
	generation=$(json "j['generation']")
}
tree() { (cd "$1/tenants/alpha/gen/$2" && stat -c '%a %n' -- * && sha256sum -- *); }

sample en
build v1
first=$generation

for store in bucket share; do
	two=$T/two-$store
	objects publish --store "$store" --generation "$first"
	is "$store: published" "$code $(json "[j['moved_pieces'], j['existed']]")" "0 [3, false]"
	objects publish --store "$store" --generation "$first"
	is "$store: what is there is not sent again" "$code $(json "[j['moved_pieces'], j['existed']]")" \
		"0 [0, true]"
	objects fetch --store "$store" --data "$two" --generation "$first"
	is "$store: fetched" "$code $(json "[j['moved_pieces'], j['existed']]")" "0 [3, false]"
	is "$store: exactly as it was sealed" "$(tree "$two" "$first")" "$(tree "$T/one" "$first")"
	objects fetch --store "$store" --data "$two" --generation "$first"
	is "$store: fetched once" "$code $(json "j['existed']")" "0 true"
	objects fetch --store "$store" --data "$two" --generation 9-0123456789ab
	is "$store: what was never published is named" "$code $(json "j['error']['code']")" \
		"66 file_not_found"
	like "$store: and leaves nothing" "$(ls -A "$two/tenants/alpha/gen")" "^$first\$"
done

# Only the version differs: another manifest, the same files.
build v2
second=$generation
objects publish --store bucket --generation "$second"
is "the pieces of files that are the same are there already" "$(json "j['moved_pieces']")" 1
s3_reset
objects fetch --store bucket --data "$T/two-bucket" --generation "$second"
is "and are taken from the disk" "$(json "j['moved_pieces']") $(s3_count "j['gets']")" "1 2"
is "the same bytes" "$(tree "$T/two-bucket" "$second")" "$(tree "$T/one" "$second")"
objects list --store bucket
is "both are listed" "$(json "sorted(g['generation'] for g in j['generations'])")" \
	"[\"$first\", \"$second\"]"

# --- a store with troubles ------------------------------------------------------------------

printf 'a word that changes the index\n' >>"$T/sources/en/bread.md"
build v3
third=$generation
s3_reset
s3_fault '{"match": "PUT /generations/prod/alpha/pieces", "times": 2, "do": "slowdown"}'
objects publish --store bucket --generation "$third"
is "SlowDown is waited out" "$code" 0
s3_fault '{"match": "PUT /generations/prod/alpha/generations", "times": 20, "do": "denied"}'
printf 'another\n' >>"$T/sources/en/bread.md"
build v4
fourth=$generation
objects publish --store bucket --generation "$fourth"
is "a recipe that is refused ends it" "$code" 65
objects list --store bucket
is "and half a publication is invisible" \
	"$(json "[g for g in j['generations'] if g['generation'] == '$fourth']")" "[]"
s3_reset
objects publish --store bucket --generation "$fourth"
is "run again it sends only the rest" "$code $(json "j['moved_pieces']")" "0 0"

s3_fault '{"match": "GET /generations/prod/alpha/pieces", "times": 1, "do": "denied"}'
objects fetch --store bucket --data "$T/three" --generation "$fourth"
is "a piece that is refused ends a fetch" "$code" 65
is "nothing of it can be taken for a generation" \
	"$(ls "$T/three/tenants/alpha/gen" | wc -l)" 0
s3_reset
# As if it had come further: one file is whole, of another there are wrong bytes.
left=$(echo "$T/three/tenants/alpha/gen/".tmp-*-fetch-"$fourth")
cp "$T/one/tenants/alpha/gen/$fourth/store.db" "$left/store.db"
chmod 640 "$left/store.db"
printf 'wrong' >"$left/manifest.json"
s3_fault '{"match": "GET /generations/prod/alpha/pieces", "times": 1, "do": "cut"}'
objects fetch --store bucket --data "$T/three" --generation "$fourth"
# The index may have come before the refusal was heard.
like "run again it takes over what is right" "$code $(json "j['moved_pieces']")" '^0 [12]$'
is "and is whole" "$(tree "$T/three" "$fourth")" "$(tree "$T/one" "$fourth")"
is "nothing is left over" "$(ls -A "$T/three/tenants/alpha/gen")" "$fourth"

# A damaged copy is replaced, a damaged original not published.
chmod 640 "$T/three/tenants/alpha/gen/$fourth/index.rpx"
printf 'X' | dd of="$T/three/tenants/alpha/gen/$fourth/index.rpx" bs=1 seek=5000 conv=notrunc 2>/dev/null
objects fetch --store bucket --data "$T/three" --generation "$fourth"
is "a damaged copy is replaced" "$code $(json "j['existed']")" "0 false"
is "by a whole one" "$(tree "$T/three" "$fourth")" "$(tree "$T/one" "$fourth")"
cp -r "$T/one" "$T/damaged"
chmod 640 "$T/damaged/tenants/alpha/gen/$first/store.db"
printf 'X' | dd of="$T/damaged/tenants/alpha/gen/$first/store.db" bs=1 seek=5000 conv=notrunc 2>/dev/null
objects publish --store share --data "$T/damaged" --generation "$first"
is "a damaged original is not published" "$code $(json "j['error']['code']")" "65 index_corrupt"

# A store that lies: the bytes of a piece are not what its name says.
piece=$(find "$T/share/alpha/pieces" -type f | head -n 1)
printf 'Y' | dd of="$piece" bs=1 conv=notrunc 2>/dev/null
objects fetch --store share --data "$T/four" --generation "$first"
is "a piece that lies is not taken" "$code $(json "j['error']['code']")" "69 peer_error"
is "and no generation comes of it" "$(ls "$T/four/tenants/alpha/gen" | wc -l)" 0

# --- sweeping -------------------------------------------------------------------------------

objects gc --store bucket --keep 2 --pin "$first"
is "old recipes go, young pieces stay" \
	"$(json "[j['removed_generations'], j['removed_pieces']]")" "[1, 0]"
objects gc --store bucket --keep 1 --grace 0
is "without grace their pieces go, too" "$(json "j['removed_generations']") $(json "j['removed_pieces'] > 0")" \
	"2 true"
objects fetch --store bucket --data "$T/five" --generation "$fourth"
is "what is kept can be fetched" "$code" 0
objects fetch --store bucket --data "$T/five" --generation "$first"
is "what went cannot" "$code" 66

objects list
is "which of several stores has to be said" "$code $(json "j['error']['code']")" "78 config_invalid"
finish
