#!/bin/bash
# A tenant's source.db is damaged while the pool serves: the next build keeps it aside, begins again
# from the source and goes live, and status, log and result say so.  No question fails.
. "${0%/*}/lib.sh"
need nginx curl python3

mkdir -p "$T/tenants.d" "$T/docs"
for n in $(seq 60); do
	printf '# Page %d\n\nThe wombat of page %d digs.\n' "$n" "$n" >"$T/docs/$n.md"
done
tenant() {	# tenant VERSION
	printf '{"version": "%s", "data_source": {"type": "directory", "path": "%s"}}\n' "$1" "$T/docs" \
		>"$T/tenants.d/.tmp"
	mv "$T/tenants.d/.tmp" "$T/tenants.d/pages.json"
}
tenant v1
start_pool WORKERS=2
start_nginx
folder=$T/data/tenants/pages
question='{"query": "which wombat digs", "top_k": 100}'
wait_for 60 "it serves" answers 200 /query/pages "$question"
is "nothing is wrong" "$(told 't("pages")["warning"]')" null

load "$T/load.json" --url "$url/query/pages" --body "$question" --connections 2
damage() {	# from the second page on: SQLite sees it when it reads the tables
	dd if=/dev/zero of="$folder/source.db" bs=4096 seek=1 count=3 conv=notrunc status=none
}
damage
printf '# New\n\nThe wombat that is new.\n' >"$T/docs/new.md"
tenant v2
ok "the next generation is live" wait_until 60 tells \
	'[t("pages")[n] for n in ("state", "version", "documents")]' '["live", "v2", 61]'
kept() { ls "$folder" | grep '^source\.db\.damaged-[0-9TZ]*$'; }
first=$(kept)
is "one file is kept aside" "$(kept | wc -l)" 1
is "status says so" "$(told 't("pages")["warning"]')" \
	"source.db was damaged and is made anew; kept as tenants/pages/$first"
like "the log says what is wrong" "$(grep 'source.db is damaged' "$T/ragpoold.log")" \
	"tenant=pages source.db is damaged \(.+\): kept as tenants/pages/$first, made anew from the source"
stop "$load"
is "no question failed" "$("$PYTHON" -c 'import json, sys
j = json.load(open(sys.argv[1]))
print(j["requests"] > 0, j["failures"])' "$T/load.json")" 'True 0'

rm "$folder/$first"
is "who takes it away ends the warning" "$(told 't("pages")["warning"]')" null

# --- by hand: the result says it, and the document keeps its place ---
damage
body=$("$bin/ragpool-build" --data "$T/data" --tenant pages --config "$T/tenants.d/pages.json" \
	--no-publish --json 2>"$T/by-hand.log" | tail -n 1)
is "a build by hand is well" "$(json '[j["documents"], j["documents_read"]]')" '[61, 61]'
is "its result names the file" "$(json 'j["damaged_source_db"]')" "$(kept)"
is "one is kept" "$(kept | wc -l)" 1
finish
