#!/bin/bash
# Peers of the socket that are hostile, silent or slow cost their own connection and nothing
# else: no worker ends, none is held past its read timeout, and the next request is answered.
# Slow clients of the web server hold no worker at all.
. "${0%/*}/lib.sh"
need nginx apache2 curl python3

peers() { "$PYTHON" "$here/fcgi_peers.py" "$@" >"$T/peers.out" 2>>"$T/peers.log"; }
said() { sed -n "s/^$1 //p" "$T/peers.out"; }

sample en
"$PYTHON" -c 'for i in range(300):
    print("## Log %d\n\nThe keeper wrote on day %d that the lamp was trimmed. %s\n" % (i, i, "The sea was calm. " * 40))' \
	>"$T/sources/en/log.md"
start_pool WORKERS=3
start_nginx
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
before=$(status_of 'sorted(w["pid"] for w in j["workers"])')

peers hostile "$socket" "$url/health"
is "after every hostile peer the next request is answered" "$(said failed) $(grep '^after' "$T/peers.out")" '0 '
note "$(said answered) hostile peers"
ok "there were many of them" test "$(said answered)" -gt 40
is "no worker has ended" "$(status_of 'sorted(w["pid"] for w in j["workers"])')" "$before"
ok "none has grown by what it was sent" test "$(status_of 'max(w["rss_kb"] for w in j["workers"])')" -lt 60000

peers slow "$socket" "$url/health" 5
is "with more silent and slow peers than workers" "$(said status)" 200
ok "it is answered when the read timeout is over" test "$(said waited_s)" -le 15
note "waited $(said waited_s) s"
is "no worker was ended for it" "$(status_of 'sorted(w["pid"] for w in j["workers"])')" "$before"

# An answer of megabytes, which no socket's buffer takes.
large=$("$PYTHON" -c 'import json; print(json.dumps({"queries": ["lamp"] * 64, "top_k": 200}))')
post /query/en "$large"
ok "an answer may be large" test "${#body}" -gt 6000000
peers readers "$socket" "$url/health" 4 "$large"
is "with more slow readers than workers" "$(said status)" 200
ok "it is answered when the write deadline is over" test "$(said waited_s)" -le 20
note "waited $(said waited_s) s"
peers reading "$url" /query/en 4 "$large"
is "slow readers of nginx" "$(said status)" 200
ok "hold no worker" test "$(said waited_s)" -le 4
nginx_url=$url
start_apache
peers reading "$url" /query/en 4 "$large"
is "slow readers of Apache, which collects nothing" "$(said status)" 200
ok "hold a worker no longer than that" test "$(said waited_s)" -le 20
note "waited $(said waited_s) s"
url=$nginx_url
is "no worker was ended for a reader" "$(status_of 'sorted(w["pid"] for w in j["workers"])')" "$before"

peers clients "$url/health" 300
is "beside 300 slow clients every request is answered" "$(said answered)" 30
is "while all of them are still there" "$(said open)" 300
finish
