#!/bin/bash
# Consul dies, stays away over a restart of the pool, comes back empty: a tenant that is served
# goes on being served.
. "${0%/*}/lib.sh"
need nginx consul curl python3

sample en
start_consul
start_pool WORKERS=2 "CONSUL=address = $consul_url\nwait = 5s"
start_nginx
kv_put rag/sentinel '{}'
kv_put rag/tenants/en/config "$(tenant_json v1 "$T/sources/en")"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
generation=$(header x-ragpool-generation)

is_served() {
	post /query/en '{"query": "bread"}'
	[ "$status $(header x-ragpool-generation)" = "200 $generation" ]
}

stop "$consul" KILL
ok "without Consul it is served" is_served
ok "the pool knows that Consul is away" wait_until 30 tells 'j["consul"]["state"]' unreachable
ok "and it is served" is_served

stop "$pool"
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
ok "after a restart without Consul it is served" wait_until 30 is_served

# The same address, an empty Consul: as if somebody had wiped it.
rm -rf "$T/consul"
mkdir "$T/consul"
start consul consul agent -config-file="$T/consul.json"
consul=$started
wait_for 60 "the new Consul elects itself" consul_has_leader
ok "the pool hears the new one" wait_until 60 tells \
	'j["consul"]["state"] in ("empty", "watching")' true
ok "an empty Consul takes no tenant away" is_served

kv_put rag/tenants/en/config "$(tenant_json v1 "$T/sources/en")"
ok "when the document is back, all is well" wait_until 60 tells 'j["consul"]["state"]' watching
ok "without a build" is_served

# A key that is no document concerns nobody else.
kv_put rag/tenants/broken/config 'this is not JSON'
cp -r "$T/sources/en" "$T/sources/two"
kv_put rag/tenants/two/config "$(tenant_json v1 "$T/sources/two")"
ok "a good key beside a bad one is served" wait_until 60 answers 200 /query/two '{"query": "bread"}'
post /query/broken '{"query": "bread"}'
like "the bad one is not" "$status" '^(404|503)$'
ok "the first is served all the time" is_served
finish
