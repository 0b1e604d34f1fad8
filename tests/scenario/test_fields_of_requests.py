"""What the fields of a request mean wherever they are said, and which mean nothing to a server of files (RFC 9110, 9111 and 9112)."""

import gzip

import pytest

from folio_process import eventually
from site_tree import plant

PAGE = b"a page\n" * 100


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"page.txt": PAGE, "page.txt.gz": gzip.compress(PAGE), "plain.bin": "plain", "dir/x": "x"})
    server = lasting_folio(lasting_folder, "-c", "Compress off")
    eventually(
        lambda: server.get("/page.txt", {"Accept-Encoding": "gzip"})["Content-Encoding"] == "gzip", "the form beside it"
    )
    return server


@pytest.mark.parametrize(
    "fields, status, coding",
    [
        ({"RANGE": "bytes=0-1"}, 206, None),
        ({"rAnGe": "bytes=0-1"}, 206, None),
        ({"if-none-match": "*"}, 304, None),
        ({"IF-MATCH": '"no"'}, 412, None),
        ({"aCCEPT-eNCODING": "gzip"}, 200, "gzip"),
        ({"Accept-Encoding": "GZIP"}, 200, "gzip"),
        ({"Accept-Encoding": "gzip;Q=1"}, 200, "gzip"),
    ],
)
def test_names_of_fields_are_the_same_in_any_case(server, fields, status, coding):
    """RFC 9110, 5.1; 8.4.1: names of codings, too; 12.4.2: and that of the weight."""
    response = server.get("/page.txt", fields)
    assert (response.status, response["Content-Encoding"]) == (status, coding)


def test_the_name_of_host_is_the_same_in_any_case(server):
    """RFC 9110, 5.1 and 7.2"""
    with server.connect() as connection:
        assert connection.request("GET", "/plain.bin", {"hOST": "folio.test"}, host=None).body == b"plain"


@pytest.mark.parametrize(
    "fields, coding",
    [
        ([("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")], "gzip"),
        ([("Accept-Encoding", "gzip"), ("X", "y"), ("Accept-Encoding", "identity;q=0.5")], "gzip"),
        ([("Accept-Encoding", "*"), ("Accept-Encoding", "gzip;q=0")], None),
        ([("Accept-Encoding", ""), ("Accept-Encoding", "gzip")], "gzip"),
        ([("Accept-Encoding", ",, gzip ,\t,")], "gzip"),
    ],
)
def test_a_list_may_be_said_in_several_lines_and_have_empty_elements(server, fields, coding):
    """RFC 9110, 5.3 and 5.6.1.2"""
    response = server.get("/page.txt", fields)
    assert (response.status, response["Content-Encoding"]) == (200, coding)


def test_connection_may_be_said_in_several_lines(server):
    """RFC 9110, 5.3 and 7.6.1"""
    with server.connect() as connection:
        assert connection.get("/plain.bin", [("Connection", "keep-alive"), ("Connection", "close")]).closes()
        connection.receive_end()


@pytest.mark.parametrize(
    "value, coding",
    [
        (" \t gzip \t ", "gzip"),
        ("gzip ; q=0.5", "gzip"),
        ("gzip\t;\tq=0.5", "gzip"),
    ],
)
def test_blanks_around_a_value_are_none_of_it(server, value, coding):
    """RFC 9110, 5.5 and 5.6.3"""
    assert server.get("/page.txt", {"Accept-Encoding": value})["Content-Encoding"] == coding


@pytest.mark.parametrize(
    "accepted, status, coding",
    [
        ("gzip, identity;q=0", 200, "gzip"),
        ("gzip;q=0.001", 200, "gzip"),
        ("gzip;q=0.000", 200, None),
        ("gzip;q=0.5, identity;q=0.6", 200, None),
        ("*;q=0, gzip", 200, "gzip"),
        ("identity", 200, None),
        ("*", 200, "gzip"),
        ("x-gzip", 200, "gzip"),
    ],
)
def test_a_coding_is_sent_by_its_weight(server, accepted, status, coding):
    """RFC 9110, 12.5.3; 8.4.1.3: x-gzip is gzip"""
    response = server.get("/page.txt", {"Accept-Encoding": accepted})
    assert (response.status, response["Content-Encoding"], response["Vary"]) == (status, coding, "Accept-Encoding")


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "br, identity;q=0"])
@pytest.mark.parametrize("target", ["/page.txt", "/plain.bin"])
def test_where_no_coding_is_acceptable_the_preference_is_disregarded_or_refused(server, target, accepted):
    """RFC 9110, 12.5.3 and 12.1: as if there were none, or 406."""
    response = server.get(target, {"Accept-Encoding": accepted})
    assert response.status in (200, 406)
    if response.status == 200:
        assert response["Content-Encoding"] in (None, "gzip")


ELSEWHERE = {
    "12.5.1, 12.1: who accepts another type is not refused": {"Accept": "image/png"},
    "12.5.2": {"Accept-Charset": "iso-8859-1"},
    "12.5.4": {"Accept-Language": "xx"},
    "7.8: Upgrade MAY be ignored": {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQ"},
    "7.8: to a WebSocket, too": {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    "7.6.3": {"Via": "1.0 fred, 1.1 example.com"},
    "7.6.2: for TRACE and OPTIONS alone": {"Max-Forwards": "0"},
    "11.7.2: a proxy's": {"Proxy-Authorization": "Basic YTpi"},
    "11.6.2: nobody asked": {"Authorization": "Basic YTpi"},
    "10.1.4": {"TE": "trailers, deflate;q=0.5", "Connection": "TE"},
    "6.6.2": {"Trailer": "X-Sum"},
    "8.3, 8.4: of content that there is none of": {"Content-Type": "multipart/form-data", "Content-Encoding": "br"},
    "14.5: Content-Range in a GET": {"Content-Range": "bytes 0-1/5"},
    "10.1.2, 10.1.3, 10.1.5": {"From": "a@b", "Referer": "http://x/?\"'<>", "User-Agent": "x" * 4000},
    "9111, 5.2.1: for caches": {"Cache-Control": "no-cache, no-store, max-age=0, only-if-cached"},
    "9111, 5.4": {"Pragma": "no-cache"},
    "5.5: obs-text in what nobody reads": {"X-Odd": b"\x80\xff\xc3\xa4"},
    "6454": {"Origin": "http://elsewhere.example", "Sec-Fetch-Mode": "cors", "DNT": "1"},
    "a name as long as a token may be": {"X" * 1000: "1"},
}


@pytest.mark.parametrize("fields", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_is_said_to_somebody_else_changes_nothing(server, fields):
    with server.connect() as connection:
        plain, response = connection.get("/plain.bin"), connection.get("/plain.bin", fields)
        assert (response.status, response.body, response.names()) == (200, b"plain", plain.names())
        assert connection.get("/plain.bin").body == b"plain"  # and stays in step


def test_upgrade_in_http_1_0_is_ignored(server):
    """RFC 9110, 7.8: MUST be."""
    with server.connect() as connection:
        fields = {"Connection": "Upgrade", "Upgrade": "HTTP/2.0"}
        assert connection.request("GET", "/plain.bin", fields, version="HTTP/1.0").body == b"plain"
        connection.receive_end()


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_max_forwards_of_0_ends_here_anyway(server, method):
    """RFC 9110, 7.6.2"""
    with server.connect() as connection:
        assert connection.request(method, "/plain.bin", {"Max-Forwards": "0"}).status in (200, 204)
