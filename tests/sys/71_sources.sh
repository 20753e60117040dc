#!/bin/bash
# Documents from a web server, a git repository, a SQLite file, a PostgreSQL server, and a
# folder with patterns, within what the operator allows.
. "${0%/*}/lib.sh"
need python3 curl git sqlite3
need_built ragpool-build
unset "${!AWS_@}" "${!PG@}" "${!GIT_@}"
export HOME=$T GIT_CONFIG_NOSYSTEM=1

printf '[wiki]\nbearer_token = of-the-test\n[database]\nusername = %s\npassword = of-the-test\n' \
	reader >"$T/creds"
chmod 600 "$T/creds"
mkdir "$T/allowed"
cat >"$T/pool.conf" <<END
[global]
allowed_paths = $T/allowed $T/other
allowed_networks = 127.0.0.1 ::1
credentials_file = $T/creds
[pool query]
END

source_is() {	# source_is TENANT JSON-MEMBERS: its document
	printf '{"version": "v1", "data_source": {%s}}\n' "$2" >"$T/$1.json"
}
build() {	# build TENANT [OPTION...]: sets $code and $body, the last line
	"$bin/ragpool-build" --data "$T/data" --tenant "$1" --config "$T/$1.json" \
		--pool "$T/pool.conf" --json "${@:2}" >"$T/build.out" 2>"$T/build.log"
	code=$?
	body=$(tail -n 1 "$T/build.out")
}
documents() {	# documents TENANT SQL-EXPRESSION
	sqlite3 "$T/data/tenants/$1/source.db" "select $2 from document order by key" | paste -sd' '
}
error() { json "j['error']['code'] + ': ' + j['error']['message']"; }

# --- a folder -------------------------------------------------------------------------------

mkdir -p "$T/allowed/docs/draft" "$T/secret"
echo 'kept words' >"$T/allowed/docs/a.md"
echo 'more words' >"$T/allowed/docs/b.txt"
echo 'not yet' >"$T/allowed/docs/draft/c.md"
echo 'secret words' >"$T/secret/s.md"
ln -s "$T/secret" "$T/allowed/way-out"
ln -s docs "$T/allowed/same"
source_is folder '"type": "directory", "path": "'"$T"'/allowed/docs", "include": "*.md", "exclude": ["draft/**"]'
build folder
is "patterns choose files of a folder" "$(documents folder key)" "a.md"
source_is folder '"type": "directory", "path": "'"$T"'/allowed/same"'
build folder
is "a link below the allowed folder may be named" "$(json "j['documents']")" 3
for path in "$T/secret" "$T/allowed/way-out" /etc; do
	source_is folder '"type": "directory", "path": "'"$path"'"'
	build folder
	like "${path#"$T"} is refused" "$code $(error)" "^65 source_invalid: .*($T/allowed)"
done

# --- git ------------------------------------------------------------------------------------

repo=$T/allowed/repo
git init -q -b main "$repo"
commit() {
	git -C "$repo" add -A
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit -q -m "$1"
}
mkdir "$repo/文档"
echo '# Guide' >"$repo/文档/指南 one.md"
echo 'words' >"$repo/b.md"
ln -s /etc/passwd "$repo/passwd.md"
printf '#!/bin/sh\ntouch "%s"\n' "$T/hook-ran" >"$repo/.git/hooks/post-checkout"
chmod +x "$repo/.git/hooks/post-checkout"
commit one
git -C "$repo" tag v1
echo 'new words' >"$repo/b.md"
echo 'third' >"$repo/c.md"
commit two
echo 'not committed' >"$repo/d.md"
git -C "$repo" config core.fsmonitor "touch $T/monitor-ran"
git -C "$repo" config core.sshCommand "touch $T/ssh-ran"
rm -f "$T"/*-ran
source_is repo '"type": "git", "path": "'"$repo"'", "ref": "v1"'
build repo
is "the files of a tag, without links" "$(documents repo key)" "b.md 文档/指南 one.md"
source_is repo '"type": "git", "path": "'"$repo"'"'
build repo
is "the branch reads only what changed" \
	"$(json "[j['documents'], j['documents_read'], j['documents_kept']]")" "[3, 2, 1]"
is "nothing of the repository was run" "$(ls "$T" | grep -c -- -ran)" 0
git -C "$repo" config --unset core.fsmonitor
git clone -q --bare "$repo" "$T/allowed/bare.git"
source_is repo '"type": "git", "path": "'"$T"'/allowed/bare.git", "include": "*.md"'
build repo
is "a bare repository gives the same" "$(json "[j['documents'], j['documents_kept']]")" "[3, 3]"
source_is repo '"type": "git", "path": "'"$repo"'", "ref": "nowhere"'
build repo
like "a ref that is not there is named" "$(error)" '^source_invalid: .*"nowhere"'
source_is repo '"type": "git", "path": "'"$T"'/allowed/repo/文档"'
build repo
like "a folder inside is no repository" "$(error)" '^source_invalid: .*no git repository'

# --- SQLite ---------------------------------------------------------------------------------

db=$T/allowed/wiki.db
sqlite3 "$db" "create table page(id integer primary key, slug text, body text, title text,
	team text, stars real); insert into page values
	(1, 'one', 'first words', 'First', 'red', 1.5), (2, 'two', '# Second' || char(10) || 'words', '', 'blue', 2),
	(3, '三', null, 'Empty', null, null)"
query='select slug as id, body as text, title, team, stars from page'
source_is lite '"type": "sqlite", "path": "'"$db"'", "format": "md", "query": "'"$query"'"'
build lite
is "rows become documents" "$(json "[j['documents'], j['refused']]")" "[2, 1]"
is "with titles, and columns as fields" "$(documents lite "title || ':' || json_extract(meta, '\$.team')
	|| json_extract(meta, '\$.stars')")" "First:red1.5 Second:blue2.0 "
sqlite3 "$db" "update page set body = 'other words' where id = 1"
build lite
is "a changed row is taken, the others are not" "$(json "[j['documents_read'], j['documents_kept']]")" "[1, 2]"
sqlite3 "$db" "create table card as with n(i) as (select 1 union all select i + 1 from n where i < 40)
	select i, 'words of card ' || i as text from n"
source_is cards '"type": "sqlite", "path": "'"$db"'", "query": "select i as id, text from card"'
build cards
is "all vectors of a first build are new" "$(json "[j['chunks'], j['embedded'], j['reused']]")" "[40, 40, 0]"
sqlite3 "$db" "update card set text = 'other words' where i = 7"
build cards
is "of 40 passages with one changed, one is embedded" "$(json "[j['embedded'], j['reused']]")" "[1, 39]"
build cards
is "and none when nothing changed" "$(json "[j['embedded'], j['reused']]")" "[0, 40]"
for query in 'delete from page' 'select 1 as id; drop table page' \
	"attach '$T/new.db' as x" 'pragma journal_mode' "select load_extension('x') as id" \
	'select slug as id from page' 'select nothing'; do
	source_is lite '"type": "sqlite", "path": "'"$db"'", "query": "'"$query"'"'
	build lite
	like "refused: ${query%% \'*}" "$code $(error)" '^65 source_invalid: '
done
is "and nothing was written" "$(sqlite3 "$db" 'select count(*) from page')$(ls "$T" | grep -c new.db)" 30
source_is lite '"type": "sqlite", "path": "'"$T"'/data/tenants/lite/source.db", "query": "select 1"'
build lite
like "a file that is not allowed is refused" "$(error)" '^source_invalid: .*allowed'

# --- the web --------------------------------------------------------------------------------

mkdir -p "$T/web/pages"
for name in a.html b 'c d.html' e.plain f.html; do
	echo "<title>Page $name</title><p>words of $name" >"$T/web/pages/$name"
done
read -r port <<<"$(free_ports 1)"
web=http://127.0.0.1:$port
start webserver "$PYTHON" "$here/webserver.py" --port "$port" --root "$T/web"
wait_for 20 "the web server listens" curl -s -o /dev/null "$web/_stats"
stats() { body=$(curl -s "$web/_stats"); json "[j['gets'], j['not_modified'], j['authorized']]"; }

source_is site '"type": "http", "url": "'"$web"'/moved", "credentials": "wiki", "exclude": "**/f.html"'
build site
is "a site map, behind a redirect of the same server" "$(json "[j['documents'], j['refused']]")" "[4, 1]"
is "keys are addresses" "$(documents site key | tr ' ' '\n' | sed -n '1p;4p' | paste -sd' ')" \
	"$web/pages/a.html $web/pages/e.plain"
is "each was asked for with the credentials" "$(stats)" "[4, 0, 4]"
build site
is "and then only whether it changed" "$(json "[j['unchanged'], j['documents_kept']]") $(stats)" \
	"[true, 5] [8, 4, 8]"
echo '<p>changed' >"$T/web/pages/b"
build site
is "what changed is read" "$(json "[j['documents_read'], j['documents']]") $(stats)" "[1, 4] [12, 7, 12]"
for way in '/api", "page_param": "page' '/api", "cursor_param": "cursor' '/linked'; do
	tenant=json-$(printf %s "$way" | cksum | cut -d' ' -f1)
	source_is "$tenant" '"type": "http", "url": "'"$web$way"'"'
	build "$tenant"
	is "pages of JSON: ${way//\"/}" "$(json "j['documents']") $(documents "$tenant" \
		"key || '=' || json_extract(meta, '\$.team')" | tr ' ' '\n' | head -n 1)" "5 doc/a.html=red"
done
before=$(stats)
source_is texts '"type": "http", "url": "'"$web"'/texts", "items": "data.rows", "format": "html"'
build texts
is "a listing that brings the texts costs nothing more" "$(json "j['documents']") $(stats)" "5 $before"
source_is site '"type": "http", "url": "'"$web"'/elsewhere"'
build site
like "a redirect to another server is not followed" "$(error)" '^source_invalid: .*leads elsewhere'
source_is site '"type": "http", "url": "'"$web"'/_stats"'
build site
like "what is no listing is named" "$(error)" '^source_invalid: .*no list of documents'
for url in http://10.0.0.1/ http://169.254.169.254/latest/ 'http://[::ffff:10.0.0.1]/' \
	http://0x7f000002/ http://127.2/; do
	source_is site '"type": "http", "url": "'"$url"'"'
	build site
	like "$url is refused" "$(error)" '^source_invalid: .*not public'
done

# --- push, and types that are none ----------------------------------------------------------

source_is push '"type": "push"'
build push
is "nothing was pushed: a generation of nothing, to be filled" \
	"$code $(json "[j['documents'], j['chunks'], j['refused']]")" '0 [0, 0, 0]'

source_is ftp '"type": "ftp"'
build ftp
like "a type that is none is refused" "$(error)" '^source_invalid: .*"ftp" is not one of'

# --- PostgreSQL, where it is installed ------------------------------------------------------

pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
if [ -z "$pg" ] || [ ! -x "$pg/postgres" ] || ! command -v setpriv >/dev/null; then
	note "PostgreSQL is not installed: not tried"
	finish
fi
as_nobody=()
if [ "$(id -u)" = 0 ]; then
	as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
mkdir "$T/pg" "$T/allowed/pgrun"
[ "$(id -u)" != 0 ] || chown 65534:65534 "$T/pg" "$T/allowed/pgrun"
read -r port <<<"$(free_ports 1)"
"${as_nobody[@]}" "$pg/initdb" -D "$T/pg/data" -U owner -A trust -E UTF8 --locale=C.UTF-8 -N \
	>"$T/initdb.log" 2>&1 || die "initdb fails"
printf 'local all owner trust\nhost all reader 127.0.0.1/32 scram-sha-256\n' >"$T/pg/data/pg_hba.conf"
start postgres "${as_nobody[@]}" "$pg/postgres" -D "$T/pg/data" -h 127.0.0.1 -p "$port" \
	-k "$T/allowed/pgrun" -c fsync=off
sql() { "$pg/psql" -q -h "$T/allowed/pgrun" -p "$port" -U owner postgres -v ON_ERROR_STOP=1 "$@"; }
answers_sql() { sql -c 'select 1' >/dev/null 2>&1; }
wait_for 30 "PostgreSQL answers" answers_sql
sql -c "create role reader login password 'of-the-test'; create table page(id int, body text,
	title text, live bool, price numeric); insert into page select i, 'words of row ' || i, 'Row ' || i,
	i % 2 = 0, (i / 4.0)::numeric(6,2) from generate_series(1, 30) i; grant select on page to reader" >/dev/null
dsn="host=127.0.0.1 port=$port dbname=postgres"
pg_is() { source_is pg '"type": "postgres", "dsn": "'"${2:-$dsn}"'", "credentials": "database", "query": "'"$1"'"'; }
pg_is 'select id, body as text, title, live, price from page'
build pg
is "rows of PostgreSQL become documents" "$(json "j['documents']")" 30
is "with their types" "$(documents pg "case key when '3' then meta else '' end" | sed 's/.*"bytes": [0-9]*//; s/ *$//')" \
	', "live": false, "price": 0.75}'
build pg
is "unchanged rows are not taken again" "$(json "[j['unchanged'], j['documents_kept']]")" "[true, 30]"
for query in 'delete from page returning id, body as text' 'select 1 as id; select 2' 'drop table page'; do
	pg_is "$query"
	build pg
	like "refused: $query" "$code $(error)" '^65 source_invalid: '
done
is "and nothing was lost" "$(sql -At -c 'select count(*) from page')" 30
pg_is 'select 1' "host=10.0.0.1 dbname=postgres"
build pg
like "a server that is not allowed is refused" "$(error)" '^source_invalid: .*not public'
pg_is 'select 1' "host=/run dbname=postgres"
build pg
like "nor is a socket elsewhere" "$(error)" '^source_invalid: .*allowed'
finish
