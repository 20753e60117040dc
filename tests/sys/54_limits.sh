#!/bin/bash
# Rates are counted over all workers together, to the request; a tenant that takes more than
# its share waits, and the others do not notice.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
start_pool WORKERS=4 AUTH=keys "GLOBAL=rate_per_key = 40/h\nrate_per_route = 25/h\nrate_per_tenant = 70/h"
start_nginx
for tenant in alpha beta gamma; do
	put_tenant "$tenant" v1 "$T/sources/en"
done
for name in a b c; do
	declare "$name=$(ragpool key create --role reader --tenant '*')"
done
fast=$(ragpool key create --role reader --tenant '*' --rate 1000)
served() {
	post "/query/$1" '{"query": "bread"}' -H "Authorization: Bearer $fast"
	[ "$status" = 200 ]
}
# Not by asking for it: looks count.
is_live() { tells "t('$1')['state'] + ' ' + j['roll']['state']" 'live idle'; }
for tenant in alpha beta gamma; do
	wait_for 60 "$tenant is live" is_live "$tenant"
done
ok "gamma is served" served gamma

# flood KEY PATH BODY N: how many of N requests, eight at a time, got which status.
flood() {
	seq "$4" | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $1" \
		-H 'Content-Type: application/json' -d "$3" "$url$2" | sort | uniq -c |
		awk '{ printf "%s%s %s", n++ ? ", " : "", $1, $2 }'
}

ok "alpha is served" served alpha
is "so many requests with one key on one route, not one more" \
	"$(flood "$a" /query/gamma '{"query": "bread"}' 60)" '25 200, 35 429'
is "and so many on all routes" "$(flood "$a" /retrieve '{"query": "x", "tenant": "gamma"}' 60)" \
	'15 200, 45 429'
post /query/gamma '{"query": "bread"}' -H "Authorization: Bearer $a"
is "the refusal has its code" "$(json 'j["error"]["code"]') $(json 'j["error"]["type"]')" \
	'rate_limited rate_limit_error'
like "it says when to come back" "$(header retry-after)" '^[0-9]+$'
is "and what is left" "$(header ratelimit-limit) $(header ratelimit-remaining)" '25 0'
post /query/beta '{"query": "bread"}' -H "Authorization: Bearer $b"
is "another key has its own" "$status $(header ratelimit-limit) $(header ratelimit-remaining)" \
	'200 25 24'
like "and is told when all of it is back" "$(header ratelimit-reset)" '^[0-9]+$'
# gamma has had 41 (the 40 above, and the first look); 70 may come.
flood "$b" /query/gamma '{"query": "bread"}' 24 >/dev/null
is "a tenant has its rate, whoever asks" \
	"$(flood "$c" /query/gamma '{"query": "bread"}' 20 | sed 's/.*\([0-9][0-9]* 429\).*/some &/' |
		grep -c 429)" 1
post /query/gamma 'no JSON at all' -H "Authorization: Bearer $fast"
is "what it refuses it refuses before it reads the body" "$status $(json 'j["error"]["code"]')" \
	'429 rate_limited'
post /query/beta 'no JSON at all' -H "Authorization: Bearer $fast"
like "and others are read and told what is wrong" "$status" '^400$'
is "the health checks are not counted" "$(flood "$a" /health '' 30 | grep -c '429')" 0
stop "$pool"

# Two workers, two tenants: one keeps ten questions under way, each long; the other asks now
# and then, and every one of its questions is answered.
"$PYTHON" - "$T/sources/large" <<'END'
import os, random, sys
random.seed(7)
words = ["w%d" % i for i in range(3000)]
os.makedirs(sys.argv[1])
for i in range(600):
    with open("%s/%d.txt" % (sys.argv[1], i), "w") as f:
        f.write(" ".join(random.choices(words, k=300)) + ".\n")
END
start_pool WORKERS=2 FAIR=yes
put_tenant large v1 "$T/sources/large"
wait_for 60 "large is served" answers 200 /query/large '{"query": "w7"}'
wait_for 30 "alpha is served again" answers 200 /query/alpha '{"query": "bread"}'
many=$("$PYTHON" -c '
import json
print(json.dumps({"queries": [" ".join("w%d" % (i * 31 + j) for j in range(20)) for i in range(64)], "top_k": 20}))')
load "$T/noisy.json" --url "$url/query/large" --body "$many" --connections 10 --seconds 6
load "$T/quiet.json" --url "$url/query/beta" --body '{"query": "bread"}' --connections 1 --seconds 4
quiet=$load
wait "$quiet"
body=$(<"$T/quiet.json")
is "the quiet tenant is always answered" "$(json 'list(j["statuses"])')" '["200"]'
stop "${pids[-2]}" TERM
body=$(<"$T/noisy.json")
like "the noisy one is asked to wait" "$(json 'sorted(j["statuses"])')" '"429"'
like "but it is served too" "$(json 'sorted(j["statuses"])')" '"200"'
note "$(json 'str(j["statuses"])')"
stop "$pool"		# nobody else was seen by the next one
start_pool WORKERS=2 FAIR=yes
wait_for 30 "large is served" answers 200 /query/large '{"query": "w7"}'
is "one tenant alone may have all workers" "$(load "$T/alone.json" --url "$url/query/large" \
	--body "$many" --connections 10 --seconds 3; wait "$load"; body=$(<"$T/alone.json");
	json 'list(j["statuses"])')" '["200"]'
finish
