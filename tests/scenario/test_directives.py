"""What directives do that no other file is about: paths and files of a configuration, sites by address, types and ages."""

import gzip
import subprocess

import pytest

from access_log import outcomes_of
from folio_process import PATIENCE_S, binary, eventually, run_to_end
from http1_client import Connection
from site_tree import noise, plant, replace
from stats_line import ask as stats

TWO_ADDRESSES = """
Listen 127.0.0.1:0
Listen 127.0.0.2:0
DocumentRoot main
<VirtualHost 127.0.0.1>
    ServerName first.test
    DocumentRoot first
</VirtualHost>
<VirtualHost 127.0.0.1>
    ServerName other.test
    DocumentRoot other
</VirtualHost>
<VirtualHost 127.0.0.2>
    ServerName other.test
    DocumentRoot second
</VirtualHost>
"""


def pages(folder, *names):
    return plant(folder, {f"{name}/page": name for name in names})


def ask(address, host, target="/page"):
    with Connection(address) as connection:
        return connection.request("GET", target, host=host)


def test_an_address_has_sites_of_its_own(folio, folder):
    """Apache, <VirtualHost>: first the address that the connection came to, then the name, among the sites of that address alone."""
    pages(folder, "main", "first", "other", "second")
    (folder / "folio.conf").write_text(TWO_ADDRESSES)
    server = folio(None, "-f", folder / "folio.conf", bind=None)
    one, two = ({host: (host, port) for host, port in server.addresses}[host] for host in ("127.0.0.1", "127.0.0.2"))
    for address, host, content in [
        (one, "first.test", b"first"), (one, "other.test", b"other"), (one, "unknown.test", b"first"),
        (two, "other.test", b"second"), (two, "first.test", b"second"), (two, "unknown.test", b"second"),
    ]:  # fmt: skip
        assert ask(address, host).body == content, (address, host)
    # The address decides, whatever the name of the host says, and once for a connection.
    with Connection(two) as connection:
        for host in ("first.test", "127.0.0.1", "other.test"):
            assert connection.request("GET", "/page", host=host).body == b"second"


def test_an_address_that_no_site_is_for_is_the_main_servers(folio, folder):
    pages(folder, "main", "first")
    (folder / "folio.conf").write_text(
        "Listen 127.0.0.1:0\nListen 127.0.0.2:0\nDocumentRoot main\n"
        "<VirtualHost 127.0.0.2>\nServerName first.test\nDocumentRoot first\n</VirtualHost>\n"
    )
    server = folio(None, "-f", folder / "folio.conf", bind=None)
    for address in server.addresses:
        assert ask(address, "first.test").body == (b"first" if address[0] == "127.0.0.2" else b"main")


def test_sites_are_included(folio, folder):
    """Apache, IncludeOptional sites-enabled/*.conf: each in a file, its own parts in files of their own, by ServerRoot."""
    pages(folder, "main", "www/one", "www/two")
    plant(
        folder,
        {
            "conf/folio.conf": "ServerRoot ..\nDocumentRoot main\nDefine suffix test\nInclude conf/sites/*.conf\n"
            "IncludeOptional conf/none/*.conf\nIncludeOptional conf/more/*.conf\n",
            "conf/more/a.conf": "Header set X-More yes\n",
            "conf/sites/1.conf": "<VirtualHost *>\nServerName one.${suffix}\nDocumentRoot www/one\nInclude conf/parts/common\n</VirtualHost>\n",
            "conf/sites/2.conf": "<VirtualHost *>\nServerName two.${suffix}\nDocumentRoot www/two\n"
            "<Location /page>\nInclude conf/parts/common\n</Location>\n</VirtualHost>\n",
            "conf/sites/3.conf.off": "Bogus\n",
            "conf/parts/common": "Header set X-Common yes\nCacheDefaultAge 2h\n",
        },
    )
    server = folio(None, "-f", folder / "conf" / "folio.conf")
    for host in ("one", "two"):
        answer = ask(server.address, f"{host}.test")
        assert answer.body.decode() == f"www/{host}"
        assert (answer["X-Common"], answer["X-More"], answer["Cache-Control"]) == ("yes", "yes", "max-age=7200")
    assert ask(server.address, "other.test").body == b"www/one"  # the first of those by name


def printed(folder, *options):
    """The lines of the configuration that holds."""
    done = subprocess.run([binary(), "-T", *options], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "options, wanted",
    [
        (["-c", "ServerRoot a", "-c", "DocumentRoot a/www"], ["ServerRoot F/a", "DocumentRoot F/a/www"]),
        (["-c", "ServerRoot a", "-c", "MMapFile a/www/page"], ["ServerRoot F/a", "MMapFile F/a/www/page"]),
        (["-c", "ServerRoot a", "-c", "MMapDir a/*"], ["MMapDir F/a/www"]),
        (["-c", "ServerRoot a/www", "-c", "Include a/part.conf"], ["ServerRoot F/a/www", "MMapFile F/a/www/page"]),
        (["-f", "a/in.conf"], ["ServerRoot F/a", "MMapFile F/a/www/page", "DocumentRoot F/a/www"]),
        (["-f", "a/in.conf", "-c", "DocumentRoot a/www"], ["ServerRoot F/a", "DocumentRoot F/a/www"]),
        (["-f", "a/root.conf"], ["ServerRoot F/a/www", "MMapFile F/a/www/page", "DocumentRoot F/a/www/below"]),
        (["-f", "a/root.conf", "-c", "ServerRoot a"], ["ServerRoot F/a", "DocumentRoot F/a/www/below"]),
    ],
)
def test_relative_paths_are_under_server_root_in_files_and_under_the_present_folder_on_the_command_line(folder, options, wanted):
    plant(
        folder,
        {
            "a/www/page": "page",
            "a/www/below/page": "page",
            "a/part.conf": "MMapFile page\n",
            "a/in.conf": "DocumentRoot www\nMMapFile www/page\n",
            "a/root.conf": "ServerRoot www\nDocumentRoot below\nMMapFile page\n",
        },
    )
    lines = printed(folder, *options, *([] if "-f" in options else ["-c", "DocumentRoot a/www"]))
    for line in wanted:
        assert line.replace("F/", f"{folder}/") in lines, lines


@pytest.mark.parametrize("command", [["-t"], []])
def test_a_types_config_that_is_not_there_is_a_mistake_with_its_place(folder, command):
    plant(folder, {"www/page": "", "folio.conf": "DocumentRoot www\nTypesConfig types\n"})
    done = run_to_end(*command, "-f", folder / "folio.conf", "--port", "0")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f"folio: {folder}/folio.conf:2: TypesConfig: there is no file {folder}/types\n")
    assert "^" in done.stderr


def test_a_types_config_that_cannot_be_read_is_told(folder):
    plant(folder, {"www/page": ""})
    done = run_to_end(folder / "www", "-c", f"TypesConfig {folder}", "--port", "0")
    assert done.returncode != 0 and f"cannot read {folder}: Is a directory" in done.stderr


def test_add_encoding_tells_the_coding_of_a_file_and_its_type_is_by_the_rest_of_its_name(folio, folder):
    """Apache, AddEncoding; RFC 9110, 8.4: the file is sent as it is, to everybody, and is not compressed again."""
    svg, text = gzip.compress(b"<svg/>" * 400), b"text " * 400
    plant(folder, {"a.svgz": svg, "b.txt.gz": gzip.compress(text), "c.txt.z2": text, "d.z2": text, "e.tar.gz": text})
    server = folio(folder, "-c", "AddEncoding gzip .svgz .gz", "-c", "AddEncoding x-two .z2", "-c", "AddType image/svg+xml .svgz")
    for target, content, coding, kind in [
        ("/a.svgz", svg, "gzip", "image/svg+xml; charset=utf-8"),
        ("/b.txt.gz", gzip.compress(text), "gzip", "text/plain; charset=utf-8"),
        ("/c.txt.z2", text, "x-two", "text/plain; charset=utf-8"),
        ("/d.z2", text, "x-two", "application/octet-stream"),
        ("/e.tar.gz", text, "gzip", "application/x-tar"),
    ]:
        for accepted in ("gzip", "identity", "br;q=0.5"):
            answer = server.get(target, {"Accept-Encoding": accepted})
            assert (answer["Content-Encoding"], answer["Content-Type"], answer["Vary"]) == (coding, kind, None), target
            assert len(answer.body) == len(content)
    part = server.get("/c.txt.z2", {"Range": "bytes=5-9"})
    assert (part.body, part["Content-Encoding"]) == (b"text ", "x-two")


@pytest.mark.parametrize("said, html, css", [
    ("AddDefaultCharset iso-8859-1", "; charset=iso-8859-1", "; charset=utf-8"),
    ("AddDefaultCharset off", "", "; charset=utf-8"),
    ("AddDefaultCharset on", "; charset=iso-8859-1", "; charset=utf-8"),
    ("AddDefaultCharset utf-8", "; charset=utf-8", "; charset=utf-8"),
])  # fmt: skip
def test_add_default_charset_is_for_pages_and_plain_text(folio, folder, said, html, css):
    """Apache, AddDefaultCharset: text/html and text/plain, where nothing else says a charset; RFC 9110, 8.3.2."""
    plant(folder, {"a.html": "", "a.txt": "", "a.css": "", "a.koi": "", "a.png": ""})
    server = folio(folder, "-c", said, "-c", "AddType text/html .koi", "-c", "AddCharset koi8-r .koi")
    for target, wanted in [("/a.html", "text/html" + html), ("/a.txt", "text/plain" + html), ("/a.css", "text/css" + css),
                           ("/a.koi", "text/html; charset=koi8-r"), ("/a.png", "image/png")]:  # fmt: skip
        assert server.get(target)["Content-Type"] == wanted


@pytest.mark.parametrize("age, wanted", [("2h", "max-age=7200"), ("0s", "max-age=0"), ("365d", "max-age=31536000")])
def test_cache_default_age_is_for_what_has_no_rule(folio, folder, age, wanted):
    plant(folder, {"picture.png": "x", "page.html": "x", "main.3f9a2c1b.js": "x"})
    server = folio(folder, "-c", f"CacheDefaultAge {age}")
    assert server.get("/picture.png")["Cache-Control"] == wanted
    assert server.get("/page.html")["Cache-Control"] == "no-cache"
    assert "immutable" in server.get("/main.3f9a2c1b.js")["Cache-Control"]


def test_a_folder_is_pinned_through_an_alias(folio, folder):
    """MMapDir names a folder, whatever URLs lead to it: each is in memory from the start, and so is a file that comes later."""
    plant(folder, {"www/page": "page", "docs/a": "a", "docs/deep/big.bin": noise(200_000, 1)})
    (folder / "folio.conf").write_text(
        "DocumentRoot www\nAlias /docs/ docs/\nAlias /again/ docs/\nMMapDir docs\nLogFormat json\n"
        f"CustomLog {folder}/access.log\n<VirtualHost *>\nServerName other.test\nDocumentRoot docs\n</VirtualHost>\n"
        "<VirtualHost *>\nServerName folio.test\n</VirtualHost>\n"
    )
    server = folio(None, "-f", folder / "folio.conf", expects_errors=True)  # the counts are told there
    ways = [(host, f"{front}/{name}") for name in ("a", "deep/big.bin")
            for host, front in [("other.test", ""), ("folio.test", "/docs"), ("folio.test", "/again")]]  # fmt: skip
    for host, target in ways:
        assert ask(server.address, host, target).status == 200
    assert outcomes_of(folder / "access.log", len(ways)) == ["hit"] * len(ways)
    before = stats(server)["pinned"]
    replace(folder / "docs" / "deep" / "later", b"later")
    eventually(lambda: stats(server)["pinned"] > before, "the new one")
    assert ask(server.address, "folio.test", "/again/deep/later").body == b"later"


@pytest.mark.parametrize("most, streams", [("2K", 2), ("100K", 1), ("1M", 0)])
def test_mmapmaxfilesize_says_from_where_on_a_file_is_sent_from_its_descriptor(folio, folder, most, streams):
    files = {"small": noise(2048, 1), "middle": noise(2049, 2), "big": noise(200_000, 3)}
    server = folio(plant(folder, files), "-c", f"MMapMaxFileSize {most}", expects_errors=True)  # the counts are told there
    for name, content in files.items():
        assert server.get(f"/{name}").body == content
    counts = stats(server)
    assert (counts["entries"], counts["streams"]) == (3, streams)
