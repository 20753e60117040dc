#!/usr/bin/env python3
"""webserver.py: a web server for tests of sources: a site map, pages of JSON, conditional GETs.

  webserver.py --port PORT --root DIR

Files below DIR/pages are served with an ETag under /pages/ (.html as text/html, names without
a dot as text/plain); a file NAME.plain has Last-Modified and no ETag.  Besides:

  /sitemap.xml      an index of /map-1.xml, which names all of /pages/
  /api?page=N       {"items": [...]}: three a page, empty behind the last
  /api?cursor=C     the same with "next", a cursor full of '+' and '/'
  /linked           the same, "next" an address
  /texts            the texts themselves
  /elsewhere        leads to another origin       /moved   leads to /sitemap.xml
  /_stats           {"gets": n, "not_modified": n, "authorized": n}
"""
import argparse
import email.utils
import hashlib
import http.server
import json
import os
import time
import urllib.parse

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, required=True)
p.add_argument("--root", required=True)
args = p.parse_args()
stats = {"gets": 0, "not_modified": 0, "authorized": 0}
base = "http://127.0.0.1:%d" % args.port


def names():
    return sorted(os.listdir(args.root + "/pages"))


def read(name):
    with open(os.path.join(args.root, "pages", name), "rb") as f:
        return f.read()


def item(name):
    return {"id": "doc/" + name, "url": "/pages/" + urllib.parse.quote(name), "title": "T " + name,
            "team": "red" if name < "c" else "blue", "size": len(read(name))}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, name):
        if name not in names():
            return self.answer(404)
        stats["gets"] += 1
        stats["authorized"] += self.headers.get("Authorization") == "Bearer of-the-test"
        body = read(name)
        kind = "text/html; charset=utf-8" if name.endswith(".html") else "text/plain"
        if name.endswith(".plain"):
            when = os.stat(os.path.join(args.root, "pages", name)).st_mtime
            stamp = email.utils.formatdate(int(when), usegmt=True)
            if self.headers.get("If-Modified-Since") == stamp:
                stats["not_modified"] += 1
                return self.answer(304)
            return self.answer(200, body, Content_Type=kind, Last_Modified=stamp)
        etag = '"%s"' % hashlib.sha1(body).hexdigest()
        if self.headers.get("If-None-Match") == etag:
            stats["not_modified"] += 1
            return self.answer(304)
        return self.answer(200, body, Content_Type=kind, ETag=etag)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        q = dict(urllib.parse.parse_qsl(query))
        if path == "/_stats":
            return self.answer(200, json.dumps(stats).encode())
        if path.startswith("/pages/"):
            return self.page(urllib.parse.unquote(path[7:]))
        if path == "/sitemap.xml":
            return self.answer(200, ("<?xml version='1.0'?><sitemapindex xmlns='http://www.sitemaps."
                                     "org/schemas/sitemap/0.9'><sitemap><loc>\n%s/map-1.xml\n</loc>"
                                     "</sitemap></sitemapindex>" % base).encode())
        if path == "/map-1.xml":
            urls = "".join("<url><loc>%s/pages/%s</loc><lastmod>2024-05-01</lastmod></url>"
                           % (base, urllib.parse.quote(n)) for n in names())
            urls += "<url><loc>http://elsewhere.invalid/x</loc></url>"
            return self.answer(200, ("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
                                     "%s</urlset>" % urls).encode())
        if path == "/elsewhere":
            return self.answer(302, Location="http://127.0.0.1:1/secret")
        if path == "/moved":
            return self.answer(301, Location="/sitemap.xml")
        items = [item(n) for n in names()]
        if path == "/texts":
            for i in items:
                i["text"] = read(i["id"][4:]).decode()
                del i["url"]
            return self.answer(200, json.dumps({"data": {"rows": items}}).encode())
        at = int(q.get("cursor", "+/=0").lstrip("+/=") or 0)
        if "page" in q:
            at = 3 * (int(q["page"]) - 1)
        out = {"items": items[at:at + 3]}
        if "page" not in q and at + 3 < len(items):
            out["next"] = "+/=%d" % (at + 3)
            if path == "/linked":
                out["next"] = "linked?" + urllib.parse.urlencode({"cursor": out["next"]})
        return self.answer(200, json.dumps(out).encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("127.0.0.1", args.port), Handler).serve_forever()
