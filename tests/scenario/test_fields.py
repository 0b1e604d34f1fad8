"""The fields of answers (RFC 9110, sections 6.6, 8 and 10.2): type, validators, dates; and HEAD, which is like GET."""

import email.utils
import os
import re
import time

import pytest

from site_tree import HOUR_S, noise, plant, replace
from folio_process import eventually

BIG = 300_000  # a stream
STRONG = re.compile(r'"[\x21\x23-\x7e]+"')  # RFC 9110, 8.8.3; without obs-text


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(
        lasting_folder,
        {
            "index.html": "front",
            "page.html": "page",
            "big.bin": noise(BIG, 1),
            "empty": "",
            "dir/x": "x",
            "dir-with-index/index.html": "i",
        },
    )


@pytest.fixture(scope="module")
def server(lasting_folio, site):
    return lasting_folio(site, "-c", "MMapMaxFileSize 65536", "-c", "MMapRevalidate 50ms")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.htm", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.xml", "application/xml; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
        ("a.pdf", "application/pdf"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.mp4", "video/mp4"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/gzip"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.html.unknown", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("folder.html/x", "application/octet-stream"),
    ],
)
def test_content_type_follows_the_end_of_the_name(server, site, name, expected):
    """RFC 9110, 8.3"""
    plant(site, {"types/" + name: "x"})
    assert server.get("/types/" + name)["Content-Type"] == expected


def test_the_index_has_the_type_of_its_own_name(server):
    assert server.get("/dir-with-index/")["Content-Type"] == "text/html; charset=utf-8"


def test_a_stream_has_its_type_too(server, site):
    plant(site, {"big.png": noise(BIG, 5)})
    assert server.get("/big.png")["Content-Type"] == "image/png"


def test_types_config_names_the_table(folio, folder):
    plant(
        folder,
        {
            "types": "# comment\ntext/x-odd odd strange\nimage/x-other\tother\n",
            "a.odd": "",
            "a.strange": "",
            "a.other": "",
        },
    )
    server = folio(folder, "-c", f"TypesConfig {folder / 'types'}")
    assert server.get("/a.odd")["Content-Type"] == "text/x-odd; charset=utf-8"
    assert server.get("/a.strange")["Content-Type"] == "text/x-odd; charset=utf-8"
    assert server.get("/a.other")["Content-Type"] == "image/x-other"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.html", "no-cache"),
        ("a.js", "max-age=600"),
        ("main.3f9a2c1b.js", "public, max-age=31536000, immutable"),
        ("main.3f9a2c1b.html", "no-cache"),
        ("assets/folded-BEWEleO7.svg", "public, max-age=31536000, immutable"),
        ("_next/static/chunks/framework.js", "public, max-age=31536000, immutable"),
        ("below/_next/static/chunks/framework.js", "public, max-age=31536000, immutable"),
    ],
)
def test_how_long_a_file_may_be_kept_follows_its_path_from_the_root_on(server, site, name, expected):
    plant(site, {name: "x"})
    assert server.get("/" + name)["Cache-Control"] == expected


@pytest.mark.parametrize("target", ["/page.html", "/big.bin", "/empty", "/dir", "/dir/", "/missing"])
def test_every_answer_names_the_server_and_the_date(server, target):
    """RFC 9110, 6.6.1 and 10.2.4"""
    before = time.time()
    response = server.get(target)
    assert response["Server"] == "Folio"
    date = email.utils.parsedate_to_datetime(response["Date"]).timestamp()
    # Made once a second: at most that old, and never ahead.
    assert before - 2 <= date <= time.time()


def test_the_date_goes_on(server):
    with server.connect() as connection:
        first = connection.get("/page.html")["Date"]
        eventually(lambda: connection.get("/page.html")["Date"] != first, "another second in Date")


@pytest.mark.parametrize("name", ["page.html", "big.bin", "empty"])
def test_a_file_has_a_strong_validator_that_stays(server, name):
    """RFC 9110, 8.8.1 and 8.8.3"""
    first, second = server.get("/" + name), server.get("/" + name)
    assert STRONG.fullmatch(first["ETag"])
    assert first["ETag"] == second["ETag"]
    assert first["Accept-Ranges"] == "bytes"


def test_different_files_have_different_validators(server, site):
    plant(site, {f"tags/{i}": noise(70_000 * (i % 2) + 10, i) for i in range(20)})
    assert len({server.get(f"/tags/{i}")["ETag"] for i in range(20)}) == 20


@pytest.mark.parametrize("size", [1000, BIG])
def test_the_validator_changes_with_the_content_alone(server, site, size):
    """The same size, and the same time of modification put back: what validators of time and size cannot tell apart."""
    path = site / f"changing-{size}"
    path.write_bytes(noise(size, 1))
    then = time.time_ns() - HOUR_S * 10**9
    os.utime(path, ns=(then, then))
    first = server.get("/" + path.name)
    path.write_bytes(noise(size, 2))
    os.utime(path, ns=(then, then))
    time.sleep(0.1)  # twice MMapRevalidate
    second = server.get("/" + path.name)
    assert second.body == noise(size, 2)
    assert second["ETag"] != first["ETag"]
    assert second["Last-Modified"] == first["Last-Modified"]


def test_the_same_content_in_a_new_file_keeps_a_snapshots_validator(server, site):
    """It is made from the content, so that a site deployed anew is not fetched anew."""
    plant(site, {"deployed": "the same"})
    first = server.get("/deployed")
    os.utime(site / "deployed", (1_000_000_000, 1_000_000_000))
    replace(site / "deployed", b"the same")
    os.utime(site / "deployed", (1_200_000_000, 1_200_000_000))
    time.sleep(0.1)
    second = server.get("/deployed")
    assert second["Last-Modified"] == "Thu, 10 Jan 2008 21:20:00 GMT"
    assert second["ETag"] == first["ETag"]


@pytest.mark.parametrize("size", [10, BIG])
@pytest.mark.parametrize(
    "modified_s, expected",
    [
        (784111777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (2, "Thu, 01 Jan 1970 00:00:02 GMT"),
        (1, None),
        (0, None),
        (-1, None),
        (-1_000_000_000, None),
    ],
)
def test_last_modified_is_the_files_time_unless_it_means_nothing(server, site, size, modified_s, expected):
    """RFC 9110, 8.8.2 and 5.6.7"""
    path = site / f"dated-{modified_s}-{size}"
    path.write_bytes(noise(size, modified_s))
    os.utime(path, (modified_s, modified_s))
    assert server.get("/" + path.name)["Last-Modified"] == expected


@pytest.mark.parametrize("size", [10, BIG])
def test_a_time_in_the_future_is_left_out(server, site, size):
    """RFC 9110, 8.8.2.1: a Last-Modified later than Date MUST NOT be sent."""
    path = site / f"future-{size}"
    path.write_bytes(noise(size, 3))
    os.utime(path, (time.time() + HOUR_S,) * 2)
    response = server.get("/" + path.name)
    assert (response.status, response["Last-Modified"]) == (200, None)
    assert STRONG.fullmatch(response["ETag"])


def test_a_fraction_of_a_second_is_cut_off_not_rounded_up(server, site):
    path = site / "fraction"
    path.write_bytes(b"x")
    os.utime(path, ns=(784111777_999_999_999,) * 2)
    assert server.get("/fraction")["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "target, fields, status",
    [
        ("/page.html", {}, 200),
        ("/big.bin", {}, 200),
        ("/empty", {}, 200),
        ("/", {}, 200),
        ("/dir", {}, 301),
        ("/dir/", {}, 403),
        ("/missing", {}, 404),
        ("/.git/", {}, 404),
        ("/%zz", {}, 400),
        ("/page.html", {"If-None-Match": "*"}, 304),
        ("/big.bin", {"If-None-Match": "*"}, 304),
        ("/page.html", {"If-Match": '"other"'}, 412),
        ("/page.html", {"Connection": "close"}, 200),
    ],
)
def test_head_is_answered_like_get_without_the_content(server, target, fields, status):
    """RFC 9110, 9.3.2"""
    got = server.get(target, fields)
    with server.connect() as connection:
        headed = connection.head(target, fields)
    assert (got.status, headed.status) == (status, status)
    assert headed.body == b""
    assert headed.names() == got.names()
    for name in set(got.names()) - {"date"}:
        assert headed[name] == got[name], name
    if status == 200:
        assert headed["Content-Length"] == str(len(got.body))


def test_head_ignores_range(server):
    """RFC 9110, 14.2: ranges are defined for GET only."""
    with server.connect() as connection:
        response = connection.head("/page.html", {"Range": "bytes=0-0"})
    assert (response.status, response["Content-Length"], response["Content-Range"]) == (200, "4", None)


def test_a_head_leaves_the_connection_in_step(server):
    """RFC 9112, 6.3"""
    with server.connect() as connection:
        for target in ("/page.html", "/big.bin", "/missing", "/dir", "/empty"):
            connection.head(target)
            assert connection.get("/page.html").body == b"page"
