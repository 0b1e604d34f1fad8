"""Pipelined requests are answered completely and in order (RFC 9112, section 9.3.2)."""

import random
import threading

import pytest

from http1_client import request_bytes
from site_tree import noise, plant

pytestmark = pytest.mark.threads
FILES = {f"f{i}": noise(size, i) for i, size in enumerate([0, 1, 100, 1000, 16384, 65536, 90_000, 150_000, 700_000])}


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {**FILES, "dir/x": "x"})
    return lasting_folio(lasting_folder, "--threads", "2")


def send_beside(connection, data):
    """Send from a thread, as a pipeline may be longer than the buffers between both sides."""
    thread = threading.Thread(target=connection.send, args=(data,))
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["f0", "f3", "f5"])
def test_a_thousand_requests_in_one_go(server, name):
    with server.connect() as connection:
        sender = send_beside(connection, request_bytes("GET", "/" + name) * 1000)
        for _ in range(1000):
            assert connection.receive().body == FILES[name]
        sender.join()
        assert connection.get("/f2").body == FILES["f2"]


def test_a_pipeline_of_everything_keeps_its_order(server):
    """Snapshots, streams, errors, redirects and bodies, mixed at random."""
    etag = server.get("/f3")["ETag"]
    kinds = [
        *[(request_bytes("GET", "/" + name), "GET", 200, content) for name, content in FILES.items()],
        *[(request_bytes("HEAD", "/" + name), "HEAD", 200, b"") for name in FILES],
        (request_bytes("GET", "/f3", {"If-None-Match": etag}), "GET", 304, b""),
        (request_bytes("GET", "/f3", {"If-Match": '"no"'}), "GET", 412, None),
        (request_bytes("GET", "/f3", {"Range": "bytes=10-19"}), "GET", 206, FILES["f3"][10:20]),
        (request_bytes("GET", "/f8", {"Range": "bytes=100000-299999"}), "GET", 206, FILES["f8"][100_000:300_000]),
        (request_bytes("GET", "/f8", {"Range": "bytes=700000-"}), "GET", 416, None),
        (request_bytes("GET", "/missing"), "GET", 404, None),
        (request_bytes("GET", "/dir"), "GET", 301, None),
        (request_bytes("GET", "/dir/"), "GET", 403, None),
        (request_bytes("POST", "/f1", {"Content-Length": 4}, content=b"GET "), "POST", 405, None),
        (request_bytes("OPTIONS", "*"), "OPTIONS", None, None),
        (request_bytes("FROB", "/f1"), "FROB", 501, None),
        (
            request_bytes("GET", "/f1", {"Content-Length": 30}, content=b"GET /smuggled HTTP/1.1\r\nHost: x"[:30]),
            "GET",
            200,
            FILES["f1"],
        ),
    ]
    chosen = random.Random(1).choices(kinds, k=600)
    with server.connect() as connection:
        sender = send_beside(connection, b"".join(kind[0] for kind in chosen))
        for request, method, status, content in chosen:
            response = connection.receive(method)
            assert status in (None, response.status), request
            assert content is None or response.body == content
        sender.join()
        assert connection.get("/f2").body == FILES["f2"]


@pytest.mark.parametrize(
    "last, status",
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ],
)
def test_what_came_before_a_malformed_request_is_answered_and_nothing_after_it(server, last, status):
    with server.connect() as connection:
        connection.send(
            request_bytes("GET", "/f3") * 20 + request_bytes("GET", "/f8") + last + request_bytes("GET", "/f2") * 20
        )
        for _ in range(20):
            assert connection.receive().body == FILES["f3"]
        assert connection.receive().body == FILES["f8"]
        response = connection.receive()
        assert response.status == status and response.closes()
        connection.receive_end()


def test_nothing_is_answered_after_connection_close(server):
    """RFC 9112, 9.6"""
    with server.connect() as connection:
        connection.send(
            request_bytes("GET", "/f3")
            + request_bytes("GET", "/f3", {"Connection": "close"})
            + request_bytes("GET", "/f2")
        )
        assert not connection.receive().closes()
        assert connection.receive().closes()
        connection.receive_end()


def test_a_pipeline_does_not_starve_the_others(server):
    """One client sends without end; others on the same workers are answered meanwhile."""
    with server.connect() as greedy:
        sender = send_beside(greedy, request_bytes("GET", "/f5") * 2000)
        for _ in range(20):
            assert server.get("/f2").body == FILES["f2"]
        for _ in range(2000):
            assert greedy.receive().body == FILES["f5"]
        sender.join()
