"""A real site is served byte by byte as it lies on the disk, by listing it and by following its links."""

import re
import threading
from html import unescape
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import pytest

from http1_client import request_bytes
from real_site import python_doc, walk

pytestmark = pytest.mark.threads
LINK = re.compile(r"""<(?:a|link|script|img|source|iframe)\b[^>]*?\s(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.S)
BATCH = 16


@pytest.fixture(params=[1, 2])
def server(folio, request):
    return folio(python_doc(), "--threads", request.param)


def in_threads(work, shares):
    """Do work(share) for each, side by side; what one raises is raised here."""
    failures = []

    def run(share):
        try:
            work(share)
        except (AssertionError, OSError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_every_file_is_the_same_as_on_the_disk(server):
    root = python_doc()
    places = sorted(walk(root))
    assert sum(kind == "file" for _, kind in places) > 1000

    def check(share):
        with server.connect() as connection:
            for at in range(0, len(share), BATCH):
                for path, _ in share[at : at + BATCH]:
                    connection.send(request_bytes("GET", "/" + quote(path)))
                for path, kind in share[at : at + BATCH]:
                    check_answer(root, path, kind, connection.receive())

    for _ in range(2):  # misses, and hits
        in_threads(check, [places[i::4] for i in range(4)])


def check_answer(root, path, kind, response):
    if kind == "file":
        assert response.status == 200, path
        assert response.body == (root / path).read_bytes(), path
        assert response["ETag"] and response["Content-Type"], path
    elif kind == "hidden":
        assert response.status == 404, path
    elif kind == "leaves":  # a link out of the site, as Debian's to a JavaScript package
        assert response.status == 403, path
    else:
        assert (response.status, response["Location"].endswith(quote(path) + "/")) == (301, True), path


def test_folders_show_their_index_or_are_forbidden(server):
    root = python_doc()
    with server.connect() as connection:
        assert connection.get("/").body == (root / "index.html").read_bytes()
        for path, kind in walk(root):
            if kind == "folder":
                assert connection.get("/" + quote(path) + "/").body == (root / path / "index.html").read_bytes()
            if kind == "bare folder":
                assert connection.get("/" + quote(path) + "/").status == 403


def links_of(page, base):
    """The pages and files of the same site that a page leads to, as targets without query."""
    for match in LINK.finditer(page):
        link = urldefrag(urljoin(base, unescape(match[1] or match[2] or "")))[0]
        parts = urlsplit(link)
        if parts.scheme == "http" and parts.netloc == "folio.test":
            yield quote(unquote(parts.path)) or "/"


def test_every_link_inside_the_site_leads_somewhere(server):
    """From the front page on. What the package itself lacks is not the server's to give; that is told by the disk."""
    root = python_doc()
    leaves = {"/" + quote(path) for path, kind in walk(root) if kind == "leaves"}
    seen, front, answered = {"/"}, ["/"], 0
    with server.connect() as connection:
        while front:
            batch, front = front[:BATCH], front[BATCH:]
            connection.send(b"".join(request_bytes("GET", target) for target in batch))
            for target in batch:
                response = connection.receive()
                if target in leaves:
                    assert response.status == 403, target
                    continue
                is_there = (root / unquote(target).lstrip("/")).exists()
                assert response.status == (200 if is_there else 404), target
                answered += is_there
                if (response["Content-Type"] or "").startswith("text/html") and is_there:
                    new = set(links_of(response.body.decode("utf-8", "replace"), "http://folio.test" + target)) - seen
                    seen |= new
                    front += sorted(new)
    assert answered > 500
