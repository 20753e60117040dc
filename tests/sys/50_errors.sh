#!/bin/bash
# Every refusal has the status, the code and the shape that doc/API.md promises, whoever
# answers: the worker, or nginx before it.
. "${0%/*}/lib.sh"
need nginx curl python3

# refused DESCRIPTION STATUS CODE: the last answer was that, in the one shape.
refused() {
	is "$1: $2 $3" "$status $(json 'j["error"]["code"]')" "$2 $3"
	is "$1: the one shape" "$(json '[sorted(j), sorted(j["error"]), j["error"].pop("param", 7) != 7,
		all(isinstance(v, str) and v for v in [j["detail"], *j["error"].values()])]')" \
		'[["detail", "error"], ["code", "message", "param", "type"], true, true]'
	like "$1: it is JSON" "$(header content-type)" '^application/json'
}

raw() {	# raw BYTES: what nginx says to these, as they are (\r\n and so on are escapes)
	"$PYTHON" -c '
import socket, sys, urllib.parse
u = urllib.parse.urlsplit(sys.argv[1])
s = socket.create_connection((u.hostname, u.port), timeout=10)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
s.shutdown(socket.SHUT_WR)
data = b""
while chunk := s.recv(65536):
    data += chunk
head, _, body = data.partition(b"\r\n\r\n")
lines = head.decode("latin-1").split("\r\n")
open(sys.argv[3] + "/headers", "w").write("\n".join(lines))
open(sys.argv[3] + "/body", "wb").write(body)
print(lines[0].split(" ")[1])' "$url" "$1" "$T" >"$T/status"
	status=$(<"$T/status")
	body=$(<"$T/body")
	headers=$(sed 's/^\([A-Za-z-]*\):/\L\1:/' "$T/headers")
}

repeat() { head -c "$2" /dev/zero | tr '\0' "$1"; }	# repeat CHARACTER N

# A builder that waits until it is told to go on, so that a tenant without a generation can
# be looked at.
cat >"$T/slow-build" <<END
#!/bin/bash
for arg in "\$@"; do
	[ "\$arg" != late ] || until [ -e "$T/go" ]; do sleep $poll; done
done
exec "$bin/ragpool-build" "\$@"
END
chmod 755 "$T/slow-build"

sample en
start_pool WORKERS=2 "BUILDER=$T/slow-build" 'GLOBAL=builds_at_once = 2'
start_nginx
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'

put_tenant late v1 "$T/sources/en"
wait_for 30 "late is known" answers 503 /query/late '{"query": "bread"}'
refused "a tenant that is being built" 503 index_not_ready
like "it says when to come back" "$(header retry-after)" '^[1-9][0-9]*$'
touch "$T/go"
wait_for 60 "late is served" answers 200 /query/late '{"query": "bread"}'
ok "once built, it answers" true

ask GET /nothing/here
refused "an unknown address" 404 not_found
post /query/nobody '{"query": "x"}'
refused "an unknown tenant" 404 tenant_not_found
for path in /query/en/ /query/ /query//en /QUERY/en; do
	post "$path" '{"query": "x"}'
	is "no address is guessed: $path" "$status" 404
done
for name in '..' '.hidden' 'UPPER' 'a%2fb' 'a%00b' "$(repeat a 64)" '%2e%2e' 'a b'; do
	post "/query/${name// /%20}" '{"query": "x"}'
	like "no such tenant name: ${name:0:20}" "$status" '^40[04]$'
	is "in the one shape: ${name:0:20}" "$(json 'sorted(j)')" '["detail", "error"]'
done
ask GET /query/en
refused "a wrong method" 405 method_not_allowed
is "it says which is right" "$(header allow)" POST
ask DELETE /health
refused "another wrong method" 405 method_not_allowed

post /query/en ''
refused "no body" 400 empty_body
while read -r code text; do
	post /query/en "$text"
	refused "the body ${text:0:24}" 400 "$code"
done <<-'END'
	invalid_json {"query":
	invalid_json {"query": "x"}x
	invalid_json {"query": "x",}
	invalid_json {'query': 'x'}
	invalid_json {"query": NaN}
	invalid_json {"query": "a\u0000b"}
	duplicate_key {"query": "x", "query": "y"}
END
printf '{"query": "\xff\xfe"}' >"$T/bad-utf8"
ask POST /query/en -H 'Content-Type: application/json' --data-binary "@$T/bad-utf8"
refused "bytes that are no UTF-8" 400 invalid_utf8
post /query/en "$(repeat '[' 40)$(repeat ']' 40)"
refused "too deep" 400 json_too_deep
while read -r code text; do
	post /query/en "$text"
	refused "the body ${text:0:28}" 422 "$code"
done <<-'END'
	not_an_object []
	missing_field {}
	empty_query {"query": "   "}
	wrong_type {"query": 7}
	wrong_type {"query": "x", "top_k": "5"}
	out_of_range {"query": "x", "top_k": 0}
	out_of_range {"query": "x", "top_k": 1001}
	unknown_field {"query": "x", "topk": 5}
	missing_field {"queries": null}
	conflicting_fields {"query": "x", "queries": ["y"]}
	out_of_range {"queries": []}
	wrong_type {"queries": ["x", 7]}
	out_of_range {"query": "x", "generation": "../../etc"}
	out_of_range {"query": "x", "recall": 0.9, "min_recall": 0.9}
	wrong_type {"query": "x", "with_metadata": 1}
	wrong_type {"query": "x", "rerank": 1}
	out_of_range {"query": "x", "rerank": true, "rerank_top": 201}
	invalid_filter {"query": "x", "filters": 7}
	invalid_filter {"query": "x", "filters": {"type": "like", "key": "a", "value": 1}}
	invalid_filter {"query": "x", "filter": {"a": {"$near": 3}}}
	invalid_filter {"query": "x", "filter": {}, "filters": {}}
END

printf '{"query": "%s"}' "$(repeat a 70000)" >"$T/long-query"
ask POST /query/en -H 'Content-Type: application/json' --data-binary "@$T/long-query"
refused "a query text over the limit" 413 query_too_long
repeat ' ' 1100000 >"$T/long-body"
ask POST /query/en -H 'Content-Type: application/json' --data-binary "@$T/long-body"
refused "a body over the limit, by nginx" 413 body_too_large
ask POST /query/en -H 'Content-Type: text/plain' --data-binary '{"query": "x"}'
refused "another kind of body" 415 unsupported_media_type
post /query/en '{"query": "x"}' -H 'Content-Encoding: gzip'
refused "a compressed body" 415 unsupported_encoding

# What nginx refuses by itself.
ask GET "/$(repeat a 9000)"
refused "an address over the limit" 414 uri_too_long
ask GET /health -H "X-Long: $(repeat a 9000)"
refused "a header over the limit" 431 header_too_large
ask GET '/%00'
refused "an address that is none" 400 bad_request
raw 'GET /health HTTP/1.1\r\n\r\n'
refused "no Host" 400 bad_request
raw 'POST /query/en HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'
refused "two lengths" 400 bad_request
raw 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n'
refused "TRACE" 405 method_not_allowed

post /query/en '{"query": "bread"}'
is "after all this the pool answers" "$status" 200
is "and has lost no worker" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" 0
stop "$pool"
post /query/en '{"query": "x"}'
refused "no pool" 502 upstream_down
is "it says when to come back" "$(header retry-after)" 1
finish
