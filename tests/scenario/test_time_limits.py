"""Time is limited in each phase of a connection: asserted is that the event comes, and what it is, never when."""

import time

import pytest

from folio_process import eventually
from http1_client import Ended, request_bytes
from site_tree import noise, plant

LIMIT_S = 1
BIG = noise(24 << 20, "big")


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {"page.html": "page", "big": BIG})


@pytest.fixture(scope="module")
def hasty(lasting_folio, site):
    """Short limits for heads and idle connections."""
    return lasting_folio(site, "--threads", "1", "-c", f"RequestTimeout {LIMIT_S}", "-c", f"KeepAliveTimeout {LIMIT_S}")


def check_times_out(connection):
    """RFC 9110, 15.5.9: 408 and the end."""
    response = connection.receive()
    assert response.status == 408 and response.closes()
    connection.receive_end()


@pytest.mark.parametrize("beginning", [b"G", b"GET /page.html HTTP/1.1\r\n", request_bytes("GET", "/page.html")[:-1]])
def test_a_head_that_does_not_come_to_its_end_is_408(hasty, beginning):
    with hasty.connect() as connection:
        connection.send(beginning)
        check_times_out(connection)


def test_a_second_head_that_does_not_come_to_its_end_is_408(hasty):
    with hasty.connect() as connection:
        connection.send(request_bytes("GET", "/page.html") + b"GET /pa")
        assert connection.receive().body == b"page"
        check_times_out(connection)


def test_bytes_that_drip_do_not_put_the_end_off(hasty):
    """The deadline of a head is absolute: a byte now and then (Slowloris) does not move it."""
    with hasty.connect() as connection:
        connection.send(b"GET /page.html HTTP/1.1\r\nX: ")
        try:
            for _ in range(200):
                if connection.has_input():
                    break
                connection.send(b"x")
                time.sleep(0.05)
            else:
                pytest.fail("still open after ten times RequestTimeout")
        except ConnectionError:
            return
        check_times_out(connection)


def test_a_connection_that_says_nothing_is_ended_without_a_word(hasty):
    with hasty.connect() as connection:
        connection.receive_end()


def test_an_idle_connection_is_ended_without_a_word(hasty):
    with hasty.connect() as connection:
        assert connection.get("/page.html").body == b"page"
        connection.receive_end()


def test_content_that_does_not_come_ends_the_connection(hasty):
    with hasty.connect() as connection:
        connection.send(request_bytes("POST", "/page.html", {"Content-Length": 10}, content=b"hello"))
        try:
            assert connection.receive().status in (405, 408)
        except Ended as end:
            assert end.received == b""
            return
        connection.receive_end()


def test_an_answer_may_take_longer_than_a_head_or_an_idle_connection(hasty):
    """A reader with a pause longer than both limits."""
    with hasty.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/big"))
        got = connection.receive_some(4096)
        time.sleep(2.5)
        while not got.endswith(BIG[-1000:]):
            got = got[-1000:] + connection.receive_some(1 << 20)


def test_requests_in_time_keep_a_connection_open_beyond_its_limits(hasty):

    def are_answered():
        with hasty.connect() as connection:
            asked_s = time.monotonic()
            for _ in range(8):
                time.sleep(0.3)
                before_s, asked_s = asked_s, time.monotonic()
                try:
                    assert connection.get("/page.html").body == b"page"
                except (Ended, OSError):
                    assert time.monotonic() - before_s > LIMIT_S  # the machine has kept us waiting: these were too late
                    return False
        return True

    eventually(are_answered, "eight requests in time")


def test_who_takes_less_than_the_lowest_rate_is_cut_off(folio, site):
    """By a reset: what was sent must not be taken for the whole. Others on the same worker are not disturbed."""
    server = folio(site, "--threads", "1", "-c", "SendMinRate 100K 500ms")
    with server.connect(receive_buffer=16384) as stalls, server.connect(receive_buffer=16384) as dawdles:
        for connection in (stalls, dawdles):
            connection.send(request_bytes("GET", "/big"))
        got = 0

        def are_over():
            nonlocal got
            if not dawdles.is_broken():
                got += len(dawdles.receive_some(500))
            assert server.get("/page.html").body == b"page"
            return stalls.is_broken() and dawdles.is_broken()

        eventually(are_over, "the end of both", pause_s=0.05)
        assert got < len(BIG)


def receive_or_nothing(connection, size):
    try:
        return connection.receive_some(size)
    except ConnectionError:
        return b""


def test_who_takes_more_than_the_lowest_rate_is_not_cut_off(folio, site):
    """A steady reader at many times the rate, over several windows.

    Megabytes lie in the sockets' buffers: while these drain, the server can send nothing, and the client is no slower.
    """
    server = folio(site, "--threads", "1", "-c", f"SendMinRate 10K {LIMIT_S}s")

    def is_whole():
        got, longest_s, took_s = b"", 0, time.monotonic()
        with server.connect(receive_buffer=65536) as connection:
            connection.send(request_bytes("GET", "/big"))
            while not got.endswith(BIG[-1000:]):
                is_slow = len(got) < 600_000
                if is_slow:
                    time.sleep(0.05)
                more = receive_or_nothing(connection, 10_000 if is_slow else 1 << 20)
                before_s, took_s = took_s, time.monotonic()
                longest_s = max(longest_s, took_s - before_s)
                if not more:
                    assert longest_s > LIMIT_S / 2  # the machine has kept us waiting: that was not steady
                    return False
                got += more
        assert got.endswith(BIG)
        return True

    eventually(is_whole, "an answer to a steady reader")
