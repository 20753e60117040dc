# s3.sh: an S3 server that verifies signatures, counts what is asked and fails on demand
# (s3server.py).  Sourced after lib.sh; whatever keys the caller has are forgotten.
#
#   start_s3 --page 2; s3_keys; s3_put generations other/thing x
#   s3_fault '{"match": "GET /generations", "times": 1, "do": "cut"}'
#   is "asked once" "$(s3_count 'j["gets"]')" 1

unset "${!AWS_@}"
export HOME=$T
s3_secret='secret/of+the=test'

# start_s3 [OPTION...]: of s3server.py.  Sets $s3, its address, and $s3_server; one that was stopped
# starts again where it was, empty.
start_s3() {
	local port
	[ -n "${s3:-}" ] || s3=http://127.0.0.1:$(free_ports 1)
	port=${s3##*:}
	start s3server "$PYTHON" "$here/s3server.py" --port "$port" --secret "$s3_secret" "$@"
	s3_server=$started
	wait_for 20 "the S3 server listens" curl -s -o /dev/null "$s3/_test/stats"
}

s3_keys() {	# those it takes, for all that is started from here on
	export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=$s3_secret
}

s3_ask() { curl -s -o /dev/null -X "$1" "$s3/_test/$2" "${@:3}"; }	# s3_ask METHOD PATH [OPTION...]
s3_put() { s3_ask PUT "put?bucket=$1&key=$2" --data-binary "$3"; }	# s3_put BUCKET KEY TEXT; the key as in a URL
s3_fault() { s3_ask POST fault --data-binary "$1"; }	# s3_fault JSON
s3_reset() { s3_ask POST reset; }		# no faults, and it counts anew
s3_count() {	# s3_count EXPRESSION: of what was asked of it since, as j
	local body
	body=$(curl -s "$s3/_test/stats")
	json "$1"
}
