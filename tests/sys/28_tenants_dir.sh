#!/bin/bash
# Tenants as files: what appears, changes, breaks and goes in tenants.d, seen from outside.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
cp -r "$T/sources/en" "$T/sources/other"
start_pool WORKERS=2
start_nginx

post /query/en '{"query": "x"}'
is "before there is a file, nobody knows the tenant" "$status" 404
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
first=$(header x-ragpool-generation)
ok "it is live" wait_until 10 tells 't("en")["state"]' live
is "with its version" "$(told 't("en")["version"]')" v1

# Only another version builds.
printf 'A paragraph about the zeppelin.\n' >>"$T/sources/en/bread.md"
sed 's/"chunk_size": 512/"chunk_size": 300/' "$T/tenants.d/en.json" >"$T/tenants.d/.en.tmp"
mv "$T/tenants.d/.en.tmp" "$T/tenants.d/en.json"
ok "other content under the same version is refused, aloud" \
	wait_until 10 tells 't("en")["last_error"] is not None' true
post /query/en '{"query": "bread"}'
is "and changes nothing" "$status $(header x-ragpool-generation)" "200 $first"

put_tenant en v2 "$T/sources/en"
finds() {	# finds TENANT WORD
	post "/query/$1" "{\"query\": \"$2\", \"top_k\": 1}"
	[ "$status" = 200 ] && [[ $body == *"$2"* ]]
}
ok "another version is built and served" wait_until 60 finds en zeppelin
second=$(header x-ragpool-generation)
ok "as another generation" test "$second" != "$first"
ok "the trouble is over" wait_until 10 tells 't("en")["last_error"]' null

# Bad documents: the tenant keeps what it has, and status says why.
for bad in '{"version": "v3"' '[]' '{"version": "v3"}' '{"version": 3, "data_source": {}}' \
	'{"version": "v3", "data_source": {"type": "carrier pigeon", "path": "/x"}}'; do
	printf '%s' "$bad" >"$T/tenants.d/.en.tmp"
	mv "$T/tenants.d/.en.tmp" "$T/tenants.d/en.json"
	ok "refused: ${bad:0:50}" wait_until 10 tells 't("en")["state"]' refused
	post /query/en '{"query": "bread"}'
	is "still served: ${bad:0:50}" "$status $(header x-ragpool-generation)" "200 $second"
	put_tenant en v2 "$T/sources/en"
	ok "and well again" wait_until 10 tells 't("en")["state"]' live
done

# A source that is not there: the build fails, the old generation serves.
put_tenant en v4 "$T/sources/nowhere"
ok "a build that cannot be done is told" \
	wait_until 30 tells 't("en")["state"] == "refused" and t("en")["last_error"] is not None' true
post /query/en '{"query": "bread"}'
is "and the old generation serves" "$status $(header x-ragpool-generation)" "200 $second"
put_tenant en v5 "$T/sources/en"
ok "the next version heals it" wait_until 60 tells 't("en")["version"]' v5

# Another tenant comes and goes; neither is noticed by the first.
put_tenant other v1 "$T/sources/other"
ok "a second tenant" wait_until 60 answers 200 /query/other '{"query": "bread"}'
ok "does not find what only the first has" test "$(finds other zeppelin && echo yes)" = ''
rm "$T/tenants.d/other.json"
ok "a file removed is a tenant removed" wait_until 30 answers 404 /query/other '{"query": "bread"}'
post /query/en '{"query": "bread"}'
is "the first one is served all the time" "$status" 200
is "all by the same workers" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" 0

ok "verify finds the generation whole" ragpool verify en
finish
