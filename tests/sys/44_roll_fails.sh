#!/bin/bash
# New generations that are no good, with nobody to judge them before: workers cannot open them,
# or end on them.  Each goes back by itself, with its reason; the other tenants of the same roll
# go on; no request fails, and there is always one to go back to.
. "${0%/*}/lib.sh"
need nginx curl python3

# A builder that damages what it has made, if told so.
cat >"$T/builder" <<END2
#!/bin/bash
out=\$("$bin/ragpool-build" "\$@") || { echo "\$out"; exit 65; }
case "\$*" in
*"--tenant docs "*)
	dir=$T/data/tenants/docs/gen/\$(sed -n '\$s/.*"generation": "\([^"]*\)".*/\1/p' <<<"\$out")
	damage=\$(cat "$T/damage" 2>/dev/null)
	chmod u+w "\$dir"/*
	case \$damage in
	cut) truncate -s 8192 "\$dir/index.rpx" ;;
	esac
	chmod u-w "\$dir"/* ;;
esac
echo "\$out"
END2
chmod +x "$T/builder"
sample en
mkdir -p "$T/sources/docs"
cp "$T/sources/en/"* "$T/sources/docs/"
start_pool WORKERS=3 BUILDER="$T/builder" \
	"GLOBAL=gate = no\nhold_down = 1s\nkeep_generations = 3\ncanary_min_samples = 20"
start_nginx
put_tenant docs v1 "$T/sources/docs"
put_tenant other v1 "$T/sources/en"
is_live() { tells "t('$1')['state'] + ' ' + t('$1')['version'] + ' ' + j['roll']['state']" "live $2 idle"; }
wait_for 30 "docs is live" is_live docs v1
wait_for 30 "other is live" is_live other v1
first=$(told 't("docs")["generation"]')
workers=$(told 'sorted(w["pid"] for w in j["workers"])')
all_have_it() {
	"$PYTHON" "$here/load.py" --out "$T/all.json" --url "$url/query/docs" \
		--body '{"query": "bread"}' --connections 8 --requests 100
	body=$(<"$T/all.json")
	[ "$(json 'len(j["workers"])')" = 3 ]
}
wait_for 30 "all three have it open" all_have_it
load "$T/load.json" --url "$url/query/docs" --body '{"query": "letters by boat"}' \
	--body '{"query": "starter"}' --connections 6 --seconds 120

# --- it cannot be opened ---
echo cut >"$T/damage"
echo 'The ferry leaves at nine.' | tee "$T/sources/docs/ferry.txt" >"$T/sources/en/ferry.txt"
put_tenant docs v2 "$T/sources/docs"
put_tenant other v2 "$T/sources/en"
went_back() { tells 't("docs")["state"] + " " + t("docs")["version"] + " " + j["roll"]["state"]' "refused $1 idle"; }
ok "what workers cannot open goes back by itself" wait_until 30 went_back v1
bad=$(told 't("docs")["quarantined"][0]["generation"]')
like "with its reason" "$(told 't("docs")["last_error"]')" 'could not open it.*index.rpx'
is "its pointer too" "$(cat "$T/data/tenants/docs/current")" "$first"
ok "the other tenant of that time goes live" wait_until 30 is_live other v2
is "no worker was ended for it" "$(told 'sorted(w["pid"] for w in j["workers"])')" "$workers"
is "a reload does not try it again" "$(ragpool reload --wait >/dev/null; told 't("docs")["generation"]')" "$first"
is "nor is it pinned" "$(ragpool pin docs "$bad" >>"$T/commands.log" 2>&1; echo $?)" 75

# Refused ones do not use up the places of good ones, to which one could go back.
rm "$T/damage"
echo 'The harbour is closed.' >"$T/sources/docs/harbour.txt"
put_tenant docs v3 "$T/sources/docs"
ok "the next one is live" wait_until 30 is_live docs v3
second=$(told 't("docs")["generation"]')
echo cut >"$T/damage"
for n in 4 5 6; do
	echo "Notice $n." >>"$T/sources/docs/harbour.txt"
	put_tenant docs "v$n" "$T/sources/docs"
	ok "bad one $n goes back" wait_until 30 tells 't("docs")["wanted_version"] + t("docs")["state"]' "v${n}refused"
done
rm "$T/damage"
wait_for 20 "no roll is under way" tells 'j["roll"]["phase"]' idle
ok "the good one before is still there" test -d "$T/data/tenants/docs/gen/$first"
ok "and can be gone back to" ragpool rollback docs
is "it serves" "$(told 't("docs")["generation"]')" "$first"
ok "and forth again" ragpool retry docs
wait_for 20 "v6 is tried again, and refused" tells 'j["roll"]["phase"] + str(j["builds"]["waiting"] + len(j["builds"]["running"]))' idle0

# --- a worker ends on it ---
# The canary alone has it open when its file is cut: its next question ends it.
sed -i 's/^\[pool query\]/&\ncanary_window = 1m/' "$conf"
ragpool reload --wait >>"$T/commands.log" 2>&1
echo 'The lamp is lit at dusk.' >"$T/sources/docs/lamp.txt"
served=$(told 't("docs")["version"]')
put_tenant docs v7 "$T/sources/docs"
wait_for 30 "the canary is watched" tells 'j["roll"]["phase"]' bake
newest=$(ls "$T/data/tenants/docs/gen" | sort -n | tail -n 1)
chmod u+w "$T/data/tenants/docs/gen/$newest/index.rpx"
truncate -s 4096 "$T/data/tenants/docs/gen/$newest/index.rpx"
asked_anew() {	# a question that no worker keeps an answer to
	post /query/docs "{\"query\": \"letters by boat $RANDOM$RANDOM\"}"
	went_back "$1"
}
ok "what ends its canary goes back by itself" wait_until 30 asked_anew "$served"
like "with its reason" "$(told 't("docs")["last_error"]')" 'crashed .*with data of docs'
is "one worker was ended" "$(told 'j["died"]')" 1
wait_for 20 "three workers" tells 'j["ready"]' 3
kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
is "and from one generation" "$(json 'j["mismatched"]')" 0
is "none from what was refused" "$(json "'$bad' in [g['generation'] for g in j['generations']]")" false
finish
