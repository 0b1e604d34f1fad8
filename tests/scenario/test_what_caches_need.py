"""What a cache is told, and by which answers (RFC 9111; RFC 9110, sections 12.5.5, 15.3.7 and 15.4.5)."""

import email.utils
import gzip
import os
import time

import pytest

from byteranges import parts_of
from folio_process import eventually
from site_tree import plant

TEXT = b"a line of text\n" * 400
MODIFIED_S = int(time.time()) - 86400
CONFIGURATION = """
DocumentRoot ROOT/site
ExpiresActive on
ExpiresByType text/plain "access plus 1 hour"
ExpiresByType text/css "modification plus 2 days"
ExpiresByType image/png "modification plus 1 second"
Header set Content-Location /elsewhere
Header set X-Description "what the content is"
CacheControl no-store secret.txt
FallbackResource disabled
Redirect permanent /moved /text.txt
Redirect gone /gone
"""


def seconds(date):
    return email.utils.parsedate_to_datetime(date).timestamp()


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    files = {"text.txt": TEXT, "style.css": "p{}", "picture.png": "x", "page.html": "page", "secret.txt": "secret"}
    plant(lasting_folder / "site", {**files, "text.txt.gz": gzip.compress(TEXT), "big.txt": TEXT * 100, "folder/x": ""})
    for name in os.listdir(lasting_folder / "site"):
        os.utime(lasting_folder / "site" / name, (MODIFIED_S, MODIFIED_S))
    (lasting_folder / "folio.conf").write_text(CONFIGURATION.replace("ROOT", str(lasting_folder)))
    server = lasting_folio(None, "-f", lasting_folder / "folio.conf")
    eventually(
        lambda: server.get("/text.txt", {"Accept-Encoding": "gzip"})["Content-Encoding"] == "gzip", "the form beside it"
    )
    return server


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("target", ["/text.txt", "/big.txt", "/style.css", "/page.html", "/secret.txt"])
@pytest.mark.parametrize("ranges", [None, "bytes=0-0", "bytes=0-0,2-2"])
def test_a_304_and_a_206_have_of_these_what_the_200_has(server, target, coding, ranges):
    """RFC 9110, 15.4.5 and 15.3.7: MUST be generated, if they would have been in a 200."""
    with server.connect() as connection:
        whole = connection.get(target, {"Accept-Encoding": coding})
        asked = {"Range": ranges} if ranges else {"If-None-Match": whole["ETag"]}
        answer = connection.get(target, {"Accept-Encoding": coding, **asked})
        assert answer.status == (206 if ranges else 304)
        for name in ("Cache-Control", "Content-Location", "ETag", "Vary", "Last-Modified"):
            assert answer[name] == whole[name], name
        assert (answer["Expires"] is None) == (whole["Expires"] is None)
        assert answer["Date"]


def test_a_304_tells_nothing_of_the_content_beyond_that(server):
    """RFC 9110, 15.4.5: SHOULD NOT; a cache would take it for the stored one's (RFC 9111, 3.2)."""
    etag = server.get("/text.txt")["ETag"]
    answer = server.get("/text.txt", {"If-None-Match": etag})
    for name in ("Content-Type", "Content-Encoding", "Content-Length", "Content-Range", "Accept-Ranges", "X-Description"):
        assert answer[name] is None, name


@pytest.mark.parametrize(
    "target, from_s, age_s",
    [("/text.txt", None, 3600), ("/style.css", MODIFIED_S, 2 * 86400), ("/picture.png", MODIFIED_S, 1)],
)
@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-0"}, {"If-None-Match": "*"}])
def test_expires_says_the_same_as_max_age(server, target, from_s, age_s, fields):
    """RFC 9111, 5.3 and 4.2.1: from the Date of the answer, or from the file's; what is over has no age left."""
    answer = server.get(target, fields)
    now_s = seconds(answer["Date"])
    until_s = (now_s if from_s is None else from_s) + age_s
    assert abs(seconds(answer["Expires"]) - until_s) <= (1 if from_s is None else 0)
    assert answer["Cache-Control"].startswith("max-age=")
    left_s = int(answer["Cache-Control"].removeprefix("max-age="))
    assert abs(left_s - max(0, until_s - now_s)) <= 1


ANSWERS = ["/text.txt", "/folder", "/folder/", "/missing", "/moved", "/gone", "/page.html", "/%zz"]


@pytest.mark.parametrize("target", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_an_origin_server_gives_no_age(server, method, target):
    """RFC 9111, 5.1: Age would say that the answer was not made just now; 5.4, 5.5: Pragma and Warning are nobody's any more."""
    with server.connect() as connection:
        answer = connection.request(method, target)
        assert (answer["Age"], answer["Pragma"], answer["Warning"]) == (None, None, None)
        assert len(answer.values("Cache-Control")) <= 1 and len(answer.values("Vary")) <= 1


@pytest.mark.parametrize("fields", [{}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}, {"Accept-Encoding": "br"}])
@pytest.mark.parametrize("asked", [{}, {"If-None-Match": "*"}, {"Range": "bytes=0-0"}])
def test_vary_is_in_every_answer_that_another_accept_encoding_would_change(server, fields, asked):
    """RFC 9110, 12.5.5; RFC 9111, 4.1"""
    assert server.get("/text.txt", {**fields, **asked})["Vary"] == "Accept-Encoding"
    assert server.get("/picture.png", {**fields, **asked})["Vary"] is None


@pytest.mark.parametrize("ranges", ["bytes=0-4", "bytes=0-4,10-14"])
def test_parts_of_one_form_are_not_taken_for_another_s(server, ranges):
    """RFC 9110, 13.1.5; RFC 9111, 3.4: parts are put together by their strong tag, so that each form has its own."""
    tags = {}
    for coding in ("gzip", "identity"):
        tags[coding] = server.get("/text.txt", {"Accept-Encoding": coding})["ETag"]
    assert tags["gzip"] != tags["identity"]
    asked = {"Range": ranges, "If-Range": tags["gzip"]}
    right = server.get("/text.txt", {**asked, "Accept-Encoding": "gzip"})
    assert (right.status, right["ETag"]) == (206, tags["gzip"])
    if "," in ranges:
        assert [part.fields["Content-Encoding"] for part in parts_of(right)] == ["gzip", "gzip"]
    else:
        assert right["Content-Encoding"] == "gzip"
    wrong = server.get("/text.txt", {**asked, "Accept-Encoding": "identity"})
    assert (wrong.status, wrong.body) == (200, TEXT)


@pytest.mark.parametrize("fields, status", [
    ({"If-None-Match": '"any"'}, 200), ({"If-None-Match": "*"}, 304), ({"If-Match": '"any"'}, 412), ({"If-Match": "*"}, 200),
    ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200), ({"Range": "bytes=0-1"}, 206),
    ({"Range": "bytes=0-1", "If-Range": '"any"'}, 200),
])  # fmt: skip
def test_without_an_entity_tag_none_is_the_same(folio, folder, fields, status):
    """RFC 9110, 13.1.1, 13.1.2 and 13.1.5; `*` is about any version at all."""
    server = folio(plant(folder, {"file": "content"}), "-c", "FileETag None")
    answer = server.get("/file", fields)
    assert (answer.status, answer["ETag"]) == (status, None)


@pytest.mark.parametrize("target", ["/x%0d%0aSet-Cookie:%20a=b", "/x%0D%0A%0D%0A<p>", "/x%0aLocation:%20y"])
@pytest.mark.parametrize("rule", ["RedirectMatch ^/(x.*)$ /to/$1", "RedirectMatch ^/(x.*)$ http://elsewhere.test/$1", "Redirect /x /to"])
def test_no_field_can_be_put_into_an_answer(folio, folder, rule, target):
    """RFC 9112, 11.1: what leads elsewhere is encoded again."""
    server = folio(plant(folder, {"a": ""}), "-c", rule)
    answer = server.get(target)
    assert answer["Set-Cookie"] is None and answer.status in (302, 404, 400)
    if answer.status == 302:
        assert "%0" in answer["Location"]
    assert server.get("/x?%0d%0aSet-Cookie:%20a=b")["Set-Cookie"] is None
