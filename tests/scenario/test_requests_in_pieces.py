"""However the bytes of requests are cut, the answers are the same (RFC 9112, section 2.2: a stream of octets)."""

import pytest

from site_tree import noise, plant

REQUESTS = (
    b"GET /page.html?x=1 HTTP/1.1\r\nHost: folio.test\r\nUser-Agent: pieces/1.0\r\n\r\n",
    b"\r\nHEAD /page.html HTTP/1.1\r\nHost:folio.test\r\n\r\n",
    b"GET /missing HTTP/1.1\r\nhost: \t folio.test \r\nContent-Length: 3\r\n\r\nabc",
    b"GET /page.html HTTP/1.1\r\nHost: folio.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"GET /page.html HTTP/1.1\r\nHost: folio.test\r\nRange: bytes=1-2\r\n\r\n",
)
EXPECTED = [("GET", 200, b"page"), ("HEAD", 200, b""), ("GET", 404, None), ("GET", 200, b"page"), ("GET", 206, b"ag")]
ALL = b"".join(REQUESTS)


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"page.html": "page", "big": noise(200_000, 1)})
    return lasting_folio(lasting_folder, "--threads", "1")


def check_answers(connection):
    for method, status, content in EXPECTED:
        response = connection.receive(method)
        assert response.status == status
        assert content is None or response.body == content


def test_whole(server):
    with server.connect() as connection:
        connection.send(ALL)
        check_answers(connection)


def test_split_at_every_offset(server):
    with server.connect() as connection:
        for at in range(1, len(ALL)):
            connection.send(ALL[:at])
            server.settle()
            connection.send(ALL[at:])
            check_answers(connection)


def test_byte_by_byte(server):
    with server.connect() as connection:
        for at in range(len(ALL)):
            connection.send(ALL[at : at + 1])
            server.settle()
        check_answers(connection)


def test_an_answer_comes_as_soon_as_its_request_is_whole(server):
    """The first bytes of the next request hold nothing back."""
    request, before = REQUESTS[0], 0
    with server.connect() as connection:
        for ahead in range(1, len(request)):
            connection.send(request[before:] + request[:ahead])
            assert connection.receive().body == b"page"
            before = ahead


def test_many_unfinished_heads_keep_apart(server):
    """Each connection keeps its own beginning while it waits for the rest."""
    connections = [server.connect() for _ in range(50)]
    requests = [
        f"GET /page.html HTTP/1.1\r\nHost: h{i}\r\nRange: bytes={i % 4}-{i % 4}\r\n\r\n".encode() for i in range(50)
    ]
    for cut in range(10, 60, 10):
        for connection, request in zip(connections, requests):
            connection.send(request[cut - 10 : cut])
        server.settle()
    for i, (connection, request) in enumerate(zip(connections, requests)):
        connection.send(request[50:])
        assert connection.receive().body == b"page"[i % 4 : i % 4 + 1]
        connection.close()


def test_a_head_that_is_longer_than_one_packet_is_put_together(server):
    request = (
        b"GET /page.html HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 300) for i in range(40))
        + b"\r\n"
    )
    with server.connect() as connection:
        for at in range(0, len(request), 1000):
            connection.send(request[at : at + 1000])
            server.settle()
        assert connection.receive().body == b"page"
