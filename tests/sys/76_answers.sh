#!/bin/bash
# Answers by a language model, through nginx and Apache: cited, quotes that the sources hold;
# streams that are live, that rolls go around, that end when their client does; whatever is wrong
# with the model, an answer by the passages.
. "${0%/*}/lib.sh"
need nginx apache2 curl python3
need_built ragpool-gateway

start_mock a
sample en
answers=$T/run/answer.sock
mkdir -p "$T/prompts"
start_pool "WORKERS=2\nanswer_model = gpt\nanswer_timeout = 20s\nanswer_prompts_dir = $T/prompts" \
	"GLOBAL=gateway_program = $bin/ragpool-gateway\nreload_timeout = 2s\n$(printf '%s\\n' \
	'[model gpt]' 'kind = chat' "url = http://127.0.0.1:$mock_a/v1" 'timeout = 4s' 'retries = 0' \
	'breaker_failures = 3' 'breaker_pause = 4s' \
	'[model slow]' 'kind = chat' "url = http://127.0.0.1:$mock_a/v1" 'timeout = 60s' 'retries = 0' \
	'[pool answer]' "listen = $answers" 'listen_mode = 0666' 'workers = 2' 'answer_model = slow' \
	'answer_timeout = 60s' 'request_timeout = 70s')"
start_nginx
put_tenant en v1 "$T/sources/en"
put_tenant other v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread", "generate": false}'
wait_for 60 "other is served" answers 200 /query/other '{"query": "bread", "generate": false}'
generation=$(json 'j["generation"]')

say() { tell_mock a reset '{}'; tell_mock a script "{\"faults\": [$1]}"; }
said='{"kind": "say", "text": "The tower is of granite [1]. It sounds [9] in fog [1, 77]."}'
question='{"query": "What was the lighthouse tower built of?"}'

# --- an answer, and what it stands on ---
say "$said"
post /query/en "$question"
is "a model's answer, without the marks that cite nothing" \
	"$status $(json '[j["response"], j["llm_generated"], j["usage"]["completion_tokens"] > 5]')" \
	'200 ["The tower is of granite [1]. It sounds in fog [1].", true, true]'
is "each quote stands in its source" "$(body=$body "$PYTHON" - "$T/sources/en" <<'END'
import json, os, sys
j = json.loads(os.environ["body"])
for c in j["citations"]:
    held = open(os.path.join(sys.argv[1], c["document"]), "rb").read()
    assert c["generation"] == j["generation"] and j["hits"][c["n"] - 1]["source"] == c["source"]
    assert held[c["start"]:c["end"]].decode() == c["quote"], c
print(len(j["citations"]), j["citations"][0]["quote"])
END
)" "1 The tower was built of granite."
like "the model was given the passages as data" "$(mock_count a 'j["messages"][-1]["content"]')" \
	'^PASSAGE 1 \{"trust": "data", .*QUESTION \{"trust": "caller", "bytes": [0-9]+, "text": "What was'
tell_mock a reset '{}'
post /query/en '{"query": "zzyzx quuxly"}'
is "what is not there is not asked for" \
	"$(json '[j["response"], j["llm_generated"], "degraded" in j]') $(mock_count a 'j["requests"]')" \
	'["This is not in the knowledge base.", false, false] 0'
post /query/en '{"query": "紫禁城"}'
is "in the language of the question" "$(json 'j["response"]')" "知识库中没有相关内容。"
printf '[system]\nBe a pirate.\n[user]\n{{passages}}{{question}}\n' >"$T/prompts/en.txt"
say "$said"
post /query/en "$question"
is "a tenant's own prompt" "$(mock_count a 'j["messages"][0]["content"]')" "Be a pirate."
printf '[system]\nBe a pirate.\n' >"$T/prompts/en.txt"
ok "one that is no good is refused by -t" eval "! '$bin/ragpoold' -c '$conf' -t"
rm "$T/prompts/en.txt"

# --- a model that fails ---
while read -r wanted fault; do
	say "$fault"
	post /query/en "$question"
	is "$fault" "$status $(json '[j["llm_generated"], j["degraded"], "[1]" in j["response"], len(j["citations"]) > 0]')" \
		"200 [false, \"$wanted\", true, true]"
	tell_mock a reset '{}'
	post /query/en "$question"	# closes the breaker
done <<END
llm_unavailable {"kind": "status", "status": 500}
llm_timeout {"kind": "stall", "seconds": 60}
llm_bad_response {"kind": "cut", "after": 2}
llm_bad_response {"kind": "html"}
END
tell_mock a script '{"always": {"kind": "status", "status": 500}}'
for _ in 1 2 3; do post /query/en "$question"; done
tell_mock a reset '{}'
post /query/en "$question"
is "an open breaker is not waited for" "$(json 'j["degraded"]') $(mock_count a 'j["requests"]')" \
	"llm_unavailable 0"
wait_for 10 "the breaker closes" eval 'post /query/en "$question"; [ "$(json "j[\"llm_generated\"]")" = true ]'

# --- streams ---
event() {	# event FILE NAME EXPRESSION: of the event's data, as j
	local body
	body=$(grep -A1 "^event: $2\$" "$T/$1" | sed -n 's/^data: //p' | tail -n 1)
	json "$3"
}
held='{"kind": "hold", "after": 4, "text": "The tower is of granite [1]. That is all there is to say."}'
streamed='{"query": "What was the lighthouse tower built of?", "stream": true}'

nobody_is_asked() { [ "$(mock_count a 'j["now"]')" = 0 ]; }
comments() { [ "$(grep -cx ': ' "$T/$1")" -ge "$2" ]; }	# comments FILE N

check_streams() {	# check_streams SERVER
	say "$held"
	stream held /query/en "$streamed"
	curl_pid=$started
	wait_for 10 "$1: the first piece arrives while the rest is not there" grep -q '^event: delta' "$T/held"
	ok "$1: hits come first, and the stream goes on" eval "head -1 '$T/held' | grep -qx 'event: hits' && is_alive $curl_pid"
	wait_for 10 "$1: while there is nothing to say a comment comes, and another" comments held 2
	tell_mock a go '{}'
	wait_for 10 "$1: the stream ends" is_dead "$curl_pid"
	is "$1: the pieces are the answer" "$(sed -n 's/^data: {"text": "\(.*\)"}$/\1/p' "$T/held" | tr -d '\n')" \
		"The tower is of granite [1]. That is all there is to say."
	is "$1: citations, then done" "$(event held citations 'j["citations"][0]["quote"]') $(event held done '[j["llm_generated"], j["finish_reason"]]')" \
		'The tower was built of granite. [true, "stop"]'

	# A client that goes away: its worker, and the model's work, are free at once.
	say "$held"
	stream left /query/en "$streamed"
	wait_for 10 "$1: a piece arrives" grep -q '^event: delta' "$T/left"
	stop "$started" KILL
	start_ms=$(now_ms)
	wait_for 20 "$1: the worker is free again" nobody_is_busy
	took=$(($(now_ms) - start_ms))
	note "$1: free after $took ms"
	ok "$1: long before the model's time is over" test "$took" -lt 30000
	ok "$1: and the model's endpoint" wait_until 5 nobody_is_asked

	say '{"kind": "cut", "after": 4, "text": "The tower is of marble [1]. And so on."}'
	stream cut /query/en "$streamed"
	wait_for 10 "$1: the cut stream ends" is_dead "$started"
	is "$1: what was cut is replaced by the passages" "$(event cut replace '"granite" in j["text"]') $(event cut done '[j["llm_generated"], j["degraded"]]')" \
		'true [false, "llm_bad_response"]'
}
check_streams nginx

# --- twenty rolls while a stream is under way ---
rolls() { ragpool status --json | "$PYTHON" -c 'import json, sys
print(json.load(sys.stdin)["epoch"])'; }
say "$held"
stream long /query/en "$streamed"
curl_pid=$started
wait_for 10 "the long stream has begun" grep -q '^event: delta' "$T/long"
worker_pids() { ragpool status --json | "$PYTHON" -c 'import json, sys
print(sorted(w["pid"] for w in json.load(sys.stdin)["workers"]))'; }
workers=$(worker_pids)
pinned=$(event long hits 'j["generation"]')
first=$(rolls)
for i in $(seq 20); do
	ok "roll $i" timeout 20 "$BASH" -c "'$bin/ragpool' -c '$conf' reload --wait" || break
done
printf '\nA new line, so that there is another generation.\n' >>"$T/sources/en/bread.md"
put_tenant en v2 "$T/sources/en"
moved() { answers 200 /query/en '{"query": "bread", "generate": false}' && [ "$(json 'j["generation"]')" != "$pinned" ]; }
wait_for 60 "a flip beside the stream" moved
is "more than twenty epochs" "$(($(rolls) - first > 20))" 1
tell_mock a go '{}'
wait_for 10 "the long stream ends" is_dead "$curl_pid"
is "it ends as it began" "$(event long done '[j["llm_generated"], j["generation"]]')" "[true, \"$pinned\"]"
ok "no worker was replaced" eval 'wait_until 5 eval "[ \"\$(worker_pids)\" = \"\$workers\" ]"'
say "$said"
stream after /query/en "$streamed"
wait_for 10 "another stream ends" is_dead "$started"
is "afterwards everyone is on the new generation" "$(event after done "j['generation'] != '$pinned'")" true

# --- every worker of the answer pool streams: questions do not wait ---
say "$held, $held"
stream one /query/en "$streamed"
stream two /query/other "$streamed"
wait_for 10 "two streams" eval 'grep -q "^event: delta" "$T/one" && grep -q "^event: delta" "$T/two"'
for _ in 1 2 3 4 5; do post /query/en '{"query": "bread", "generate": false}'; done
is "questions are answered beside them" "$status" 200
tell_mock a go '{}'
wait_for 10 "both end" nobody_is_busy

# --- readers of streams that sip: straight on the socket, more of them than workers ---
tell_mock a reset '{}'
tell_mock a script '{"always": {"kind": "say", "text": "'"$(printf 'word%.0s ' {1..20000})"'"}}'
start sippers "$PYTHON" "$here/fcgi_peers.py" sip "$answers" 3 "$streamed"
sippers=$started
wait_for 10 "they read" eval '[ "$(busy)" = 2 ]'
wait_for 20 "no worker is held by them" nobody_is_busy
ok "who are still there" is_alive "$sippers"
stop "$sippers"
tell_mock a reset '{}'

# --- OpenAI's and Ollama's chats ---
chat='{"model": "rag/en", "messages": [{"role": "user", "content": "Tell me about the lighthouse."}, {"role": "assistant", "content": "Gladly."}, {"role": "user", "content": "Built of what?"}]'
say "$said"
post /v1/chat/completions "$chat}"
is "a chat" "$status $(json '[j["object"], j["choices"][0]["message"]["content"], j["choices"][0]["finish_reason"], j["usage"]["total_tokens"] > 5]')" \
	'200 ["chat.completion", "The tower is of granite [1]. It sounds in fog [1].", "stop", true]'
is "its marks are annotations" "$(json '[(a["type"], j["choices"][0]["message"]["content"][a["url_citation"]["start_index"]:a["url_citation"]["end_index"]], a["url_citation"]["url"]) for a in j["choices"][0]["message"]["annotations"]]')" \
	'[["url_citation", "[1]", "lighthouse.md"], ["url_citation", "[1]", "lighthouse.md"]]'
is "what was said before was passed on" "$(mock_count a '[m["role"] for m in j["messages"]]')" \
	'["system", "user", "assistant", "user"]'
say "$said"
stream chunks /v1/chat/completions "$chat, \"stream\": true, \"stream_options\": {\"include_usage\": true}}"
wait_for 10 "the chunks end" is_dead "$started"
is "in chunks" "$("$PYTHON" - "$T/chunks" <<'END'
import json, sys
lines = [x[6:] for x in open(sys.argv[1]).read().split("\n\n") if x.startswith("data: ")]	# not comments
chunks = [json.loads(x) for x in lines[:-1]]
text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
print(lines[-1], len({c["id"] for c in chunks}), chunks[0]["choices"][0]["delta"]["role"], text,
      chunks[-2]["choices"][0]["finish_reason"], chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"] > 5,
      chunks[0]["usage"], len(chunks[0]["system_fingerprint"]) > 5)
END
)" "[DONE] 1 assistant The tower is of granite [1]. It sounds in fog [1]. stop [] True None True"
say "$said"
post /api/chat "${chat/rag\/en/en:latest}, \"stream\": false}"
is "Ollama's" "$(json '[j["message"]["content"], j["done"], j["done_reason"]]')" \
	'["The tower is of granite [1]. It sounds in fog [1].", true, "stop"]'
post /v1/chat/completions '{"model": "rag/none", "messages": [{"role": "user", "content": "x"}]}'
is "of no tenant" "$status $(json 'j["error"]["code"]')" "404 tenant_not_found"

# --- the same behind Apache ---
stop "$nginx"
start_apache
check_streams Apache
finish
