#!/bin/bash
# etc/openapi.yaml says what there is: every route and no other, and the live answers, good and
# bad, are what it says.
. "${0%/*}/lib.sh"
need nginx curl python3
"$PYTHON" -c 'import jsonschema, yaml' 2>/dev/null || skip "python3-jsonschema and python3-yaml are not installed"

judged() {	# judged FILE: of lines with a description, what was got and what was wanted
	local what got wanted
	while IFS=$'\t' read -r what got wanted; do
		is "$what" "$got" "$wanted"
	done <"$1"
}

api=$RAGPOOL_SOURCE/etc/openapi.yaml
"$bin/ragpool-worker" --routes >"$T/routes"
"$PYTHON" "$here/openapi.py" routes "$api" <"$T/routes" >"$T/judged" 2>"$T/openapi.log" || die "the description cannot be read"
judged "$T/judged"

sample en
start_pool WORKERS=2
start_nginx
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
"$PYTHON" "$here/openapi.py" answers "$api" "$url" >"$T/judged" 2>"$T/openapi.log" || die "the answers cannot be judged"
judged "$T/judged"
ok "the whole was asked" test "$tests" -gt 50
finish
