"""Methods, versions and forms of the target (RFC 9110, section 9; RFC 9112, sections 2.3, 3 and 9.3)."""

import pytest

from http1_client import request_bytes
from site_tree import plant

ALLOWED = ["GET", "HEAD", "OPTIONS"]


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"index.html": "front", "page.html": "page", "dir/x": "x"})
    return lasting_folio(lasting_folder, "--threads", "1")


def allow(response):
    return sorted(method.strip() for method in response["Allow"].split(","))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("target", ["/page.html", "/", "/missing", "/dir"])
def test_a_known_method_that_is_not_allowed_is_405_with_allow(server, method, target):
    """RFC 9110, 15.5.6"""
    with server.connect() as connection:
        response = connection.request(method, target)
        assert (response.status, allow(response)) == (405, ALLOWED)
        assert connection.get("/page.html").body == b"page"


def test_connect_is_405(server):
    """RFC 9110, 9.3.6; RFC 9112, 3.2.3"""
    with server.connect() as connection:
        response = connection.request("CONNECT", "folio.test:443", host="folio.test:443")
        assert (response.status, allow(response)) == (405, ALLOWED)


@pytest.mark.parametrize(
    "method", ["FROB", "get", "Get", "GETT", "GE", "M-SEARCH", "PROPFIND", "!#$%&'*+-.^_`|~09Az", "X" * 100]
)
def test_an_unknown_method_is_501(server, method):
    """RFC 9110, 9.1: methods are case-sensitive; 15.6.2"""
    with server.connect() as connection:
        assert connection.request(method, "/page.html").status == 501


@pytest.mark.parametrize("target", ["*", "/", "/page.html", "/missing"])
def test_options_tells_what_is_allowed(server, target):
    """RFC 9110, 9.3.7 and 10.2.1; RFC 9112, 3.2.4: of `*`, the server"""
    with server.connect() as connection:
        response = connection.request("OPTIONS", target)
        assert response.status in (200, 204)
        assert (allow(response), response.body) == (ALLOWED, b"")
        assert connection.get("/page.html").body == b"page"


@pytest.mark.parametrize(
    "version, status",
    [
        ("HTTP/1.1", 200),
        ("HTTP/1.2", 200),
        ("HTTP/1.9", 200),
        ("HTTP/2.0", 505),
        ("HTTP/3.0", 505),
        ("HTTP/0.9", 505),
        ("HTTP/9.9", 505),
    ],
)
def test_other_major_versions_are_505_and_higher_minor_ones_are_ours(server, version, status):
    """RFC 9110, 2.5 and 15.6.6"""
    with server.connect() as connection:
        response = connection.request("GET", "/page.html", version=version)
        assert response.status in ((400, 505) if version == "HTTP/0.9" else (status,))
        if response.status != 200:
            connection.receive_end()


def test_the_preface_of_http_2_is_refused(server):
    """RFC 9113, 3.4: it was made to fail with servers of HTTP/1.1."""
    with server.connect() as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert connection.receive().status in (400, 505)
        connection.receive_end()


def test_http_0_9_is_400(server):
    with server.connect() as connection:
        connection.send(b"GET /page.html\r\n\r\n")
        assert connection.receive().status == 400
        connection.receive_end()


@pytest.mark.parametrize(
    "target, content",
    [
        ("http://folio.test/page.html", b"page"),
        ("HTTP://FOLIO.TEST/page.html?q=/../", b"page"),
        ("http://other.example:8080/page.html", b"page"),
        ("http://[::1]:80/page.html", b"page"),
        ("http://folio.test", b"front"),
        ("http://folio.test/", b"front"),
        ("http://folio.test?q", b"front"),
        ("http://folio.test//page.html", b"page"),
    ],
)
def test_the_absolute_form_is_served(server, target, content):
    """RFC 9112, 3.2.2: a server MUST accept it, and MUST ignore Host then."""
    with server.connect() as connection:
        response = connection.request("GET", target, host="ignored.example")
        assert (response.status, response.body) == (200, content)


@pytest.mark.parametrize("target", ["http://user@folio.test/page.html", "http://user:word@folio.test/page.html"])
def test_a_name_and_a_password_in_the_target_are_a_mistake(server, target):
    """RFC 9110, 4.2.4: to be treated as an error, as they are there to mislead."""
    with server.connect() as connection:
        assert connection.request("GET", target).status == 400


@pytest.mark.parametrize("target", ["https://folio.test/page.html", "ftp://folio.test/page.html", "file:///page.html", "x:y"])
def test_another_scheme_is_not_taken_for_ours(server, target):
    """RFC 9110, 7.4: rejected, as what it names is not to be had by this way."""
    with server.connect() as connection:
        assert connection.request("GET", target).status == (421 if target.startswith("https:") else 400)


def test_a_gateway_that_is_trusted_may_ask_for_https(folio, folder):
    """RFC 9110, 7.4: it had it by TLS."""
    plant(folder, {"page.html": "page"})
    server = folio(folder, "-c", "RemoteIPHeader X-Forwarded-For", "-c", "RemoteIPTrustedProxy 127.0.0.1")
    with server.connect() as connection:
        for fields, status in [({"X-Forwarded-For": "192.0.2.1"}, 200), ({}, 421)]:
            assert connection.request("GET", "https://folio.test/page.html", fields).status == status


def test_a_redirect_of_the_absolute_form_stays_on_its_host(server):
    with server.connect() as connection:
        location = connection.request("GET", "http://folio.test/dir")["Location"]
    assert location in ("/dir/", "http://folio.test/dir/")


@pytest.mark.parametrize(
    "target",
    [
        "page.html",
        "*",
        "folio.test:80",
        "http:",
        "http:/page.html",
        "http://",
        "http:///page.html",
        "http://a b/",
        "/a#fragment",
        "?",
        "\\page.html",
        "/\x7f",
    ],
)
def test_a_target_in_no_form_is_400(server, target):
    """RFC 9112, 3 and 3.2: SHOULD, and never taken for another"""
    with server.connect() as connection:
        assert connection.request("GET", target).status == 400


@pytest.mark.parametrize(
    "host",
    ["folio.test", "folio.test:80", "127.0.0.1", "[::1]:8080", "FOLIO.test", "a_b.test", "xn--bcher-kva.example"],
)
def test_a_valid_host_is_taken(server, host):
    with server.connect() as connection:
        assert connection.request("GET", "/page.html", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["a b", "a/b", "user@a", "a:b", "a:80:80", "[::1", "a\\b", "http://a", "a?b", "a#b", "a%zz"]
)
def test_an_invalid_host_is_400(server, host):
    """RFC 9112, 3.2"""
    with server.connect() as connection:
        assert connection.request("GET", "/page.html", host=host).status == 400


def test_http_1_1_stays_open_until_it_is_told(server):
    """RFC 9112, 9.3"""
    with server.connect() as connection:
        for _ in range(3):
            assert not connection.get("/page.html").closes()
        assert connection.get("/page.html", {"Connection": "close"}).closes()
        connection.receive_end()


@pytest.mark.parametrize(
    "value", ["close", "Close", "foo, close", "close,,", "keep-alive, close", "x-close-x ,\tCLOSE"]
)
def test_close_is_found_in_the_list(server, value):
    """RFC 9112, 9.6; RFC 9110, 7.6.1: options are the same in any case"""
    with server.connect() as connection:
        assert connection.get("/page.html", {"Connection": value}).closes()
        connection.receive_end()


@pytest.mark.parametrize("value", ["keep-alive", "closed", "x-close", "upgrade", ""])
def test_other_connection_options_do_not_close(server, value):
    with server.connect() as connection:
        assert not connection.get("/page.html", {"Connection": value}).closes()
        assert connection.get("/page.html").body == b"page"


@pytest.mark.parametrize("target, status", [("/page.html", 200), ("/missing", 404), ("/dir", 301)])
@pytest.mark.parametrize("host", [None, "folio.test"])
def test_http_1_0_closes_after_its_answer(server, target, status, host):
    """RFC 9112, 9.3"""
    with server.connect() as connection:
        response = connection.request("GET", target, version="HTTP/1.0", host=host)
        assert response.status == status
        connection.receive_end()


@pytest.mark.parametrize("target, status", [("/page.html", 200), ("/missing", 404), ("/dir", 301)])
def test_http_1_0_stays_open_when_it_asks_to(server, target, status):
    """RFC 9112, 9.3 and appendix C.2.2: the answer has to say so."""
    with server.connect() as connection:
        for _ in range(3):
            response = connection.request("GET", target, {"Connection": "Keep-Alive"}, version="HTTP/1.0", host=None)
            assert response.status == status
            assert "keep-alive" in (response["Connection"] or "").lower()
        connection.request("GET", target, version="HTTP/1.0", host=None)
        connection.receive_end()


def test_an_empty_line_before_a_request_is_passed_over(server):
    """RFC 9112, 2.2"""
    with server.connect() as connection:
        for _ in range(3):
            connection.send(b"\r\n" + request_bytes("GET", "/page.html"))
            assert connection.receive().body == b"page"
