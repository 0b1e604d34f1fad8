"""Conditional requests (RFC 9110, section 13), on snapshots and on streams, in the order of 13.2.2."""

import email.utils
import os
import time

import pytest

from site_tree import noise, plant

MODIFIED_S = int(time.time()) - 86400
TARGETS = ["/small.html", "/big.bin"]


def date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


SAME, EARLIER, LATER = date(MODIFIED_S), date(MODIFIED_S - 1), date(MODIFIED_S + 1)
RFC850 = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(MODIFIED_S))
ASCTIME = time.asctime(time.gmtime(MODIFIED_S))
FUTURE = date(time.time() + 86400)


@pytest.fixture(scope="module")
def server(lasting_folio, lasting_folder):
    plant(lasting_folder, {"small.html": "small", "big.bin": noise(300_000, 1), "dir/x": "", "undated": "u"})
    for name in ("small.html", "big.bin"):
        os.utime(lasting_folder / name, (MODIFIED_S, MODIFIED_S))
    os.utime(lasting_folder / "undated", (0, 0))
    return lasting_folio(lasting_folder)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "fields, status",
    [
        # 13.1.1, If-Match: strong comparison
        ({"If-Match": "E"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"no"'}, 412),
        ({"If-Match": "W/E"}, 412),
        ({"If-Match": '"no", E'}, 200),
        ({"If-Match": '"no",,E ,'}, 200),
        ({"If-Match": '"a,b", E'}, 200),
        # 13.1.4, If-Unmodified-Since
        ({"If-Unmodified-Since": SAME}, 200),
        ({"If-Unmodified-Since": LATER}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        # 13.1.2, If-None-Match: weak comparison
        ({"If-None-Match": "E"}, 304),
        ({"If-None-Match": "W/E"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"no"'}, 200),
        ({"If-None-Match": '"no", W/"nor-this", E'}, 304),
        ({"If-None-Match": '"no" ,\tE'}, 304),
        # 13.1.3, If-Modified-Since
        ({"If-Modified-Since": SAME}, 304),
        ({"If-Modified-Since": LATER}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": RFC850}, 304),
        ({"If-Modified-Since": ASCTIME}, 304),
        ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
        ({"If-Modified-Since": "never"}, 200),
        ({"If-Modified-Since": "Sun, 31 Feb 2026 08:49:37 GMT"}, 200),
        ({"If-Modified-Since": "0"}, 200),
        # 13.2.2: step 1 before 2; 2 only without 1
        ({"If-Match": "E", "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Match": '"no"', "If-Unmodified-Since": LATER}, 412),
        # step 3 before 4; 4 only without 3
        ({"If-None-Match": '"no"', "If-Modified-Since": SAME}, 200),
        ({"If-None-Match": "E", "If-Modified-Since": EARLIER}, 304),
        # steps 1 and 2 before 3 and 4
        ({"If-Match": '"no"', "If-None-Match": "E"}, 412),
        ({"If-Match": "E", "If-None-Match": "E"}, 304),
        ({"If-Match": "E", "If-None-Match": '"no"'}, 200),
        ({"If-Unmodified-Since": EARLIER, "If-None-Match": "E"}, 412),
        ({"If-Unmodified-Since": LATER, "If-None-Match": "E"}, 304),
        ({"If-Unmodified-Since": SAME, "If-Modified-Since": SAME}, 304),
        ({"If-Unmodified-Since": EARLIER, "If-Modified-Since": SAME}, 412),
        # step 5, Range with If-Range, after all of them
        ({"Range": "bytes=0-1", "If-None-Match": "E"}, 304),
        ({"Range": "bytes=0-1", "If-Match": '"no"'}, 412),
        ({"Range": "bytes=0-1", "If-Match": "E"}, 206),
        ({"Range": "bytes=0-1", "If-None-Match": '"no"'}, 206),
        ({"Range": "bytes=0-1", "If-Modified-Since": SAME}, 304),
        ({"Range": "bytes=0-1", "If-Unmodified-Since": EARLIER}, 412),
        ({"Range": "bytes=99999999-", "If-Match": '"no"'}, 412),
        ({"Range": "bytes=99999999-", "If-None-Match": "E"}, 304),
    ],
)
def test_conditions_decide_in_the_order_of_the_standard(server, target, fields, status):
    with server.connect() as connection:
        whole = connection.get(target)
        asked = {
            name: value.replace("E", whole["ETag"]) if name.endswith("Match") else value
            for name, value in fields.items()
        }
        response = connection.get(target, asked)
        assert response.status == status
        if status == 200:
            assert response.body == whole.body
        if status == 304:
            check_not_modified(response, whole)
        assert connection.get(target).body == whole.body  # in step


def check_not_modified(response, whole):
    """RFC 9110, 15.4.5: what a 200 would have had of these, and no other metadata that would mislead."""
    assert response.body == b""
    assert response["ETag"] == whole["ETag"]
    assert response["Date"]
    for name in ("Last-Modified", "Content-Length", "Content-Type"):
        assert response[name] in (None, whole[name])


def test_repeated_lines_of_a_list_are_one_list(server):
    etag = server.get("/small.html")["ETag"]
    assert server.get("/small.html", [("If-None-Match", '"no"'), ("If-None-Match", etag)]).status == 304
    assert server.get("/small.html", [("If-Match", '"no"'), ("If-Match", etag)]).status == 200


def test_a_date_in_the_future_is_no_condition(server):
    """RFC 9110, 13.1.3 leaves it to the server; a clock that is wrong must not hide a change for ever."""
    assert server.get("/small.html", {"If-Modified-Since": FUTURE}).status in (200, 304)


def test_without_a_last_modified_dates_are_ignored(server):
    """RFC 9110, 13.1.3 and 13.1.4: ignored where no modification date is available."""
    assert server.get("/undated", {"If-Modified-Since": SAME}).status == 200
    assert server.get("/undated", {"If-Unmodified-Since": EARLIER}).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"If-Match": "*"},
        {"If-Match": '"x"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": SAME},
        {"If-Unmodified-Since": EARLIER},
    ],
)
@pytest.mark.parametrize("target, status", [("/missing", 404), ("/dir", 301), ("/dir/", 403), ("/%00", 400)])
def test_conditions_are_ignored_where_the_answer_is_no_success_anyway(server, fields, target, status):
    """RFC 9110, 13.2.1"""
    assert server.get(target, fields).status == status


@pytest.mark.parametrize("method, status", [("OPTIONS", (200, 204)), ("DELETE", (405,))])
def test_conditions_are_ignored_with_methods_that_select_nothing(server, method, status):
    with server.connect() as connection:
        assert connection.request(method, "/small.html", {"If-Match": '"no"', "If-None-Match": "*"}).status in status
