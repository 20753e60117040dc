#!/bin/bash
# How far a build has come: in jobs, in the status, and by ragpool build and ingest, on a terminal
# and through a pipe.  The build's source is a web server that answers when it is told to.
. "${0%/*}/lib.sh"
need nginx curl python3 script

read -r port <<<"$(free_ports 1)"
cat >"$T/slow.py" <<'END'
import http.server, os, sys, time
T = sys.argv[2]
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        open(T + "/asked." + name, "w").close()
        while not os.path.exists(T + "/go." + name):
            time.sleep(0.02)
        text = '[{"url": "/a.txt"}, {"url": "/b.txt"}]' if name == "list" else "The words of " + name
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if name == "list" else "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
END
start slow "$PYTHON" "$T/slow.py" "$port" "$T"
wait_for 20 "the slow server listens" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"

sample en
mkdir -p "$T/tenants.d"
printf '{"version": "v1", "data_source": {"type": "http", "url": "http://127.0.0.1:%s/list"}}\n' \
	"$port" >"$T/tenants.d/web.json"
start_pool WORKERS=2 "GLOBAL=inbox_delay = 0ms\nhold_down = 0ms\nallowed_networks = 127.0.0.0/8"
start_nginx

wait_for 60 "the listing is asked for" test -e "$T/asked.list"
"$bin/ragpool" -c "$conf" build web >"$T/lines" 2>&1 &
told=$!
pids+=("$told")
running() { body=$(ragpool status --json); json "[b for b in j['builds']['running'] if b['tenant'] == 'web'][0]$1"; }
is "the status says what a build does, and nothing that it does not know" \
	"$(running '["step"]') $(running '["done"]') $(running '["all"]') $(running '["eta_s"]')" "list 0 null null"
like "for people too" "$(ragpool status | grep -A1 '^tenant ' | tail -n 1)" '^web +v1 +[0-9]+ +[0-9]+ +list +0 +- +- +-$'
touch "$T/go.list"
wait_for 60 "a document is asked for" test -e "$T/asked.a.txt"
reads() { [ "$(running '["step"]')" = read ]; }
touch "$T/go.a.txt"
ok "then it reads" wait_until 20 reads
touch "$T/go.b.txt"
wait_for 60 "web is served" answers 200 /query/web '{"query": "words"}'
ok "ragpool build ends with it" wait "$told"
like "through a pipe, a line of JSON each time" "$(head -n 1 "$T/lines"; tail -n 1 "$T/lines")" \
	'^\{.*"state":"building".*'$'\n''\{.*"state":"live".*\}$'

# --- jobs ---
rm -f "$T"/go.* "$T"/asked.*
printf 'The numbat licks termites.\n' >"$T/numbat.txt"
ask PUT /tenants/web/documents/numbat.txt -H 'Content-Type: text/plain' --data-binary "@$T/numbat.txt"
job=$(json 'j["job"]')
wait_for 60 "its build asks the source" test -e "$T/asked.list"
ask GET "/jobs/$job"
is "a job that is built knows how far the build is" \
	"$(json '[j["state"], sorted(j["progress"].items())]')" \
	'["building", [["all", null], ["done", 0], ["eta_s", null], ["rate", null], ["step", "list"]]]'
ask GET /tenants/web/jobs
is "in lists, too" "$(json 'j["jobs"][0]["progress"]["step"]')" list
touch "$T/go.list" "$T/go.a.txt" "$T/go.b.txt"
is_live() { ask GET "/jobs/$job"; [ "$(json 'j["state"]')" = live ]; }
wait_for 60 "the job is live" is_live
is "nothing is left of it afterwards" "$(json 'j["progress"]') $(ls "$T/data/tenants/web" | grep -c progress)" \
	"null 0"

# --- terminals ---
"$bin/ragpool" -c "$conf" ingest web "$T/sources/en" >"$T/ingested" 2>&1
like "what is sent through a pipe is told in JSON" "$(cat "$T/ingested")" '^\{"job": "job-.*", "documents": 3, '
script -qec "'$bin/ragpool' -c '$conf' ingest web '$T/sources/en'" /dev/null >"$T/screen" </dev/null 2>&1
like "on a terminal by a bar" "$(tr '\r' '\n' <"$T/screen")" 'sent     \[#{20}\] 3/3'
script -qec "'$bin/ragpool' -c '$conf' build web" /dev/null >"$T/screen" </dev/null 2>&1
like "a build, too, until it is live" "$(tr '\r' '\n' <"$T/screen" | tail -n 2)" 'web serves generation [0-9]+-'
finish
