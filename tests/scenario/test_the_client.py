"""The client that judges the server is judged first: it must not forgive what RFC 9112 forbids."""

import socket

import pytest

from http1_client import Connection, Ended, ProtocolError

DATE = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def answered(sent, method="GET"):
    """What the client makes of `sent`, followed by the end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Connection(listener.getsockname()) as connection:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(sent)
            response = connection.receive(method)
            connection.receive_end()
            return response


def test_a_plain_answer_is_read():
    response = answered(b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 5\r\n\r\nhello")
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
    assert response["content-length"] == "5"


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_content_are_read(status):
    assert answered(b"HTTP/1.1 %d X\r\n" % status + DATE + b"\r\n").body == b""


def test_the_answer_to_head_has_no_content():
    assert answered(b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 5\r\n\r\n", "HEAD").body == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.0 200 OK\r\n" + DATE + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\n" + DATE + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\n" + DATE + b"Content-Length: 0\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: 1994-11-06\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 0\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: +0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 1\r\n\r\nab",
        b"HTTP/1.1 204 No Content\r\n" + DATE + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n" + DATE + b"\r\na",
    ],
)
def test_a_broken_rule_is_a_failure(sent):
    with pytest.raises(ProtocolError):
        answered(sent)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n" + DATE, b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 6\r\n\r\nhello"]
)
def test_an_answer_cut_short_is_told_from_a_broken_one(sent):
    with pytest.raises(Ended):
        answered(sent)


def test_nothing_is_waited_for_after_connection_close():
    answer = b"HTTP/1.1 204 X\r\n" + DATE
    with socket.create_server(("127.0.0.1", 0)) as listener, Connection(listener.getsockname()) as connection:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(answer + b"Connection: close\r\n\r\n" + answer + b"\r\n")
            connection.receive()
            with pytest.raises(ProtocolError):
                connection.receive()
