"""What two readers could take for different requests is answered 400 and closed (RFC 9112, 2.2, 3, 5 to 7.1, 11.2)."""

import random

import pytest

from http1_client import Ended
from site_tree import plant

HOST = b"Host: folio.test\r\n"
START = b"GET /page.html HTTP/1.1\r\n"
# Follows each of them: its answer, 200 with "smuggled", must never come.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: folio.test\r\n\r\n"


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"page.html": "page", "smuggled": "smuggled", "index.html": "front"})
    return lasting_folio(lasting_folder, "--threads", "1")


def check_refused(server, request, statuses):
    """One answer, and then the end."""
    with server.connect() as connection:
        connection.send(request)
        response = connection.receive()
        assert response.status in statuses
        assert response.closes() and b"smuggled" not in response.body
        connection.receive_end()
    assert server.get("/page.html").body == b"page"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: 5;x\r\n",
        b"Content-Length: 5.0\r\n",
        b'Content-Length: "5"\r\n',
        b"Content-Length: \r\n",
        b"Content-Length: five\r\n",
        b"Content-Length: 18446744073709551616\r\n",
        b"Content-Length: 18446744073709551621\r\n",
        b"Content-Length: 99999999999999999999999999999\r\n",
        b"Content-Length : 0\r\n",
        b"Content-Length\t: 0\r\n",
        b"Content-Length:\x0b0\r\n",
        b"Content-Length: 0\r\n 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: \r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding: \x00chunked\r\n",
        b"Transfer-Encoding: chunked\x00\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
    ],
)
def test_a_framing_that_can_be_read_in_two_ways_is_refused(server, lines):
    """RFC 9112, 6.1, 6.3 and 11.2"""
    check_refused(server, START + HOST + lines + b"\r\n" + b"0\r\n\r\n" + SMUGGLED, (400,))


@pytest.mark.parametrize(
    "coding",
    [
        b"identity",
        b"xchunked",
        b"chunkedx",
        b'"chunked"',
        b"chunked;q=1",
        b"gzip",
        b"gzip, chunked",
        b"identity, chunked",
        b"chunked, gzip",
        b"cow",
    ],
)
def test_a_transfer_coding_that_is_not_plainly_chunked_is_refused(server, coding):
    """RFC 9112, 6.1 and 6.3: 501 where the coding is unknown, 400 where the length cannot be told."""
    check_refused(
        server, START + HOST + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + b"0\r\n\r\n" + SMUGGLED, (400, 501)
    )


def test_a_transfer_coding_in_http_1_0_is_refused(server):
    """RFC 9112, 6.1: faulty framing"""
    request = b"GET /page.html HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    check_refused(server, request + SMUGGLED, (400,))


@pytest.mark.parametrize(
    "lines",
    [
        b"A: b\r\n c\r\n",
        b"A: b\r\n\tc\r\n",
        b"A:\r\n b\r\n",
        b" A: b\r\n",
        b"A : b\r\n",
        b"A\t: b\r\n",
        b"A\r\n",
        b": b\r\n",
        b"A b: c\r\n",
        b"(A): b\r\n",
        b"A\x00: b\r\n",
        b"\xc3\x84: b\r\n",
        b"A: b\x00c\r\n",
        b"A: b\rc\r\n",
        b"A: b\r\r\n",
        b"A: b\nB: c\r\n",
        b"A: b\n",
        b"A: b\x01c\r\n",
        b"A: b\x7f\r\n",
        b"\n",
        b"\rA: b\r\n",
    ],
)
def test_a_malformed_field_line_is_refused(server, lines):
    """RFC 9112, 2.2, 5, 5.1 and 5.2; RFC 9110, 5.5"""
    for fields in (HOST + lines, lines + HOST):
        check_refused(server, START + fields + b"\r\n" + SMUGGLED, (400,))


@pytest.mark.parametrize("lines", [b"", HOST + HOST, HOST + b"Host: other.example\r\n", b"host: a\r\nHOST: a\r\n"])
def test_host_has_to_come_exactly_once(server, lines):
    """RFC 9112, 3.2"""
    check_refused(server, START + lines + b"\r\n" + SMUGGLED, (400,))


@pytest.mark.parametrize(
    "line",
    [
        b"GET  /page.html HTTP/1.1\r\n",
        b"GET /page.html  HTTP/1.1\r\n",
        b"GET /page.html HTTP/1.1 \r\n",
        b" GET /page.html HTTP/1.1\r\n",
        b"GET\t/page.html\tHTTP/1.1\r\n",
        b"GET /page.html HTTP/1.1\n",
        b"GET /page.html\rHTTP/1.1\r\n",
        b"GET /page.html HTTP/1.1\r\r\n",
        b"GET /page.html HTTP/1.1 HTTP/1.1\r\n",
        b"GET /page html HTTP/1.1\r\n",
        b"GET /page\x00.html HTTP/1.1\r\n",
        b"GET /page\x1b.html HTTP/1.1\r\n",
        b"GET /page.html http/1.1\r\n",
        b"GET /page.html HTTP/1\r\n",
        b"GET /page.html HTTP/1.\r\n",
        b"GET /page.html HTTP/1.10\r\n",
        b"GET /page.html HTTP/01.1\r\n",
        b"GET /page.html HTTP/11\r\n",
        b"GET /page.html HTTP /1.1\r\n",
        b"GET /page.html HTTPS/1.1\r\n",
        b"GET /page.html\r\n",
        b"GET \r\n",
        b"GET\r\n",
        b" \r\n",
        b"/page.html HTTP/1.1\r\n",
        b"G\x00T /page.html HTTP/1.1\r\n",
        b"G(T /page.html HTTP/1.1\r\n",
        b"G\xc3\x89T /page.html HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",  # the beginning of TLS
        b"\n",
    ],
)
def test_a_malformed_request_line_is_refused(server, line):
    """RFC 9112, 2.3 and 3"""
    check_refused(server, line + HOST + b"\r\n" + SMUGGLED, (400,))


@pytest.mark.parametrize(
    "body",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 5\r\nhello\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b";x\r\nhello\r\n0\r\n\r\n",
        b"10000000000000000\r\nhello\r\n0\r\n\r\n",
        b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;a\x00\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nBad Trailer: x\r\n\r\n",
        b"5\r\nhello\r\n0\r\n folded: x\r\n\r\n",
        b"5\r\nhello\r\n0\r\nA: b\n\r\n",
        b"5\r\nhello\r\n0\n\n",
        b"5\rhello\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_after_a_malformed_chunk_nothing_more_is_taken_for_a_request(server, method, body):
    """RFC 9112, 7.1. The answer to the head may have been sent before; then the close is the refusal."""
    with server.connect() as connection:
        connection.send(
            method + b" /page.html HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED
        )
        response = connection.receive()
        assert response.status in (400, 200 if method == b"GET" else 405)
        if response.status != 400 and not response.closes():
            try:
                assert connection.receive().status == 400
            except Ended as end:
                assert end.received == b""
                return
        connection.receive_end()


def mutated(chosen, request):
    """A request with some bytes changed, put in, taken out, or doubled."""
    data = bytearray(request)
    for _ in range(chosen.randrange(1, 6)):
        at = chosen.randrange(len(data))
        what = chosen.randrange(4)
        if what == 0:
            data[at] = chosen.choice(b"\r\n\t :;,/%.\x00\x80\xffAz09")
        elif what == 1:
            data[at:at] = bytes([chosen.randrange(256)])
        elif what == 2:
            del data[at : at + chosen.randrange(1, 4)]
        else:
            data[at:at] = data[at : at + chosen.randrange(1, 40)]
        data = data or bytearray(request)
    return bytes(data)


def test_whatever_bytes_come_what_goes_back_is_http(server):
    """And its last answer, where one is refused, says that it closes."""
    chosen = random.Random(1)
    requests = [
        START + HOST + b'User-Agent: x\r\nRange: bytes=0-1\r\nIf-None-Match: "a", W/"b"\r\n\r\n',
        START + HOST + b"Content-Length: 5\r\n\r\nhello" + START + HOST + b"\r\n",
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: v\r\n\r\n"
        + START
        + HOST
        + b"\r\n",
        b"GET http://folio.test/%70age.html?q HTTP/1.0\r\nConnection: keep-alive\r\n"
        b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    ]
    for _ in range(1500):
        with server.connect() as connection:
            connection.send(b"".join(mutated(chosen, chosen.choice(requests)) for _ in range(2)))
            connection.finish_sending()
            check_answers_until_the_end(connection)


def check_answers_until_the_end(connection):
    """None of the requests can be mutated into a HEAD, whose answer would have no content."""
    while True:
        try:
            response = connection.receive()
        except Ended as end:
            assert end.received == b""
            return
        assert response.status in (
            200,
            204,
            206,
            301,
            304,
            400,
            403,
            404,
            405,
            408,
            412,
            413,
            414,
            416,
            417,
            431,
            501,
            505,
        )
        if response.closes():
            connection.receive_end()
            return


def test_the_request_line_is_limited(folio, folder):
    """RFC 9110, 15.5.15; LimitRequestLine counts it without its CRLF."""
    plant(folder, {"index.html": "front"})
    server = folio(folder, "-c", "LimitRequestLine 500")
    around = len("GET /? HTTP/1.1")
    assert server.get("/?" + "q" * (500 - around)).body == b"front"
    check_limit(server, b"GET /?" + b"q" * (501 - around) + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)


def check_limit(server, request, status):
    with server.connect() as connection:
        connection.send(request)
        response = connection.receive()
        assert response.status == status and response.closes()
        connection.receive_end()


def test_by_default_a_line_has_8190_bytes(server):
    around = len("GET /? HTTP/1.1")
    assert server.get("/?" + "q" * (8190 - around)).body == b"front"
    check_limit(server, b"GET /?" + b"q" * (8191 - around) + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)


def test_an_endless_request_line_is_refused_before_its_end(server):
    check_limit(server, b"GET /" + b"q" * 20000, 414)


def test_a_field_line_is_limited(server):
    """RFC 6585, section 5"""
    assert server.get("/page.html", {"X": "v" * (8190 - len("X: "))}).body == b"page"
    check_limit(server, START + HOST + b"X: " + b"v" * (8191 - len("X: ")) + b"\r\n\r\n", 431)
    check_limit(server, START + HOST + b"X: " + b"v" * 20000, 431)


def test_the_number_of_fields_is_limited(server):
    assert server.get("/page.html", [(f"X{i}", i) for i in range(99)]).body == b"page"
    check_limit(server, START + HOST + b"".join(b"X%d: %d\r\n" % (i, i) for i in range(100)) + b"\r\n", 431)


def test_the_limits_of_fields_can_be_set(folio, folder):
    server = folio(
        plant(folder, {"page.html": "page"}), "-c", "LimitRequestFields 3", "-c", "LimitRequestFieldSize 100"
    )
    assert server.get("/page.html", [("A", 1), ("B", 2)]).status == 200
    check_limit(server, START + HOST + b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 431)
    assert server.get("/page.html", [("A", "v" * 97)]).status == 200
    check_limit(server, START + HOST + b"A: " + b"v" * 98 + b"\r\n\r\n", 431)


def test_a_huge_head_of_small_lines_is_refused(server):
    check_limit(server, START + HOST + b"".join(b"X%d: %s\r\n" % (i, b"v" * 8000) for i in range(90)), 431)
