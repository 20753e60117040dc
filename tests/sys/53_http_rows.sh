#!/bin/bash
# One table of bad requests: HTTP, JSON, tenants' names and tokens; each has exactly one answer,
# through nginx and, where it reaches a worker, also straight on its socket.
. "${0%/*}/lib.sh"
need nginx curl python3 openssl

mkdir "$T/realm"
openssl genrsa -out "$T/realm/rs.pem" 2048 2>/dev/null
openssl rsa -in "$T/realm/rs.pem" -pubout -out "$T/realm/rs.pub" 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out "$T/realm/es.pem"
openssl ec -in "$T/realm/es.pem" -pubout -outform DER -out "$T/realm/es.der" 2>/dev/null
openssl rsa -in "$T/realm/rs.pem" -noout -modulus >"$T/realm/rs.modulus"
"$PYTHON" - "$T/realm" <<'END_PYTHON'
import base64, json, sys
def b64(b): return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
d = sys.argv[1]
point = open(d + "/es.der", "rb").read()[-64:]
modulus = bytes.fromhex(open(d + "/rs.modulus").read().strip().split("=")[1])
json.dump({"keys": [
    {"kty": "oct", "alg": "HS256", "kid": "hs", "k": b64(b"0123456789abcdef0123456789abcdef")},
    {"kty": "RSA", "alg": "RS256", "kid": "rs", "n": b64(modulus), "e": "AQAB"},
    {"kty": "EC", "alg": "ES256", "kid": "es", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])},
]}, open(d + "/jwks.json", "w"))
END_PYTHON

sample en
start_pool WORKERS=2 AUTH=keys "GLOBAL=jwt_keys = $T/realm/jwks.json"
start_nginx 's/\(client_header_timeout\|client_body_timeout\|fastcgi_read_timeout\) [13]0s/\1 3s/'
put_tenant en v1 "$T/sources/en"
put_tenant other v1 "$T/sources/en"
admin=$(ragpool key create --role admin --tenant '*' --name root)
served() { post "/query/$1" '{"query": "bread"}' -H "Authorization: Bearer $admin" && [ "$status" = 200 ]; }
wait_for 60 "en is served" served en
wait_for 60 "other is served" served other

"$PYTHON" "$here/http_rows.py" "$url" "$socket" "$admin" "$T/realm" >"$T/rows" 2>"$T/rows.log" ||
	die "the table ended early"
while IFS=$'\t' read -r what got wanted; do
	is "$what" "$got" "$wanted"
done <"$T/rows"
ok "the table was asked" test "$tests" -gt 300

# --- what stands in the way of a tenant ---
mkdir "$T/elsewhere"
cp -r "$T/data/tenants/other" "$T/elsewhere/"
ln -s "$T/elsewhere/other" "$T/data/tenants/planted"
put_tenant planted v1 "$T/sources/en"
refuses() {	# refuses STATUS CODE
	post /query/planted '{"query": "bread"}' -H "Authorization: Bearer $admin"
	[ "$status $(json 'j["error"]["code"]')" = "$1 $2" ]
}
ok "another tenant's folder in its place is not read" wait_until 20 refuses 503 index_unavailable
like "and it is said" "$(<"$T/ragpoold.log")" 'planted/[^ ]*: the manifest is of tenant other'

# --- workers that hang ---
workers=$(ragpool status --json | "$PYTHON" -c 'import json, sys
print(*[w["pid"] for w in json.load(sys.stdin)["workers"]])')
kill -STOP $workers
post /query/en '{"query": "bread"}' -H "Authorization: Bearer $admin"
is "workers that hang" "$status $(json '[j["error"]["code"], sorted(j)]') $(header retry-after)" \
	'504 ["timeout", ["detail", "error"]] 1'
kill -CONT $workers
wait_for 20 "they go on" served en

ask GET /status -H "Authorization: Bearer $admin"
is "no worker has ended" "$(json 'sum(w["restarts"] for w in j["workers"])')" 0
finish
