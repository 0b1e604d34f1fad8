"""Which file a target names: folders, redirects, hidden names, names that need escapes (RFC 3986; RFC 9110, 7.1)."""

import os
from urllib.parse import quote_from_bytes, urlsplit, urljoin

import pytest

from site_tree import noise, plant

BASE = "http://folio.test"
LIMIT = 65536  # MMapMaxFileSize of this file: up to it a snapshot, beyond it a stream
HOSTILE_FOLDERS = [
    b"evil.example",
    b"\\evil.example",
    b"http:",
    b"a:b",
    b"x\r\nSet-Cookie: a=b",
    b"50%",
    b"d\xc3\xa9j\xc3\xa0",
    b"q?x#y",
    b"%2e%2e",
]


@pytest.fixture(scope="module")
def site(lasting_folder):
    plant(
        lasting_folder,
        {
            "index.html": "front",
            "page.html": "page",
            "with-index/index.html": "inner front",
            "with-index/deep/leaf.txt": "leaf",
            "without-index/leaf.txt": "leaf two",
            "index-is-a-folder/index.html/leaf.txt": "odd",
            ".hidden": "hidden",
            ".git/config": "hidden",
            "with-index/.htpasswd": "hidden",
            "..odd": "hidden",
            ".well-known/security.txt": "contact",
            ".well-known/.secret": "hidden",
            "with-index/.well-known/x": "inner well-known",
            "empty": "",
        },
    )
    for name in HOSTILE_FOLDERS:
        plant(lasting_folder, {name + b"/index.html": b"in " + name})
    return lasting_folder


@pytest.fixture(scope="module")
def server(lasting_folio, site):
    return lasting_folio(site, "-c", f"MMapMaxFileSize {LIMIT}")


@pytest.mark.parametrize(
    "target, content",
    [
        ("/", b"front"),
        ("/index.html", b"front"),
        ("/page.html", b"page"),
        ("/page.html?query=1", b"page"),
        ("/page.html?", b"page"),
        ("/?/../../etc/passwd", b"front"),
        ("/with-index/", b"inner front"),
        ("/with-index/deep/leaf.txt", b"leaf"),
        ("/%70age.html", b"page"),
        ("/./page.html", b"page"),
        ("/with-index/../page.html", b"page"),
        ("/with-index/%2e%2e/page.html", b"page"),
        ("/with-index/%2E./page.html", b"page"),
        ("/missing/../page.html", b"page"),
        ("//page.html", b"page"),
        ("/with-index///deep//leaf.txt", b"leaf"),
        ("/with-index/.", b"inner front"),
        ("/with-index/deep/..", b"inner front"),
        ("/with-index/deep/../", b"inner front"),
        ("//evil.example/..", b"front"),
        ("//evil.example/%2e%2e/page.html", b"page"),
        ("/.well-known/security.txt", b"contact"),
        ("/empty", b""),
    ],
)
def test_a_target_names_one_file(server, target, content):
    response = server.get(target)
    assert (response.status, response.body) == (200, content)


@pytest.mark.parametrize(
    "target, place",
    [
        ("/with-index", "/with-index/"),
        ("/without-index", "/without-index/"),
        ("/with-index/deep", "/with-index/deep/"),
        ("/with-index/./deep", "/with-index/deep/"),
        ("//with-index", "/with-index/"),
        ("//evil.example", "/evil.example/"),
        ("///evil.example", "/evil.example/"),
        ("/.//evil.example", "/evil.example/"),
        ("//evil.example/../with-index", "/with-index/"),
        ("/x/..//evil.example", "/evil.example/"),
        ("//evil.example/%2e%2e/with-index", "/with-index/"),
        ("/%5cevil.example", "/%5Cevil.example/"),
        ("/http:", "/http:/"),
        ("/a:b", "/a:b/"),
        ("/x%0d%0aSet-Cookie:%20a=b", "/x%0D%0ASet-Cookie:%20a=b/"),
        ("/50%25", "/50%25/"),
        ("/%252e%252e", "/%252e%252e/"),
        ("/d%c3%a9j%C3%A0", "/d%C3%A9j%C3%A0/"),
        ("/q%3Fx%23y", "/q%3Fx%23y/"),
    ],
)
def test_a_folder_without_its_slash_redirects_to_it_and_nowhere_else(server, target, place):
    """RFC 9110, 15.4.2; a Location that starts with "//" would name another host (RFC 3986, 4.2)."""
    response = server.get(target)
    assert response.status == 301
    location = response["Location"]
    assert not location.startswith(("//", "/\\"))
    seen = urlsplit(urljoin(BASE + "/somewhere", location))
    assert (seen.scheme, seen.netloc, seen.query, seen.fragment) == ("http", "folio.test", "", "")
    assert seen.path.replace("%3A", ":").replace("%3D", "=") == place
    assert response["Set-Cookie"] is None
    assert server.get(location).status in (200, 403)  # 403: it has no index


@pytest.mark.parametrize("name", HOSTILE_FOLDERS)
def test_a_redirect_leads_to_the_folder_it_was_asked_for(server, name):
    escaped = quote_from_bytes(name, safe="")
    response = server.get(server.get("/" + escaped)["Location"])
    assert (response.status, response.body) == (200, b"in " + name)


@pytest.mark.parametrize(
    "target, status",
    [
        ("/without-index/", 403),
        ("/index-is-a-folder/", 403),
        ("/missing", 404),
        ("/missing/", 404),
        ("/missing/leaf", 404),
        ("/page.html/", 404),
        ("/page.html/leaf", 404),
        ("/PAGE.HTML", 404),
        ("/.hidden", 404),
        ("/.git", 404),
        ("/.git/", 404),
        ("/.git/config", 404),
        ("/%2egit/config", 404),
        ("/with-index/.htpasswd", 404),
        ("/..odd", 404),
        ("/.../", 404),
        ("/.well-known/.secret", 404),
        ("/.well-known/missing", 404),
        ("/.well-knownx", 404),
        ("/with-index%2fdeep/leaf.txt", 404),
        ("/with-index%2Findex.html", 404),
        ("/..%2f..%2fetc/passwd", 404),
        ("/" + "n" * 255, 404),
        ("/" + "n" * 256, 404),
        ("/" + "/".join(["d" * 200] * 30), 404),
        ("/..", 400),
        ("/../", 400),
        ("/../page.html", 400),
        ("/%2e%2e/page.html", 400),
        ("/.%2E/page.html", 400),
        ("/with-index/../../page.html", 400),
        ("//../page.html", 400),
        ("/%", 400),
        ("/%2", 400),
        ("/%zz", 400),
        ("/%u0041", 400),
        ("/page.html%00", 400),
        ("/%00/../page.html", 400),
    ],
)
def test_what_is_not_served_says_why(server, target, status):
    response = server.get(target)
    assert response.status == status
    assert response["Content-Type"].startswith("text/html")
    assert str(status).encode() in response.body
    assert b"hidden" not in response.body and b"root:" not in response.body


@pytest.mark.parametrize(
    "target",
    ["/missing<script>alert(1)</script>", "/missing%3Cscript%3Ealert(1)%3C/script%3E", "/without-index/?<script>"],
)
def test_an_error_page_does_not_repeat_what_was_asked(server, target):
    assert b"<script" not in server.get(target).body


@pytest.mark.parametrize(
    "name",
    [
        b"with space.txt",
        b"plus+sign",
        b"percent%41",
        b"question?mark",
        b"hash#mark",
        b"quote\"'",
        b"back\\slash",
        b"line\nbreak",
        b"\r",
        b"tab\there",
        b"\x01\x7f",
        b"gr\xc3\xbc\xc3\x9fe",
        b"\xe6\x96\x87\xe4\xbb\xb6",
        b"not-utf8-\xff\xfe",
        b"semi;colon=1&2",
        b"~tilde",
        b"n" * 255,
    ],
)
@pytest.mark.parametrize("size", [100, LIMIT + 1])
def test_any_name_can_be_asked_for_with_escapes(server, site, name, size):
    content = noise(size, name)
    place = os.fsencode(site) + b"/names-%d" % size
    plant(place, {name: content})
    response = server.get(f"/names-{size}/" + quote_from_bytes(name, safe=""))
    assert (response.status, response.body) == (200, content)


SIZES = [
    0,
    1,
    2,
    4095,
    4096,
    4097,
    LIMIT - 1,
    LIMIT,
    LIMIT + 1,
    2 * LIMIT,
    (2 << 20) - 1,
    2 << 20,
    (2 << 20) + 1,
    (8 << 20) + 3,
]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_comes_byte_by_byte(server, site, size):
    content = noise(size, size)
    plant(site, {f"size-{size}": content})
    with server.connect() as connection:
        for _ in range(3):  # the miss, and hits
            response = connection.get(f"/size-{size}")
            assert response.status == 200 and response.body == content


def test_a_stream_of_64_mib_comes_byte_by_byte(server, site):
    content = noise(64 << 20, "big")
    plant(site, {"big": content})
    assert server.get("/big").body == content


def test_it_serves_beneath_a_folder_with_an_odd_name(folio, folder):
    root = plant(os.fsencode(folder) + b"/\xff \n%2f", {"a/index.html": "odd root"})
    server = folio(root)
    assert server.get("/a/").body == b"odd root"
    assert server.get("/a")["Location"].endswith("/a/")
