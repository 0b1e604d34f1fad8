"""A hit makes two system calls, one to receive and one to send; strace counts them."""

import re

import pytest

from http1_client import request_bytes
from site_tree import noise, plant

pytestmark = pytest.mark.slow
RECEIVE, SEND, WAIT = (
    {"recvfrom", "recvmsg", "read"},
    {"sendto", "sendmsg", "write", "writev"},
    {"epoll_wait", "epoll_pwait", "epoll_pwait2"},
)
BEGIN = re.compile(r"(\d+) +(\w+)\((.*)")
RESUME = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
CLIENTS = 6


def calls_of(trace):
    """(thread, name, text) of each call in an output of strace -f, in the order in which they returned."""
    begun = {}
    for line in trace.read_text(errors="replace").splitlines():
        if match := RESUME.match(line):
            yield int(match[1]), match[2], begun.pop(match[1], "") + match[3]
        elif match := BEGIN.match(line):
            if match[3].endswith("<unfinished ...>"):
                begun[match[1]] = match[3]
            else:
                yield int(match[1]), match[2], match[3]


def window_of(trace):
    """Names of the worker's calls between receiving the first mark and the second, each for the last time."""
    calls = list(calls_of(trace))
    begin, end = (
        max(i for i, (_, name, text) in enumerate(calls) if name in RECEIVE and mark in text)
        for mark in ("/window-begins", "/window-ends")
    )
    worker = calls[begin][0]
    return [name for thread, name, _ in calls[begin + 1 : end] if thread == worker]


@pytest.fixture(params=["without log", "with log"])
def traced(folio, folder, request):
    """A server under strace with some files in its cache, and the trace."""
    plant(folder / "site", {"a": noise(1000, 1), "b": noise(20_000, 2), "window-begins": "", "window-ends": ""})
    options = ["--access-log", folder / "access.log"] if request.param == "with log" else []
    trace = folder / "trace"
    server = folio(
        folder / "site", "--threads", "1", "-c", "MMapRevalidate 1h", *options,
        wrap=["strace", "-f", "-s", "100", "-o", str(trace)],
    )  # fmt: skip
    return server, trace


def check_window(server, trace, clients, take_turns):
    """Warm up, let take_turns() do what it does, and check the calls; it returns how many turns it took."""
    for _ in range(3):
        for client in clients:
            for name in ("/a", "/b", "/window-begins", "/window-ends", "/missing"):
                client.get(name)
    clients[0].get("/window-begins")
    turns = take_turns()
    clients[0].get("/window-ends")
    server.stop()
    names = window_of(trace)
    assert set(names) <= RECEIVE | SEND | WAIT
    # The answer to the first mark lies within the window, the receiving of the second without.
    assert sum(name in RECEIVE for name in names) == turns
    assert sum(name in SEND for name in names) == turns + 1
    assert sum(name in WAIT for name in names) <= 2 * turns + 20


def connected(server):
    return [server.connect() for _ in range(CLIENTS)]


def test_one_receive_and_one_send_a_request(traced):
    server, trace = traced
    clients = connected(server)

    def take_turns():
        for i in range(300):
            assert clients[i % CLIENTS].get(("/a", "/b")[i % 2]).status == 200
        return 300

    check_window(server, trace, clients, take_turns)


def test_one_receive_and_one_send_whatever_the_answer(traced):
    server, trace = traced
    clients = connected(server)
    etag = clients[0].get("/a")["ETag"]

    def take_turns():
        for i in range(50):
            client = clients[i % CLIENTS]
            assert client.head("/b").status == 200
            assert client.get("/a", {"If-None-Match": etag}).status == 304
            assert client.get("/a", {"Range": "bytes=10-19"}).status == 206
            assert client.get("/missing").status == 404
        return 200

    check_window(server, trace, clients, take_turns)


def test_one_receive_and_one_send_a_pipeline(traced):
    server, trace = traced
    clients = connected(server)

    def take_turns():
        for i in range(100):
            clients[i % CLIENTS].send(request_bytes("GET", "/a") * 8)
            for _ in range(8):
                assert clients[i % CLIENTS].receive().body == noise(1000, 1)
        return 100

    check_window(server, trace, clients, take_turns)


def test_one_receive_and_one_send_each_when_all_ask_at_once(traced):
    server, trace = traced
    clients = connected(server)

    def take_turns():
        for _ in range(50):
            for client in clients:
                client.send(request_bytes("GET", "/a"))
            for client in clients:
                assert client.receive().status == 200
        return 50 * CLIENTS

    check_window(server, trace, clients, take_turns)
