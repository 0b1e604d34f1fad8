"""ProxyProtocol: a connection begins with who the client is (haproxy's specification, versions 1 and 2)."""

import struct

import pytest

from folio_process import eventually
from http1_client import request_bytes

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(command, family, body):
    return V2 + bytes([0x20 | command, family]) + struct.pack("!H", len(body)) + body


IPV4 = version_2(1, 0x11, bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack("!HH", 4711, 80))


@pytest.fixture(name="server")
def make_server(folio, folder):
    (folder / "site").mkdir()
    (folder / "site/file").write_text("content")
    configuration = folder / "folio.conf"
    configuration.write_text("ProxyProtocol on\n<Location />\n    Require ip 192.0.2.0/24 2001:db8::/32\n</Location>\n")
    server = folio(folder / "site", "-f", configuration, "--access-log", folder / "log")
    server.log = folder / "log"
    return server


def ask(server, *pieces):
    client = server.connect()
    for piece in pieces:
        client.send(piece)
    client.send(request_bytes("GET", "/file"))
    return client.receive()


@pytest.mark.parametrize("header, status", [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n", 200),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", 200),
    (b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\r\n", 403),
    (b"PROXY UNKNOWN\r\n", 403),  # the proxy's own address, which is none of those
    (IPV4, 200),
    (version_2(1, 0x11, bytes([203, 0, 113, 9, 198, 51, 100, 1]) + struct.pack("!HH", 4711, 80)), 403),
    (version_2(0, 0x00, b""), 403),
])
def test_the_header_names_the_client(server, header, status):
    assert ask(server, header).status == status


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n", IPV4])
def test_it_may_come_in_pieces_and_holds_for_the_whole_connection(server, header):
    client = server.connect()
    for i in range(len(header)):
        client.send(header[i:i + 1])
    for _ in range(3):
        client.send(request_bytes("GET", "/file"))
        assert client.receive().body == b"content"


@pytest.mark.parametrize("first", [b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n", b"PROXY TCP4 nonsense\r\n", V2[:8] + b"xxxx"])
def test_who_sends_none_is_closed_without_an_answer(server, first):
    client = server.connect()
    client.send(first)
    eventually(client.is_ended, "the end")
