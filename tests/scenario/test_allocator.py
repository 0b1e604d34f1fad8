"""A worker that serves hits calls no allocator: every call is counted, by preload/allocation_counter.c."""

import pytest

from http1_client import request_bytes
from preloads import AllocationCounter
from site_tree import noise, plant

pytestmark = pytest.mark.slow
REQUESTS = 10_000
ROUNDS = 5  # one of them: a client that is late may have a worker's pools grow once more


@pytest.fixture
def counter(folder):
    return AllocationCounter(folder)


@pytest.fixture(params=["without log", "with log"])
def server(folio, folder, counter, request):
    plant(
        folder / "site",
        {"a": noise(1000, 1), "b": noise(20_000, 2), "dir/x": "x", **{f"new{i}": "" for i in range(10)}},
    )
    options = ["--access-log", folder / "access.log"] if request.param == "with log" else []
    return folio(folder / "site", "--threads", "2", "-c", "MMapRevalidate 1h", *options, env=counter.environment)


def ask(client, request, method, count, at_once):
    for _ in range(count // at_once):
        client.send(request * at_once)
        for _ in range(at_once):
            client.receive(method)


@pytest.mark.parametrize("at_once", [1, 40], ids=["one by one", "pipelined"])
def test_hits_call_no_allocator(server, counter, at_once):
    clients = [server.connect() for _ in range(8)]  # both workers have some
    etag = clients[0].get("/a")["ETag"]
    requests = [
        (request_bytes("GET", "/a"), "GET"),
        (request_bytes("GET", "/b"), "GET"),
        (request_bytes("HEAD", "/b"), "HEAD"),
        (request_bytes("GET", "/a", {"If-None-Match": etag}), "GET"),
        (request_bytes("GET", "/b", {"Range": "bytes=100-199"}), "GET"),
        (request_bytes("GET", "/missing"), "GET"),
        (request_bytes("GET", "/dir"), "GET"),
        (request_bytes("OPTIONS", "*"), "OPTIONS"),
    ]
    for client in clients:
        for request, method in requests:
            ask(client, request, method, 2 * at_once, at_once)
    rounds = [counter.by_thread()]
    while len(rounds) <= ROUNDS and (len(rounds) < 2 or rounds[-1] != rounds[-2]):
        for client in clients:
            for request, method in requests:
                ask(client, request, method, REQUESTS // len(clients) // len(requests), at_once)
        rounds.append(counter.by_thread())
    assert rounds[-1] == rounds[-2], rounds
    for client in clients:
        client.close()


def test_the_counter_counts(server, counter):
    """Else the test above would prove nothing: a miss has to allocate its entry."""
    with server.connect() as client:
        client.get("/a")
        before = sum(counter.by_thread().values())
        for i in range(10):
            assert client.get(f"/new{i}").status == 200
        assert sum(counter.by_thread().values()) >= before + 10
