#!/bin/bash
# What should not happen, under load: a storm of signals and keys, builds that are killed,
# workers without descriptors, workers without memory.  Every answer of the load is 200 and
# from one generation, and in the end what was wanted last is served.
. "${0%/*}/lib.sh"
need nginx consul curl python3 prlimit

storm=${RAGPOOL_STORM:-500}	# signals
kills=${RAGPOOL_KILLS:-4}	# builds

sample en
start_consul
kv_put rag/sentinel '{}'
start_pool WORKERS=3 "CONSUL=address = $consul_url\nwait = 10s" "GLOBAL=hold_down = 50ms\nkeep_generations = 20"
start_nginx
kv_put rag/tenants/docs/config "$(tenant_json v1 "$T/sources/en")"
for n in $(seq 9); do put_tenant "t$n" v1 "$T/sources/en"; done
is_live() { tells "t('$1')['state'] + ' ' + t('$1')['version']" "live $2"; }
wait_for 30 "docs is live" is_live docs v1
one=$(told 't("docs")["generation"]')
echo 'The ferry leaves at nine.' >"$T/sources/en/ferry.txt"
kv_put rag/tenants/docs/config "$(tenant_json v2 "$T/sources/en")"
wait_for 30 "its second version is live" is_live docs v2
two=$(told 't("docs")["generation"]')
all_live() { tells 'sum(t["state"] == "live" for t in j["tenants"])' 10; }
wait_for 60 "all tenants are live" all_live
workers() { told '" ".join(str(w["pid"]) for w in j["workers"] if w["pid"])'; }
descriptors() { ls "/proc/$pool/fd" | wc -l; }
before=$(descriptors)
those=$(workers)
load "$T/load.json" --url "$url/query/docs" --body '{"query": "letters by boat"}' \
	--body '{"query": "starter"}' --connections 4 --seconds 120

# --- a storm: signals to everybody, keys that go back and forth ---
rolls=$(grep -c 'roll done' "$T/ragpoold.log")
"$PYTHON" - "$consul_url" "$storm" "$one" "$two" "$pool" $those <<'END2' || die "the storm"
import http.client, os, signal, sys, time
url, storm, one, two = sys.argv[1:5]
pids = [int(p) for p in sys.argv[5:]]
c = http.client.HTTPConnection(url.split("//")[1], timeout=10)
for i in range(int(storm)):
    for pid in pids:
        os.kill(pid, signal.SIGHUP)
    if i % 5 == 0:
        c.request("PUT", "/v1/kv/rag/tenants/docs/pin", (one, two)[i // 5 % 2])
        assert c.getresponse().read().strip() == b"true"
    time.sleep(.002)
c.request("PUT", "/v1/kv/rag/tenants/docs/pin", one)
c.getresponse().read()
END2
settled_on() {
	tells 't("docs")["generation"] + j["roll"]["phase"] + str(len({w["epoch"] for w in j["workers"]})) + str(j["ready"])' \
		"${1}idle13"
}
ok "after $storm signals and $((storm / 5)) keys, the last key is served" wait_until 20 settled_on "$one"
curl -s -o /dev/null -X DELETE "$consul_url/v1/kv/rag/tenants/docs/pin"
ok "and what is there without it" wait_until 20 settled_on "$two"
is "by the same workers" "$(workers)" "$those"
note "$(($(grep -c 'roll done' "$T/ragpoold.log") - rolls)) rolls"
ok "no descriptor is left over" test "$(descriptors)" -le $((before + 2))

# --- builds that are killed ---
for n in $(seq "$kills"); do
	echo "Notice $n." >>"$T/sources/en/ferry.txt"
	kv_put rag/tenants/docs/config "$(tenant_json "k$n" "$T/sources/en")"
	build_of() {
		build=$(told '[b["pid"] for b in j["builds"]["running"]][0]')
		[[ $build =~ ^[0-9]+$ ]]
	}
	build=
	build_or_live() { build_of || is_live docs "k$n"; }
	wait_until 20 build_or_live && [[ $build =~ ^[0-9]+$ ]] && sleep "0.0$((RANDOM % 10))" &&
		kill -KILL "$build" 2>/dev/null
done
failed_or_live() { is_live docs "k$kills" || tells "t('docs')['last_error'] is not None and j['builds']['running'] == []" true; }
again() {	# what failed is tried once more, when it is seen to have failed
	wait_until 10 failed_or_live && ! is_live docs "k$kills" && ragpool retry docs >>"$T/commands.log" 2>&1
	is_live docs "k$kills"
}
ok "after $kills killed builds the last version is built" wait_until 30 again
ok "and nothing of them is left" test -z "$(ls -d "$T"/data/tenants/docs/gen/.tmp-* 2>/dev/null)"
ok "what is served is whole" ragpool verify

# --- no descriptors: what is open longest without a request makes room ---
for pid in $those; do prlimit --pid "$pid" --nofile=14:1024; done
failed=0
for _ in 1 2; do
	for n in $(seq 9); do
		for _ in 1 2 3; do answers 200 "/query/t$n" '{"query": "bread"}' || failed=$((failed + 1)); done
	done
done
is "9 tenants with 14 descriptors: every answer 200" "$failed" 0
ok "a roll is taken by all" ragpool reload --wait
is "by the same workers, without descriptors" "$(workers)" "$those"
for pid in $those; do prlimit --pid "$pid" --nofile=1024:1024; done

# --- no memory: the others serve ---
victim=${those%% *}
prlimit --pid "$victim" --as=$((($(cut -d' ' -f1 "/proc/$victim/statm") + 16) * 4096))
for n in $(seq 9); do post "/query/t$n" '{"query": "bread", "top_k": 5}'; done
prlimit --pid "$victim" --as=unlimited 2>/dev/null
ok "a roll is taken by all" ragpool reload --wait
wait_for 20 "three workers" tells 'j["ready"]' 3

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["first_failures"]')" '[]'
is "and from one generation" "$(json 'j["mismatched"]')" 0
note "$(json '"%s requests, p99 %s ms" % (j["requests"], j["latency_ms"]["p99"])')"
finish
