#!/bin/bash
# All that goes through a web server, through each of the four with the files that are shipped for
# it and two pools behind: questions, streams by the pool of answers, a page's preflight, uploads of
# 20 MB by form and in chunks, what is too large.
. "${0%/*}/lib.sh"
need nginx apache2 lighttpd caddy curl python3
need_built ragpool-gateway

# The sample of two pools, with this test's folders in place of the machine's.
mkdir -p "$T/sample/tenants.d" "$T/sample/data" "$T/sample/run"
(umask 077 && echo k >"$T/sample/writer.key")
sed -e "s|/run/ragpool/|$T/sample/run/|; s|/etc/ragpool/|$T/sample/|; s|www-data|$(id -gn)|" "$etc/ragpool.conf.two-pools" >"$T/sample.conf"
printf '[global]\ndata_dir = %s\nrun_dir = %s\ntenants_dir = %s\nworker_program = %s\nbuild_program = %s\nprobe_program = %s\ngateway_program = %s\n' \
	"$T/sample/data" "$T/sample/run" "$T/sample/tenants.d" "$bin/ragpool-worker" "$bin/ragpool-build" "$bin/ragpool-probe" "$bin/ragpool-gateway" \
	>>"$T/sample.conf"
ok "the sample of two pools is a configuration" "$bin/ragpoold" -c "$T/sample.conf" -t
is "with the two sockets of the web servers' files" "$(grep -c '^listen = ' "$T/sample.conf") $(grep -lF @ANSWERS@ "$etc"/*/ragpool*.in | wc -l)" '2 4'

start_mock a
sample en
mkdir -p "$T/tenants.d"
printf '{"version": "v1", "data_source": {"type": "push"}}\n' >"$T/tenants.d/box.json"
answers=$T/run/answer.sock
start_pool WORKERS=2 "GLOBAL=gateway_program = $bin/ragpool-gateway\ncors_origins = https://app.example\ninbox_delay = 100ms\nhold_down = 0ms\n$(printf '%s\\n' \
	'[model gpt]' 'kind = chat' "url = http://127.0.0.1:$mock_a/v1" 'retries = 0' \
	'[pool answer]' "listen = $answers" 'listen_mode = 0666' 'workers = 2' 'answer_model = gpt' \
	'answer_timeout = 60s' 'request_timeout = 70s')"
put_tenant en v1 "$T/sources/en"
head -c 20000000 /dev/urandom >"$T/blob.zip"
head -c 40000000 /dev/zero >"$T/huge"
sum=$(sha256sum <"$T/blob.zip")
is_live() { ask GET "/jobs/$1" && [ "$(json 'j["state"]')" = live ]; }
start_nginx
ask PUT /tenants/box/documents/words.txt -H 'Content-Type: text/plain' --data-binary 'So that there is a text.'
wait_for 60 "box is served" is_live "$(json 'j["job"]')"
stop "$nginx"
tell_mock a script '{"always": {"kind": "say", "text": "The tower is of granite [1]. That is all."}}'

uploads() {	# uploads SERVER: two, of which each has a name of its own
	ask POST /ingest/box -F "file=@$T/blob.zip;filename=form-$1.zip" -H 'Expect:'
	is "$1: a form of 20 MB" "$status $(json 'j["documents"]')" '202 1'
	ask PUT "/tenants/box/documents/chunks-$1.zip" -H 'Content-Type: application/zip' -H 'Expect:' \
		-H 'Transfer-Encoding: chunked' --data-binary "@$T/blob.zip"
	is "$1: 20 MB in chunks" "$status $(json 'j["state"]')" '202 queued'
	last=$(json 'j["job"]')
	ask PUT /tenants/box/documents/huge -H 'Content-Type: application/zip' -H 'Expect:' --data-binary "@$T/huge"
	is "$1: a document over the limit" "$status $(json '[j["error"]["code"], sorted(j)]')" \
		'413 ["body_too_large", ["detail", "error"]]'
	ask PUT /tenants/box/documents/huge -H 'Content-Type: application/zip' -H 'Expect:' \
		-H 'Transfer-Encoding: chunked' --data-binary "@$T/huge"
	is "$1: the same in chunks" "$status $(json 'j["error"]["code"]')" '413 body_too_large'
}

leaves() {	# leaves SERVER: the client of a stream, while the model is silent
	local start_ms took
	tell_mock a script '{"faults": [{"kind": "hold", "after": 4, "text": "The tower is of granite [1]. That is all."}]}'
	stream left /query/en '{"query": "What was the lighthouse tower built of?", "stream": true}'
	wait_for 10 "$1: a piece arrives" grep -q '^event: delta' "$T/left"
	stop "$started" KILL
	start_ms=$(now_ms)
	wait_for 10 "$1: the worker is free again" nobody_is_busy
	took=$(($(now_ms) - start_ms))
	note "$1: its worker was free after $took ms"
	ok "$1: a client that leaves frees its worker, long before the model's time is over" test "$took" -lt 30000
}

goes_through() {	# goes_through SERVER
	post /query/en '{"query": "What was the lighthouse tower built of?"}'
	is "$1: a question" "$status $(json '[j["hits"][0]["source"], j["llm_generated"]]')" '200 ["lighthouse.md", false]'
	post /query/en '{"query": "dough"}' -H 'Transfer-Encoding: chunked'
	is "$1: a question in chunks" "$status $(json 'j["hits"][0]["source"]')" '200 bread.md'
	post /query/en '{"query": "What was the lighthouse tower built of?", "stream": true}' -H 'Accept: text/event-stream' -N
	is "$1: a stream, by the pool of answers" \
		"$status $(header content-type) $(grep -c '^event: delta' <<<"$body") $(sed -n '/^event: done/{n;s/^data: //p}' <<<"$body" | grep -o '"llm_generated": [a-z]*')" \
		"200 text/event-stream; charset=utf-8 $(grep -c '^event: delta' <<<"$body") \"llm_generated\": true"
	post /v1/chat/completions '{"model": "rag/en", "messages": [{"role": "user", "content": "What was the tower built of?"}]}'
	is "$1: a chat" "$status $(json 'j["choices"][0]["message"]["content"]')" '200 The tower is of granite [1]. That is all.'
	ask OPTIONS /query/en -H 'Origin: https://app.example' -H 'Access-Control-Request-Method: POST' \
		-H 'Access-Control-Request-Headers: content-type'
	is "$1: a page's preflight" "$status $(header access-control-allow-origin) $(header access-control-allow-methods)" \
		'204 https://app.example POST'
	post /query/en '{"query": "dough"}' -H 'Origin: https://app.example'
	is "$1: and what it asks then" "$status $(header access-control-allow-origin)" '200 https://app.example'
	ask OPTIONS /query/en -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: POST'
	is "$1: not any page's" "$(header access-control-allow-origin)" ''
	head -c 1500000 /dev/zero >"$T/large"
	post /query/en "@$T/large" -H 'Expect:'
	is "$1: a question over the limit" "$status $(json '[j["error"]["code"], sorted(j)]')" \
		'413 ["body_too_large", ["detail", "error"]]'
	leaves "$1"
	uploads "$1"
	is "$1: uploads that stop half way hold no worker" \
		"$("$PYTHON" "$here/fcgi_peers.py" sending "$url" /tenants/box/documents/half.txt 5 |
			xargs | sed 's/waited_s [0-4]$/waited_s 0 to 4/')" \
		'status 200 waited_s 0 to 4'
}

for server in nginx apache lighttpd caddy; do
	"start_$server"
	wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
	goes_through "$server"
	wait_for 60 "$server: its uploads are taken in" is_live "$last"
	for way in form chunks; do
		is "$server: each byte of what came as $way" \
			"$(curl -s "$url/tenants/box/documents/$way-$server.zip?content=true" | sha256sum)" "$sum"
	done
	stop "${!server}"
done
finish
