"""Single byte ranges and If-Range (RFC 9110, sections 13.1.5 and 14), on snapshots and on streams."""

import email.utils
import os
import time

import pytest

from site_tree import noise, plant

MODIFIED_S = int(time.time()) - 86400
SAME, LATER, EARLIER = (email.utils.formatdate(MODIFIED_S + by, usegmt=True) for by in (0, 1, -1))
FILES = {"one": noise(1, 1), "small": noise(1000, 2), "big": noise(3_000_001, 3)}


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {**FILES, "empty": "", "dir/x": "x"})
    for name in FILES:
        os.utime(lasting_folder / name, (MODIFIED_S, MODIFIED_S))
    return lasting_folio(lasting_folder)


def check_part(response, content, first, last):
    assert response.status == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
    assert response.body == content[first : last + 1]
    assert response["ETag"]  # RFC 9110, 15.3.7


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "asked, first, last",
    [  # N is the length, L the last byte
        ("bytes=0-0", "0", "0"),
        ("bytes=0-", "0", "L"),
        ("bytes=0-L", "0", "L"),
        ("bytes=L-", "L", "L"),
        ("bytes=L-L", "L", "L"),
        ("bytes=0-N", "0", "L"),
        ("bytes=0-99999999999", "0", "L"),
        ("bytes=0-18446744073709551615", "0", "L"),
        ("bytes=0-18446744073709551616", "0", "L"),
        ("bytes=0-99999999999999999999999999", "0", "L"),
        ("bytes=-1", "L", "L"),
        ("bytes=-N", "0", "L"),
        ("bytes=-99999999999", "0", "L"),
        ("bytes=-99999999999999999999999999", "0", "L"),
        ("bytes=000-000", "0", "0"),
        ("Bytes=0-0", "0", "0"),
    ],
)
def test_a_range_yields_its_part(server, name, asked, first, last):
    """RFC 9110, 14.1.1, 14.1.2 and 15.3.7.1"""
    content = FILES[name]
    at = {"0": 0, "L": len(content) - 1}
    asked = asked.replace("N", str(len(content))).replace("L", str(len(content) - 1))
    with server.connect() as connection:
        check_part(connection.get("/" + name, {"Range": asked}), content, at[first], at[last])
        assert connection.get("/" + name).body == content


@pytest.mark.parametrize("name", ["small", "big"])
def test_a_part_from_the_middle_and_a_suffix(server, name):
    content = FILES[name]
    with server.connect() as connection:
        check_part(connection.get("/" + name, {"Range": "bytes=100-199"}), content, 100, 199)
        check_part(connection.get("/" + name, {"Range": "bytes=1-"}), content, 1, len(content) - 1)
        check_part(connection.get("/" + name, {"Range": "bytes=-300"}), content, len(content) - 300, len(content) - 1)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "asked", ["bytes=N-", "bytes=N-N", "bytes=99999999999-", "bytes=99999999999999999999999999-", "bytes=-0"]
)
def test_a_range_beyond_the_end_is_not_satisfiable(server, name, asked):
    """RFC 9110, 15.5.17"""
    content = FILES[name]
    with server.connect() as connection:
        response = connection.get("/" + name, {"Range": asked.replace("N", str(len(content)))})
        assert response.status == 416
        assert response["Content-Range"] == f"bytes */{len(content)}"
        assert connection.get("/" + name).body == content


def test_nothing_of_an_empty_file_can_be_asked_for(server):
    response = server.get("/empty", {"Range": "bytes=0-"})
    assert (response.status, response["Content-Range"]) == (416, "bytes */0")
    assert server.get("/empty", {"Range": "bytes=-5"}).status in (200, 416)


@pytest.mark.parametrize("name", ["small", "big"])
@pytest.mark.parametrize(
    "asked",
    [
        "bytes=2-1",
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=a-b",
        "bytes=1",
        "bytes=+1-2",
        "bytes=0x0-1",
        "bytes=1-2-3",
        "bytes 0-1",
        "items=0-1",
        "=0-1",
        "",
    ],
)
def test_a_range_that_is_malformed_or_not_ours_is_ignored(server, name, asked):
    """RFC 9110, 14.2: it MAY be; the whole is always right."""
    response = server.get("/" + name, {"Range": asked})
    assert (response.status, response.body) == (200, FILES[name])
    assert response["Content-Range"] is None


@pytest.mark.parametrize("name", ["small", "big"])
@pytest.mark.parametrize(
    "if_range, status",
    [
        ("E", 206),
        ('"other"', 200),
        ("W/E", 200),
        ("*", 200),
        ('E, "other"', 200),
        (SAME, 200),  # two versions of one second have the same date
        (LATER, 200),
        (EARLIER, 200),
        ("yesterday", 200),
    ],
)
def test_if_range_compares_strongly_and_no_date_is_strong_enough(server, name, if_range, status):
    """RFC 9110, 13.1.5 and 8.8.3.2"""
    etag = server.get("/" + name)["ETag"]
    if "GMT" not in if_range:
        if_range = if_range.replace("E", etag)
    response = server.get("/" + name, {"Range": "bytes=5-9", "If-Range": if_range})
    assert response.status == status
    assert response.body == (FILES[name][5:10] if status == 206 else FILES[name])


def test_if_range_without_range_means_nothing(server):
    """RFC 9110, 13.1.5"""
    assert server.get("/small", {"If-Range": '"other"'}).body == FILES["small"]


def test_an_if_range_that_fails_wins_over_a_range_beyond_the_end(server):
    response = server.get("/small", {"Range": "bytes=1000000-", "If-Range": '"other"'})
    assert (response.status, response.body) == (200, FILES["small"])


def test_an_if_range_that_holds_leaves_a_range_beyond_the_end_unsatisfiable(server):
    etag = server.get("/small")["ETag"]
    assert server.get("/small", {"Range": "bytes=1000000-", "If-Range": etag}).status == 416


@pytest.mark.parametrize("target, status", [("/missing", 404), ("/dir", 301), ("/dir/", 403)])
def test_only_a_success_has_ranges(server, target, status):
    assert server.get(target, {"Range": "bytes=0-0"}).status == status


def test_a_download_in_parts_adds_up(server):
    content, etag, got = FILES["big"], server.get("/big")["ETag"], b""
    with server.connect() as connection:
        for at in range(0, len(content), 500_000):
            part = connection.get("/big", {"Range": f"bytes={at}-{at + 499_999}", "If-Range": etag})
            assert part.status == 206 and part["ETag"] == etag
            got += part.body
    assert got == content


def test_parts_of_streams_and_snapshots_pipeline(server):
    asked = [(name, at) for at in range(0, 900, 100) for name in ("small", "big")]
    with server.connect() as connection:
        connection.send(
            b"".join(f"GET /{n} HTTP/1.1\r\nHost: x\r\nRange: bytes={a}-{a + 99}\r\n\r\n".encode() for n, a in asked)
        )
        for name, at in asked:
            check_part(connection.receive(), FILES[name], at, at + 99)
