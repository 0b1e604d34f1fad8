"""folio explain: how a URL would be answered, and why."""

import json
import subprocess

import pytest

import folio_process

CONFIGURATION = """DocumentRoot {root}/main
Alias /icons/ {root}/icons/
Redirect 301 /old /new
Header set X-Site main
<Files *.css>
    Header set X-Style yes
</Files>
<VirtualHost *:80>
    ServerName two.test
    DocumentRoot {root}/two
    CacheControl no-store text/css
    <Directory {root}/two/private>
        Require all denied
    </Directory>
    Throttle **.css 1K 100
</VirtualHost>
<Location /index.html>
    Header set X-Place index
</Location>
Throttle /index.html 2K
"""


@pytest.fixture(name="explain")
def make_explain(folder):
    for name in ("main/index.html", "main/a.css", "icons/i.png", "two/a.css", "two/private/x", "two/app.3f9a2c1b.js"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "main/a.css.gz").write_text("compressed")
    file = folder / "folio.conf"
    file.write_text(CONFIGURATION.format(root=folder))

    def explain(url, *options, code=0):
        command = [folio_process.binary(), "explain", "-f", str(file), *options, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=folio_process.PATIENCE_S)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return explain


def items(text):
    return [(item["what"], item["text"], item.get("line")) for item in json.loads(text)["items"]]


def test_site_file_sections_rules_and_head_are_told_with_their_places(explain, folder):
    told = items(explain("http://two.test/a.css", "--json"))
    assert ("site", "two.test", 8) in told
    assert ("folder", f"{folder}/two", 10) in told
    assert ("file", f"{folder}/two/a.css", None) in told
    assert ("section", "<Files *.css>", 5) in told
    assert ("rule", "Header set X-Site main", 4) in told
    assert ("rule", "Header set X-Style yes", 6) in told
    assert ("age", "no-store, because of: CacheControl", 11) in told
    heads = [text for what, text, _ in told if what == "head"]
    assert heads[0] == "HTTP/1.1 200 OK"
    assert {"X-Site: main", "X-Style: yes", "Cache-Control: no-store", "Content-Length: 9"} <= set(heads)


@pytest.mark.parametrize("url, section, field", [
    ("http://two.test/private/nothing", ("section", "<Directory {root}/two/private>", 12), None),
    ("http://two.test/private", ("section", "<Directory {root}/two/private>", 12), None),
    ("http://main.test:8080/nothing.css", ("section", "<Files *.css>", 5), None),
    ("http://main.test:8080/", ("section", "<Location /index.html>", 17), "X-Place: index"),
    ("http://main.test:8080/index.html", ("section", "<Location /index.html>", 17), "X-Place: index"),
])
def test_the_sections_that_are_told_are_those_that_hold(explain, folder, url, section, field):
    """Also where nothing is there, for a folder that is named without its slash, and by the URL of a folder's index."""
    told = items(explain(url, "--json"))
    assert (section[0], section[1].format(root=folder), section[2]) in told
    assert len([what for what, _, _ in told if what == "section"]) == 1
    assert field is None or ("head", field, None) in told


@pytest.mark.parametrize("url, rates", [
    ("http://two.test/a.css", ["**.css: 1.0 KiB a second, 503 below 100 bytes each"]),
    ("http://two.test/private", []),
    ("http://main.test:8080/", ["/index.html: 2.0 KiB a second"]),
    ("http://main.test:8080/a.css", []),
])
def test_throttles_that_hold_are_told(explain, url, rates):
    assert [text for what, text, _ in items(explain(url, "--json")) if what == "throttle"] == rates


@pytest.mark.parametrize("url, expected", [
    ("http://main.test:8080/icons/i.png", "Alias /icons/"),
    ("http://main.test:8080/old/x", "Location: /new/x"),
    ("http://two.test/private/x", "HTTP/1.1 403 Forbidden"),
    ("http://two.test/nothing", "nothing is there"),
    ("http://two.test/app.3f9a2c1b.js", "a fingerprint of its content"),
    ("http://unknown.test/", "no site has this name"),
    ("/%2e%2e/%2e%2e/etc/passwd", "HTTP/1.1 400 Bad Request"),
])
def test_what_decides_is_named(explain, url, expected):
    assert expected in explain(url)


def test_the_form_that_would_be_sent_depends_on_the_fields(explain):
    assert "Content-Encoding" not in explain("http://main.test:8080/a.css")
    told = explain("http://main.test:8080/a.css", "-H", "Accept-Encoding: gzip")
    assert "Content-Encoding: gzip" in told and "gzip, beside it" in told


def test_what_is_no_request_is_refused(explain):
    assert "400" in explain("http://main.test:8080/a b", code=1)
    assert "400" in explain("/", "-H", "broken", code=1)

