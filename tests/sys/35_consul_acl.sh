#!/bin/bash
# Real Consul with access control: a policy narrowed under load hides tenants and takes none
# away; a token revoked is replaced from its file; a token that may only read still serves; a
# snapshot restored to the past takes nothing backwards.
. "${0%/*}/lib.sh"
need nginx consul curl python3

master=11111111-2222-3333-4444-555555555555
admin() {	# admin METHOD PATH [BODY]
	curl -s -X "$1" -H "X-Consul-Token: $master" ${3:+--data-binary "$3"} "$consul_url/v1/$2"
}
put() { [ "$(admin PUT "kv/$1" "$2")" = true ]; }
policy() {	# policy RULES: of the pool's token
	"$PYTHON" -c 'import json, sys; print(json.dumps({"Name": "pool", "Rules": sys.argv[1]}))' "$1"
}
is_version() { tells "t('$1')['version']" "$2"; }

sample en
read -r http serf_lan serf_wan rpc <<<"$(free_ports 4)"
cat >"$T/consul.json" <<-END
{"server": true, "bootstrap_expect": 1, "data_dir": "$T/consul", "node_name": "test",
 "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "disable_update_check": true,
 "ports": {"http": $http, "dns": -1, "grpc": -1, "server": $rpc,
           "serf_lan": $serf_lan, "serf_wan": $serf_wan},
 "acl": {"enabled": true, "default_policy": "deny", "tokens": {"master": "$master"}},
 "performance": {"raft_multiplier": 1}}
END
start consul consul agent -config-file="$T/consul.json"
consul_url=http://127.0.0.1:$http
wait_for 60 "Consul elects itself" consul_has_leader
wide='key_prefix "rag/" { policy = "write" } session_prefix "" { policy = "write" } service_prefix "" { policy = "write" }'
is_made() { body=$(admin PUT acl/policy "$(policy "$wide")"); [[ $(json 'j["ID"]') == *-* ]]; }
wait_for 30 "the policy" is_made
pool_policy=$(json 'j["ID"]')
new_token() {
	body=$(admin PUT acl/token '{"Policies": [{"Name": "pool"}]}')
	json 'j["SecretID"] + " " + j["AccessorID"]'
}
read -r token accessor <<<"$(new_token)"
printf '%s\n' "$token" >"$T/token"
chmod 600 "$T/token"
for name in en two; do
	mkdir -p "$T/sources/$name"
	cp "$T/sources/en/bread.md" "$T/sources/$name/" 2>/dev/null
	ok "the document of $name is written" put "rag/tenants/$name/config" \
		"$(tenant_json v1 "$T/sources/$name")"
done
put rag/sentinel '{}'
start_pool WORKERS=2 "CONSUL=address = $consul_url\nwait = 2s\ntoken_file = $T/token"
start_nginx
for name in en two; do
	wait_for 60 "$name is served" answers 200 /query/$name '{"query": "bread"}'
done
load "$T/load.json" --url "$url/query/two" --body '{"query": "bread"}' --connections 2 \
	--rate 100 --seconds 120
pointed() { [ "$(admin GET kv/rag/tenants/two/generation?raw | head -c 15)" = '{"generation":"' ]; }
ok "with a token that may, the pointer is written" wait_until 20 pointed

# Only en may be seen: 200 with half of the keys, no word about the other half.
narrow='key_prefix "rag/tenants/en/" { policy = "read" }'
admin PUT "acl/policy/$pool_policy" "$(policy "$narrow")" >>"$T/commands.log"
ok "a policy that hides a tenant leaves it gone, not removed" wait_until 60 tells \
	"'gone' in (t('two')['warning'] or '')" true
ok "a change under a token that may not write goes live here alone" put \
	rag/tenants/en/config "$(tenant_json v2 "$T/sources/en")"
ok "at once" wait_until 30 is_version en v2
is "and it is said" "$(told 'j["fleet"]["pointers"]')" denied
admin PUT "acl/policy/$pool_policy" "$(policy "$wide")" >>"$T/commands.log"
ok "with the policy back, the tenant is back" wait_until 60 tells "t('two')['warning']" null

admin DELETE "acl/token/$accessor" >>"$T/commands.log"
ok "a token that was revoked is noticed" wait_until 60 tells 'j["consul"]["state"]' denied
read -r token accessor <<<"$(new_token)"
printf '%s\n' "$token" >"$T/token"
ragpool reload >>"$T/commands.log" 2>&1
ok "the file's new one is taken" wait_until 30 tells 'j["consul"]["state"]' watching

# A snapshot of the past.
admin GET snapshot >"$T/snapshot"
ok "a newer version" put rag/tenants/two/config "$(tenant_json v2 "$T/sources/two")"
ok "is live" wait_until 30 is_version two v2
ok "and a tenant that was not there then" put rag/tenants/three/config \
	"$(tenant_json v1 "$T/sources/two")"
ok "is live too" wait_until 30 is_version three v1
curl -s -X PUT -H "X-Consul-Token: $master" --data-binary "@$T/snapshot" "$consul_url/v1/snapshot"
ok "a restore to the past is noticed" wait_until 60 tells "t('two')['alert']" \
	config_older_than_accepted
is "and takes no tenant back" "$(told 't("two")["version"]')" v2
is "nor away" "$(told 't("three")["version"]')" v1
post /query/three '{"query": "bread"}'
is "which is served" "$status" 200
ok "what is written after the restore" put rag/tenants/two/config \
	"$(tenant_json v3 "$T/sources/two")"
ok "is live" wait_until 30 is_version two v3

kill -TERM "$load"
wait "$load"
body=$(<"$T/load.json")
is "every answer was 200" "$(json 'j["statuses"].keys() == {"200"} or j["first_failures"]')" true
is "no worker went back" "$(json 'j["went_back"]')" 0
finish
