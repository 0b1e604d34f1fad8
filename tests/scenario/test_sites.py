"""Sites, and the rules of each: what a user sees of the directives, each with Apache's name for it or the RFC's section."""

import pytest

from folio_process import eventually
from site_tree import plant, replace
from steady_load import Load, hand_over

pytestmark = pytest.mark.threads

FILES = {
    "main/index.html": "main",
    "main/page": "page",
    "main/about.html": "about",
    "main/folder/default.htm": "default",
    "main/folder/file.txt": "file",
    "main/private/secret.txt": "secret",
    "main/private/index.html": "private index",
    "main/errors/404.html": "document",
    "main/app.html": "app",
    "docs/guide.txt": "guide",
    "docs/index.html": "docs",
    "second/index.html": "second",
    "second/only.txt": "only",
}
# What does not tell the time of the answer.
SAME = ("ETag", "Last-Modified", "Content-Type", "Content-Length", "Cache-Control", "Vary", "Location", "X-A", "X-B")


class Site:
    """A configuration file, the folders that it serves, and the server."""

    def __init__(self, folio, folder):
        self.folder, self.server, self._folio = plant(folder, FILES), None, folio

    def write(self, text):
        (self.folder / "folio.conf").write_text(text.replace("ROOT", str(self.folder)))

    def start(self, text, *options):
        self.write(text)
        self.server = self._folio(None, "-f", self.folder / "folio.conf", "--threads", "1", *options)
        return self

    def ask(self, target, fields=(), method="GET", host="folio.test"):
        """GET, and HEAD, which has the same head (RFC 9110, 9.3.2), but knows no Range (14.2)."""
        with self.server.connect() as connection:
            answer = connection.request(method, target, fields, host=host)
            if method == "GET" and "Range" not in fields and not answer.closes():
                head = connection.request("HEAD", target, fields, host=host)
                assert (head.status, head.names()) == (answer.status, answer.names())
                assert [head[name] for name in SAME] == [answer[name] for name in SAME]
            return answer

    def text(self, target, **more):
        return self.ask(target, **more).body.decode()


@pytest.fixture(name="site")
def make_site(folio, folder):
    return Site(folio, folder)


def is_now(site, target, text, status=200):
    """By an event, not by age."""
    eventually(lambda: (site.ask(target).status, site.text(target)) == (status, text), f"{target} is {text!r}")


NEVER = "MMapRevalidate 1h\nCompress off\n"


def test_what_lies_below_an_alias_is_as_fresh_as_any_file(site):
    site.start(NEVER + "DocumentRoot ROOT/main\nAlias /docs/ ROOT/docs/\nAlias /one ROOT/docs/guide.txt\n")
    assert site.text("/docs/guide.txt") == site.text("/one") == "guide"
    assert site.text("/docs/") == "docs"
    assert site.ask("/docs/new").status == 404
    replace(site.folder / "docs/guide.txt", b"another")
    is_now(site, "/docs/guide.txt", "another")
    is_now(site, "/one", "another")
    (site.folder / "docs/new").write_text("new")
    is_now(site, "/docs/new", "new")
    (site.folder / "docs").rename(site.folder / "before")
    plant(site.folder, {"docs/guide.txt": "flipped"})
    is_now(site, "/docs/guide.txt", "flipped")


def test_a_better_index_is_taken_when_it_appears(site):
    """Apache, DirectoryIndex: the first that is there."""
    site.start(NEVER + "DocumentRoot ROOT/main\nDirectoryIndex index.html default.htm\n")
    assert site.text("/folder/") == "default"
    (site.folder / "main/folder/index.html").write_text("index")
    is_now(site, "/folder/", "index")
    (site.folder / "main/folder/index.html").unlink()
    is_now(site, "/folder/", "default")


def test_error_documents_are_as_fresh_as_files(site):
    site.start(NEVER + "DocumentRoot ROOT/main\nErrorDocument 404 /errors/404.html\n")
    assert (site.ask("/none").status, site.text("/none")) == (404, "document")
    assert site.ask("/none")["ETag"] is None
    replace(site.folder / "main/errors/404.html", b"another")
    is_now(site, "/none", "another", 404)


def test_the_nearest_404_html_answers_as_soon_as_it_is_there(site):
    site.start(NEVER + "DocumentRoot ROOT/main\n")
    assert b"404" in site.ask("/folder/none").body
    (site.folder / "main/404.html").write_text("at the top")
    is_now(site, "/folder/none", "at the top", 404)
    (site.folder / "main/folder/404.html").write_text("nearer")
    is_now(site, "/folder/none", "nearer", 404)
    is_now(site, "/none", "at the top", 404)
    (site.folder / "main/folder/404.html").unlink()
    is_now(site, "/folder/none", "at the top", 404)


def test_clean_urls(site):
    site.start(NEVER + "DocumentRoot ROOT/main\nRewriteClean on\n")
    assert site.text("/about") == "about"
    assert site.ask("/about", {"If-None-Match": site.ask("/about.html")["ETag"]}).status == 304
    assert site.ask("/later").status == 404
    (site.folder / "main/later.html").write_text("later")
    is_now(site, "/later", "later")
    (site.folder / "main/later").write_text("itself")
    is_now(site, "/later", "itself")


def test_a_single_page_application(site):
    site.start(NEVER + "DocumentRoot ROOT/main\nFallbackResource /app.html\n")
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = site.ask("/some/route", browser)
    assert (answer.status, answer.body) == (200, b"app")
    assert "Accept" in answer["Vary"]
    assert site.ask("/some/script.js", browser).status == 404
    assert site.ask("/some/route", {**browser, "Range": "bytes=1-1"}).body == b"p"
    replace(site.folder / "main/app.html", b"another")
    is_now(site, "/some/route", "another")


@pytest.mark.parametrize(
    "accept, status",
    [
        (None, 200),
        ("*/*", 200),
        ("text/html", 200),
        ("image/avif, TEXT/*;q=0.1", 200),
        ("text/html;level=1;q=0.5", 200),
        ("image/avif,image/webp", 404),
        ("text/html;q=0", 404),
        ("*/*, text/html;q=0", 404),
        ("text/*, text/html;q=0.0", 404),
        ("text/htmlx", 404),
        ("application/json; about=text/html", 404),
        ("", 404),
    ],
)
def test_a_page_stands_in_for_whoever_takes_pages(site, accept, status):
    """RFC 9110, 12.5.1: by the most specific range that has text/html, and its weight; without the field everything is taken."""
    site.start(NEVER + "DocumentRoot ROOT/main\nFallbackResource /app.html\n")
    answer = site.ask("/some/route", {} if accept is None else {"Accept": accept})
    assert (answer.status, "Accept" in answer["Vary"]) == (status, True)


DENIED = "DocumentRoot ROOT/main\n<Directory ROOT/main/private>\nRequire all denied\n</Directory>\n"


@pytest.mark.parametrize(
    "target",
    ["/private/secret.txt", "/private/", "/private", "/%70rivate/secret.txt", "//private//secret.txt", "/private/none",
     "/x/../private/secret.txt", "/./private/./secret.txt", "/folder/%2e%2e/private/secret.txt", "/private/secret%2etxt",
     "/again/private/secret.txt", "/secret"],
)  # fmt: skip
def test_access_is_decided_on_what_is_opened(site, target):
    site.start(DENIED + "Alias /again/ ROOT/main/\nAlias /secret ROOT/main/private/secret.txt\n")
    for method in ("GET", "HEAD"):
        assert site.ask(target, method=method).status == 403
    assert site.ask(target, {"Range": "bytes=0-0"}).status == 403
    assert site.ask(target, {"If-None-Match": "*"}).status == 403


@pytest.mark.parametrize("target", ["/private%2Fsecret.txt", "/PRIVATE/secret.txt", "/private%00/secret.txt"])
def test_what_is_no_such_path_is_not_opened(site, target):
    site.start(DENIED)
    assert site.ask(target).status in (400, 404)


def test_neither_fallbacks_nor_error_documents_show_what_is_denied(site):
    site.start(
        DENIED + "FallbackResource /private/index.html\nErrorDocument 404 /private/secret.txt\nRewriteClean on\n"
        "<Files about.html>\nRequire all denied\n</Files>\n"
    )
    for target in ("/none", "/none.js", "/about"):
        answer = site.ask(target)
        assert answer.status == 404 and b"secret" not in answer.body and b"about" != answer.body


def test_an_index_is_asked_for_by_its_own_url(site):
    """Apache, mod_dir: the index is looked for by a request of its own."""
    site.start("DocumentRoot ROOT/main\n<Location /private/index.html>\nRequire all denied\n</Location>\n")
    assert site.ask("/private/").status == site.ask("/private/index.html").status == 403
    assert site.ask("/").status == 200


def test_require_ip(site):
    site.start(
        "DocumentRoot ROOT/main\n<Location /folder>\nRequire ip 192.0.2.0/24\n</Location>\n"
        "<Location /private>\nRequire ip 192.0.2.0/24 127.0.0.0/8\n</Location>\n"
    )
    assert site.ask("/folder/file.txt").status == 403
    assert site.ask("/private/secret.txt").status == 200


TWO = (
    "DocumentRoot ROOT/main\nServerName main.test\nMMapFile ROOT/docs/guide.txt\n"
    "<VirtualHost *>\nServerName main.test\nAlias /docs/ ROOT/docs/\n</VirtualHost>\n"
    "<VirtualHost *>\nServerName second.test\nServerAlias *.second.test [::1]\nDocumentRoot ROOT/second\n"
    "Alias /guide ROOT/docs/guide.txt\n</VirtualHost>\n"
)


@pytest.mark.parametrize(
    "target, host, text",
    [
        ("/", "main.test", "main"),
        ("/", "second.test", "second"),
        ("/", "SECOND.Test", "second"),
        ("/", "second.test:8080", "second"),
        ("/", "second.test.", "second"),
        ("/", "a.second.test", "second"),
        ("/", "[::1]", "second"),
        ("/", "[::1]:80", "second"),
        ("/", "unknown.test", "main"),
        ("/", "", "main"),
        ("http://second.test/", "main.test", "second"),  # RFC 9112, 3.2.2: the target's comes first
        ("http://main.test:1/", "second.test", "main"),
    ],
)
def test_the_host_names_the_site(site, target, host, text):
    """RFC 9110, 7.2."""
    site.start(TWO)
    assert site.text(target, host=host) == text


def test_an_unknown_host_is_misdirected_if_that_is_wanted(site):
    """RFC 9110, 15.5.20."""
    site.start("StrictHost on\n" + TWO)
    assert site.ask("/", host="second.test").status == 200
    for host in ("unknown.test", "../second", ""):
        assert site.ask("/", host=host).status in (400, 421)


def test_a_pinned_file_is_one_in_every_site(site):
    site.start(NEVER + TWO)
    assert site.text("/docs/guide.txt", host="main.test") == site.text("/guide", host="second.test") == "guide"
    replace(site.folder / "docs/guide.txt", b"another")
    for host, target in (("main.test", "/docs/guide.txt"), ("second.test", "/guide")):
        eventually(lambda: site.text(target, host=host) == "another", f"{target} at {host}")


@pytest.mark.parametrize("target, status, location", [
    ("/old", 301, "/new"), ("/old/x%20y?q", 301, "/new/x%20y?q"), ("/older", 404, None),
    ("/gone/x", 410, None), ("/see", 303, "http://elsewhere.test/?a"), ("/see?b", 303, "http://elsewhere.test/?a"),
    ("/m/12", 302, "/n?id=12"), ("/gate//evil.test", 302, "/evil.test"),
])  # fmt: skip
def test_redirects(site, target, status, location):
    """Apache, mod_alias."""
    site.start(
        "DocumentRoot ROOT/main\nRedirect permanent /old /new\nRedirect gone /gone\n"
        "Redirect seeother /see http://elsewhere.test/?a\nRedirectMatch ^/m/([0-9]+)$ /n?id=$1\n"
        "RedirectMatch ^/gate/(.*)$ /$1\n"
    )
    answer = site.ask(target)
    assert (answer.status, answer["Location"]) == (status, location)


def test_an_error_document_elsewhere_is_a_redirect(site):
    """Apache, ErrorDocument: the query is not the document's."""
    site.start("DocumentRoot ROOT/main\nErrorDocument 404 https://help.test/lost\nErrorDocument 403 \"No.\"\n"
               "<Location /private>\nRequire all denied\n</Location>\n")  # fmt: skip
    assert (site.ask("/none?q").status, site.ask("/none?q")["Location"]) == (302, "https://help.test/lost")
    assert site.text("/private/x") == "No."


def test_fields_types_and_ages(site):
    site.start(
        "DocumentRoot ROOT/main\nHeader set X-A a\nHeader always set X-B b\nAddType text/x-page .page\n"
        "AddCharset koi8-r .txt\nExpiresActive on\nExpiresByType text/plain \"access plus 1 hour\"\n"
        "CacheControl \"private\" about.html\n<Files about.html>\nFileETag None\nHeader unset X-A\n</Files>\n"
    )  # fmt: skip
    page, file, none = site.ask("/about.html"), site.ask("/folder/file.txt"), site.ask("/none")
    assert (page["X-A"], page["X-B"], page["ETag"], page["Cache-Control"]) == (None, "b", None, "private")
    assert (file["X-A"], file["Content-Type"], file["Cache-Control"]) == (
        "a",
        "text/plain; charset=koi8-r",
        "max-age=3600",
    )
    assert file["Expires"] is not None
    assert (none["X-A"], none["X-B"]) == (None, "b")


def test_a_reload_changes_the_rules_and_loses_no_request(site):
    site.start("DocumentRoot ROOT/main\nRedirect /folder/file.txt /old\n")
    assert site.ask("/folder/file.txt").status == 302
    with Load(site.server) as load:
        eventually(lambda: load.asked > 20, "some requests")
        site.write("DocumentRoot ROOT/main\nHeader set X-New yes\nAlias /docs/ ROOT/docs/\n")
        hand_over(site.server)
        asked = load.asked
        eventually(lambda: load.asked > asked + 20, "some more requests")
    assert load.failures == []
    assert (site.ask("/folder/file.txt").status, site.ask("/docs/guide.txt")["X-New"]) == (200, "yes")
