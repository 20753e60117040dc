#!/bin/bash
# Who may ask: keys and tokens through nginx; a key that is taken back opens nothing from the
# next request on, in every worker.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
python3 - "$T/jwks.json" <<'END'
import base64, json, sys
k = base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef").rstrip(b"=").decode()
json.dump({"keys": [{"kty": "oct", "alg": "HS256", "kid": "one", "k": k}]}, open(sys.argv[1], "w"))
END
token() {	# token CLAIMS: signed with that key, good for a minute
	"$PYTHON" -c '
import base64, hashlib, hmac, json, sys, time
def b64(b): return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
claims = {"exp": int(time.time()) + 60, "aud": "ragpool"}
claims.update(json.loads(sys.argv[1]))
text = b64(json.dumps({"alg": "HS256", "kid": "one"}).encode()) + "." + b64(json.dumps(claims).encode())
print(text + "." + b64(hmac.new(b"0123456789abcdef0123456789abcdef", text.encode(), hashlib.sha256).digest()))' "$1"
}

start_pool WORKERS=3 AUTH=keys "GLOBAL=jwt_keys = $T/jwks.json"
start_nginx
put_tenant alpha v1 "$T/sources/en"
put_tenant beta v1 "$T/sources/en"
admin=$(ragpool key create --role admin --tenant '*' --name root)
reader=$(ragpool key create --role reader --tenant alpha)
limited=$(ragpool key create --role reader --tenant 'al*' --filter '{"path": "bicycle.txt"}')
like "a key is printed" "$reader" '^rp_[A-Za-z0-9_-]{12}_[A-Za-z0-9_-]{43}$'

with() {	# with KEY TENANT [JSON]: a question
	post "/query/$2" "${3:-{\"query\": \"bread\"\}}" -H "Authorization: Bearer $1"
}
served() { with "$admin" "$1" && [ "$status" = 200 ]; }
wait_for 60 "alpha is served" served alpha
wait_for 60 "beta is served" served beta

post /query/alpha '{"query": "bread"}'
is "without a key" "$status $(json 'j["error"]["code"]') $(header www-authenticate)" \
	'401 unauthorized Bearer'
with "${reader}x" alpha
is "with a wrong one" "$status $(header www-authenticate)" '401 Bearer error="invalid_token"'
is "which check failed is not told" "$(json 'j["detail"]')" 'a valid key or token is needed'
with "$reader" alpha
is "with a key" "$status" 200
post /query/alpha '{"query": "bread"}' -H "Api-Key: $reader"
is "or in Api-Key" "$status" 200
with "$reader" beta
is "a tenant out of its scope is not there" "$status $(json 'j["detail"]')" \
	'404 there is no tenant "beta"'
with "$reader" nobody
is "like one that nobody has" "$status $(json 'j["detail"]')" '404 there is no tenant "nobody"'
ask GET /status -H "Authorization: Bearer $reader"
is "a reader is no admin" "$status $(json 'j["error"]["code"]')" '403 forbidden'
ask GET /status -H "Authorization: Bearer $admin"
is "an admin is" "$status" 200
for path in /health /api/health /api/live; do
	ask GET "$path"
	is "$path needs no key" "$status" 200
done
with "$limited" alpha '{"query": "bread and the inner tube", "top_k": 20}'
is "a key's filter holds whatever is asked" \
	"$(json 'sorted({h["source"].rsplit("/")[-1] for h in j["hits"]})')" '["bicycle.txt"]'
with "$limited" alpha '{"query": "bread", "top_k": 20, "filter": {"path": "bread.md"}}'
is "also against another filter" "$status $(json 'len(j["hits"])')" '200 0'

with "$(token '{"tenant": "alpha"}')" alpha
is "a signed token counts" "$status" 200
with "$(token '{"tenant": "alpha"}')" beta
is "for its tenant" "$status" 404
with "$(token '{"tenant": "alpha", "exp": 1000}')" alpha
is "an old one does not" "$status" 401
with "$(token '{"tenant": "alpha"}')x" alpha
is "nor one with another signature" "$status" 401
with "$(token '{"tenants": ["*"], "filter": {"path": "bread.md"}}')" beta '{"query": "bread tube"}'
is "its filter holds too" "$(json 'sorted({h["source"].rsplit("/")[-1] for h in j["hits"]})')" \
	'["bread.md"]'

id=${reader:3:12}
ok "a key is revoked" ragpool key revoke "$id"
refusals=0
for _ in $(seq 30); do
	with "$reader" alpha
	[ "$status" != 401 ] || refusals=$((refusals + 1))
done
is "and opens nothing from then on" "$refusals" 30
like "others stay" "$(ragpool key list)" 'admin +\*'
is "the list holds no hash" "$(ragpool key list --json | grep -c hash)" 0
like "revoking it again says so" "$(ragpool key revoke "$id" 2>&1)" "there is no key $id"
with "$admin" alpha
is "the admin's key still opens" "$status" 200

# What was secret stands in no file but where its owner put it.
is "no secret in logs and data" "$(grep -rlF -e "${admin:16}" -e "${reader:16}" "$T/run" "$T/data" \
	"$T"/*.log 2>/dev/null | wc -l)" 0
stop "$pool"

# Without keys only a server on loopback is served.
start_pool AUTH=off
sed -i 's|\$server_addr;|192.0.2.1;|' "$T/run/nginx-ragpool.conf"
stop "$nginx"
start nginx nginx -p "$T/run/" -c "$T/nginx.conf" -e "$T/run/nginx-error.log" \
	-g "daemon off;$([ "$(id -u)" != 0 ] || echo ' user root;')"
wait_for 10 "nginx listens" curl -s -o /dev/null "$url/health"
post /query/alpha '{"query": "bread"}'
is "off is for loopback alone" "$status $(json 'j["error"]["code"]')" '403 keys_needed'
finish
