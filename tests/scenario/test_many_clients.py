"""Many clients at once, each with a random mix of requests, on one and on two workers; every byte is compared."""

import random
import threading

import pytest

from http1_client import request_bytes
from process_facts import waits_by_thread
from site_tree import noise, plant

pytestmark = pytest.mark.threads
CLIENTS, TURNS, PIPELINED_MAX = 24, 80, 12
SIZES = [0, 1, 100, 1000, 5000, 20_000, 65_536, 100_000, 131_072, 400_000]
FILES = {f"f{i}": noise(size, i) for i, size in enumerate(SIZES * 3)}


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {**FILES, "dir/index.html": "index", "bare/x": "x"})


def any_request(chosen, etags):
    """A random request: its bytes, its method, and what to expect of the answer."""
    name = chosen.choice(list(FILES))
    content = FILES[name]
    kind = chosen.randrange(12)
    if kind == 0:
        return request_bytes("HEAD", "/" + name), "HEAD", 200, b""
    if kind == 1:
        return request_bytes("GET", "/missing" + name), "GET", 404, None
    if kind == 2:
        return request_bytes("GET", "/dir"), "GET", 301, None
    if kind == 3:
        return request_bytes("GET", "/dir/?" + name), "GET", 200, b"index"
    if kind == 4 and name in etags:
        return request_bytes("GET", "/" + name, {"If-None-Match": etags[name]}), "GET", 304, b""
    if kind == 5 and content:
        first = chosen.randrange(len(content))
        last = chosen.randrange(first, len(content))
        return (
            request_bytes("GET", "/" + name, {"Range": f"bytes={first}-{last}"}),
            "GET",
            206,
            content[first : last + 1],
        )
    if kind == 6:
        return request_bytes("POST", "/" + name, {"Content-Length": 10}, content=b"0123456789"), "POST", 405, None
    if kind == 7:
        return request_bytes("GET", "/bare/"), "GET", 403, None
    return request_bytes("GET", "/" + name), "GET", 200, content


def be_a_client(server, seed, etags, failures):
    chosen = random.Random(seed)
    connection = server.connect()
    try:
        for _ in range(TURNS):
            asked = [any_request(chosen, etags) for _ in range(chosen.randrange(1, PIPELINED_MAX))]
            connection.send(b"".join(request[0] for request in asked))
            for request, method, status, content in asked:
                response = connection.receive(method)
                assert response.status == status, request
                assert content is None or response.body == content, request
            if chosen.randrange(4) == 0:
                connection.close() if chosen.randrange(2) else connection.vanish()
                connection = server.connect()
    except (AssertionError, OSError) as failure:
        failures.append(f"client {seed}: {failure!r}")
    finally:
        connection.close()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "directives",
    [
        [],
        ["MMapRevalidate 1ms"],
        ["MMapMaxBytes 1M", "MMapRevalidate 1ms"],
        ["MMapMaxFiles 5", "MMapMaxFileSize 20000", "MMapExpire 1s"],
    ],
    ids=["as it is", "always looking again", "evicting", "few files"],
)
def test_every_client_gets_what_it_asked_for(folio, site, threads, directives):
    options = [option for directive in directives for option in ("-c", directive)]
    server = folio(site, "--threads", threads, *options)
    with server.connect() as connection:
        etags = {name: connection.head("/" + name)["ETag"] for name in FILES}
    failures = []
    clients = [threading.Thread(target=be_a_client, args=(server, seed, etags, failures)) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert failures == []


def test_both_workers_serve(folio, site):
    """Many connections, made one after the other, do not all end up with one of two."""
    server = folio(site, "--threads", "2")
    connections = [server.connect() for _ in range(64)]
    for connection in connections:
        for _ in range(5):  # one at a time: whose turn it is has to wake up for each
            assert connection.get("/f6").body == FILES["f6"]
    for connection in connections:
        connection.close()
    waits = waits_by_thread(server.serving_pid, "worker")
    assert len(waits) == 2 and min(waits.values()) > 20
