#!/usr/bin/env python3
"""s3server.py: an S3 server for tests, which verifies every signature and fails on demand.

  s3server.py --port PORT [--page N] [--access KEY] [--secret KEY] [--token TOKEN]

Buckets and objects live in memory; path and virtual style.  Requests must be signed with
Signature Version 4, by a verifier of its own that reads the request as it came over the wire:
a path or a query that is not encoded as the signature wants it is refused, also where real
servers are more patient.  Continuation tokens hold '+', '/' and '='.

Without a signature, for the test itself:

  PUT  /_test/put?bucket=B&key=K     an object, its bytes in the body
  POST /_test/fill?bucket=B&count=N[&word=W]  N small objects, of other bytes with another word
  POST /_test/delete?bucket=B&key=K
  POST /_test/fault                  {"match": REGEX of "METHOD path?query", "times": N,
                                      "do": WHAT}: the next N requests that match.  WHAT:
      slowdown  503 SlowDown, Retry-After: 0     error  500      cut   half the body, then the end
      etag      another ETag than the listing's  xml    a listing that is no XML
      circle    the token that was asked with    open   truncated, but without a token
      silent    no word about truncation         denied 403 AccessDenied
      region    301, the bucket is elsewhere     skew   403 RequestTimeTooSkewed
      lie       the right number of wrong bytes        gone  the connection ends without a word
      short     a listing without its last object and with IsTruncated false
  GET  /_test/stats                  {"requests": {METHOD: n, ...}, "gets": n, "lists": n,
                                      "ranges": n, "refused": n, "sent": bytes of objects}
  POST /_test/reset                  all counters to 0

  /latest/...                        an instance's metadata service (IMDSv2) that hands out
                                     the same keys and the session token
"""
import argparse
import base64
import email.utils
import hashlib
import hmac
import http.server
import json
import re
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

args = None
lock = threading.Lock()
buckets = {}
faults = []
stats = {}


def reset():
    stats.clear()
    stats.update(requests={}, gets=0, lists=0, refused=0, ranges=0, sent=0)


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def pairs_of(query):
    """The raw pairs; refuses what is not encoded as signatures want it."""
    pairs = []
    for part in query.split("&") if query else []:
        name, eq, value = part.partition("=")
        for raw in (name, value):
            if quote(urllib.parse.unquote_to_bytes(raw)) != raw:
                raise ValueError("query is not encoded: %s" % raw)
        if not eq:
            raise ValueError("a name without =")
        pairs.append((name, value))
    if pairs != sorted(pairs):
        raise ValueError("query is not sorted")
    return pairs


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def verify(handler, path, query, body):
    """None, or the code of S3 that says what is wrong with the signature."""
    auth = handler.headers.get("Authorization")
    if auth is None:
        return "AccessDenied"
    m = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
                     r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", auth)
    if not m:
        return "AuthorizationHeaderMalformed"
    access, day, region, names, signature = m.groups()
    if access != args.access:
        return "InvalidAccessKeyId"
    if region != args.region:
        return "AuthorizationHeaderMalformed"
    date = handler.headers.get("x-amz-date", "")
    if not date.startswith(day) or abs(time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ"))
                                       - time.timezone - time.time()) > 900:
        return "RequestTimeTooSkewed"
    if args.token and handler.headers.get("x-amz-security-token") != args.token:
        return "InvalidToken"
    signed = names.split(";")
    needed = {"host"} | {n.lower() for n in handler.headers if n.lower().startswith("x-amz-")}
    if signed != sorted(signed) or not needed <= set(signed):
        return "AccessDenied"
    digest = handler.headers.get("x-amz-content-sha256", "")
    if digest != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    try:
        canonical_query = "&".join("%s=%s" % p for p in pairs_of(query))
    except ValueError:
        return "SignatureDoesNotMatch"
    if quote(urllib.parse.unquote_to_bytes(path), "/") != path:
        return "SignatureDoesNotMatch"
    canonical = "\n".join([
        handler.command, path, canonical_query,
        *("%s:%s" % (n, " ".join(handler.headers.get(n, "").split())) for n in signed),
        "", names, digest])
    scope = "%s/%s/s3/aws4_request" % (day, region)
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = mac(mac(mac(mac(("AWS4" + args.secret).encode(), day), region), "s3"), "aws4_request")
    if not hmac.compare_digest(mac(key, text).hex(), signature):
        return "SignatureDoesNotMatch"
    return None


def etag_of(data):
    return '"%s"' % hashlib.md5(data).hexdigest()


def token_of(key):
    return "+/=" + base64.b64encode(b"\xfb\xef\xbe" + key.encode()).decode() + "+=="


def key_of(token):
    if not (token.startswith("+/=") and token.endswith("+==")):
        raise ValueError("not a token of this server")
    return base64.b64decode(token[3:-3])[3:].decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *a):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        sent = {n.lower() for n, _ in headers}
        if "content-length" not in sent:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, message="as the test wants it", headers=()):
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s'
                "</Message></Error>" % (code, message)).encode()
        self.answer(status, body, [("Content-Type", "application/xml"), *headers])

    def fault(self, raw):
        with lock:
            for f in faults:
                if f["times"] > 0 and re.search(f["match"], "%s %s" % (self.command, raw)):
                    f["times"] -= 1
                    return f["do"]
        return None

    def handle_request(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n) if n else b""
        raw = self.path
        path, _, query = raw.partition("?")
        if path.startswith("/_test/"):
            return self.control(path[7:], dict(urllib.parse.parse_qsl(query)), body)
        with lock:
            stats["requests"][self.command] = stats["requests"].get(self.command, 0) + 1
        if path.startswith("/latest/"):
            return self.metadata(path)
        what = self.fault(raw)
        if what == "slowdown":
            return self.fail(503, "SlowDown", headers=[("Retry-After", "0")])
        if what == "error":
            return self.fail(500, "InternalError")
        if what == "denied":
            return self.fail(403, "AccessDenied")
        if what == "gone":
            self.close_connection = True
            return None
        if what == "skew":
            return self.fail(403, "RequestTimeTooSkewed")
        if what == "region":
            return self.fail(301, "PermanentRedirect", headers=[
                ("x-amz-bucket-region", "eu-north-1"), ("Location", "http://127.0.0.1:1/")])
        code = verify(self, path, query, body)
        if code is not None:
            with lock:
                stats["refused"] += 1
            return self.fail(403, code)
        host = self.headers.get("Host", "").split(":")[0]
        if host.endswith(".localhost"):
            bucket, key = host[:-len(".localhost")], path[1:]
        else:
            bucket, _, key = path[1:].partition("/")
        key = urllib.parse.unquote(key)
        if bucket not in buckets:
            return self.fail(404, "NoSuchBucket")
        if key == "" and self.command == "GET":
            return self.listing(bucket, dict(urllib.parse.parse_qsl(query, True)), what)
        return self.object(buckets[bucket], key, body, what)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request

    def object(self, objects, key, body, what):
        if self.command == "PUT":
            with lock:
                objects[key] = (body, time.time())
            return self.answer(200, headers=[("ETag", etag_of(body))])
        if self.command == "DELETE":
            with lock:
                objects.pop(key, None)
            return self.answer(204)
        if key not in objects:
            return self.fail(404, "NoSuchKey")
        data, modified = objects[key]
        if what == "lie":
            data = bytes(b ^ 1 for b in data)
        etag = '"another"' if what == "etag" else etag_of(data)
        with lock:
            stats["gets"] += self.command == "GET"
        headers = [("ETag", etag), ("Last-Modified", email.utils.formatdate(modified, usegmt=True)),
                   ("Accept-Ranges", "bytes")]
        if self.headers.get("If-Match", etag) != etag:
            return self.fail(412, "PreconditionFailed")
        status, part = 200, data
        m = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if m:
            first, last = int(m[1]), int(m[2]) if m[2] else len(data) - 1
            if first >= len(data):
                return self.fail(416, "InvalidRange")
            with lock:
                stats["ranges"] += 1
            status, part = 206, data[first:last + 1]
            headers.append(("Content-Range", "bytes %d-%d/%d" % (first, first + len(part) - 1,
                                                                len(data))))
        headers.append(("Content-Length", str(len(part))))
        with lock:
            stats["sent"] += len(part) if self.command == "GET" else 0
        if what == "cut":
            self.answer(status, part[:len(part) // 2], headers)
            self.close_connection = True
            return None
        return self.answer(status, part, headers)

    def listing(self, bucket, q, what):
        if q.get("list-type") != "2":
            return self.fail(400, "InvalidArgument")
        with lock:
            stats["lists"] += 1
            objects = dict(buckets[bucket])
        prefix, after = q.get("prefix", ""), ""
        if "continuation-token" in q:
            try:
                after = key_of(q["continuation-token"])
            except ValueError:
                return self.fail(400, "InvalidArgument", "The continuation token is wrong")
        keys = sorted((k for k in objects if k.startswith(prefix) and k > after),
                      key=lambda k: k.encode())
        page = keys[:min(args.page, int(q.get("max-keys", 1000)))]
        truncated = len(page) < len(keys)
        encode = (lambda k: urllib.parse.quote_plus(k, safe="/")) \
            if q.get("encoding-type") == "url" else escape
        out = ['<?xml version="1.0" encoding="UTF-8"?>\n'
               '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
               "<Name>%s</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount>"
               % (bucket, encode(prefix), len(page))]
        for k in page[:-1] if what == "short" else page:
            data, modified = objects[k]
            out.append("<Contents><Key>%s</Key><LastModified>%s</LastModified>"
                       "<ETag>%s</ETag><Size>%d</Size><StorageClass>%s</StorageClass></Contents>"
                       % (encode(k), time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified)),
                          escape(etag_of(data), {'"': "&quot;"}), len(data),
                          "GLACIER" if k.endswith(".glacier") else "STANDARD"))
        if what != "silent":
            out.append("<IsTruncated>%s</IsTruncated>"
                       % ("true" if truncated and what != "short" else "false"))
        if truncated and what not in ("open", "short"):
            token = token_of(page[-1])
            if what == "circle":
                token = q.get("continuation-token", token)
            out.append("<NextContinuationToken>%s</NextContinuationToken>" % escape(token))
        if q.get("encoding-type") == "url":
            out.append("<EncodingType>url</EncodingType>")
        out.append("</ListBucketResult>")
        body = "".join(out).encode()
        if what == "xml":
            body = body[:len(body) // 2]
        return self.answer(200, body, [("Content-Type", "application/xml")])

    def metadata(self, path):
        if path == "/latest/api/token" and self.command == "PUT":
            if not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
                return self.answer(400)
            return self.answer(200, b"imds-token")
        if self.headers.get("X-aws-ec2-metadata-token") != "imds-token":
            return self.answer(401)
        where = "/latest/meta-data/iam/security-credentials/"
        if path == where:
            return self.answer(200, b"builder")
        if path == where + "builder":
            later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            return self.answer(200, json.dumps({
                "Code": "Success", "AccessKeyId": args.access, "SecretAccessKey": args.secret,
                "Token": args.token or "", "Expiration": later}).encode())
        return self.answer(404)

    def control(self, verb, q, body):
        if verb == "stats":
            return self.answer(200, json.dumps(stats).encode())
        with lock:
            if verb == "put":
                buckets.setdefault(q["bucket"], {})[q["key"]] = (body, time.time())
            elif verb == "fill":
                objects = buckets.setdefault(q["bucket"], {})
                for i in range(int(q["count"])):
                    text = "# Note %d\n\nThe %s of note number %d is w%dx.\n" \
                        % (i, q.get("word", "word"), i, i * i)
                    objects["notes/%03d/note %d.md" % (i % 100, i)] = (text.encode(), time.time())
            elif verb == "delete":
                buckets.get(q["bucket"], {}).pop(q["key"], None)
            elif verb == "fault":
                faults.append(json.loads(body))
            elif verb == "reset":
                faults.clear()
                reset()
        return self.answer(200)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass        # clients that leave early are part of the tests


def main():
    global args
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--page", type=int, default=1000)
    p.add_argument("--access", default="AKIDTEST")
    p.add_argument("--secret", default="secret/of+the=test")
    p.add_argument("--token", default="")
    p.add_argument("--region", default="us-east-1")
    args = p.parse_args()
    reset()
    Server(("127.0.0.1", args.port), Handler).serve_forever()


main()
