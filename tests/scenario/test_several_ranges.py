"""Several ranges in one answer: multipart/byteranges (RFC 9110, sections 14.1.2, 14.2, 14.6 and 15.3.7.2), of snapshots and of streams."""

import gzip
import os
import threading

import pytest

from access_log import lines_of
from byteranges import boundary_of, parts_of
from folio_process import eventually
from http1_client import Connection, Ended, request_bytes
from site_tree import noise, plant, replace

FILES = {
    "small.txt": noise(1000, 1),
    "middle.bin": noise(50_001, 2),
    "big.bin": noise(3_000_001, 3),
    "huge.bin": noise(24 << 20, 4),
}
TYPES = {"small.txt": "text/plain; charset=utf-8", "middle.bin": "application/octet-stream"}
RANGES_MAX = 64  # the most that MaxRanges takes
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture(scope="module", name="site")
def plant_site(lasting_folder):
    return plant(lasting_folder / "site", FILES)


@pytest.fixture(scope="module")
def server(lasting_folio, site):
    return lasting_folio(site)


def check_parts(response, content, ranges):
    """Those ranges of `content`, each in a part of its own, in this order."""
    assert response.status == 206
    parts = parts_of(response)
    assert [(part.first, part.last) for part in parts] == ranges
    for part in parts:
        assert part.length == len(content)
        assert part.content == content[part.first : part.last + 1]
    return parts


def spread(count, size=1, step=10):
    """`count` ranges of which none touches another; as text, and as pairs."""
    pairs = [(i * step, i * step + size - 1) for i in range(count)]
    return "bytes=" + ",".join(f"{first}-{last}" for first, last in pairs), pairs


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "asked, answered",
    [  # L is the last byte, M the one before
        ("bytes=0-0,-1", [(0, 0), ("L", "L")]),
        ("bytes=0-9,20-29", [(0, 9), (20, 29)]),
        ("bytes=20-29,0-9", [(20, 29), (0, 9)]),
        ("bytes=500-600,601-999", None),
        ("bytes=0-9 , 20-29\t,40-49", [(0, 9), (20, 29), (40, 49)]),
        ("bytes=,0-9,,20-29,", [(0, 9), (20, 29)]),
        ("bytes=0-9,5-14,30-39", [(0, 14), (30, 39)]),
        ("bytes=30-39,5-14,0-9", [(30, 39), (0, 14)]),
        ("bytes=0-9,20-29,99999999999-", [(0, 9), (20, 29)]),
        ("bytes=-0,0-9,20-29", [(0, 9), (20, 29)]),
        ("bytes=L-,0-99", [("L", "L"), (0, 99)]),
        ("bytes=0-99,200-399,500-M", [(0, 99), (200, 399), (500, "M")]),
    ],
)
def test_each_range_is_a_part_in_the_order_asked_for(server, name, asked, answered):
    """RFC 9110, 15.3.7.2: coalesced where they overlap or touch; what is beyond the end is left out (14.1.2)."""
    content = FILES[name]
    at = {"L": len(content) - 1, "M": len(content) - 2}
    for letter, number in at.items():
        asked = asked.replace(letter, str(number))
    with server.connect() as connection:
        response = connection.get("/" + name, {"Range": asked})
        if answered is None:
            assert (response.status, response["Content-Range"]) == (206, f"bytes 500-999/{len(content)}")
            assert response.body == content[500:1000]
        else:
            check_parts(response, content, [(at.get(a, a), at.get(b, b)) for a, b in answered])
        assert connection.get("/" + name).body == content


@pytest.mark.parametrize("name", FILES)
def test_around_the_parts_stands_what_a_206_needs_and_in_them_what_the_file_is(server, name):
    """RFC 9110, 15.3.7 and 15.3.7.2"""
    whole = server.get("/" + name)
    response = server.get("/" + name, {"Range": "bytes=0-9,20-29"})
    for field in ("ETag", "Last-Modified", "Accept-Ranges", "Cache-Control"):
        assert response[field] == whole[field] is not None
    for part in parts_of(response):
        assert part.fields["Content-Type"] == TYPES.get(name, whole["Content-Type"])
        assert sorted(part.fields) == ["Content-Range", "Content-Type"]


def test_no_boundary_is_used_twice(server):
    """RFC 2046, 5.1.1: who knew it could put parts of his own into a file."""
    with server.connect() as connection:
        seen = {boundary_of(connection.get("/small.txt", {"Range": "bytes=0-0,9-9"})) for _ in range(50)}
    assert len(seen) == 50


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "asked", ["bytes=0-,0-", "bytes=0-599,-500,0-599", "bytes=0-,-1", "bytes=0-9,x", "bytes=0-9,9-0", "bytes=0-9;20-29"]
)
def test_more_bytes_than_the_file_has_or_what_is_malformed_is_the_whole_file(server, name, asked):
    """RFC 9110, 14.2: it MAY be ignored; 17.15: many overlapping ones ought to be."""
    content = FILES[name]
    if name != "small.txt":
        asked = asked.replace("599", str(len(content) * 3 // 5)).replace("500", str(len(content) // 2))
    response = server.get("/" + name, {"Range": asked})
    assert (response.status, response.body, response["Content-Range"]) == (200, content, None)


@pytest.mark.parametrize("name", ["small.txt", "big.bin"])
def test_of_several_ranges_all_beyond_the_end_none_can_be_had(server, name):
    """RFC 9110, 15.5.17"""
    response = server.get("/" + name, {"Range": "bytes=99999999-,-0,88888888-99999999"})
    assert (response.status, response["Content-Range"]) == (416, f"bytes */{len(FILES[name])}")


@pytest.mark.parametrize("name", FILES)
def test_head_has_no_ranges(server, name):
    """RFC 9110, 14.2: Range is defined for GET alone; 9.3.2: so HEAD says what GET says of the whole."""
    with server.connect() as connection:
        response = connection.head("/" + name, {"Range": "bytes=0-9,20-29"})
        assert (response.status, response["Content-Length"]) == (200, str(len(FILES[name])))
        assert response["Content-Range"] is None


@pytest.mark.parametrize("name", ["small.txt", "big.bin"])
@pytest.mark.parametrize("if_range, is_in_parts", [("E", True), ('"other"', False), ("W/E", False)])
def test_if_range_is_for_all_of_them(server, name, if_range, is_in_parts):
    """RFC 9110, 13.1.5"""
    etag = server.get("/" + name)["ETag"]
    response = server.get("/" + name, {"Range": "bytes=0-9,20-29", "If-Range": if_range.replace("E", etag)})
    if is_in_parts:
        check_parts(response, FILES[name], [(0, 9), (20, 29)])
    else:
        assert (response.status, response.body) == (200, FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_sixteen_ranges_are_answered_and_seventeen_are_the_whole_file(server, name):
    asked, ranges = spread(16)
    check_parts(server.get("/" + name, {"Range": asked}), FILES[name], ranges)
    response = server.get("/" + name, {"Range": spread(17)[0]})
    assert (response.status, response.body) == (200, FILES[name])


def test_max_ranges_holds_where_it_is_said(folio, folder, site):
    conf = folder / "folio.conf"
    conf.write_text(
        f"<VirtualHost *>\nDocumentRoot {site}\nMaxRanges 2\n"
        f"<Files middle.bin>\nMaxRanges {RANGES_MAX}\n</Files>\n<Files small.txt>\nMaxRanges none\n</Files>\n"
        "<Files huge.bin>\nMaxRanges default\n</Files>\n</VirtualHost>\n"
    )
    server = folio(None, "-f", conf)
    for name, most in [("big.bin", 2), ("middle.bin", RANGES_MAX), ("huge.bin", 16)]:
        content = FILES[name]
        asked, ranges = spread(most)
        assert server.get("/" + name)["Accept-Ranges"] == "bytes"
        check_parts(server.get("/" + name, {"Range": asked}), content, ranges)
        response = server.get("/" + name, {"Range": spread(most + 1)[0]})
        assert (response.status, response.body) == (200, content)
    # RFC 9110, 14.3
    for fields in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=0-9,20-29"}, {"Range": "bytes=5000-"}):
        response = server.get("/small.txt", fields)
        assert (response.status, response.body, response["Accept-Ranges"]) == (200, FILES["small.txt"], "none")


def test_without_accept_ranges_there_are_none(folio, site):
    server = folio(site, "-c", "Header unset Accept-Ranges")
    response = server.get("/big.bin", {"Range": "bytes=0-9,20-29"})
    assert (response.status, response.body, response["Accept-Ranges"]) == (200, FILES["big.bin"], None)


@pytest.mark.parametrize("coding, suffix", [("gzip", ".gz"), ("identity", "")])
def test_ranges_are_of_the_form_that_was_chosen(folio, folder, coding, suffix):
    """RFC 9110, 14.2: of the selected representation. Its coding is told in the parts: what is around them is not coded (8.4)."""
    text = ("a line of text\n" * 5000).encode()
    plant(folder, {"page.txt": text, "page.txt.gz": gzip.compress(text)})
    content = (folder / f"page.txt{suffix}").read_bytes()
    server = folio(folder)
    asked = {"Range": "bytes=0-9,50-59", "Accept-Encoding": coding}
    # The first may be answered before anybody has looked what lies beside the file.
    eventually(lambda: server.get("/page.txt", {"Accept-Encoding": coding}).body == content, "that form")
    response = server.get("/page.txt", asked)
    parts = check_parts(response, content, [(0, 9), (50, 59)])
    assert response["Content-Encoding"] is None
    assert response["Vary"] == "Accept-Encoding"
    assert response["ETag"] == server.get("/page.txt", {"Accept-Encoding": coding})["ETag"]
    for part in parts:
        assert part.fields["Content-Type"] == "text/plain; charset=utf-8"
        assert part.fields.get("Content-Encoding") == (coding if suffix else None)


@pytest.mark.threads
def test_answers_of_many_parts_pipeline_with_others(folio, site):
    """Each fills a turn of its own, however many are asked for at once."""
    server = folio(site, "-c", f"MaxRanges {RANGES_MAX}")
    asked, ranges = spread(RANGES_MAX)
    names = ["small.txt", "middle.bin", "middle.bin", "big.bin", "small.txt", "big.bin", "huge.bin"] * 6
    with server.connect() as connection:
        connection.send(
            b"".join(
                request_bytes("GET", "/" + name, {"Range": asked} if i % 4 else {"Range": "bytes=5-9"})
                for i, name in enumerate(names)
            )
        )
        for i, name in enumerate(names):
            response = connection.receive()
            if i % 4:
                check_parts(response, FILES[name], ranges)
            else:
                assert (response.status, response.body) == (206, FILES[name][5:10])


def make_cold(path):
    """It is in nobody's memory."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


# Where no lease can be had, and that is where the file is somebody else's, streams are copied.
@pytest.mark.threads
@pytest.mark.parametrize("name", ["middle.bin", "huge.bin"])
@pytest.mark.parametrize("wrap", [(), pytest.param(NOBODY, marks=needs_root)], ids=["lent", "copied"])
def test_a_client_that_takes_little_at_a_time_gets_all_of_each_part(folio, site, name, wrap):
    """Parts that are longer than what a socket holds, and begin before the ones they follow."""
    content = FILES[name]
    site.parent.chmod(0o755)
    make_cold(site / name)
    server = folio(site, "--threads", "1", wrap=wrap)
    sixth = len(content) // 6
    ranges = [(i * sixth, (i + 1) * sixth - 2) for i in (4, 0, 5, 2)] + [(3 * sixth, 3 * sixth)]
    asked = "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)
    with Connection(server.addresses[0], receive_buffer=4096) as slow, server.connect() as other:
        slow.send(request_bytes("GET", "/" + name, {"Range": asked}) + request_bytes("GET", "/small.txt"))
        assert other.get("/small.txt").body == FILES["small.txt"]
        check_parts(slow.receive(), content, ranges)
        assert slow.receive().body == FILES["small.txt"]


@pytest.mark.parametrize("name", ["middle.bin", "big.bin"])
def test_a_throttle_holds_for_all_that_is_sent_of_them(folio, site, name):
    """Pauses come in the middle of texts, and of parts."""
    server = folio(site, "-c", "Throttle ** 100K", "-c", f"MaxRanges {RANGES_MAX}")
    asked, ranges = spread(40, size=1000, step=1200)
    ranges.insert(0, (48_000, 50_000))
    check_parts(server.get("/" + name, {"Range": asked.replace("=", "=48000-50000,")}), FILES[name], ranges)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version, fields", [("HTTP/1.0", {}), ("HTTP/1.1", {"Connection": "close"})])
def test_a_connection_that_ends_with_them_ends_behind_the_last_delimiter(server, name, version, fields):
    """RFC 9112, 9.3 and 9.6"""
    with server.connect() as connection:
        asked = {"Range": "bytes=0-99,500-", **fields}
        check_parts(connection.request("GET", "/" + name, asked, version=version), FILES[name], [(0, 99), (500, len(FILES[name]) - 1)])
        connection.receive_end()


@pytest.mark.threads
def test_who_vanishes_between_two_parts_leaves_nothing_behind(folio, site):
    server = folio(site)
    for name in ["middle.bin", "huge.bin"] * 5:
        connection = server.connect(receive_buffer=4096)
        connection.send(request_bytes("GET", "/" + name, {"Range": "bytes=20000-,0-9999,12000-14000"}))
        connection.receive_some(4096)
        connection.vanish()
    check_parts(server.get("/huge.bin", {"Range": "bytes=0-0,2-2"}), FILES["huge.bin"], [(0, 0), (2, 2)])
    # stop() asserts that no connection and no reference is left


@pytest.mark.parametrize("name", ["middle.bin", "big.bin"])
def test_the_log_counts_what_was_sent(folio, folder, site, name):
    log = folder / "access.log"
    server = folio(site, "-c", 'LogFormat "%s %B %O %X" sent', "-c", f"CustomLog {log} sent")
    with server.connect() as connection:
        response = connection.get("/" + name, {"Range": "bytes=0-9999,20000-29999,49999-"})
    status, content, sent, how = lines_of(log, 1)[0].split()
    assert (status, int(content), how) == ("206", len(response.body), "+")
    assert int(sent) > len(response.body) > 20_000


@pytest.mark.threads
def test_parts_are_of_one_version(folio, folder):
    """What replaces the file meanwhile is not in them, and what is written over it breaks the answer off."""
    path = plant(folder, {"big.bin": b"o" * (24 << 20)}) / "big.bin"
    server = folio(folder)
    asked = {"Range": "bytes=12000000-23999999,0-11999990"}
    with Connection(server.addresses[0], receive_buffer=4096) as slow:
        slow.send(request_bytes("GET", "/big.bin", asked))
        eventually(slow.has_input, "the beginning")
        replace(path, b"n" * (24 << 20))
        assert {bytes(set(part.content)) for part in parts_of(slow.receive())} == {b"o"}
    with Connection(server.addresses[0], receive_buffer=4096) as slow:
        slow.send(request_bytes("GET", "/big.bin", asked))
        eventually(slow.has_input, "the beginning")
        writer = threading.Thread(target=write_over, args=(path, b"x"), daemon=True)
        writer.start()
        with pytest.raises((Ended, ConnectionResetError)):
            slow.receive()
        writer.join(30)
        assert not writer.is_alive()
    assert {bytes(set(part.content)) for part in parts_of(server.get("/big.bin", asked))} == {b"x"}


def write_over(path, byte):
    with open(path, "r+b") as file:
        file.write(byte * (24 << 20))
