#!/bin/bash
# A real cluster of three servers, each in a network of its own: its leader is killed, the
# cable of our own server is cut, all are cut off from each other.  Under a load that never
# stops no query fails, and when the cluster is well again what was changed meanwhile is live.
. "${0%/*}/lib.sh"
need nginx consul curl python3 ip unshare nsenter
if [ -z "${RAGPOOL_OWN_NET:-}" ]; then
	# The whole test in a network namespace: nothing of the machine's network is touched.
	unshare -n true 2>/dev/null || skip "network namespaces are not permitted here"
	finished=yes
	rm -rf "$T"
	trap - EXIT
	RAGPOOL_OWN_NET=1 exec unshare -n bash "$0"
fi
ip link set lo up
ip link add hub type bridge 2>>"$T/commands.log" || skip "there are no bridges here"
ip address add 10.99.0.254/24 dev hub
ip link set hub up

# start_server N: a server of Consul at 10.99.0.N, on a port of the hub.
start_server() {
	local n=$1
	if [ -z "${net[n]:-}" ]; then
		start "net$n" unshare -n sleep 600
		net[n]=$started
		wait_for 10 "network $n" own_net "${net[n]}"
		ip link add "port$n" type veth peer name eth0 netns "${net[n]}"
		ip link set "port$n" master hub up
		nsenter -t "${net[n]}" -n ip link set lo up
		nsenter -t "${net[n]}" -n ip address add "10.99.0.$n/24" dev eth0
		nsenter -t "${net[n]}" -n ip link set eth0 up
	fi
	start "consul$n" nsenter -t "${net[n]}" -n consul agent -server -bootstrap-expect=3 \
		-data-dir="$T/consul$n" -node="s$n" -bind="10.99.0.$n" -client=0.0.0.0 \
		-retry-join=10.99.0.1 -retry-join=10.99.0.2 -retry-join=10.99.0.3 \
		-retry-interval=1s -hcl='performance { raft_multiplier = 1 }' \
		-hcl='disable_update_check = true' -hcl='ports { dns = -1 }' \
		-hcl='autopilot { cleanup_dead_servers = false }'
	server[n]=$started
}

own_net() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

leader_at() {	# leader_at N: the number of the leader, as server N knows it
	curl -s -m 2 "http://10.99.0.$1:8500/v1/status/leader" | sed -n 's/^"10\.99\.0\.\([0-9]\):.*/\1/p'
}

has_leader() { [ -n "$(leader_at "$1")" ]; }

# With fewer voters than three the next cut would take more than the minority away.
three_voters() {	# three_voters N: as server N knows it
	curl -s -m 2 "http://10.99.0.$1:8500/v1/operator/raft/configuration" >"$T/voters.json" &&
		[ "$(body=$(<"$T/voters.json") json 'sum(s["Voter"] for s in j["Servers"])')" = 3 ]
}

put_at() {	# put_at N KEY VALUE
	[ "$(curl -s -m 10 -X PUT --data-binary "$3" "http://10.99.0.$1:8500/v1/kv/$2")" = true ]
}

change_at() {	# change_at N VERSION: the document gets that version, by way of server N
	wait_until 60 put_at "$1" rag/tenants/en/config "$(tenant_json "$2" "$T/sources/en")"
}

is_version() { tells 't("en")["version"]' "$1"; }

declare -a net server
sample en
for n in 1 2 3; do
	start_server $n
done
for n in 1 2 3; do
	wait_for 90 "a leader, at server $n" has_leader $n
done
start_pool WORKERS=2 "CONSUL=address = http://10.99.0.1:8500\nwait = 1s\nconnect_timeout = 1s"
start_nginx
ok "the first document is written" change_at 1 v1
put_at 1 rag/sentinel '{}'
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
load "$T/load.json" --url "$url/query/en" --body '{"query": "bread"}' \
	--body '{"query": "lighthouse keeper"}' --connections 2 --rate 200 --seconds 240

leader=$(leader_at 1)
stop "${server[leader]}" KILL
other=$((leader % 3 + 1))
ok "with the leader (server $leader) killed another takes over" wait_until 60 has_leader "$other"
ok "a change is written" change_at "$other" v2
if [ "$leader" = 1 ]; then
	start_server 1
	wait_for 60 "server 1 is back" has_leader 1
fi
ok "and goes live" wait_until 60 is_version v2
[ "$leader" = 1 ] || start_server "$leader"
wait_for 60 "three servers again" has_leader "$leader"
wait_for 60 "three voters again" three_voters "$leader"

ip link set port1 down
ok "with the cable of our server cut, the pool knows" wait_until 60 tells \
	"j['consul']['state'] in ('unreachable', 'leaderless')" true
ok "the others go on" change_at 2 v3
ip link set port1 up
ok "with the cable back, what changed meanwhile goes live" wait_until 90 is_version v3

for n in 1 2 3; do
	ip link set "port$n" type bridge_slave isolated on
done
ok "with every server alone, the pool knows" wait_until 60 tells 'j["consul"]["state"]' leaderless
post /query/en '{"query": "bread"}'
is "and serves" "$status" 200
for n in 1 2 3; do
	ip link set "port$n" type bridge_slave isolated off
done
ok "when they meet again a change is written" change_at 3 v4
ok "and goes live" wait_until 60 is_version v4
ok "and all is well" wait_until 60 tells 'j["consul"]["state"]' watching

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "no worker went back" "$(json 'j["went_back"]')" 0
note "$(json '"%s requests, p99 %s ms, max %s ms" % (j["requests"], j["latency_ms"]["p99"],
	j["latency_ms"]["max"])')"
finish
