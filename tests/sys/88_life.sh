#!/bin/bash
# How long generations stay, and where: old ones go, tenants that nobody asks for are kept in the
# object store alone and come back with the next request.  No clock is waited for: times of files
# are set.
. "${0%/*}/lib.sh"
. "${0%/*}/s3.sh"
need nginx curl python3
need_built ragpool-objects

start_s3
s3_keys
s3_put generations other/thing x

sample en
mkdir -p "$T/tenants.d" "$T/share"
tenant() {	# tenant NAME VERSION MEMBERS: another folder for each
	mkdir -p "$T/sources/$1"
	cp "$T/sources/en/"* "$T/sources/$1/"
	printf '{"version": "%s", "data_source": {"type": "directory", "path": "%s"}%s}\n' \
		"$2" "$T/sources/$1" "${3:-}" >"$T/tenants.d/.$1.tmp"
	mv "$T/tenants.d/.$1.tmp" "$T/tenants.d/$1.json"
}
never='"cold_after": "0s"'
tenant old v1 ", \"lifecycle\": {$never, \"generation_ttl\": \"1h\"}"
tenant far v1
tenant warm v1 ", \"lifecycle\": {$never}"

store='[object_store share]\ntype = directory\npath = '$T'/share\n[object_store bucket]\nbucket = generations\nendpoint = '$s3
options="objects_program = $bin/ragpool-objects\nhold_down = 0ms\nkeep_generations = 10\ncold_after = 7d\ncold_store = "
start_pool WORKERS=3 "GLOBAL=${options}share" "CONSUL=$store"
start_nginx
for t in old far warm; do
	wait_for 60 "$t is served" answers 200 "/query/$t" '{"query": "bread"}'
done

gen=$T/data/tenants
live() { body=$(ragpool status --json); json "[t['generation'] for t in j['tenants'] if t['name'] == '$1'][0]" | tr -d '"'; }
state() { body=$(ragpool status --json); json "[t['state'] for t in j['tenants'] if t['name'] == '$1'][0]" | tr -d '"'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
reload() { ragpool reload --wait >"$T/reload.log" 2>&1; }

# --- time ---
first=$(live old)
for v in v2 v3 v4; do
	echo "More of it: $v." >>"$T/sources/old/bread.md"
	tenant old "$v" ", \"lifecycle\": {$never, \"generation_ttl\": \"1h\"}"
	is_version() { body=$(ragpool status --json); [ "$(json "[t['version'] for t in j['tenants'] if t['name'] == 'old'][0]")" = "$v" ]; }
	wait_for 60 "$v is live" is_version
done
newest=$(live old)
is "all are kept for now" "$(ls "$gen/old/gen" | wc -l)" 4
# The second was sealed, and so replaced the first, 59 minutes ago; then 61.
second=$(ls "$gen/old/gen" | sort -n | sed -n 2p)
touch -d '-59 minutes' "$gen/old/gen/$second/manifest.json"
reload
is "replaced an hour ago, not quite" "$(test -d "$gen/old/gen/$first"; echo $?)" 0
touch -d '-61 minutes' "$gen/old/gen/$second/manifest.json"
ok "pinned" ragpool pin old "$first"
reload
is "its time is over, but it is pinned" "$(test -d "$gen/old/gen/$first"; echo $?)" 0
ok "not pinned any more" ragpool unpin old
is_gone() { reload && [ ! -d "$gen/old/gen/$first" ]; }
ok "then it goes" wait_until 20 is_gone
is "and no other" "$(ls "$gen/old/gen" | wc -l)" 3
touch -d '-9 days' "$gen/old/gen/"*/manifest.json
is_alone() { reload && [ "$(ls "$gen/old/gen")" = "$newest" ]; }
ok "however old, the live one stays" wait_until 20 is_alone
post /query/old '{"query": "bread"}'
is "and serves" "$status $(header x-ragpool-generation)" "200 $newest"

# --- cold ---
far=$(live far)
heavy() { ls "$gen/far/gen/$far" | tr '\n' ' '; }
nobody_asked() { touch -d "-8 days" "$T/data/inbox/.asked/far"; }
ok "a request is noted" test -e "$T/data/inbox/.asked/far"
before=$(sha256sum "$gen/far/gen/$far/"* | sha256sum)
went_cold() { is_state far cold && [ "$(heavy)" = "manifest.json " ]; }
goes_cold() { nobody_asked && reload && wait_until "${1:-30}" went_cold; }
ok "nobody asks for a week: cold, files gone" goes_cold
is "others are as they were" "$(state warm) $(state old)" "live live"
is "the tenant is still known" "$(live far)" "$far"
like "what is verified here is what is here" "$(ragpool verify)" "far $far is in the object store alone"
is "a backup has the others, and what this one was made from" "$(ragpool backup "$T/backup" >/dev/null; echo $?) \
$(cd "$T"/backup/2*/tenants/far && ls -d -- *)" "0 source.db"
fetches() { grep -c "cold: fetch begins" "$T/ragpoold.log"; }
is "nothing was fetched yet" "$(fetches)" 0
post /query/far '{"query": "bread"}'
is "the first request is told to come back" "$status $(json "j['error']['code']") $(header retry-after)" \
	'503 index_cold 1'
ok "and does, to find it" wait_until 30 answers 200 /query/far '{"query": "bread"}'
is "the same bytes" "$(sha256sum "$gen/far/gen/$far/"* | sha256sum)" "$before"
is "served from the same generation" "$(header x-ragpool-generation)" "$far"
is "by one fetch" "$(fetches)" 1
ok "the state says so" wait_until 20 is_state far live

ok "cold once more" goes_cold
codes() {	# forty requests at a time, each until it is served
	for _ in $(seq 40); do
		(for _ in $(seq 200); do
			code=$(curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
				--data-binary '{"query": "bread"}' "$url/query/far")
			echo "$code"
			[ "$code" = 503 ] || break
		done) &
		asking+=($!)
	done
	wait "${asking[@]}"
}
asking=()
codes >"$T/codes"
is "forty ask at once: all are served in the end, nothing but 503 before" \
	"$(sort "$T/codes" | uniq -c | awk '$2 != 503 { print $1, $2 }')" "40 200"
is "by one fetch more" "$(fetches)" 2

# A new supervisor finds it cold, and whole again after a fetch that was killed.
ok "cold for the third time" goes_cold
stop "$pool"
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
wait_for 30 "the pool is back" answers 200 /query/warm '{"query": "bread"}'
is "a new supervisor knows" "$(state far)" cold
ok "it comes back" wait_until 30 answers 200 /query/far '{"query": "bread"}'

# What a build grows from, and is judged by, is brought back first.
ok "cold for the fourth time" goes_cold
echo 'The kettle whistles.' >"$T/sources/far/kettle.md"
tenant far v2
is_new() { [ "$(live far)" != "$far" ] && is_state far live; }
ok "a new version of a cold tenant is built" wait_until 60 is_new
is "after what was away is back" "$(grep -o "cold: tenant=far generation=[^ ]* is served again\|build begins tenant=far version=v2" \
	"$T/ragpoold.log" | tail -n 2 | tr '\n' ' ')" "cold: tenant=far generation=$far is served again build begins tenant=far version=v2 "

# --- a store that cannot ---
far=$(live far)
rm -rf "$T/share/"*
chmod 555 "$T/share"
if [ "$(id -u)" = 0 ]; then	# whom no mode stops: a file where the folder would be
	chmod 755 "$T/share"
	echo x >"$T/share/far"
fi
nobody_asked
reload
said() { grep -q "cold: publish failed tenant=far" "$T/ragpoold.log"; }
ok "what the store does not take stays" wait_until 30 said
is "and is served" "$(state far) $(heavy)" "live index.rpx manifest.json store.db "
post /query/far '{"query": "kettle"}'
is "without a word" "$status" 200

# --- a bucket ---
chmod 755 "$T/share"
sed -i 's/^cold_store = .*/cold_store = bucket/' "$conf"
stop "$pool"
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
wait_for 30 "the pool is back" answers 200 /query/far '{"query": "bread"}'
ok "cold, in a bucket" goes_cold
is_alone() { [ "$(ls "$gen/far/gen")" = "$far" ]; }
ok "the generations before it go" wait_until 20 is_alone
s3_fault '{"match": "GET .*far/generations", "times": 1, "do": "denied"}'
post /query/far '{"query": "bread"}'
is "asked for while the bucket refuses" "$status" 503
failed() { grep -q "cold: fetch failed tenant=far" "$T/ragpoold.log"; }
ok "the fetch fails" wait_until 60 failed
like "and the status says why" "$(ragpool status)" "far: error: generation .* could not be fetched"
is "others are served" "$(answers 200 /query/warm '{"query": "bread"}'; echo $?)" 0
ok "with the bucket it is back" wait_until 60 answers 200 /query/far '{"query": "kettle"}'
finish
