#!/bin/bash
# The gate: damaged, shrunken and worse generations are stopped before any worker sees them,
# under load, while another tenant's change passes; repaired, they go live.
. "${0%/*}/lib.sh"
need nginx curl python3

mkdir -p "$T/sources/docs"
words=(lantern harbour granite compass orchard saddle violin kettle)

document() {	# document N: its text
	printf '# Note %d about the %s\n\nThe %s of station %d is painted every spring.\n' \
		"$1" "${words[$1 % 8]}" "${words[$1 % 8]}" "$1"
	printf '\n## Detail\n\nMark%d stands on the lid, as the keeper wrote.\n' "$1"
}
for n in $(seq 30); do document "$n" >"$T/sources/docs/$n.md"; done

# A builder that damages what it has made, if told so.
cat >"$T/builder" <<END
#!/bin/bash
out=\$("$bin/ragpool-build" "\$@") || { echo "\$out"; exit 65; }
case "\$*" in
*"--tenant docs "*)
	dir=$T/data/tenants/docs/gen/\$(sed -n '\$s/.*"generation": "\([^"]*\)".*/\1/p' <<<"\$out")
	chmod u+w "\$dir"/*
	case \$(cat "$T/damage" 2>/dev/null) in
	truncate) truncate -s 8192 "\$dir/index.rpx" ;;
	counts) sed -i 's/"documents": [0-9]*/"documents": 7/' "\$dir/manifest.json" ;;
	esac
	chmod u-w "\$dir"/* ;;
esac
echo "\$out"
END
chmod +x "$T/builder"

sample en
start_pool BUILDER="$T/builder" "GLOBAL=max_shrink = 20\nhold_down = 0ms\nkeep_generations = 20"
start_nginx
put_tenant docs v1 "$T/sources/docs"
put_tenant other v1 "$T/sources/en"
wait_for 30 "docs is live" tells 't("docs")["state"]' live
wait_for 30 "other is live" tells 't("other")["state"]' live
first=$(told 't("docs")["generation"]')
echo '{"query": "what stands on the lid: Mark7", "expected": ["7.md"]}' \
	>"$T/data/tenants/docs/golden.jsonl"
is "the first generation passed" "$(told 't("docs")["gate"]["state"]')" passed
ok "its verdict is kept" test -s "$T/data/tenants/docs/verdict/$first.json"
workers=$(told 'sorted(w["pid"] for w in j["workers"])')

load "$T/load.json" --url "$url/query/docs" --body '{"query": "painted every spring"}' \
	--body '{"query": "what stands on the lid"}' --connections 4 --seconds 240

failed() { tells 't("docs")["gate"]["state"]' failed; }
is_refused() { tells 't("docs")["wanted_version"] + " " + t("docs")["state"]' "$1 refused"; }
reason() { told 't("docs")["last_error"]'; }

# refused WHAT VERSION REGEX: the document's version is built, refused for that reason, and
# what served serves on.
refused() {
	put_tenant docs "$2" "$T/sources/docs"
	ok "$1: refused" wait_until 30 is_refused "$2"
	is "$1: by the gate" "$(told 't("docs")["gate"]["state"]')" failed
	like "$1: and says why" "$(reason)" "$3"
	is "$1: the old one serves" "$(told 't("docs")["generation"]')" "$first"
	is "$1: its pointer was not moved" "$(cat "$T/data/tenants/docs/current")" "$first"
	like "$1: quarantined" "$(told 't("docs")["gate"]["quarantined"]')" "$3"
}
is_live() { tells 't("docs")["version"] + " " + t("docs")["state"]' "$1 live"; }

rm "$T/sources/docs/7.md"
refused "a golden query is lost" v2 'golden queries find 0 %'
# Another tenant's change passes meanwhile.
echo 'The ferry leaves at nine.' >"$T/sources/en/ferry.txt"
put_tenant other v2 "$T/sources/en"
ok "another tenant goes live meanwhile" wait_until 30 tells 't("other")["version"]' v2
# A restart of nothing: the same refusal is not tried again by a reload.
ragpool reload --wait >>"$T/commands.log"
is "a reload does not try it again" "$(grep -c 'gate begins tenant=docs' "$T/ragpoold.log")" 2
document 7 >"$T/sources/docs/7.md"
document 31 >"$T/sources/docs/31.md"
ok "repaired, an operator asks again" ragpool retry docs
ok "and it goes live" wait_until 30 is_live v2
first=$(told 't("docs")["generation"]')
is "nothing is quarantined any more" "$(told 't("docs")["gate"]["quarantined"]')" '[]'

echo truncate >"$T/damage"
document 32 >"$T/sources/docs/32.md"
refused "a truncated index" v3 'index.rpx'
damaged=$(told 't("docs")["gate"]["generation"]')
ok "acceptance is asked for" ragpool accept docs
probed_again() { [ "$(grep -c "gate begins tenant=docs generation=$damaged" "$T/ragpoold.log")" = 2 ]; }
ok "and judges again" wait_until 10 probed_again
ok "but no damage is accepted" wait_until 10 failed
rm "$T/damage"
ok "repaired, an operator asks again" ragpool retry docs
ok "and it goes live" wait_until 30 is_live v3
first=$(told 't("docs")["generation"]')
like "beside the damaged one" "$first $damaged" '^[0-9]+-([0-9a-f]+) [0-9]+-\1$'

echo counts >"$T/damage"
document 33 >"$T/sources/docs/33.md"
refused "wrong counts" v4 'the manifest'
rm "$T/damage"

# 10 of 33 gone is more than max_shrink, of which the build and the gate have one number: the
# build refuses it, before it reads anything.
for n in $(seq 21 30); do rm "$T/sources/docs/$n.md"; done
put_tenant docs v5 "$T/sources/docs"
ok "a third of the documents gone: refused" wait_until 30 is_refused v5
like "by the build" "$(reason)" 'lists 23 documents, 33 were there before'
is "the old one serves" "$(told 't("docs")["generation"]')" "$first"
ok "somebody says that it is meant" ragpool accept docs
ok "and it goes live" wait_until 30 is_live v5
first=$(told 't("docs")["generation"]')

# The same, by the command line on the files alone.
body=$(ragpool generations --json docs)
is "generations: the served one" "$(json '[g["generation"] for g in j if g["served"] and
	g["current"] and g["verdict"]["accepted"] and not g["quarantined"]]')" "[\"$first\"]"
like "generations: the damaged one" \
	"$(json "[g['verdict']['reason'] for g in j if g['generation'] == '$damaged'][0]")" index.rpx
oldest=$(ls "$T/data/tenants/docs/gen" | sort -n | sed -n 1p)
body=$(ragpool diff --json docs "$oldest" "$first")
is "diff: what was added" "$(json 'j["added"]')" '["31.md", "32.md", "33.md"]'
is "diff: what was removed" "$(json 'len(j["removed"])')" 10
is "diff: what stayed" "$(json 'j["same"]')" 20
ok "verify: what all tenants serve" ragpool verify
like "verify: a damaged one" "$(ragpool verify docs "$damaged" 2>&1)" 'index.rpx: 8192 bytes'

# A pointer that somebody moves passes the same gate.
printf '%s\n' "$damaged" >"$T/data/tenants/docs/current"
kill -HUP "$pool"
put_back() { [ "$(cat "$T/data/tenants/docs/current")" = "$first" ]; }
ok "a pointer to a damaged one is put back" wait_until 10 put_back
ok "and refused" wait_until 10 failed
document 34 >"$T/sources/docs/34.md"
put_tenant docs v6 "$T/sources/docs"
ok "a good one after it goes live" wait_until 30 is_live v6
printf '%s\n' "$first" >"$T/data/tenants/docs/current"
kill -HUP "$pool"
ok "a pointer to a good one is followed" wait_until 10 tells 't("docs")["generation"]' "$first"


# One that is moved just before an operator pins and unpins is not adopted by the way.
first=$(told 't("docs")["generation"]')
printf '%s\n' "$damaged" >"$T/data/tenants/docs/current"
ok "pinned meanwhile" ragpool pin docs "$first"
ok "and unpinned" ragpool unpin docs
is "a pointer moved before that was put back" "$(cat "$T/data/tenants/docs/current")" "$first"
is "and not followed" "$(told 't("docs")["generation"]')" "$first"

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "of generations that had passed, five of them" "$(json 'len(j["generations"])')" 5
is "none of them a damaged one" \
	"$(json "'$damaged' in [g['generation'] for g in j['generations']]")" false
is "the same workers as before" "$(told 'sorted(w["pid"] for w in j["workers"])')" "$workers"
is "and none ever refused anything" "$(told 'sum(w["refused"] for w in j["workers"])')" 0
is "nor died" "$(told 'j["died"]')" 0

# Undecided and held, until an operator decides.
sed -i 's/^max_shrink.*/&\ngate_on_inconclusive = hold/' "$conf"
echo 'not json' >"$T/data/tenants/docs/golden.jsonl"
kill -HUP "$pool"
document 35 >"$T/sources/docs/35.md"
put_tenant docs v7 "$T/sources/docs"
ok "what cannot be judged is held" wait_until 30 tells 't("docs")["gate"]["state"]' held
like "and says why" "$(reason)" 'golden.jsonl:1'
ok "until an operator accepts it" ragpool accept docs
ok "and it goes live" wait_until 30 is_live v7
finish
