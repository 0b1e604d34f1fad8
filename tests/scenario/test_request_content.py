"""Content of a request is read to its end and thrown away, or its connection closed (RFC 9110, 10.1.1; RFC 9112, 6)."""

import threading

import pytest

from http1_client import Ended, request_bytes
from site_tree import plant

TRAP = b"GET /trap HTTP/1.1\r\nHost: folio.test\r\n\r\n"


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"page.html": "page", "trap": "trap"})
    return lasting_folio(lasting_folder, "--threads", "1")


def chunked(*chunks, extension=b"", trailers=b""):
    return (
        b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        + b"0"
        + extension
        + b"\r\n"
        + trailers
        + b"\r\n"
    )


@pytest.mark.parametrize(
    "method, status", [("GET", 200), ("HEAD", 200), ("OPTIONS", None), ("POST", 405), ("PUT", 405), ("FROB", 501)]
)
@pytest.mark.parametrize(
    "fields, content",
    [
        ({"Content-Length": 0}, b""),
        ({"Content-Length": "000"}, b""),
        ({"Content-Length": 5}, b"hello"),
        ({"Content-Length": len(TRAP)}, TRAP),
        ({"Content-Length": 10 * len(TRAP)}, TRAP * 10),
        ({"Transfer-Encoding": "chunked"}, chunked()),
        ({"Transfer-Encoding": "chunked"}, chunked(b"hello")),
        ({"Transfer-Encoding": "Chunked"}, chunked(TRAP, b"x", TRAP * 50)),
        ({"Transfer-Encoding": "chunked"}, chunked(TRAP, extension=b";name=value;other")),
        ({"Transfer-Encoding": "chunked"}, chunked(TRAP, extension=b' ; name = "quoted; text"')),
        ({"Transfer-Encoding": "chunked"}, chunked(TRAP, trailers=b"X-Sum: 1\r\nHost: trap\r\nContent-Length: 9\r\n")),
        ({"Transfer-Encoding": "chunked"}, b"00005\r\nhello\r\n0000\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
    ],
)
def test_content_is_not_taken_for_the_next_request(server, method, status, fields, content):
    """RFC 9112, 6.2, 6.3 and 7.1; RFC 9110, 9.3.1: content of a GET means nothing"""
    with server.connect() as connection:
        connection.send(
            request_bytes(method, "/page.html", fields, content=content) + request_bytes("GET", "/page.html")
        )
        response = connection.receive(method)
        assert status in (None, response.status)
        if not response.closes():
            assert connection.receive().body == b"page"
            assert connection.get("/page.html").body == b"page"
        else:
            connection.receive_end()


def test_small_content_keeps_the_connection(server):
    with server.connect() as connection:
        for _ in range(3):
            assert not connection.request("POST", "/page.html", {"Content-Length": 1000}, content=b"x" * 1000).closes()
            assert not connection.request(
                "GET", "/page.html", {"Transfer-Encoding": "chunked"}, content=chunked(b"x" * 1000)
            ).closes()


@pytest.mark.parametrize("size", [100_000, 50_000_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_long_content_is_read_or_refused_and_the_answer_arrives(server, size, is_chunked):
    """RFC 9112, 9.6: a close while the client still sends must not destroy the answer by a reset."""
    content = b"x" * size
    request = request_bytes(
        "POST",
        "/page.html",
        {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": size},
        content=chunked(content) if is_chunked else content,
    )

    def send():
        try:
            connection.send(request + request_bytes("GET", "/page.html"))
        except OSError:
            pass  # it was closed while we sent

    with server.connect() as connection:
        sender = threading.Thread(target=send)
        sender.start()
        response = connection.receive()
        assert response.status in (405, 413)
        if response.closes():
            connection.receive_end()
        else:
            try:
                assert connection.receive().body == b"page"
            except Ended as end:  # how long chunks go on is not known before
                assert is_chunked and end.received == b""
        connection.close()
        sender.join()


def test_content_that_is_still_to_come_does_not_hold_the_others_up(server):
    with server.connect() as connection:
        connection.send(request_bytes("POST", "/page.html", {"Content-Length": 10}, content=b"hello"))
        for _ in range(3):
            assert server.get("/page.html").body == b"page"
        connection.send(b"world" + request_bytes("GET", "/page.html"))
        assert connection.receive().status == 405
        assert connection.receive().body == b"page"


def test_chunks_may_be_cut_anywhere(server):
    body = chunked(b"hello", TRAP, extension=b";a=b", trailers=b"A: b\r\n")
    request = request_bytes("GET", "/page.html", {"Transfer-Encoding": "chunked"})
    with server.connect() as connection:
        for at in range(len(body)):
            connection.send(request + body[:at])
            server.settle()
            connection.send(body[at:] + request_bytes("HEAD", "/missing"))
            assert connection.receive().body == b"page"
            assert connection.receive("HEAD").status == 404


@pytest.mark.parametrize("method, status", [("GET", 200), ("POST", 405)])
@pytest.mark.parametrize(
    "fields, content", [({"Content-Length": 5}, b"hello"), ({"Transfer-Encoding": "chunked"}, chunked(b"hello"))]
)
def test_who_expects_100_continue_gets_it_or_a_final_answer_at_once(server, method, status, fields, content):
    """RFC 9110, 10.1.1: either, but no wait for content that the client holds back."""
    with server.connect() as connection:
        connection.send(request_bytes(method, "/page.html", {**fields, "Expect": "100-continue"}))
        response = connection.receive(method)
        if response.status == 100:
            connection.send(content)
            response = connection.receive(method)
            assert response.status == status
            assert connection.get("/page.html").body == b"page"
            return
        assert response.status == status
        # After a final answer without 100 the client may send its content or leave it; only a close makes both safe.
        if response.closes():
            connection.receive_end()
        else:
            connection.send(content)
            assert connection.get("/page.html").body == b"page"


def test_no_100_is_sent_when_the_content_is_there_already(server):
    """RFC 9110, 10.1.1: it MAY be left out then; what matters is that the answers stay in step."""
    with server.connect() as connection:
        connection.send(
            request_bytes("GET", "/page.html", {"Content-Length": 5, "Expect": "100-Continue"}, content=b"hello")
        )
        response = connection.receive()
        if response.status == 100:
            response = connection.receive()
        assert response.body == b"page"
        assert connection.get("/page.html").body == b"page"


@pytest.mark.parametrize(
    "version, fields",
    [
        ("HTTP/1.1", {"Expect": "100-continue"}),
        ("HTTP/1.0", {"Expect": "100-continue", "Content-Length": 0, "Connection": "keep-alive"}),
    ],
)
def test_nobody_is_told_to_continue_who_has_nothing_to_send_or_cannot_know(server, version, fields):
    """RFC 9110, 10.1.1: not to a request of HTTP/1.0; nor to one without content."""
    with server.connect() as connection:
        assert connection.request("GET", "/page.html", fields, version=version).status == 200
        assert connection.request("GET", "/page.html").status == 200


def test_an_unknown_expectation_is_refused_or_ignored(server):
    """RFC 9110, 10.1.1: 417 MAY be the answer."""
    with server.connect() as connection:
        assert connection.request("GET", "/page.html", {"Expect": "the-impossible"}).status in (200, 417)


def test_content_that_ends_early_is_an_end(server):
    with server.connect() as connection:
        connection.send(request_bytes("POST", "/page.html", {"Content-Length": 10}, content=b"hello"))
        connection.finish_sending()
        try:
            assert connection.receive().status in (400, 405)
        except Ended as end:
            assert end.received == b""
            return
        connection.receive_end()
