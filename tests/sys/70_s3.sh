#!/bin/bash
# A tenant's documents from S3: a server that verifies signatures and fails on demand.
. "${0%/*}/lib.sh"
. "${0%/*}/s3.sh"
need python3 curl
need_built ragpool-build

start_s3 --page 3 --token 'a+session/token='

put() {	# put KEY TEXT
	curl -s -X PUT "$s3/_test/put?bucket=alpha&key=$("$PYTHON" -c \
		'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1")" \
		--data-binary "$2" >/dev/null
}

document() {	# document [MORE-MEMBERS]: of the tenant, into $T/alpha.json
	printf '{"version": "v1", "data_source": {"type": "s3", "bucket": "alpha", %s}}\n' \
		"\"endpoint\": \"$s3\"${1:+, $1}" >"$T/alpha.json"
}
build() {	# build [OPTION...]: sets $code and $body, the last line
	"$bin/ragpool-build" --data "$T/data" --tenant alpha --config "$T/alpha.json" \
		--json "$@" >"$T/build.out" 2>"$T/build.log"
	code=$?
	body=$(tail -n 1 "$T/build.out")
}
keys() { export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=$s3_secret \
	AWS_SESSION_TOKEN=a+session/token=; }
no_keys() { unset "${!AWS_@}"; }

# --- any key, over several pages, and only once --------------------------------------------

for key in 'a b.md' 'a+b.md' '100%.md' '文档/知识 库.md' 'x//y.md' '../up.md' "(c)'!*.md" \
	'q?x=1&y#z.md' '~t_-.md' 'plain.txt'; do
	put "$key" "words of the document $key"
done
put 'folder/' ''
put 'old.glacier' 'it would take hours'
s3_reset
document
keys
build
is "all keys are read, whatever is in them" "$(json "[j['documents'], j['refused']]")" "[10, 1]"
is "each was asked for once" "$(s3_count 'j["gets"]')" 10
is "the listing had its pages" "$(s3_count 'j["lists"]')" 4
is "every signature was right" "$(s3_count 'j["refused"]')" 0
is "what lies in an archive is named" "$(grep -c 'old.glacier.*archive' "$T/build.log")" 1
first=$(json "j['generation']" <<<"$body")
build
is "unchanged objects are not read again" "$(s3_count 'j["gets"]')" 10
is "and give the same generation" "$(json "[j['unchanged'], j['documents_kept']]")" "[true, 11]"
put 'a b.md' 'other words'
s3_ask POST "delete?bucket=alpha&key=plain.txt"
build
is "only what changed is read" "$(s3_count 'j["gets"]')" 11
is "and what is gone goes" "$(json "[j['documents_read'], j['removed'], j['documents']]")" "[1, 1, 9]"

# --- a server with troubles -----------------------------------------------------------------

s3_reset
put 'big.md' "$(seq 1 20000)"
put 'new.md' 'new words'
s3_fault '{"match": "GET /alpha/.list-type", "times": 2, "do": "slowdown"}'
s3_fault '{"match": "GET /alpha/big", "times": 1, "do": "cut"}'
s3_fault '{"match": "GET /alpha/new", "times": 2, "do": "error"}'
build
is "SlowDown, 500 and a cut body are overcome" "$(json "j['documents']")" 11
is "a cut body went on where it stopped" "$(s3_count 'j["ranges"]')" 1
s3_reset
put 'new.md' 'written over'
s3_fault '{"match": "GET /alpha/new", "times": 1, "do": "etag"}'
build
is "an object written over since the listing is taken as it is" "$(json "j['documents']")" 11
build
is "and looked at again the next time" "$(s3_count 'j["gets"]')" 2

before=$(cat "$T/data/tenants/alpha/current")
refused() {	# refused WHAT FAULT CODE WORDS
	s3_fault "{\"match\": \"GET\", \"times\": 20, \"do\": \"$2\"}"
	build
	is "$1 ends the build" "$(json "j['error']['code']")" "$3"
	like "$1 is named" "$(json "j['error']['message']")" "$4"
	s3_reset
}
refused "a listing in a circle" circle peer_error 'circle'
refused "a listing that goes on nowhere" open peer_error 'where'
refused "a listing that does not say its end" silent peer_error 'complete'
refused "a broken listing" xml peer_error 'well-formed'
refused "a refusal" denied source_invalid 'AccessDenied'
refused "another region" region source_invalid 'eu-north-1'
refused "a clock that is off" skew source_invalid 'clock'
is "and the generation stays" "$(cat "$T/data/tenants/alpha/current")" "$before"

# --- far fewer ------------------------------------------------------------------------------

s3_ask POST "fill?bucket=alpha&count=40"
build
is "forty more" "$(json "j['documents']")" 51
document '"prefix": "notes/000/"'
build
is "a wrong prefix is no deletion" "$(json "j['error']['code']") $code" "shrink_refused 65"
build --allow-shrink
is "unless it is meant" "$(json "j['documents']")" 1
document '"include": ["*.md"], "exclude": "notes/**"'
build --allow-shrink
is "patterns choose" "$(json "j['documents']")" 11

# --- who may ask whom -----------------------------------------------------------------------

document
export AWS_SECRET_ACCESS_KEY=wrong-secret-of-this-test
build
like "a wrong secret is refused" "$(json "j['error']['message']")" 'SignatureDoesNotMatch'
is "and told to nobody" "$(cat "$T/build.log" <(echo "$body") | grep -c wrong-secret)" 0
no_keys
build
like "no credentials are told as such" "$(json "j['error']['message']")" 'no credentials'

printf '[default]\naws_access_key_id = AKIDTEST\naws_secret_access_key = %s\n' "$s3_secret" >"$T/creds"
printf 'aws_session_token = a+session/token=\n[other]\naws_access_key_id = x\n' >>"$T/creds"
chmod 640 "$T/creds"
pool_conf() { printf '[global]\n%s\n[pool query]\n' "$1" >"$T/pool.conf"; }
pool_conf "credentials_file = $T/creds"
s3_reset
build --pool "$T/pool.conf"
is "a loopback address is refused" "$(json "j['error']['code']")" source_invalid
like "with the way out" "$(json "j['error']['message']")" '127.0.0.1.*allowed_networks'
is "before a byte was sent" "$(s3_count 'j["requests"]')" "{}"
pool_conf "credentials_file = $T/creds
allowed_networks = 10.0.0.0/8 127.0.0.0/8"
build --pool "$T/pool.conf"
is "credentials from a file, where the network is allowed" "$(json "j['documents']")" 51
document '"credentials": "nobody"'
build --pool "$T/pool.conf"
like "a profile that is not there is named" "$(json "j['error']['message']")" 'profile \[nobody\]'
document
chmod 644 "$T/creds"
build --pool "$T/pool.conf"
like "credentials that others may read are refused" "$(json "j['error']['message']")" 'others must not'

pool_conf "instance_metadata = yes
allowed_networks = 127.0.0.0/8"
export AWS_EC2_METADATA_SERVICE_ENDPOINT=$s3/
build --pool "$T/pool.conf"
is "the machine's role" "$(json "j['documents']")" 51
keys
document "\"endpoint\": \"http://localhost:${s3##*:}\", \"addressing\": \"virtual\""
sed -i "s|\"endpoint\": \"$s3\", ||" "$T/alpha.json"
build
is "the bucket in the host's name" "$(json "[j['documents'], j['documents_kept']]")" "[51, 52]"
finish
