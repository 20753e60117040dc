#!/bin/bash
# bench_swift.sh: the S3 client against OpenStack Swift's s3api, which verifies signatures.
#
#   bench/bench_swift.sh BUILD-FOLDER [OBJECTS]
#
# Needs, beside the build, Debian's swift-proxy swift-account swift-container swift-object
# memcached curl python3, and root (Swift becomes a user of its own).  Starts them on loopback
# below a temporary folder, writes OBJECTS (200) objects with keys of every kind, signed by
# thirty lines of Python, and prints what ragpool-build and ragpool-objects make of them: first and second
# build, publishing, fetching.  Not part of the check: it takes some 100 MB of packages.
set -eu
build=$(cd "$1" && pwd)
objects=${2:-200}
T=$(mktemp -d /tmp/rpswift.XXXXXX)
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	rm -rf "$T"
}
trap cleanup EXIT
chmod 755 "$T"
user=$(id -un)

read -r proxy account container object memcache <<<"$(/usr/bin/python3 -c '
import socket
held = [socket.socket() for _ in range(5)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])')"

mkdir -p "$T/etc" "$T/node/d1" "$T/cache" "$T/run"
printf '[swift-hash]\nswift_hash_path_suffix = of-the-test\nswift_hash_path_prefix = x\n' >"$T/etc/swift.conf"
ring() {
	swift-ring-builder "$T/etc/$1.builder" create 4 1 1
	swift-ring-builder "$T/etc/$1.builder" add --region 1 --zone 1 --ip 127.0.0.1 --port "$2" --device d1 --weight 1
	swift-ring-builder "$T/etc/$1.builder" rebalance
}
{ ring account "$account"; ring container "$container"; ring object "$object"; } >"$T/rings.log" 2>&1
backend() {	# backend NAME PORT
	cat >"$T/etc/$1.conf" <<-END
	[DEFAULT]
	bind_ip = 127.0.0.1
	bind_port = $2
	swift_dir = $T/etc
	devices = $T/node
	mount_check = false
	disable_fallocate = true
	user = $user
	workers = 0
	[pipeline:main]
	pipeline = $1-server
	[app:$1-server]
	use = egg:swift#$1
	[$1-replicator]
	END
}
backend account "$account"
backend container "$container"
backend object "$object"
cat >"$T/etc/proxy.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $proxy
swift_dir = $T/etc
user = $user
workers = 0
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats s3api tempauth bulk slo versioned_writes proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$memcache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:versioned_writes]
use = egg:swift#versioned_writes
END
memcached -l 127.0.0.1 -p "$memcache" -u "$user" >"$T/memcached.log" 2>&1 &
pids+=($!)
for name in account container object proxy; do
	/usr/bin/python3 -c '
import sys
from swift.common import utils
utils.SWIFT_CONF_FILE = sys.argv[1] + "/swift.conf"
utils.validate_hash_conf = lambda: None
utils.HASH_PATH_SUFFIX, utils.HASH_PATH_PREFIX = b"of-the-test", b"x"
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[1] + "/" + sys.argv[2] + ".conf", sys.argv[2] + "-server"))' \
		"$T/etc" "$name" >"$T/$name.log" 2>&1 &
	pids+=($!)
done
s3=http://127.0.0.1:$proxy
for _ in $(seq 300); do
	curl -s -o /dev/null -m 2 "$s3/healthcheck" && break
	sleep 0.2
done
cat >"$T/put.py" <<'END'
"""Objects for the test, signed by botocore's rules in thirty lines of our own."""
import datetime, hashlib, hmac, http.client, sys, time, urllib.parse
host, count = sys.argv[1], int(sys.argv[2])
def mac(k, t): return hmac.new(k, t.encode(), hashlib.sha256).digest()
def put(path, body):
    now = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
    path = urllib.parse.quote(path, safe="/-._~")
    sha = hashlib.sha256(body).hexdigest()
    head = "host:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n" % (host, sha, now)
    names = "host;x-amz-content-sha256;x-amz-date"
    scope = now[:8] + "/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256("\n".join(
        ["PUT", path, "", head, names, sha]).encode()).hexdigest()])
    key = mac(mac(mac(mac(b"AWS4testing", now[:8]), "us-east-1"), "s3"), "aws4_request")
    c.request("PUT", path, body, {"x-amz-date": now, "x-amz-content-sha256": sha, "Authorization":
        "AWS4-HMAC-SHA256 Credential=test:tester/%s, SignedHeaders=%s, Signature=%s"
        % (scope, names, mac(key, text).hex())})
    r = c.getresponse(); r.read()
    return r.status
c = http.client.HTTPConnection(host)
def must(path, body):
    for _ in range(100):
        status = put(path, body)
        if status == 200: return
        time.sleep(0.2)         # a backend is not up yet
    sys.exit("%s: %d" % (path, status))
must("/documents", b""); must("/generations", b"")
keys = ["a b.md", "a+b.md", "100%.md", "文档/知识 库.md", "x//y.md", "(c)'!*.md", "q?x=1&y#z.md", "~t_-.md"]
keys += ["notes/%04d.md" % i for i in range(count - len(keys))]
for k in keys: must("/documents/" + k, ("# Note\n\nwords of the document " + k).encode())
END
/usr/bin/python3 "$T/put.py" "127.0.0.1:$proxy" "$objects"

export AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY=testing HOME=$T
printf '{"version": "v1", "data_source": {"type": "s3", "bucket": "documents", "endpoint": "%s"}}\n' \
	"$s3" >"$T/tenant.json"
builder() { "$build/ragpool-build" --data "$T/data" --tenant swift --config "$T/tenant.json" --json; }
echo "first build:  $(builder)"
echo "second build: $(builder)"
generation=$(cat "$T/data/tenants/swift/current")
printf '[global]\ndata_dir = %s\n[pool query]\n[object_store swift]\nbucket = generations\nendpoint = %s\n' \
	"$T/data" "$s3" >"$T/ragpool.conf"
store() { "$build/ragpool-objects" "$1" -c "$T/ragpool.conf" -t swift "${@:2}"; }
echo "publish:      $(store publish -g "$generation")"
echo "list:         $(store list)"
echo "fetch:        $(store fetch -g "$generation" -d "$T/other")"
cmp "$T/data/tenants/swift/gen/$generation/index.rpx" "$T/other/tenants/swift/gen/$generation/index.rpx"
AWS_SECRET_ACCESS_KEY=wrong
echo "wrong secret: $(builder 2>/dev/null || true)"
