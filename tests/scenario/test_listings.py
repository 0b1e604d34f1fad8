"""Options Indexes, IndexOptions and IndexIgnore: what is in a folder, as a page and as JSON, always as it is just now."""

import html
import json
import os
import re
import time

import pytest

from access_log import outcomes_of
from folio_process import eventually
from site_tree import plant

MANY = 50_000
INDEXES = ("-c", "Options Indexes")


@pytest.fixture
def site(folder):
    """Served by itself, so that what a test writes beside it is not listed."""
    root = folder / "site"
    root.mkdir()
    return root


def names(server, target="/", fields=()):
    answer = server.get(f"{target}{'&' if '?' in target else '?'}json", fields)
    assert answer.status == 200 and answer["Content-Type"] == "application/json"
    return [item["name"] for item in json.loads(answer.body)]


def rows(answer):
    return [html.unescape(name) for name in re.findall(r'<td><a href="[^"]*">([^<]*)</a>', answer.body.decode())]


def test_without_options_indexes_a_folder_is_not_listed(folio, site):
    plant(site, {"a/x": "x"})
    assert folio(site).get("/a/").status == 403


def test_a_folder_is_a_page_or_json_as_it_is_asked_for(folio, site):
    plant(site, {"a/x.txt": "abc", "a/sub/y": "y"})
    server = folio(site, *INDEXES)
    page = server.get("/a/")
    assert page.status == 200 and page["Content-Type"] == "text/html; charset=utf-8"
    assert rows(page) == ["../", "sub/", "x.txt"]
    assert page["Cache-Control"] == "no-cache" and page["Vary"] == "Accept" and page["Last-Modified"] is None
    assert "script" not in page["Content-Security-Policy"] and "default-src 'none'" in page["Content-Security-Policy"]
    listed = json.loads(server.get("/a/?json").body)
    assert [(item["name"], item["type"], item.get("size")) for item in listed] == [
        ("sub", "directory", None),
        ("x.txt", "file", 3),
    ]


@pytest.mark.parametrize(
    "accept, is_json",
    [
        ("application/json", True),
        ("text/html, application/json;q=0.9", False),
        ("application/json, text/html;q=0.9", True),
        ("*/*", False),
        ("application/*, text/*;q=0.5", True),
        ("application/json;q=0", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    ],
)
def test_accept_decides_with_its_weights(folio, site, accept, is_json):
    """RFC 9110, 12.5.1"""
    plant(site, {"x": ""})
    answer = folio(site, *INDEXES).get("/", [("Accept", accept)])
    assert (answer["Content-Type"] == "application/json") == is_json


def test_an_index_comes_before_a_listing_and_a_listing_before_a_fallback(folio, site):
    plant(site, {"a/x": "", "b/index.html": "front", "app.html": "app"})
    server = folio(site, *INDEXES, "-c", "FallbackResource /app.html")
    assert server.get("/b/").body == b"front"
    assert "x" in rows(server.get("/a/"))
    (site / "a" / "index.html").write_text("now")
    eventually(lambda: server.get("/a/").body == b"now", "the index is served")
    (site / "a" / "index.html").unlink()
    eventually(lambda: rows(server.get("/a/")) == ["../", "x"], "the listing is back")


def test_the_order_is_in_the_address(folio, site):
    plant(site, {"a2": "12345", "a10": "123", "B1": "1"})
    for number, name in enumerate(("a10", "B1", "a2")):
        os.utime(site / name, (1_000_000 + number, 1_000_000 + number))
    server = folio(site, *INDEXES)
    assert names(server) == ["a2", "a10", "B1"]
    assert names(server, "/?sort=-name") == ["B1", "a10", "a2"]
    assert names(server, "/?sort=size") == ["B1", "a10", "a2"]
    assert names(server, "/?sort=-time") == ["a2", "B1", "a10"]


def change_create(site):
    (site / "new").write_text("new")


def change_delete(site):
    (site / "x").unlink()


def change_rename(site):
    (site / "x").rename(site / "z")


def change_size(site):
    with open(site / "x", "a", encoding="utf-8") as file:
        file.write("more")


def change_time(site):
    os.utime(site / "x", (1, 1))


def change_to_folder(site):
    (site / "x").unlink()
    (site / "x").mkdir()


def change_name_of_folder(site):
    (site / "sub").rename(site / "bus")


@pytest.mark.parametrize(
    "change",
    [
        change_create,
        change_delete,
        change_rename,
        change_size,
        change_time,
        change_to_folder,
        change_name_of_folder,
    ],
)
def test_every_change_in_the_folder_is_seen(folio, site, change):
    """By events: MMapRevalidate is so long that age would not tell."""
    plant(site, {"x": "x", "y": "y", "sub/z": "z"})
    server = folio(site, *INDEXES, "-c", "MMapRevalidate 1h")
    before = server.get("/?json")
    assert server.get("/?json").body == before.body
    change(site)
    after = eventually(
        lambda: (answer := server.get("/?json")) and answer.body != before.body and answer, "the change is seen"
    )
    assert after["ETag"] != before["ETag"]
    shown = {item["name"]: (item["type"], item.get("size")) for item in json.loads(after.body)}
    assert shown == {
        path.name: ("directory", None) if path.is_dir() else ("file", path.stat().st_size) for path in site.iterdir()
    }


def test_what_no_event_in_the_folder_tells_is_seen_by_age(folio, site):
    """The time of a folder changes with what is in it, of which the folder above hears nothing."""
    plant(site, {"list/sub/one": ""})
    os.utime(site / "list" / "sub", (1, 1))
    server = folio(site, *INDEXES, "-c", "MMapRevalidate 100ms")
    assert json.loads(server.get("/list/?json").body)[0]["mtime"] == "1970-01-01T00:00:01Z"
    (site / "list" / "sub" / "two").write_text("")
    eventually(lambda: "1970" not in json.loads(server.get("/list/?json").body)[0]["mtime"], "the time is seen")


def test_a_listing_that_did_not_change_is_a_hit(folio, folder, site):
    plant(site, {"x": "x"})
    log = folder / "log"
    server = folio(site, "--threads", "1", "--access-log", log, "-c", "LogFormat json", *INDEXES)
    for _ in range(3):
        server.get("/")
    server.stop()
    assert outcomes_of(log, 3) == ["load", "hit", "hit"]


def test_conditions_hold_for_listings(folio, site):
    """RFC 9110, 13.1.2; a 304 has the fields by which caches choose (15.4.5)."""
    plant(site, {"x": "x"})
    server = folio(site, *INDEXES)
    etag = server.get("/")["ETag"]
    answer = server.get("/", [("If-None-Match", etag)])
    assert answer.status == 304 and answer["Vary"] == "Accept" and answer["ETag"] == etag
    (site / "y").write_text("")
    eventually(lambda: server.get("/", [("If-None-Match", etag)]).status == 200, "the old tag does not match")
    with server.connect() as connection:
        head, whole = connection.head("/"), connection.get("/")
    assert head["Content-Length"] == whole["Content-Length"] and head["ETag"] == whole["ETag"]


def test_what_cannot_be_had_is_not_shown(folio, site):
    plant(site, {"in/file": "1", "in/.hidden": "", "in/a.bak": "", "in/secret.txt": "", "in/vault/x": "", "other/t": "22"})
    os.mkfifo(site / "in" / "pipe")
    (site / "in" / "out").symlink_to("/etc")
    (site / "in" / "nowhere").symlink_to("missing")
    (site / "in" / "link").symlink_to("../other/t")
    config = site.parent / "folio.conf"
    config.write_text(
        f'DocumentRoot {site}\nOptions Indexes\nIndexIgnore *.bak\n<Files "secret*">\nRequire all denied\n</Files>\n'
        "<Location /in/vault>\nRequire ip 192.0.2.1\n</Location>\n"
    )
    server = folio(None, "-f", config)
    listed = json.loads(server.get("/in/?json").body)
    assert [(item["name"], item.get("size")) for item in listed] == [("file", 1), ("link", 2)]


def test_what_holds_for_the_folder_holds_for_what_is_shown_in_it(folio, site):
    """A folder that is restricted shows all of itself to those who may see it."""
    plant(site, {"in/file": "1", "in/sub/x": ""})
    config = site.parent / "folio.conf"
    config.write_text(f"DocumentRoot {site}\nOptions Indexes\n<Location /in>\nRequire ip 127.0.0.1\n</Location>\n")
    server = folio(None, "-f", config)
    assert names(server, "/in/") == ["sub", "file"]
    assert names(server) == []


@pytest.mark.parametrize(
    "options, wanted",
    [
        ("None", ["B", "a10", "a2", "c"]),
        ("FoldersFirst", ["c", "B", "a10", "a2"]),
        ("IgnoreCase VersionSort", ["a2", "a10", "B", "c"]),
        ("-FoldersFirst", ["a2", "a10", "B", "c"]),
    ],
)
def test_index_options_say_how_names_are_sorted(folio, site, options, wanted):
    plant(site, {"a2": "", "a10": "", "B": "", "c/x": ""})
    assert names(folio(site, *INDEXES, "-c", f"IndexOptions {options}")) == wanted


def test_index_options_leave_columns_out(folio, site):
    plant(site, {"a": "abc"})
    page = folio(site, *INDEXES, "-c", "IndexOptions +SuppressSize +SuppressLastModified").get("/").body.decode()
    assert "?sort=size" not in page and "?sort=-time" not in page and "3 bytes</td>" not in page


def test_each_site_and_alias_lists_its_own(folio, folder):
    plant(folder, {"one/x": "", "two/y": "", "three/z": ""})
    config = folder / "folio.conf"
    config.write_text(
        f"Options Indexes\n<VirtualHost *>\nServerName one.test\nDocumentRoot {folder}/one\nAlias /t/ {folder}/three/\n</VirtualHost>\n"
        f"<VirtualHost *>\nServerName two.test\nDocumentRoot {folder}/two\n</VirtualHost>\nDocumentRoot {folder}/one\n"
    )
    server = folio(None, "-f", config)
    for host, target, wanted in (("one.test", "/", "x"), ("two.test", "/", "y"), ("one.test", "/t/", "z")):
        with server.connect() as connection:
            connection.send(f"GET {target}?json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert [item["name"] for item in json.loads(connection.receive().body)] == [wanted]


def test_no_url_leads_to_a_view_of_a_folder_that_is_not_listed(folio, site):
    plant(site, {"a/x": ""})
    server = folio(site)
    assert server.get("/a/%00A").status == 400
    assert server.get("/a/?json").status == 403


def test_fifty_thousand_names_are_listed_whole(folio, site):
    big = site / "big"
    big.mkdir()
    for number in range(MANY):
        (big / f"file-{number}").touch()
    server = folio(site, *INDEXES)
    begin = time.monotonic()
    listed = names(server, "/big/")
    print(f"{MANY} names, first: {time.monotonic() - begin:.3f} s")
    assert listed == [f"file-{number}" for number in range(MANY)]
    begin = time.monotonic()
    server.get("/big/?json")
    print(f"again: {time.monotonic() - begin:.3f} s")


def test_listings_are_the_first_to_go_when_room_is_short(folio, folder, site):
    """Five views of a folder take more than there is; the file that was asked for once stays."""
    for number in range(1000):
        (site / f"a-file-with-a-name-that-takes-some-room-{number:04}").touch()
    plant(site, {"kept/file": b"k" * 5000})
    log = folder / "log"
    server = folio(
        site, "--threads", "1", "--access-log", log, "-c", "LogFormat json", "-c", "MMapMaxBytes 1M", *INDEXES
    )
    server.get("/kept/file")
    for order in ("name", "-name", "size", "-size", "time", "-time") * 2:
        assert server.get(f"/?sort={order}").status == 200
    server.get("/kept/file")
    server.stop()
    assert outcomes_of(log, 14)[-1] == "hit"
