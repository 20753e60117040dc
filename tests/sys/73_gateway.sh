#!/bin/bash
# The gateway by itself, against endpoints that misbehave by script: what is believed, merged,
# cached, tried again, left alone, refused; keys are sent and never told.
. "${0%/*}/lib.sh"
need curl python3
need_built ragpool-gateway

gw=$T/run/gateway.sock
start_mock a
start_mock b
printf 'CANARY-key\n' >"$T/key"
chmod 600 "$T/key"
models() {	# models [TIMEOUT [RETRIES]]: what every section here has
	printf 'url = http://127.0.0.1:%s/v1\ntimeout = %s\nretries = %s\nbudget = 30s\n' "$mock_a" \
		"${1:-4s}" "${2:-0}"
}
cat >"$T/gateway.conf" <<END
[global]
run_dir = $T/run
[pool q]
listen = $T/run/q.sock
[model plain]
$(models)
key_file = $T/key
[model wide]
$(models 10s)
batch_wait = 400ms
[model sized]
$(models)
dimension = 64
encoding = base64
[model patient]
$(models 4s 2)
[model fragile]
$(models)
breaker_failures = 3
breaker_pause = 10m
[model brittle]
$(models)
breaker_failures = 1
breaker_pause = 500ms
[model doubled]
$(models)
failover = spare
[model spare]
url = http://127.0.0.1:$mock_b/v1
[model small]
$(models 5s)
queue = 4
batch = 1
concurrency = 1
[model away]
url = http://127.0.0.1:$(free_ports 1)/v1
retries = 0
[model metadata]
url = http://169.254.169.254/v1
retries = 0
[model ollama]
api = ollama
url = http://127.0.0.1:$mock_a
[model cohere]
api = cohere
url = http://127.0.0.1:$mock_a
[model chat]
kind = chat
$(models)
[model chat2]
kind = chat
api = ollama
url = http://127.0.0.1:$mock_a
[model rerank]
kind = rerank
api = jina
url = http://127.0.0.1:$mock_a/v1
END
gateway() { start gateway "$bin/ragpool-gateway" -c "$T/gateway.conf"; }
gateway
gateway_pid=$started
wait_for 10 "the gateway says ready" grep -q '^ready$' "$T/gateway.log"

ask_gateway() { body=$("$PYTHON" "$here/gateway.py" "$gw" "$@"); }
code_of() { ask_gateway "$@" && json 'j["code"]'; }
state_of() {	# state_of MODEL EXPRESSION: of its row in the status, as m
	ask_gateway status
	json "[$2 for m in j['models'] if m['name'] == '$1'][0]"
}

# --- forms ---
ask_gateway embed plain "a lighthouse" "a loaf of bread"
plain=$(json 'j["vectors"]')
is "two texts, two vectors" "$(json '[j["code"], j["texts"], j["dim"], j["cached"]]')" '["ok", 2, 64, 0]'
for model in sized ollama cohere; do
	ask_gateway embed $model "a lighthouse" "a loaf of bread"
	is "$model: the same vectors by another wire" "$(json 'j["vectors"]')" "$plain"
done
is "the key was sent" "$(mock_count a 'j["keys"]')" '["Bearer CANARY-key"]'

# --- cache, merging, batches ---
tell_mock a reset '{}'
ask_gateway embed plain "a lighthouse"
is "a text is not asked twice" "$(json 'j["cached"]') $(mock_count a 'j["requests"]')" "1 0"
ask_gateway many wide 90 40
is "90 at once are answered" "$(json 'j["codes"]')" '{"ok": 90}'
is "40 that are alike are asked once" "$(json 'j["merged"] + j["cached"]') $(mock_count a '[j["texts"], j["again"]]')" \
	"39 [51, 0]"
is "in batches of 32 at most" "$(mock_count a 'j["requests"] < 26 and j["largest"] <= 32')" true

# --- answers that are not believed ---
bad=embedding_bad_response
while read -r wanted fault; do
	tell_mock a reset '{}'
	tell_mock a script "{\"faults\": [$fault]}"
	is "$fault" "$(code_of embed sized "asked $RANDOM$RANDOM" "and $RANDOM$RANDOM")" "$wanted"
	ask_gateway embed sized "well again $RANDOM$RANDOM"
	[ "$(json 'j["code"]')" = ok ] || note "after $fault: $body"
done <<END
$bad {"kind": "html"}
$bad {"kind": "truncated"}
$bad {"kind": "short"}
$bad {"kind": "long"}
$bad {"kind": "dimension"}
$bad {"kind": "doubled"}
$bad {"kind": "redirect"}
$bad {"kind": "status", "status": 401}
embedding_timeout {"kind": "stall", "seconds": 60}
embedding_unavailable {"kind": "status", "status": 500}
ok {"kind": "shuffled"}
END
for fault in nan infinite zero; do
	tell_mock a script "{\"faults\": [{\"kind\": \"$fault\"}]}"
	is "$fault in a vector" "$(code_of embed plain "asked $RANDOM$RANDOM")" $bad
done
tell_mock a script '{"faults": [{"kind": "huge", "mib": 64}]}'
is "an answer without end" "$(code_of embed wide "asked $RANDOM$RANDOM")" $bad
nothing_now() { [ "$(mock_count a 'j["now"]')" = 0 ]; }
ok "an answer without end is cut" wait_until 10 nothing_now || note "$(mock_count a j)"
is "an endpoint that is not there" "$(code_of embed away x)" embedding_unavailable
is "the address of the clouds' metadata is refused" "$(code_of embed metadata x)" $bad
is "no such model" "$(code_of embed nothing x)" model_unknown

# --- one text that is refused does not spoil the others of its batch ---
tell_mock a reset '{}'
tell_mock a script '{"always": {"kind": "poison", "word": "number 7"}}'
ask_gateway many wide 8 0
is "one of eight is refused" "$(json 'j["codes"]')" '{"ok": 7, "'$bad'": 1}'
tell_mock a reset '{}'

# --- tries ---
tell_mock a script '{"faults": [{"kind": "status", "status": 503}, {"kind": "status", "status": 500}]}'
ask_gateway embed patient "tried three times"
is "two failures that pass are not seen" "$(json 'j["code"]') $(mock_count a 'j["requests"]')" "ok 3"
tell_mock a reset '{}'
tell_mock a script '{"faults": [{"kind": "status", "status": 429, "retry_after": 1}]}'
ask_gateway embed patient "tried after a second"
is "Retry-After is waited for" "$(json '[j["code"], j["ms"] >= 950]')" '["ok", true]'
tell_mock a reset '{}'
tell_mock a script '{"faults": [{"kind": "status", "status": 500}]}'
ask_gateway embed doubled "asked of another"
is "another endpoint is asked when one fails" "$(json 'j["code"]') $(mock_count b 'j["texts"]')" "ok 1"

# --- the breaker ---
tell_mock a reset '{}'
tell_mock a script '{"always": {"kind": "status", "status": 500}}'
for i in 1 2 3; do ask_gateway embed fragile "failure $i"; done
is "three failures open it" "$(state_of fragile 'm["breaker"]')" open
ask_gateway embed fragile "refused at once"
is "then it is refused without asking" "$(json 'j["code"]') $(mock_count a 'j["requests"]')" \
	"embedding_unavailable 3"
is "and told for how long" "$(json '0 < j["wait"] <= 600000')" true
ask_gateway embed brittle "one failure"
is "the others are not left alone" "$(tell_mock a script '{"always": null}'; code_of embed plain "well $RANDOM")" ok
half_open() { [ "$(code_of embed brittle "again $RANDOM")" = ok ]; }
ok "after its pause one request finds it well" wait_until 5 half_open
is "and it is closed" "$(state_of brittle 'm["breaker"]')" closed

# --- too many ---
tell_mock a script '{"always": {"kind": "slow", "seconds": 0.2}}'
ask_gateway many small 20 0
is "what does not fit into the queue is refused, the rest is answered" \
	"$(json '[sorted(j["codes"]), j["codes"]["ok"] >= 4, sum(j["codes"].values())]')" \
	'[["model_busy", "ok"], true, 20]'
tell_mock a script '{"always": null}'

# --- chats and reranks ---
for model in chat chat2; do
	ask_gateway chat $model "one two three"
	is "$model: a stream in pieces" "$(json '[j["code"], j["text"], j["finish_reason"]]')" \
		'["ok", "You said: one two three", "stop"]'
done
tell_mock a script '{"faults": [{"kind": "cut", "after": 3}]}'
is "a stream that is cut is an error" "$(code_of chat chat "one two three")" llm_bad_response
tell_mock a script '{"faults": [{"kind": "whole"}]}'
ask_gateway chat chat "one two three"
is "an endpoint that does not stream is understood" "$(json 'j["text"]')" "You said: one two three"
tell_mock a reset '{}'
tell_mock a script '{"faults": [{"kind": "drip", "pause": 0.05}]}'
ask_gateway chat chat "$(printf 'word %.0s' {1..100})" 3
was_cut() { [ "$(mock_count a 'j["cut"]')" = 1 ]; }
ok "who leaves a chat ends it at the endpoint" wait_until 10 was_cut
ask_gateway rerank rerank "lamp oil" "bread and butter" "lamp oil" "oil"
is "scores in the order of the texts" "$(json 'j["scores"]')" "[0.0, 1.0, 1.0]"
tell_mock a script '{"faults": [{"kind": "short"}]}'
ask_gateway rerank rerank "lamp oil" "bread" "lamp"
is "a rerank that lacks one is not believed" "$(json 'j["code"]')" rerank_bad_response

# --- the end ---
tell_mock a reset '{}'
tell_mock a script '{"always": {"kind": "slow", "seconds": 0.3}}'
"$PYTHON" "$here/gateway.py" "$gw" embed plain "in hand when it is told to stop" >"$T/last.json" &
last=$!
in_hand() { [ "$(mock_count a 'j["now"]')" = 1 ]; }
wait_for 5 "a question is in hand" in_hand
stop "$gateway_pid"
wait "$last"
body=$(<"$T/last.json")
is "what is in hand is finished" "$(json 'j["code"]')" ok
ok "the key is in no log" sh -c '! grep -rq CANARY "$1"/*.log' - "$T"
chmod 640 "$T/key"
"$bin/ragpool-gateway" -c "$T/gateway.conf" >"$T/refused.log" 2>&1
is "a key that others may read is refused" $? 78
like "and it says why" "$(<"$T/refused.log")" "mode 0640; it must be 0600"
finish
