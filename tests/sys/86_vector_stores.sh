#!/bin/bash
# Files and vector stores of OpenAI's wire: uploaded, attached, searched, detached, deleted; by
# whom; and nothing that was acknowledged is lost when everything is killed.
. "${0%/*}/lib.sh"
need nginx curl python3

key_of() { ragpool key create --role "$1" --name "$2" --tenant "$3"; }
as() {	# as KEY METHOD PATH [JSON]
	local key=$1 method=$2 path=$3
	if [ $# -gt 3 ]; then
		ask "$method" "$path" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' --data-binary "$4"
	else
		ask "$method" "$path" -H "Authorization: Bearer $key"
	fi
}
code() { json 'j["error"]["code"]'; }
upload() {	# upload KEY NAME TEXT [FORM...]: sets $file
	local key=$1 name=$2
	printf %s "$3" >"$T/$name"
	shift 3
	ask POST /v1/files -H "Authorization: Bearer $key" -F purpose=assistants -F "file=@$T/$name" "$@"
	file=$(json 'j.get("id", "")')
}
file_is() {	# file_is STORE FILE STATUS
	as "$root" GET "/v1/vector_stores/$1/files/$2"
	[ "$(json 'j.get("status")')" = "$3" ]
}
batch_is() {
	as "$root" GET "/v1/vector_stores/$1/file_batches/$2"
	[ "$(json 'j.get("status")')" = "$3" ]
}
store_is() { as "$root" GET "/v1/vector_stores/$1"; [ "$(json 'j.get("status")')" = "$2" ]; }
finds() {	# finds STORE WORD FILE
	as "$root" POST "/v1/vector_stores/$1/search" "{\"query\": \"$2\"}"
	[ "$(json "'$3' in [d['file_id'] for d in j.get('data', [])]")" = true ]
}
finds_not() { ! finds "$@"; }
is_gone() { as "$root" POST "/v1/vector_stores/$1/search" '{"query": "x"}'; [ "$status" = 404 ]; }

sample en
start_pool WORKERS=2 AUTH=keys 'GLOBAL=inbox_delay = 50ms\nhold_down = 0ms\nfiles_max = 8'
start_nginx
put_tenant en v1 "$T/sources/en"
root=$(key_of admin root '*')
reader=$(key_of reader reader '*')
team=$(key_of editor team 'team-*')
only=$(key_of editor only en)
again=$(key_of editor again en)
served() { as "$root" POST /query/en '{"query": "bread"}' && [ "$status" = 200 ]; }
wait_for 60 "en is served" served

# --- files ---
upload "$root" zebra.md '# Zebra

The zebra grazes at the quagmire.'
is "an upload" "$status $(json '[j["object"], j["filename"], j["purpose"], j["status"], j["bytes"], j["expires_at"]]')" \
	'200 ["file", "zebra.md", "assistants", "processed", 42, null]'
zebra=$file
as "$root" GET "/v1/files/$zebra"
is "asked for" "$status $(json 'j["id"]')" "200 $zebra"
as "$root" GET "/v1/files/$zebra/content"
is "as it was sent" "$(tail -n 1 <<<"$body")" 'The zebra grazes at the quagmire.'
upload "$root" okapi.txt 'The okapi hides in the forest.' -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=3600'
okapi=$file
is "one that expires" "$(json 'j["expires_at"] - j["created_at"]')" 3600
as "$root" GET '/v1/files?limit=1'
is "a page, the newest first" "$(json '[[f["id"] for f in j["data"]], j["has_more"]]')" "[[\"$okapi\"], true]"
as "$root" GET "/v1/files?limit=1&after=$okapi"
is "the next" "$(json '[[f["id"] for f in j["data"]], j["has_more"]]')" "[[\"$zebra\"], false]"
as "$root" GET '/v1/files?order=asc&purpose=user_data'
is "none of another purpose" "$(json '[j["data"], j["first_id"]]')" '[[], null]'

# --- whose they are ---
as "$team" GET "/v1/files/$zebra"
is "another key's file is not there" "$status $(code)" '404 no_such_file'
upload "$only" shared.txt 'shared by the keys of one tenant'
as "$again" GET "/v1/files/$file"
is "keys of one tenant share theirs" "$status" 200
as "$root" DELETE "/v1/files/$file"
is "and nobody else's" "$status $(code)" '404 no_such_file'
as "$again" DELETE "/v1/files/$file"
is "deleting" "$status $(json 'j["deleted"]')" '200 true'
as "$only" GET "/v1/files/$file"
is "it is gone" "$status" 404
ask POST /v1/files -H "Authorization: Bearer $reader" -F purpose=assistants -F "file=@$T/zebra.md"
is "a reader uploads nothing" "$status $(code)" '403 forbidden'

# --- a store ---
as "$root" POST /v1/vector_stores "{\"name\": \"Animals\", \"metadata\": {\"team\": \"zoo\"}, \"file_ids\": [\"$zebra\"],
 \"chunking_strategy\": {\"type\": \"static\", \"static\": {\"max_chunk_size_tokens\": 200, \"chunk_overlap_tokens\": 20}}}"
is "a store is made" "$status $(json '[j["object"], j["name"], j["metadata"], j["status"], j["file_counts"]["in_progress"]]')" \
	'200 ["vector_store", "Animals", {"team": "zoo"}, "in_progress", 1]'
store=$(json 'j["id"]')
as "$root" GET "/v1/vector_stores/$store"
is "and there at once" "$status $(json 'j["name"]')" '200 Animals'
ok "its document is where documents are" test -s "$T/tenants.d/$store.json"
wait_for 60 "the file is searchable" file_is "$store" "$zebra" completed
is "cut as the store says" "$(json '[j["chunking_strategy"]["static"], j["attributes"], j["filename"], j["last_error"]]')" \
	'[{"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 20}, {}, "zebra.md", null]'
ok "it is found by its id" finds "$store" quagmire "$zebra"
is "and its name" "$(json 'j["data"][0]["filename"]')" zebra.md
as "$root" GET "/v1/vector_stores/$store/files/$zebra/content"
like "its text" "$status $(json 'j["data"][0]["text"]')" '^200 .*quagmire'
ok "the store is complete" store_is "$store" completed
is "and counts it" "$(json 'j["file_counts"]')" '{"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}'
as "$root" POST "/v1/vector_stores/$store" '{"name": "Beasts", "metadata": {"team": "park"}}'
is "renamed" "$status $(json '[j["name"], j["metadata"]]')" '200 ["Beasts", {"team": "park"}]'
as "$root" GET /v1/vector_stores
is "among the others" "$(json '[s["name"] for s in j["data"]]')" '["Beasts", "en"]'

# --- attaching ---
as "$root" POST "/v1/vector_stores/$store/files" "{\"file_id\": \"$okapi\", \"attributes\": {\"habitat\": \"forest\", \"legs\": 4, \"shy\": true}}"
is "attached" "$status $(json '[j["object"], j["status"], j["attributes"]["habitat"]]')" '200 ["vector_store.file", "in_progress", "forest"]'
wait_for 60 "it is searchable" file_is "$store" "$okapi" completed
is "with its attributes" "$(json 'j["attributes"]')" '{"habitat": "forest", "legs": 4, "shy": true}'
as "$root" POST "/v1/vector_stores/$store/search" '{"query": "hides", "filters": {"type": "and", "filters": [
 {"type": "eq", "key": "habitat", "value": "forest"}, {"type": "gte", "key": "legs", "value": 4}]}}'
is "by which it is filtered" "$(json '[[d["file_id"] for d in j["data"]], j["data"][0]["attributes"]["shy"]]')" "[[\"$okapi\"], true]"
as "$root" POST "/v1/vector_stores/$store/files" "{\"file_id\": \"$okapi\", \"attributes\": {\"shy\": true, \"legs\": 4, \"habitat\": \"forest\"}}"
is "attached twice is attached" "$status $(json 'j["status"]')" '200 completed'
as "$root" POST "/v1/vector_stores/$store/files/$okapi" '{"attributes": {"habitat": "zoo"}}'
is "other attributes" "$status $(json '[j["status"], j["attributes"]]')" '200 ["in_progress", {"habitat": "zoo"}]'
wait_for 60 "they count" file_is "$store" "$okapi" completed
is "and no others" "$(json 'j["attributes"]')" '{"habitat": "zoo"}'
as "$root" POST "/v1/vector_stores/$store/search" '{"query": "hides", "filters": {"type": "eq", "key": "habitat", "value": "forest"}}'
is "nor for filters" "$(json 'j["data"]')" '[]'

# --- batches ---
upload "$root" axolotl.txt 'An axolotl regrows its gills.'
axolotl=$file
upload "$root" blob.zip $'PK\001\002 no archive'
blob=$file
as "$root" POST "/v1/vector_stores/$store/file_batches" "{\"files\": [{\"file_id\": \"$axolotl\", \"attributes\": {\"n\": 1}}, {\"file_id\": \"$blob\"}]}"
is "a batch" "$status $(json '[j["object"], j["status"], j["file_counts"]["total"]]')" '200 ["vector_store.file_batch", "in_progress", 2]'
batch=$(json 'j["id"]')
wait_for 60 "it ends" batch_is "$store" "$batch" completed
is "one of its files gave no text" "$(json 'j["file_counts"]')" '{"in_progress": 0, "completed": 1, "failed": 1, "cancelled": 0, "total": 2}'
as "$root" POST "/v1/vector_stores/$store/file_batches/$batch/cancel"
is "what has ended is not cancelled" "$status $(json '[j["status"], j["file_counts"]["cancelled"]]')" '200 ["completed", 0]'
as "$root" GET "/v1/vector_stores/$store/file_batches/$batch/files?filter=failed"
like "and says why" "$(json '[[f["id"] for f in j["data"]], j["data"][0]["last_error"]["code"], j["data"][0]["last_error"]["message"]]')" \
	"^\[\[\"$blob\"\], \"unsupported_file\", \".+\"\]"
as "$root" GET "/v1/vector_stores/$store/files?filter=failed&order=asc&after=$axolotl"
is "the failed ones of the store" "$(json '[f["id"] for f in j["data"]]')" "[\"$blob\"]"
as "$root" GET "/v1/vector_stores/$store/files?filter=failed&order=desc&after=$axolotl"
is "none of them before" "$(json '[f["id"] for f in j["data"]]')" '[]'
as "$root" GET "/v1/vector_stores/$store/files?filter=completed&order=asc&limit=2"
is "a page of the store's files" "$(json '[[f["id"] for f in j["data"]], j["has_more"]]')" "[[\"$zebra\", \"$okapi\"], true]"
as "$root" GET "/v1/vector_stores/$store/files?filter=completed&order=asc&limit=2&after=$okapi"
is "the rest" "$(json '[[f["id"] for f in j["data"]], j["has_more"]]')" "[[\"$axolotl\"], false]"

batch_once() {	# with a key that a lost answer's request is known by
	ask POST "/v1/vector_stores/$store/file_batches" -H "Authorization: Bearer $root" -H 'Idempotency-Key: once' \
		-H 'Content-Type: application/json' --data-binary "{\"file_ids\": [\"$lemur\", \"$okapi\"]}"
}
upload "$root" lemur.txt 'The lemur leaps.'
lemur=$file
batch_once
batch=$(json 'j["id"]')
wait_for 60 "it ends" batch_is "$store" "$batch" completed
batch_once
is "the same request again is the same batch" "$status $(json '[j["id"], j["file_counts"]["completed"]]')" "200 [\"$batch\", 2]"
as "$root" GET "/v1/vector_stores/$store/files/$okapi"
is "and attributes stay where none are given" "$(json 'j["attributes"]')" '{"habitat": "zoo"}'
freeze "$pool"		# no build begins
upload "$root" late.txt 'The late one.'
late=$file
as "$root" POST "/v1/vector_stores/$store/file_batches" "{\"file_ids\": [\"$late\", \"$okapi\"]}"
late_batch=$(json 'j["id"]')
as "$root" POST "/v1/vector_stores/$store/file_batches/$late_batch/cancel"
is "cancelled is what was not searchable" "$status $(json '[j["file_counts"]["cancelled"], j["file_counts"]["in_progress"]]')" '200 [1, 1]'
kill -CONT "$pool"
wait_for 60 "the rest ends" batch_is "$store" "$late_batch" completed
as "$root" GET "/v1/vector_stores/$store/files/$late"
is "what was cancelled is not there" "$status" 404
as "$root" DELETE "/v1/files/$late"
as "$root" DELETE "/v1/files/$lemur"
for i in 1 2 3 4; do upload "$root" "f$i.txt" x; done
is "one more" "$status" 200
upload "$root" f5.txt x
is "is one too many" "$status $(code)" '403 files_full'
for file in $(as "$root" GET '/v1/files?limit=4'; json '" ".join(f["id"] for f in j["data"])'); do as "$root" DELETE "/v1/files/$file"; done

# --- a tenant of its own source, as a store ---
as "$only" GET '/v1/vector_stores/en/files?limit=1&order=asc'
is "its documents are files" "$(json '[[f["filename"] for f in j["data"]], j["has_more"]]')" '[["bicycle.txt"], true]'
bicycle=$(json 'j["data"][0]["id"]')
as "$only" GET "/v1/vector_stores/en/files?limit=2&order=asc&after=$bicycle"
is "page by page" "$(json '[f["filename"] for f in j["data"]]')" '["bread.md", "lighthouse.md"]'
as "$only" DELETE "/v1/vector_stores/en/files/$bicycle"
is "which stay where they are" "$status $(code)" '409 not_pushed'
as "$only" POST /v1/vector_stores/en '{"name": "x"}'
is "and is its operator's" "$status $(code)" '403 forbidden'

# --- who makes stores ---
as "$only" POST /v1/vector_stores '{"name": "x"}'
is "not a key for one tenant" "$status $(code)" '403 forbidden'
as "$team" POST /v1/vector_stores '{"name": "theirs"}'
theirs=$(json 'j["id"]')
like "one for a beginning makes its own" "$status $theirs" '^200 team-vs_[0-9a-f]{24}$'
wait_for 60 "an empty store is complete" store_is "$theirs" completed
# By one worker, at first: another one may not have come to it yet.
looks() { as "$team" POST "/v1/vector_stores/$theirs/search" '{"query": "anything"}' && [ "$status" = 200 ]; }
ok "it is searched" wait_until 20 looks
is "and finds nothing" "$(json 'j["data"]')" '[]'
upload "$team" lone.txt 'The only wolverine.'
as "$team" POST "/v1/vector_stores/$theirs/files" "{\"file_id\": \"$file\"}"
wait_for 60 "its first file is searchable" file_is "$theirs" "$file" completed
ok "found" finds "$theirs" wolverine "$file"
as "$team" DELETE "/v1/vector_stores/$theirs/files/$file"
wait_for 60 "its last file is not found any more" finds_not "$theirs" wolverine "$file"
is "and it is an empty store again" "$status $(json 'j["data"]')" '200 []'
as "$only" GET "/v1/vector_stores/$theirs"
is "that others do not see" "$status $(code)" '404 tenant_not_found'

mv "$T/tenants.d" "$T/away"
as "$root" POST /v1/vector_stores '{"name": "nowhere"}'
is "where documents cannot be kept none is made" "$status $(code)" '503 io_error'
mv "$T/away" "$T/tenants.d"
as "$root" POST /v1/vector_stores '{"name": "x", "metadata": {"password": "y"}}'
is "nor one with a secret in its document" "$status $(code)" '400 bad_request'
as "$root" GET /v1/vector_stores
is "and nothing is left of either" "$(json 'sorted(s["name"] for s in j["data"])')" '["Beasts", "en", "theirs"]'

# --- killed between the acknowledgement and the build ---
upload "$root" quokka.txt 'The quokka smiles at everybody.'
quokka=$file
workers=$(told '" ".join(str(w["pid"]) for w in j["workers"])')
freeze "$pool"		# no build begins
as "$root" POST "/v1/vector_stores/$store/files" "{\"file_id\": \"$quokka\", \"attributes\": {\"k\": \"v\"}}"
is "acknowledged" "$status $(json 'j["status"]')" '200 in_progress'
kill -KILL $workers "$pool"
wait "$pool" 2>/dev/null
start ragpoold "$bin/ragpoold" -c "$conf" --foreground
pool=$started
wait_for 60 "everything is killed, and nothing lost" file_is "$store" "$quokka" completed
ok "it is found" finds "$store" smiles "$quokka"
is "with what was said about it" "$(json 'j["data"][0]["attributes"]["k"]')" v
as "$root" GET "/v1/files/$zebra"
is "the files are there" "$status" 200

# --- going ---
as "$root" DELETE "/v1/vector_stores/$store/files/$quokka"
is "detached" "$status $(json '[j["object"], j["deleted"]]')" '200 ["vector_store.file.deleted", true]'
as "$root" GET "/v1/vector_stores/$store/files/$quokka"
is "is not there any more" "$status $(code)" '404 no_such_file'
wait_for 60 "nor found" finds_not "$store" smiles "$quokka"
as "$root" DELETE "/v1/files/$zebra"
is "a file is deleted" "$status" 200
as "$root" GET "/v1/vector_stores/$store/files/$zebra"
is "from the store, too" "$status" 404
wait_for 60 "and not found" finds_not "$store" quagmire "$zebra"
as "$root" DELETE "/v1/vector_stores/$store"
is "the store is deleted" "$status $(json '[j["object"], j["deleted"]]')" '200 ["vector_store.deleted", true]'
as "$root" GET "/v1/vector_stores/$store"
is "and not there at once" "$status $(code)" '404 tenant_not_found'
ok "nor asked" is_gone "$store"
ok "its document is gone" test ! -e "$T/tenants.d/$store.json"
wait_for 30 "its data is removed" test ! -e "$T/data/tenants/$store"
wait_for 30 "and what waited" test ! -e "$T/data/inbox/$store"
no_trace() { [ -z "$(find "$T/data/inbox" "$T/data/tenants" "$T/data/lkg" "$T/data/gone" -name "$store*")" ]; }
wait_for 30 "and every trace of it" no_trace
is "all others stay" "$(told '[t(n) is not None for n in ("en", "'"$theirs"'")]')" '[true, true]'
finish
