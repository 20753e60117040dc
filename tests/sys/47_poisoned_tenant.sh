#!/bin/bash
# A tenant whose data ends workers: the file of its index is cut while it is mapped.  After
# three deaths it is answered with 503, and the others never noticed.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
sample zh
start_pool WORKERS=4
start_nginx
put_tenant en v1 "$T/sources/en"
put_tenant zh v1 "$T/sources/zh"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
wait_for 60 "zh is served" answers 200 /query/zh '{"query": "升级"}'
all_have_it() {
	"$PYTHON" "$here/load.py" --out "$T/all.json" --url "$url/query/zh" \
		--body '{"query": "升级"}' --connections 8 --requests 200
	body=$(<"$T/all.json")
	[ "$(json 'len(j["workers"])')" = 4 ]
}
wait_for 60 "all four have it open" all_have_it

index=$(echo "$T"/data/tenants/zh/gen/*/index.rpx)
chmod u+w "$index"
truncate -s 4096 "$index"
load "$T/load.json" --url "$url/query/en" --body '{"query": "letters by boat"}' \
	--connections 4 --seconds 60
quarantined() {
	post /query/zh '{"query": "升级"}'
	[[ $status = 503 && $body = *'"tenant_quarantined"'* ]]
}
ok "after three deaths the tenant is quarantined" wait_until 20 quarantined
died=$(told 'j["died"]')
like "after three deaths, or one more that was on its way" "$died" '^[34]$'
is "the one that ended them is named each time" \
	"$(grep -c 'ended by SIGBUS tenant=zh' "$T/ragpoold.log")" "$died"
is "the supervisor says so" "$(told 't("zh")["state"]')" quarantined
is "and why" "$(told 't("zh")["last_error"]')" "its generation ended several workers"
is "nobody dies any more" "$(told 'j["died"]')" "$died"
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "the other tenant: every answer 200" "$(json 'j["first_failures"]')" '[]'

# A supervisor that is killed leaves the list to its successor: no worker more has to die.
kill_and_start() {
	kill -KILL "$pool"
	wait "$pool" 2>/dev/null
	start ragpoold "$bin/ragpoold" -c "$conf" --foreground
	pool=$started
	wait_for 20 "the next supervisor has its workers" tells 'j["ready"]' 4
}
kill_and_start
refused=0
for _ in $(seq 20); do quarantined && refused=$((refused + 1)); done
is "the next supervisor's workers know it" "$refused" 20
is "none of them had to die" "$(told '[j["died"], t("zh")["state"]]')" '[0, "quarantined"]'

# Another generation is another matter.
printf '\n\nEin neuer Satz.\n' >>"$T/sources/zh/$(ls "$T/sources/zh" | head -n 1)"
put_tenant zh v2 "$T/sources/zh"
ok "its next generation is served" wait_until 60 answers 200 /query/zh '{"query": "升级"}'
is "and it is live again" "$(told 't("zh")["state"]')" live
is "and forgotten on disk" "$(grep -c zh "$T/data/poisoned")" 0
kill_and_start
ok "by the next supervisor, too" answers 200 /query/zh '{"query": "升级"}'
finish
