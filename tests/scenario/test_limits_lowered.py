"""Limits that are lowered under a running server (prlimit): every request is answered right, and it recovers."""

import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from folio_process import eventually
from http1_client import request_bytes
from site_tree import noise, plant

MIB = 1 << 20
SMALL, BIG = noise(3000, "small"), noise(400_000, "big")
NAMES = [f"file{i}" for i in range(40)] + [f"big{i}" for i in range(10)]


def content(name):
    return noise(400_000 if name.startswith("big") else 50_000, name)


@pytest.fixture
def server(folio, folder):
    plant(folder, {"small": SMALL, **{name: content(name) for name in NAMES}})
    # What falls short may be said.
    return folio(folder, "--threads", "2", "-c", "MMapMaxBytes 4M", expects_errors=True)


class Lowered:
    """A limit of the serving process, lowered; as it was when the `with` ends."""

    def __init__(self, pid, kind, soft):
        self.pid, self.kind = pid, kind
        self.before = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (soft, self.before[1]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        resource.prlimit(self.pid, self.kind, self.before)


def descriptors_open(pid):
    return max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1


class Client:
    """A connection that is made anew when the server asks for it: RFC 9112, 9.6."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def get(self, target):
        self.connection = self.connection or self.server.connect()
        response = self.connection.get(target)
        if response.closes():
            self.close()
        return response

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def check_all(client):
    for name in NAMES:
        assert client.get("/" + name).body == content(name)
    assert client.get("/missing").status == 404


def address_space(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


@pytest.mark.parametrize("more", [-2, 0, 1, 2, 6, 20])
def test_few_descriptors_more_than_are_open_or_fewer(server, more):
    with Client(server) as first, Client(server) as second:
        assert first.get("/small").body == SMALL and second.get("/small").body == SMALL
        with Lowered(server.serving_pid, resource.RLIMIT_NOFILE, descriptors_open(server.serving_pid) + more):
            for client in (first, second):
                check_all(client)
        check_all(first)


@pytest.mark.parametrize("more", [0, 1])
def test_many_who_wait_for_loads_are_served_when_no_descriptor_is_left(server, more):
    """The loaders have some of their own: one load at a time gets through, also if its file stays open."""
    clients = [server.connect() for _ in range(30)]
    for client in clients:
        assert client.get("/small").body == SMALL

    def wrong_answers(number):
        names = [NAMES[(17 * number + round_) % len(NAMES)] for round_ in range(3)]
        answers = [(name, clients[number].get("/" + name)) for name in names]
        return [(name, answer.status) for name, answer in answers if answer.body != content(name)]

    pid = server.serving_pid
    with Lowered(pid, resource.RLIMIT_NOFILE, descriptors_open(pid) + more):
        with ThreadPoolExecutor(len(clients)) as threads:
            assert list(threads.map(wrong_answers, range(len(clients)))) == [[]] * len(clients)
    for client in clients:
        client.close()


def test_fewer_descriptors_than_are_open(server):
    """Nothing can be opened: what is in memory is served, the rest and the newcomers when there is room again."""
    with server.connect() as first, server.connect() as second:
        assert first.get("/small").body == SMALL and second.get("/small").body == SMALL
        with Lowered(server.serving_pid, resource.RLIMIT_NOFILE, 3):
            for _ in range(50):
                assert first.get("/small").body == SMALL
            second.send(request_bytes("GET", "/file1"))
            newcomer = server.connect()
            newcomer.send(request_bytes("GET", "/small"))
        assert second.receive().body == content("file1")
        assert newcomer.receive().body == SMALL
        newcomer.close()
    with Client(server) as client:
        check_all(client)


# A sanitizer takes address space for each byte, and ends the process when it gets none.
needs_plain_build = pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ,
                                       reason="a sanitizer cannot do without address space")


@needs_plain_build
@pytest.mark.parametrize("more", [0, 64 << 10, MIB, 16 * MIB])
def test_no_more_address_space(server, more):
    """Address space is what mmap, brk and new threads need; files that are not in memory are sent all the same."""
    with Client(server) as first:
        assert first.get("/small").body == SMALL
        with Lowered(server.serving_pid, resource.RLIMIT_AS, address_space(server.serving_pid) + more):
            for _ in range(3):
                check_all(first)
            with server.connect() as second:
                assert second.get("/small").body == SMALL
        check_all(first)


@needs_plain_build
def test_less_address_space_than_is_used(server):
    with server.connect() as first:
        check_all(first)
        with Lowered(server.serving_pid, resource.RLIMIT_AS, address_space(server.serving_pid) // 2):
            check_all(first)
            clients = [server.connect() for _ in range(20)]
            for client in clients:
                client.send(request_bytes("GET", "/small"))
            for client in clients:
                assert client.receive().body == SMALL
                client.close()
        check_all(first)


def test_no_memory_may_be_locked(folio, folder):
    """MMapLock on, and nothing may be locked: big pinned files are served all the same, and it is said."""
    plant(folder / "site", {"big": BIG, "small": SMALL})
    (folder / "folio.conf").write_text(f"DocumentRoot {folder}/site\nMMapDir {folder}/site\nMMapLock on\n")
    limited = ["prlimit", "--memlock=0:0", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]
    server = folio(None, "-f", folder / "folio.conf", wrap=limited, expects_errors=True)
    assert server.get("/big").body == BIG and server.get("/small").body == SMALL


@pytest.mark.parametrize("directive", ["MMapMaxBytes 1M", "MMapMaxFiles 1", "MMapMaxFiles 3"])
def test_a_cache_in_which_nothing_has_room(folio, folder, directive):
    plant(folder, {"small": SMALL, **{name: content(name) for name in NAMES}})
    server = folio(folder, "--threads", "2", "-c", directive, expects_errors=True)
    with Client(server) as connection:
        for _ in range(3):
            check_all(connection)


def test_a_cache_whose_entries_are_all_in_use(folio, folder):
    """Readers that do not read hold every entry; others are served beside them, uncached."""
    plant(folder, {f"stream{i}": noise(24 * MIB, i) for i in range(4)})
    plant(folder, {"small": SMALL, **{name: content(name) for name in NAMES}})
    server = folio(folder, "--threads", "1", "-c", "MMapMaxFiles 4", "-c", "MMapMaxBytes 1M", expects_errors=True)
    readers = [server.connect(receive_buffer=16384) for _ in range(4)]
    for i, reader in enumerate(readers):
        reader.send(request_bytes("GET", f"/stream{i}"))
        assert reader.receive_some(12) == b"HTTP/1.1 200"
    with Client(server) as connection:
        for _ in range(2):
            check_all(connection)
    for reader in readers:
        reader.vanish()
    with Client(server) as connection:
        check_all(connection)


def lowest_for_connections(pid):
    """The number that the next connection would have: those of the loaders' own descriptors are not for it."""
    links = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    number = max(number for number, link in links.items() if link == "/") + 1
    while number in links:
        number += 1
    return number, sum("/big" in link for at, link in links.items() if at < number)


def test_streams_that_are_only_kept_make_room_for_connections(server):
    with Client(server) as client:
        for name in NAMES:
            assert client.get("/" + name).status == 200
    pid = server.serving_pid
    number, streams_below = lowest_for_connections(pid)
    assert streams_below > 0
    # Connections leave three to loads: of what is free, nothing is left to them.
    with Lowered(pid, resource.RLIMIT_NOFILE, number + 3):
        assert server.get("/small").body == SMALL


def test_limits_that_go_up_and_down_all_the_time(server):
    """Clients ask all the while; nobody ever gets anything but the right answer."""
    ends, wrong = threading.Event(), []

    def ask():
        with Client(server) as client:
            while not ends.is_set():
                for name in NAMES:
                    response = client.get("/" + name)
                    if response.status != 200 or response.body != content(name):
                        wrong.append((name, response.status))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    pid = server.serving_pid
    for _ in range(5):
        # One for a connection, beside those that connections leave.
        with Lowered(pid, resource.RLIMIT_NOFILE, descriptors_open(pid) + 4):
            eventually(lambda: server.get("/small").body == SMALL, "an answer")
        with Lowered(pid, resource.RLIMIT_AS, address_space(pid)):
            eventually(lambda: server.get("/small").body == SMALL, "an answer")
    ends.set()
    for thread in threads:
        thread.join()
    assert wrong == []
