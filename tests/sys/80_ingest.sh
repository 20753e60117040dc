#!/bin/bash
# Documents by the API: accepted only when durable, built, live, removed; jobs tell how it goes.
. "${0%/*}/lib.sh"
need nginx curl python3

sample en
push_tenant() {	# push_tenant NAME VERSION
	printf '{"version": "%s", "data_source": {"type": "push"}}\n' "$2" >"$T/tenants.d/.$1.tmp"
	mv "$T/tenants.d/.$1.tmp" "$T/tenants.d/$1.json"
}
job_is() {	# job_is JOB STATE
	ask GET "/jobs/$1"
	[ "$(json 'j["state"]')" = "$2" ]
}
finds() {	# finds TENANT WORD ID: is it among the hits?
	post "/query/$1" "{\"query\": \"$2\", \"top_k\": 20}"
	[ "$status" = 200 ] && [ "$(json "'$3' in [h['source'] for h in j['hits']]")" = true ]
}
finds_not() { ! finds "$@"; }

mkdir -p "$T/tenants.d"
push_tenant box v1
put_tenant en v1 "$T/sources/en"
start_pool WORKERS=2 'GLOBAL=inbox_delay = 100ms\nhold_down = 0ms'
start_nginx
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'

# --- JSON ---
post /ingest/box '{"documents": [
 {"id": "a/zebra.md", "text": "# Zebra\n\nThe zebra grazes at the quagmire.", "title": "Z",
  "metadata": {"colour": "striped"}},
 {"id": "b", "content": "VGhlIG9rYXBpIGhpZGVzIGluIHRoZSBmb3Jlc3Qu", "type": "text/plain"}]}'
is "accepted" "$status $(json '[j["state"], j["documents"], j["tenant"]]')" '202 ["queued", 2, "box"]'
job=$(json 'j["job"]')
is "and where it is told" "$(header location)" "/jobs/$job"
wait_for 60 "the job is live" job_is "$job" live
is "what became of it" "$(json '[j["documents"], j["refused"], j["reason"], [i["id"] for i in j["items"]]]')" \
	'[2, 0, null, ["a/zebra.md", "b"]]'
generation=$(json 'j["generation"]')
ok "found by its words" finds box quagmire a/zebra.md
is "in the generation that the job names" "$(header x-ragpool-generation)" "$generation"
post /query/box '{"query": "zebra", "filters": {"colour": "striped"}}'
is "found by its metadata" "$(json '[h["source"] for h in j["hits"]]')" '["a/zebra.md"]'

# --- files ---
printf 'The numbat licks termites.\n' >"$T/numbat.txt"
ask POST /ingest/box -F 'metadata={"kind2": "upload"}' -F "file=@$T/numbat.txt" -F "file=@$T/sources/en/bread.md"
is "an upload" "$status $(json 'j["documents"]')" '202 2'
job=$(json 'j["job"]')
ask PUT /tenants/box/documents/raw/axolotl.txt -H 'Content-Type: text/plain' --data-binary 'An axolotl regrows its gills.'
is "a body that is the document" "$status" 202
last=$(json 'j["job"]')
wait_for 60 "the upload is live" job_is "$job" live
wait_for 60 "the other too" job_is "$last" live
ok "the upload is found" finds box termites numbat.txt
ok "the body is found" finds box axolotl raw/axolotl.txt
ask GET /tenants/box/documents/raw/axolotl.txt
is "asked for by its id" "$status $(json '[j["searchable"], j["pushed"]["bytes"]]')" '200 [true, 29]'
ask GET '/tenants/box/documents/raw/axolotl.txt?content=true'
is "as it was sent" "$body" 'An axolotl regrows its gills.'
ask GET '/tenants/box/documents?limit=2'
is "a page" "$(json '[[d["id"] for d in j["documents"]], j["has_more"]]')" '[["a/zebra.md", "b"], true]'
ask GET '/tenants/box/documents?limit=9&after=b'
is "the rest" "$(json '[[d["id"] for d in j["documents"]], j["has_more"]]')" \
	'[["bread.md", "numbat.txt", "raw/axolotl.txt"], false]'

# --- again and shorter ---
ask PUT /tenants/box/documents/raw/axolotl.txt -H 'Content-Type: text/plain' --data-binary 'Only a stub.'
job=$(json 'j["job"]')
wait_for 60 "live" job_is "$job" live
ok "a shorter version leaves no tail" finds_not box gills raw/axolotl.txt
ok "but is there" finds box stub raw/axolotl.txt

# --- the same key twice ---
ask PUT /tenants/box/documents/once.txt -H 'Idempotency-Key: k1' -H 'Content-Type: text/plain' --data-binary 'once upon'
first=$(json 'j["job"]')
ask PUT /tenants/box/documents/once.txt -H 'Idempotency-Key: k1' -H 'Content-Type: text/plain' --data-binary 'once upon'
is "the same job while it waits" "$(json 'j["job"]')" "$first"
wait_for 60 "live" job_is "$first" live
ask PUT /tenants/box/documents/once.txt -H 'Idempotency-Key: k1' -H 'Content-Type: text/plain' --data-binary 'once upon'
is "and when it is done" "$(json 'j["job"]')" "$first"
ask PUT /tenants/box/documents/once.txt -H 'Idempotency-Key: k1' -H 'Content-Type: text/plain' --data-binary 'another'
is "not for something else" "$status $(json 'j["error"]["code"]')" '409 idempotency_conflict'

# --- removing ---
ask DELETE /tenants/box/documents/once.txt
is "removing is a job" "$status" 202
job=$(json 'j["job"]')
wait_for 60 "live" job_is "$job" live
ok "and it is not found any more" finds_not box once once.txt
ask GET /tenants/box/documents/once.txt
is "nor there" "$status $(json 'j["error"]["code"]')" '404 document_not_found'

# --- beside a source of its own ---
ask PUT /tenants/en/documents/extra.txt -H 'Content-Type: text/plain' --data-binary 'A wombat digs.'
job=$(json 'j["job"]')
wait_for 60 "live" job_is "$job" live
ok "joins a folder's documents" finds en wombat extra.txt
ok "which stay" finds en sourdough bread.md
ask DELETE /tenants/en/documents/bread.md
is "those are removed where they are" "$status $(json 'j["error"]["code"]')" '409 not_pushed'

# --- what is refused ---
post /ingest/nobody '{"id": "x", "text": "y"}'
is "no such tenant" "$status $(json 'j["error"]["code"]')" '404 tenant_not_found'
post /ingest/box '{"id": "x"}'
is "no text" "$status $(json 'j["error"]["code"]')" '422 missing_field'
post /ingest/box '{"documents": []}'
is "no document" "$status $(json 'j["error"]["code"]')" '400 bad_request'
post /ingest/box '{"id": "x", "content": "%%%"}'
is "no base64" "$status $(json 'j["error"]["code"]')" '400 bad_request'
ask POST /ingest/box -H 'Content-Type: multipart/form-data; boundary=x' --data-binary $'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncut'
is "a part without an end" "$status $(json 'j["error"]["code"]')" '400 bad_request'
ask PUT /tenants/box/documents/blob.zip -H 'Content-Type: application/zip' --data-binary $'PK\001\002'
job=$(json 'j["job"]')
wait_for 60 "live" job_is "$job" live
like "a document that gives no text is named with its reason" \
	"$(json '[j["refused"], j["items"][0]["refused"]]')" '^\[1, ".+"\]'
ask GET /jobs/job-000000000001-00000000.box
is "no such job" "$status $(json 'j["error"]["code"]')" '404 job_not_found'

# --- from the command line ---
mkdir -p "$T/more/sub"
echo 'A pangolin curls up.' >"$T/more/pangolin.txt"
echo 'A tapir swims.' >"$T/more/sub/tapir.txt"
ok "files go to the inbox" ragpool ingest box "$T/more"
ok "a build is waited for" ragpool build box
ok "they are found" finds box tapir sub/tapir.txt
ok "nothing to cancel says so" eval '! ragpool cancel box'

# --- an entry that is broken does not block the others ---
printf 'half an entry' >"$T/data/inbox/box/00000000ffff-00000000"
ask PUT /tenants/box/documents/after.txt -H 'Content-Type: text/plain' --data-binary 'The quokka smiles.'
job=$(json 'j["job"]')
wait_for 60 "live" job_is "$job" live
ok "the others are taken in" finds box quokka after.txt
ok "it is put aside" test -s "$T/data/inbox/box/dead/00000000ffff-00000000.why"
ask GET /jobs/job-00000000ffff-00000000.box
is "and its job says why" "$(json '[j["state"], "cut off" in j["reason"]]')" '["failed", true]'
ask GET '/tenants/box/jobs?state=failed'
is "among those that failed" "$(json '[x["state"] for x in j["jobs"]]')" '["failed"]'

finish
