"""With far more clients than descriptors, everybody is served, nobody gets an error, and nothing spins."""

import time

import pytest

from folio_process import eventually
from http1_client import request_bytes
from process_facts import cpu_seconds
from site_tree import noise, plant

LIMITED = ["prlimit", "--nofile=64:64"]
SMALL, BIG = noise(2000, "small"), noise(24 << 20, "big")


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {"small": SMALL, "big": BIG, **{f"stream{i}": noise(200_000, i) for i in range(100)}})


@pytest.fixture
def server(folio, site):
    # What falls short may be said at the start.
    return folio(site, "--threads", "2", wrap=LIMITED, expects_errors=True)


def test_idle_connections_make_room_for_new_ones(server):
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.send(request_bytes("GET", "/small"))
    for client in clients:
        assert client.receive().body == SMALL
    # Some had to go; what is left still works, or has ended without a word.
    assert 0 < sum(client.is_ended() for client in clients) < 200
    check_rests(server)
    for client in clients:
        client.close()


def check_rests(server):
    """While nothing is asked of it, a server needs no time: a loop that spins would need a whole processor."""
    eventually(lambda: cpu_seconds_in(server, 0.2) < 0.05, "rest")
    assert cpu_seconds_in(server, 1.0) < 0.2


def cpu_seconds_in(server, seconds):
    before = cpu_seconds(server.serving_pid)
    time.sleep(seconds)
    return cpu_seconds(server.serving_pid) - before


def test_while_all_connections_are_busy_others_wait_and_nothing_spins(server):
    busy = []
    for _ in range(80):  # more than there are descriptors: some of these wait already
        client = server.connect(receive_buffer=16384)
        client.send(request_bytes("GET", "/big"))
        busy.append(client)
    eventually(lambda: sum(client.has_input() for client in busy) > 8, "answers begun")
    waiting = [server.connect() for _ in range(100)]
    for client in waiting:
        client.send(request_bytes("GET", "/small"))
    check_rests(server)
    for client in busy:
        client.vanish()
    for client in waiting:
        assert client.receive().body == SMALL
        client.close()


def test_those_who_wait_are_served_when_the_busy_ones_have_finished(server):
    clients = [server.connect() for _ in range(70)]
    for client in clients:
        client.send(request_bytes("GET", "/stream1", {"Connection": "close"}))
    for client in clients:
        assert client.receive().body == noise(200_000, 1)
        client.close()


def test_streams_in_the_cache_do_not_take_the_descriptors_from_connections(server):
    """More big files than descriptors, asked for by more clients than descriptors."""
    clients = [server.connect() for _ in range(100)]
    for i, client in enumerate(clients):
        client.send(request_bytes("GET", f"/stream{i}"))
    for i, client in enumerate(clients):
        response = client.receive()
        assert response.status == 200 and response.body == noise(200_000, i)
    for client in clients:
        client.close()
    # One connection each: as long as connections are short, an answer ends its own.
    for i in range(100):
        assert server.get(f"/stream{i}").body == noise(200_000, i)
