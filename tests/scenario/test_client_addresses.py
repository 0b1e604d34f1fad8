"""RemoteIPHeader and RemoteIPTrustedProxy: whose address counts in Require ip and in the log (RFC 7239)."""

import pytest

from access_log import lines_of
from site_tree import plant


@pytest.fixture
def start(folio, folder):
    plant(folder, {"www/page": "page"})

    def start(*lines):
        config = folder / "folio.conf"
        config.write_text(f"DocumentRoot {folder}/www\nCustomLog {folder}/log common\n" + "\n".join(lines) + "\n")
        return folio(None, "-f", config)

    return start


TRUSTING = ("RemoteIPHeader X-Forwarded-For", "RemoteIPTrustedProxy 127.0.0.1 10.0.0.0/8")


@pytest.mark.parametrize(
    "lines, fields, client",
    [
        (TRUSTING, [("X-Forwarded-For", "192.0.2.7")], "192.0.2.7"),
        (TRUSTING, [("X-Forwarded-For", "203.0.113.9, 192.0.2.7, 10.1.2.3")], "192.0.2.7"),
        (TRUSTING, [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "2001:db8::1")], "2001:db8::1"),
        (TRUSTING, [("X-Forwarded-For", "rubbish")], "127.0.0.1"),
        (TRUSTING, [], "127.0.0.1"),
        (TRUSTING, [("Forwarded", "for=192.0.2.7")], "127.0.0.1"),
        (("RemoteIPHeader Forwarded", TRUSTING[1]), [("Forwarded", 'for="[2001:db8::1]:4711"')], "2001:db8::1"),
        (("RemoteIPHeader X-Forwarded-For", "RemoteIPTrustedProxy 10.0.0.0/8"), [("X-Forwarded-For", "192.0.2.7")], "127.0.0.1"),
        (("RemoteIPHeader X-Forwarded-For",), [("X-Forwarded-For", "192.0.2.7")], "127.0.0.1"),
        ((), [("X-Forwarded-For", "192.0.2.7")], "127.0.0.1"),
    ],
)
def test_the_client_is_whom_trusted_proxies_name(start, folder, lines, fields, client):
    server = start(*lines)
    assert server.get("/page", fields).status == 200
    server.stop()
    (line,) = lines_of(folder / "log", 1)
    assert line.split()[0] == client


@pytest.mark.parametrize("address, status", [("192.0.2.7", 200), ("192.0.3.7", 403), ("192.0.2.7, 203.0.113.1", 403)])
def test_require_ip_is_about_the_client(start, address, status):
    server = start(*TRUSTING, "Require ip 192.0.2.0/24")
    assert server.get("/page", [("X-Forwarded-For", address)]).status == status
    assert server.get("/page").status == 403


def test_each_request_of_a_connection_has_its_own_client(start, folder):
    server = start(*TRUSTING)
    with server.connect() as connection:
        for address in ("192.0.2.1", "192.0.2.2"):
            connection.get("/page", [("X-Forwarded-For", address)])
        connection.get("/page")
    server.stop()
    assert [line.split()[0] for line in lines_of(folder / "log", 3)] == ["192.0.2.1", "192.0.2.2", "127.0.0.1"]
