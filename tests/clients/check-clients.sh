#!/bin/bash
# The interfaces of other services, asked by their own clients: OpenAI's for Python and for
# Node, the Model Context Protocol's SDKs and its conformance suite, and the retrievers for
# LlamaIndex and LangChain that doc/examples shows.
#
# The clients are installed below the build folder and stay there for the next run.  A kind
# that the package registries do not give is one line that fails, and says which.
. "${0%/*}/../sys/lib.sh"
need nginx curl python3 npm node
clients=$RAGPOOL_BUILD/clients
# Up to the next release that may change everything: that one is tried by hand first.
python_packages='openai>=1.66,<4 mcp>=1.9,<3 llama-index-core>=0.12,<0.15 langchain-core>=0.3,<2'
node_packages='openai@^6 @modelcontextprotocol/sdk@^1.20 @modelcontextprotocol/conformance@0.1.11'
mkdir -p "$clients"

patiently() {	# patiently COMMAND...: a registry that hiccups is asked again, twice
	local pause
	for pause in 5 20 ''; do
		"$@" && return
		[ -z "$pause" ] || sleep "$pause"
	done
	return 1
}
have_python() {
	[ "$(cat "$clients/python.done" 2>/dev/null)" = "$python_packages" ] && return
	/usr/bin/python3 -m venv "$clients/venv" &&
		patiently "$clients/venv/bin/pip" install -q --no-compile --disable-pip-version-check \
			--no-input --retries 5 --timeout 30 $python_packages &&
		printf %s "$python_packages" >"$clients/python.done"
}
have_node() {
	[ "$(cat "$clients/node.done" 2>/dev/null)" = "$node_packages" ] && return
	mkdir -p "$clients/node" &&
		patiently npm install --prefix "$clients/node" --no-audit --no-fund --no-save \
			--loglevel=error --fetch-retries=5 $node_packages &&
		printf %s "$node_packages" >"$clients/node.done"
}
# Both at once, while the pool starts.
have_python >>"$T/python-install.log" 2>&1 &
python_install=$!
have_node >>"$T/node-install.log" 2>&1 &
node_install=$!

sample en
start_pool WORKERS=3
start_nginx
for i in $(seq 40); do
	printf '# Note %d\n\nThis is note number %d about subject %d.\n' "$i" "$i" "$((i * i))" \
		>"$T/sources/en/note$i.md"
done
put_tenant en v1 "$T/sources/en"
wait_for 60 "en is served" answers 200 /query/en '{"query": "bread"}'
ok "clients for Python are installed" wait "$python_install"
ok "clients for Node are installed" wait "$node_install"

told() {	# told NAME COMMAND...: each line "ok ..." or "not ok ..." of it is a result; "end" its last
	local name=$1 line ended=no
	shift
	while IFS= read -r line; do
		case $line in
		end) ended=yes ;;
		'ok '*) is "$name: ${line#ok }" ok ok ;;
		'not ok '*) is "$name: ${line#not ok }" "not ok" ok ;;
		*) note "$line" ;;
		esac
	done < <(RAGPOOL_URL=$url timeout 300 "$@" 2>&1)
	is "$name: it came to its end" "$ended" yes
}
example() { PYTHONPATH=$RAGPOOL_SOURCE/doc/examples told "$@"; }
src=$RAGPOOL_SOURCE/tests/clients
told "openai, Python" "$clients/venv/bin/python" "$src/openai_client.py"
told "mcp, Python" "$clients/venv/bin/python" "$src/mcp_client.py"
example LlamaIndex "$clients/venv/bin/python" "$src/llamaindex_client.py"
example LangChain "$clients/venv/bin/python" "$src/langchain_client.py"
cp "$src/node_clients.mjs" "$clients/node/"
told "Node" node "$clients/node/node_clients.mjs"

# The scenarios of the suite that ask nothing of tools and resources made for it.
for scenario in server-initialize ping tools-list dns-rebinding-protection; do
	ok "conformance suite: $scenario" timeout 300 "$clients/node/node_modules/.bin/conformance" \
		server --url "$url/mcp" --scenario "$scenario"
done
is "no worker was lost" "$(status_of 'sum(w["restarts"] for w in j["workers"])')" 0
finish
