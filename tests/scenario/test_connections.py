"""Clients that stop sending, read slowly, or go away (RFC 9112, section 9)."""

import resource
import threading
import time

import pytest

from folio_process import eventually
from http1_client import Ended, request_bytes
from process_facts import resident_bytes
from site_tree import noise, plant

pytestmark = pytest.mark.threads
BIG = noise(24 << 20, "big")
SMALL = noise(5000, "small")


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {"big": BIG, "small": SMALL})


@pytest.fixture
def server(folio, site):
    return folio(site, "--threads", "2")


def test_who_has_stopped_sending_still_gets_every_answer(server):
    """RFC 9112, 9.6: a half-closed connection is no abort."""
    with server.connect() as connection:
        connection.send(
            request_bytes("GET", "/small") * 100 + request_bytes("GET", "/big") + request_bytes("GET", "/small")
        )
        connection.finish_sending()
        for _ in range(100):
            assert connection.receive().body == SMALL
        assert connection.receive().body == BIG
        assert connection.receive().body == SMALL
        connection.receive_end()


def test_stopping_right_after_one_request_is_no_abort(server):
    for _ in range(50):
        with server.connect() as connection:
            connection.send(request_bytes("GET", "/small"))
            connection.finish_sending()
            assert connection.receive().body == SMALL
            connection.receive_end()


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
def test_stopping_in_the_middle_of_a_head_ends_the_connection(server, beginning):
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/small") + beginning)
        connection.finish_sending()
        assert connection.receive().body == SMALL
        try:
            assert connection.receive().status in (400, 408)
        except Ended as end:
            assert end.received == b""
            return
        connection.receive_end()


def test_a_slow_reader_gets_everything_and_holds_nobody_up(server):
    got = bytearray()
    with server.connect(receive_buffer=16384) as slow:
        slow.send(request_bytes("GET", "/big") + request_bytes("GET", "/small"))
        response_head = slow.receive_some(8192)
        assert response_head.startswith(b"HTTP/1.1 200 OK\r\n")
        head, _, begun = response_head.partition(b"\r\n\r\n")
        got += begun
        for _ in range(20):  # it pauses, again and again
            time.sleep(0.02)
            got += slow.receive_some(8192)
            assert server.get("/small").body == SMALL
        while len(got) < len(BIG):
            got += slow.receive_some(min(1 << 20, len(BIG) - len(got)))
        assert got == BIG
        assert slow.receive().body == SMALL


def test_many_slow_readers_share_the_time(server):
    def read_slowly(results, index):
        with server.connect(receive_buffer=65536) as connection:
            results[index] = connection.get("/big").body == BIG

    results = [None] * 8
    readers = [threading.Thread(target=read_slowly, args=(results, i)) for i in range(8)]
    for reader in readers:
        reader.start()
    for _ in range(50):
        assert server.get("/small").body == SMALL
    for reader in readers:
        reader.join()
    assert results == [True] * 8


@pytest.mark.parametrize("name", ["small", "big"])
@pytest.mark.parametrize("moment", ["before reading", "after some bytes", "in the middle of its request"])
def test_a_client_that_vanishes_leaves_nothing_behind(server, name, moment):
    for _ in range(20):
        connection = server.connect(receive_buffer=16384)
        request = request_bytes("GET", "/" + name) * 10
        connection.send(request[:-10] if moment.endswith("request") else request)
        if moment == "after some bytes":
            connection.receive_some(1000)
        connection.vanish()
    assert server.get("/small").body == SMALL
    # stop() asserts that no connection and no reference is left


def test_a_client_that_closes_politely_while_it_is_answered_leaves_nothing_behind(server):
    for _ in range(20):
        with server.connect(receive_buffer=16384) as connection:
            connection.send(request_bytes("GET", "/big"))
            connection.receive_some(1000)
    assert server.get("/small").body == SMALL


def test_a_connection_without_a_byte_is_nothing(server):
    for _ in range(100):
        server.connect().close()
        server.connect().vanish()
    assert server.get("/small").body == SMALL


def test_many_connections_are_kept_open_at_once(server):
    connections = [server.connect() for _ in range(1000)]
    for round_ in range(2):
        for connection in connections:
            connection.send(request_bytes("GET", "/small"))
        for connection in connections:
            assert connection.receive().body == SMALL
    for connection in connections:
        connection.close()


@pytest.mark.slow
def test_an_idle_connection_costs_at_most_512_bytes(folio, site):
    """Once it was answered, it owns no buffer; counted is the memory of the process, the kernel's is not."""
    server = folio(site, "--threads", "2")
    count = min(6000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100)
    with server.connect() as connection:
        assert connection.get("/small").body == SMALL
    before = resident_bytes(server.serving_pid)
    connections = []
    for _ in range(count):
        connection = server.connect()
        connections.append(connection)
        assert connection.get("/small").status == 200
    assert (resident_bytes(server.serving_pid) - before) / count <= 512
    for connection in connections:
        connection.close()


def let_them_rest():
    """Who asked a moment ago is between two requests, not idle."""
    time.sleep(0.2)


def test_at_the_limit_of_connections_the_longest_idle_ones_make_room(folio, site):
    """Up to the limit all are kept open; beyond it, some of those that have been idle longest go, but not all."""
    server = folio(site, "--threads", "1", "-c", "MaxConnections 10")
    connections = []
    for _ in range(10):
        connection = server.connect()
        assert connection.get("/small").body == SMALL
        connections.append(connection)
        time.sleep(0.01)
    let_them_rest()
    assert not any(connection.is_ended() for connection in connections)
    with server.connect() as one_more:
        assert one_more.get("/small").body == SMALL
        eventually(connections[0].is_ended, "the end of the longest idle connection")
        are_ended = [connection.is_ended() for connection in connections]
        assert are_ended == sorted(are_ended, reverse=True) and are_ended.count(True) <= 5
    for connection in connections:
        connection.close()


def test_at_the_limit_of_connections_an_idle_one_of_any_worker_makes_room(folio, site):
    """The limit is one for all workers: who waits at one of them must not wait for what is idle at another."""
    server = folio(site, "--threads", "2", "-c", "MaxConnections 2", "-c", "KeepAliveTimeout 1h")
    connections = []
    for _ in range(12):
        let_them_rest()
        connection = server.connect()
        connections.append(connection)
        assert connection.get("/small").body == SMALL
    for connection in connections:
        connection.close()


def test_at_the_limit_of_connections_busy_ones_are_left_alone_and_others_wait(folio, site):
    server = folio(site, "--threads", "1", "-c", "MaxConnections 4")
    busy = [server.connect(receive_buffer=16384) for _ in range(4)]
    for connection in busy:
        connection.send(request_bytes("GET", "/big"))
        assert connection.receive_some(12) == b"HTTP/1.1 200"[:12]
    with server.connect() as waiting:
        waiting.send(request_bytes("GET", "/small"))
        time.sleep(0.3)
        assert not waiting.has_input()
        for connection in busy:
            left = connection.receive_some(4096)
            while not left.endswith(BIG[-1000:]):
                left = left[-1000:] + connection.receive_some(1 << 20)
        assert waiting.receive().body == SMALL
    for connection in busy:
        connection.close()
