"""Time is limited in each phase of a connection: these tests assert that the event comes, and what it is, never when."""

import threading
import time

import pytest

from http1_client import Ended, request_bytes
from site_tree import noise, plant

BIG = noise(24 << 20, "big")


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {"page.html": "page", "big": BIG})


@pytest.fixture(scope="module")
def hasty(lasting_folio, site):
    """Short limits for heads and idle connections."""
    return lasting_folio(site, "--threads", "1", "-c", "RequestTimeout 1", "-c", "KeepAliveTimeout 1")


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
        assert connection.get("/page.html").body == b"page"


def test_requests_in_time_keep_a_connection_open_beyond_its_limits(hasty):
    with hasty.connect() as connection:
        for _ in range(8):
            time.sleep(0.3)
            assert connection.get("/page.html").body == b"page"


@pytest.mark.slow
def test_who_reads_less_than_the_lowest_rate_is_cut_off_visibly(folio, site):
    """SendMinRate is judged over 30 s: of three readers, the one that stalls and the one that dawdles are ended, the third is not."""
    server = folio(site, "--threads", "1", "-c", "SendMinRate 20000")
    outcomes = {}

    def read(name, size, pause_s):
        got = 0
        with server.connect(receive_buffer=16384) as connection:
            connection.send(request_bytes("GET", "/big"))
            started = time.monotonic()
            try:
                while time.monotonic() - started < 75:
                    if size:
                        data = connection.receive_some(size)
                        if not data:
                            break
                        got += len(data)
                    elif connection.is_ended():
                        break
                    time.sleep(pause_s)
                else:
                    outcomes[name] = ("open", got)
                    return
            except ConnectionError:
                pass
            outcomes[name] = ("ended", got)

    readers = [
        threading.Thread(target=read, args=arguments)
        for arguments in [("stalls", 0, 0.2), ("dawdles", 500, 0.1), ("reads slowly", 8192, 0.1)]
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert outcomes["stalls"][0] == "ended" and outcomes["dawdles"][0] == "ended"
    assert outcomes["dawdles"][1] < len(BIG)
    assert outcomes["reads slowly"][0] == "open"
