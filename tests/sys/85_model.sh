#!/bin/bash
# Documents sent, changed and deleted while questions are asked, workers reload and builders
# and supervisors are killed, held against a model (model.py).  RAGPOOL_SEED, RAGPOOL_SECONDS (12).
. "${0%/*}/lib.sh"
need nginx curl python3

seed=${RAGPOOL_SEED:-$$}
ok "the model finds what it is to find" "$PYTHON" "$here/model.py" --self-test
mkdir -p "$T/tenants.d"
printf '{"version": "w0", "data_source": {"type": "push"}}\n' >"$T/tenants.d/book.json"
start_pool WORKERS=3 'GLOBAL=inbox_delay = 50ms\nhold_down = 20ms\nkeep_generations = 100'
start_nginx
ask PUT /tenants/book/documents/always.txt -H 'Content-Type: text/plain' \
	--data-binary 'The book lies at the desk: token999v1x.'
wait_for 60 "it is served" answers 200 /query/book '{"query": "book"}'
note "RAGPOOL_SEED=$seed"
"$PYTHON" "$here/model.py" --url "$url" --tenant book --data "$T/data" --ragpool "$bin/ragpool" \
	--document "$T/tenants.d/book.json" --pool "$pool" --ragpoold "$bin/ragpoold" \
	--conf "$conf" --seed "$seed" \
	--seconds "${RAGPOOL_SECONDS:-12}" >"$T/model.json" 2>"$T/model.log"
is "the driver came to its end" "$?" 0
body=$(<"$T/model.json")
is "every answer was 200 or 202" "$(json 'j["bad_status"]')" '[]'
is "every job became live" "$(json 'j["never_live"]')" '[]'
is "nothing was seen that may not be" "$(json 'j["violation_count"]')" 0
[ "$(json 'j["violation_count"]')" = 0 ] || sed 's/^/# /' "$T/model.json" | head -n 200
ok "enough was tried" eval '[ "$(json "j[\"generations\"] > 4 and j[\"jobs\"] > 50 and j[\"reads\"] > 200 and j[\"workers\"] > 1")" = true ]'
note "$(json '", ".join("%s %s" % (j[k], k) for k in ("operations", "jobs", "reads", "generations", "exported", "builders_killed", "supervisors_killed", "reloads", "versions"))')"
finish
