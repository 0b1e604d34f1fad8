"""One site in the words of four servers, and what is asked of each: for test_differences.py and docs/DIFFERENCES.md."""

import os
import re

from other_servers import ask
from site_tree import noise, plant

MODIFIED_S = 1_700_000_000
MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
LATER = "Wed, 15 Nov 2023 22:13:20 GMT"
EARLIER = "Mon, 13 Nov 2023 22:13:20 GMT"

FILES = {
    "main/index.html": "<p>main</p>\n",
    "main/page.html": "<p>a page</p>\n",
    "main/text.txt": "0123456789" * 10,
    "main/style.css": "p { color: red }\n",
    "main/script.js": "alert(1);\n",
    "main/data.json": "{}\n",
    "main/picture.png": noise(300, "picture"),
    "main/big.bin": noise(200_000, "big"),
    "main/empty": "",
    "main/noextension": "?",
    "main/archive.tar.gz": noise(100, "archive"),
    "main/with space.txt": "space",
    "main/per%cent.txt": "percent",
    "main/plus+plus.txt": "plus",
    "main/\u00fcml\u00e4ut.txt": "umlaut",
    "main/semi;colon.txt": "semicolon",
    "main/Case.txt": "Case",
    "main/.hidden": "hidden",
    "main/.well-known/security.txt": "well-known",
    "main/folder/index.html": "folder",
    "main/folder/inner.txt": "inner",
    "main/bare/file.txt": "in a bare folder",
    "main/private/secret.txt": "secret",
    "main/local/for-us.txt": "for us",
    "main/errors/404.html": "<p>not here</p>\n",
    "main/errors/403.html": "<p>not for you</p>\n",
    "docs/index.html": "docs",
    "docs/guide/start.txt": "start",
    "docs/a.b.c": "abc",
    "second/index.html": "<p>second</p>\n",
    "second/only-here.txt": "only here",
}

APACHE_RULES = """
DirectoryIndex index.html
AddDefaultCharset utf-8
FileETag None
<Location /private>
    Require all denied
</Location>
<Location /local>
    Require ip 127.0.0.0/8
</Location>
<Files *.bak>
    Require all denied
</Files>
Header always set X-Content-Type-Options nosniff
Header set X-Site main
ExpiresActive on
ExpiresByType image/png "access plus 30 days"
AddType text/x-special .abc
"""

MAIN_MAPS = """
Alias /docs/ {root}/docs/
Alias /docs {root}/docs
Alias /one-file.txt {root}/main/text.txt
AliasMatch ^/numbered/([0-9]+)$ {root}/main/folder/inner.txt
Redirect permanent /old /page.html
Redirect /moved/ /folder/
Redirect seeother /see http://elsewhere.example/there
Redirect gone /gone
RedirectMatch permanent ^/blog/([0-9]+)/(.*)$ /folder/$2?year=$1
ErrorDocument 404 /errors/404.html
ErrorDocument 403 /errors/403.html
ErrorDocument 410 "It is gone."
"""


def plant_site(root):
    """Everything is readable by all, and of one time."""
    plant(root, FILES)
    os.chmod(root, 0o755)
    for folder, folders, names in os.walk(root):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o755)
        for name in names:
            os.utime(os.path.join(folder, name), (MODIFIED_S, MODIFIED_S))


def folio_configuration(root):
    return (
        "Compress off\n"
        f"<VirtualHost *>\nServerName main.example\nServerAlias *.main.example\nDocumentRoot {root}/main\n"
        + APACHE_RULES
        + MAIN_MAPS.format(root=root)
        + f"</VirtualHost>\n<VirtualHost *>\nServerName second.example\nDocumentRoot {root}/second\nFileETag None\n"
        "AddDefaultCharset utf-8\nHeader set X-Site second\n</VirtualHost>\n"
    )


def apache_configuration(root):
    """The same lines; only what Apache wants beyond them is added."""
    both = f"<Directory {root}>\n    Require all granted\n</Directory>\n"
    return (
        f"{both}<VirtualHost *:{{port}}>\nServerName main.example\nServerAlias *.main.example\nDocumentRoot {root}/main\n"
        + APACHE_RULES
        + MAIN_MAPS.format(root=root)
        + f"</VirtualHost>\n<VirtualHost *:{{port}}>\nServerName second.example\nDocumentRoot {root}/second\nFileETag None\n"
        "AddDefaultCharset utf-8\nHeader set X-Site second\n</VirtualHost>\n"
    )


def nginx_configuration(root):
    return f"""
    server {{
        listen 127.0.0.1:{{port}} default_server;
        server_name main.example *.main.example;
        root {root}/main;
        index index.html;
        charset utf-8;
        etag off;
        absolute_redirect off;
        add_header X-Content-Type-Options nosniff always;
        add_header X-Site main;
        error_page 404 /errors/404.html;
        error_page 403 /errors/403.html;
        location ~ ^/private(/|$) {{ deny all; }}
        location ~ \\.bak$ {{ deny all; }}
        location ^~ /local {{ allow 127.0.0.0/8; deny all; }}
        location ^~ /docs/ {{ alias {root}/docs/; }}
        location = /one-file.txt {{ alias {root}/main/text.txt; }}
        location ~ ^/numbered/[0-9]+$ {{ alias {root}/main/folder/inner.txt; }}
        location = /old {{ return 301 /page.html$is_args$args; }}
        location = /see {{ return 303 http://elsewhere.example/there$is_args$args; }}
        location = /gone {{ return 410; }}
    }}
    server {{
        listen 127.0.0.1:{{port}};
        server_name second.example;
        root {root}/second;
        charset utf-8;
        etag off;
        add_header X-Site second;
    }}
"""


def lighttpd_configuration(root):
    return f"""
server.modules = ( "mod_access", "mod_alias", "mod_redirect", "mod_setenv" )
server.document-root = "{root}/main"
index-file.names = ( "index.html" )
static-file.etags = "disable"
mimetype.use-xattr = "disable"
include_shell "/usr/share/lighttpd/create-mime.conf.pl"
server.errorfile-prefix = "{root}/main/errors/"
alias.url = ( "/docs/" => "{root}/docs/", "/one-file.txt" => "{root}/main/text.txt" )
url.redirect = ( "^/old$" => "/page.html" )
setenv.set-response-header = ( "X-Content-Type-Options" => "nosniff", "X-Site" => "main" )
$HTTP["url"] =~ "^/private(/|$)" {{ url.access-deny = ("") }}
$HTTP["url"] =~ "\\.bak$" {{ url.access-deny = ("") }}
$HTTP["host"] =~ "^second\\.example" {{
    server.document-root = "{root}/second"
    setenv.set-response-header = ( "X-Site" => "second" )
}}
"""


def request(method, target, host="main.example", fields=()):
    return (method, target, host, tuple(sorted(dict(fields).items())))


def requests():
    """What is asked: some hundred, each once."""
    asked = []

    def ask(target, method="GET", host="main.example", **fields):
        asked.append(request(method, target, host, {name.replace("_", "-"): value for name, value in fields.items()}))

    names = [
        "/",
        "/index.html",
        "/page.html",
        "/text.txt",
        "/style.css",
        "/script.js",
        "/data.json",
        "/picture.png",
        "/big.bin",
        "/empty",
        "/noextension",
        "/archive.tar.gz",
        "/.well-known/security.txt",
        "/folder/",
        "/folder",
        "/folder/inner.txt",
        "/docs/",
        "/docs",
        "/docs/guide/start.txt",
        "/docs/a.b.c",
        "/docs/none",
        "/docsx",
        "/one-file.txt",
        "/one-file.txt/x",
        "/numbered/12",
        "/numbered/x",
        "/old",
        "/old?a=b",
        "/oldx",
        "/old/below",
        "/moved/inner.txt",
        "/see",
        "/gone",
        "/blog/2020/inner.txt",
        "/blog/2020/a%20b",
        "/blog/x/y",
        "/missing",
        "/missing/deep/er",
        "/private",
        "/private/",
        "/private/secret.txt",
        "/privateer",
        "/local/for-us.txt",
        "/file.bak",
        "/.hidden",
    ]
    for name in names:
        ask(name)
        ask(name, "HEAD")
    odd = [
        "/with%20space.txt",
        "/per%25cent.txt",
        "/plus+plus.txt",
        "/plus%2Bplus.txt",
        "/%C3%BCml%C3%A4ut.txt",
        "/semi;colon.txt",
        "/semi%3Bcolon.txt",
        "/%74ext.txt",
        "/%74%65xt%2etxt",
        "/text.txt?query",
        "/text.txt?",
        "/TEXT.txt",
        "/case.txt",
        "/Case.txt",
        "//text.txt",
        "/folder//inner.txt",
        "/./text.txt",
        "/folder/../text.txt",
        "/folder/%2e%2e/text.txt",
        "/folder/..",
        "/folder/.",
        "/../text.txt",
        "/%2e%2e/text.txt",
        "/folder%2Finner.txt",
        "/folder/..%2ftext.txt",
        "/text.txt/",
        "/text.txt/more",
        "/text.txt%00",
        "/%zz",
        "/%",
        "/text.txt%20",
        "/folder/../private/secret.txt",
        "/%70rivate/secret.txt",
        "//private/secret.txt",
        "/x/../private/secret.txt",
        "/PRIVATE/secret.txt",
        "/private%2Fsecret.txt",
        "/text.txt#part",
        "/\\text.txt",
        "/%5Ctext.txt",
        "/text%2Etxt",
        "/folder/%69nner.txt",
        "/bare/",
        "/bare",
        "/empty/",
        "/..%c0%af../x",
    ]
    for target in odd:
        ask(target)
    for fields in [
        {"If-Modified-Since": MODIFIED},
        {"If-Modified-Since": EARLIER},
        {"If-Modified-Since": LATER},
        {"If-Modified-Since": "no date"},
        {"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"},
        {"If-Modified-Since": "Tue Nov 14 22:13:20 2023"},
        {"If-Unmodified-Since": EARLIER},
        {"If-Unmodified-Since": MODIFIED},
        {"If-None-Match": "*"},
        {"If-None-Match": '"other"'},
        {"If-Match": "*"},
        {"If-Match": '"other"'},
        {"If-None-Match": '"other"', "If-Modified-Since": MODIFIED},
    ]:
        for method in ("GET", "HEAD"):
            ask("/text.txt", method, **fields)
    for value in [
        "bytes=0-9",
        "bytes=90-",
        "bytes=-10",
        "bytes=0-0",
        "bytes=99-99",
        "bytes=100-",
        "bytes=50-200",
        "bytes=-200",
        "bytes=-0",
        "bytes=9-5",
        "bytes=0-9,20-29",
        "bytes=0-9,5-14",
        "bytes=20-29,0-9",
        "bytes=0-0,-1",
        "bytes=0-9,10-19",
        "bytes=0-9, ,20-29,",
        "bytes=0-59,-60",
        "bytes=0-,0-",
        "bytes=0-9,x",
        "bytes=100-,200-",
        "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 40, 2)),
        "bytes=",
        "bytes=a-b",
        "lines=0-9",
        "bytes=0-9,200-",
        "BYTES=0-9",
        "bytes= 0-9",
        "bytes=18446744073709551616-",
    ]:
        ask("/text.txt", Range=value)
    ask("/big.bin", Range="bytes=199990-,0-9,100000-100009")
    ask("/text.txt", "HEAD", Range="bytes=0-9")
    ask("/empty", Range="bytes=0-9")
    ask("/missing", Range="bytes=0-9")
    ask("/folder", Range="bytes=0-9")
    for date in (MODIFIED, EARLIER, LATER):
        asked.append(request("GET", "/text.txt", fields={"Range": "bytes=0-9", "If-Range": date}))
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"]:
        ask("/text.txt", method)
        ask("/missing", method)
    ask("*", "OPTIONS")
    for host in [
        "second.example",
        "SECOND.example",
        "second.example.",
        "second.example:80",
        "www.main.example",
        "unknown.example",
        "127.0.0.1",
        "[::1]",
        "",
    ]:
        ask("/", host=host)
        ask("/only-here.txt", host=host)
    ask("http://second.example/only-here.txt")
    ask("HTTP://SECOND.EXAMPLE/only-here.txt", host="main.example")
    ask("http://second.example")
    for host in ["a b", "a/b", "second.example, main.example", "second.example:port"]:
        ask("/", host=host)
    return list(dict.fromkeys(asked))


FIELDS = (
    "Content-Type",
    "Content-Length",
    "Content-Range",
    "Content-Encoding",
    "Location",
    "Last-Modified",
    "Allow",
    "Vary",
    "Cache-Control",
    "X-Content-Type-Options",
    "X-Site",
    "Accept-Ranges",
)
OF_CONTENT = ("Content-Length", "Content-Type", "Last-Modified", "Vary", "Accept-Ranges")
EVERYTHING = ("status", "content", *FIELDS)
# What does not depend on how a server is told its types and fields.
ESSENCE = ("status", "content", "Content-Range", "Location", "Last-Modified")
# What the configuration of nginx and lighttpd leaves out.
NOT_THERE = ("/moved", "/blog", "/see", "/gone", "/numbered", "/local", "/old", "/docs", "/one-file")


def without_host(location, port):
    """Apache writes whole URLs (RFC 9110, 10.2.2 allows both): what matters is where they lead."""
    for host in ("main.example", "second.example", "www.main.example", "unknown.example", "127.0.0.1", "[::1]"):
        for front in (f"http://{host}:{port}/", f"http://{host}/"):
            if location.startswith(front):
                return "/" + location[len(front) :]
    return location


def parts_of(content_type, content):
    """What stands in the parts of multipart/byteranges, without the ways in which it may be written."""
    boundary = re.search('boundary="?([^";]+)', content_type)[1].encode()
    parts = []
    for part in re.split(rb"(?:^|\r\n)--" + re.escape(boundary), content, flags=re.I)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        lines = sorted(line.decode("latin-1").lower().replace(";charset", "; charset") for line in head.split(b"\r\n") if line)
        parts.append(f"[{'; '.join(lines)}] {data.decode('latin-1')}")
    return " ".join(parts)


def answer_of(address, asked):
    """What is compared of an answer, as text by its name; content counts where it is a success's."""
    method, target, host, fields = asked
    answer = ask(address, method, target, fields, host)
    if answer is None:
        return {"status": "none"}
    status, fields, content = answer
    seen = {"status": str(status)}
    is_success = 200 <= status < 300 or status == 304
    for name in FIELDS:
        values = [value for key, value in fields if key.lower() == name.lower()]
        if not values or (not is_success and name in OF_CONTENT):
            continue
        value = ", ".join(values)
        if name == "Location":
            value = without_host(value, address[1])
        if name == "Allow":
            value = ", ".join(sorted(part.strip() for part in value.split(",")))
        if name in ("Content-Type", "Vary"):
            value = value.lower()
        seen[name] = value
    if seen.get("Content-Type", "").startswith("multipart/byteranges"):
        seen["content"] = parts_of(seen["Content-Type"], content)
        seen["Content-Type"] = "multipart/byteranges"
        seen.pop("Content-Length", None)
    elif is_success and method == "GET":
        seen["content"] = content[:40].decode("latin-1")
    return seen


def differences(ours, theirs, aspects):
    """{aspect: (ours, theirs)}; where the status differs, that is the difference."""
    names = [name for name in aspects if ours.get(name) != theirs.get(name)]
    # Who says nothing about caching leaves it to the client; Folio says something (docs/CONFIGURATION.md).
    names = [name for name in names if name != "Cache-Control" or name in theirs]
    if "status" in names:
        names = ["status"]
    return {name: (ours.get(name, "-"), theirs.get(name, "-")) for name in names}
