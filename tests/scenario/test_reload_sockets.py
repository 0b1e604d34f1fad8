"""Reloads that change addresses and threads: sockets come and go, and nobody who connects notices."""

import os
import signal
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from folio_process import eventually
from http1_client import TIMEOUT_S, Connection, Ended, request_bytes
from site_tree import plant
from steady_load import Load, hand_over, reload_and_wait

pytestmark = pytest.mark.threads


class Site:
    """A folder and its configuration. What starts by a configuration that is `held` does not get ready until it is let go."""

    def __init__(self, folder):
        plant(folder, {"www/page": "page", "other/page": "other"})
        os.mkfifo(folder / "types")
        self.folder, self.file = folder, folder / "folio.conf"

    def configure(self, *lines, root="www", held=False):
        types = [f"TypesConfig {self.folder}/types"] if held else []
        self.file.write_text("\n".join([f"DocumentRoot {root}", *types, *lines]) + "\n")

    def let_go(self):
        """Blocks until somebody reads."""
        with open(self.folder / "types", "w", encoding="utf-8") as types:
            types.write("text/plain page\n")


@pytest.fixture
def site(folder):
    return Site(folder)


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@contextmanager
def paused(pid):
    """Stop a process: each of its threads stands still, until it may go on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        states = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
        eventually(lambda: all(") T " in state.read_text(encoding="utf-8") for state in states), "standstill")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def listening_sockets(port):
    """How many listen at the port on IPv4, as the kernel tells."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def test_threads_come_and_go_without_a_failed_request(folio, site):
    site.configure("Threads 1")
    server = folio(None, "-f", site.file)
    with Load(server) as load:
        for threads in (4, 2, 3, 1, 4):
            site.configure(f"Threads {threads}")
            hand_over(server)
            asked = load.asked
            eventually(lambda seen=asked: load.asked > seen + 100 or load.failures, "requests")
    assert load.failures == []


def test_sockets_for_more_threads_take_nobody_before_the_threads_are_there(folio, site):
    """The kernel shares connections out to all sockets that listen, whether anybody accepts from them or not."""
    site.configure("Threads 1")
    server = folio(None, "-f", site.file)
    site.configure("Threads 4", held=True)
    before = reload_and_wait(server)
    assert listening_sockets(server.port) == 1
    assert {server.get("/page").body for _ in range(50)} == {b"page"}
    site.let_go()
    eventually(lambda: before not in server.serving_pids, "the end of the process before")
    assert listening_sockets(server.port) == 4
    assert {server.get("/page").body for _ in range(50)} == {b"page"}


def test_who_waits_in_a_queue_is_answered_when_there_are_fewer_threads(folio, site):
    """Also while the threads before do nothing any more: each socket is served by one of those that are left."""
    site.configure("Threads 4")
    server = folio(None, "-f", site.file)
    site.configure("Threads 3")
    with paused(server.serving_pid), ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(60)]
        for connection in waiting:
            connection.send(request_bytes("GET", "/page"))
        reload_and_wait(server)
        for connection in waiting:
            assert connection.receive().body == b"page"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_who_waits_at_an_address_that_is_given_up_is_answered(folio, site, kind):
    address = ("127.0.0.1", free_port()) if kind == "tcp" else str(site.folder / "socket")
    listen = f"127.0.0.1:{address[1]}" if kind == "tcp" else f"unix:{address}"
    site.configure(f"Listen {listen}", "Threads 2")
    server = folio(None, "-f", site.file)
    site.configure("Threads 2")
    before = server.serving_pid
    with ExitStack() as stack:
        with paused(before):
            waiting = [stack.enter_context(Connection(address)) for _ in range(40)]
            for connection in waiting:
                connection.send(request_bytes("GET", "/page"))
            reload_and_wait(server)
            with Connection(server.addresses[-1]) as connection:
                assert connection.get("/page").body == b"page"
        for connection in waiting:
            assert connection.receive().body == b"page"
    eventually(lambda: before not in server.serving_pids, "the end of the process before")
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        Connection(address)


def test_addresses_come_and_go_without_a_failed_request(folio, site):
    other = ("127.0.0.1", free_port())
    site.configure()
    server = folio(None, "-f", site.file, "--threads", "2")
    with Load(server) as load:
        for _ in range(3):
            site.configure(f"Listen {other[0]}:{other[1]}")
            hand_over(server)
            with Load(server, count=2, address=other) as at_other:
                eventually(lambda seen=at_other: seen.asked > 100 or seen.failures, "requests")
            assert at_other.failures == []
            site.configure()
            hand_over(server)
            with pytest.raises(ConnectionRefusedError):
                Connection(other)
    assert load.failures == []


def test_a_new_address_is_not_listened_at_before_somebody_serves_it(folio, site):
    other = ("127.0.0.1", free_port())
    site.configure()
    server = folio(None, "-f", site.file)
    site.configure(f"Listen {other[0]}:{other[1]}", held=True)
    before = reload_and_wait(server)
    with pytest.raises(ConnectionRefusedError):
        Connection(other)
    site.let_go()
    eventually(lambda: before not in server.serving_pids, "the end of the process before")
    with Connection(other) as connection:
        assert connection.get("/page").body == b"page"


def test_an_address_that_is_taken_refuses_the_reload_and_closes_nothing(folio, site):
    site.configure("Threads 2")
    server = folio(None, "-f", site.file, expects_errors=True)
    with socket.socket() as taken, Load(server) as load:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.configure(f"Listen 127.0.0.1:{taken.getsockname()[1]}", "Threads 4")
        server.send_signal(signal.SIGHUP)
        eventually(lambda: "another process listens there" in server.errors(), "the message")
        asked = load.asked
        eventually(lambda: load.asked > asked + 100 or load.failures, "requests")
        assert listening_sockets(server.port) == 2
    assert load.failures == []


def test_the_newest_configuration_wins_over_one_that_gets_ready(folio, site):
    site.configure()
    server = folio(None, "-f", site.file)
    site.configure(held=True)
    reload_and_wait(server)
    given_up = server.serving_pid
    site.configure(root="other")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: server.get("/page").body == b"other", "the newest")
    assert any(f"server process {given_up}, which was not ready yet, makes way" in line for line in server.lines)


def test_a_bad_configuration_does_not_stop_one_that_gets_ready(folio, site):
    site.configure()
    server = folio(None, "-f", site.file, expects_errors=True)
    site.configure(root="other", held=True)
    reload_and_wait(server)
    site.file.write_text("Bogus 1\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "there is no directive Bogus" in server.errors(), "the mistake")
    assert server.get("/page").body == b"page"
    site.let_go()
    eventually(lambda: server.get("/page").body == b"other", "the one before that was right")


def test_a_stop_is_obeyed_by_a_server_process_that_is_not_ready_yet(folio, site):
    site.configure()
    server = folio(None, "-f", site.file)
    site.configure(held=True)
    reload_and_wait(server)
    assert len(server.serving_pids) == 2
    server.stop()


def test_an_idle_connection_is_not_closed_by_a_hand_over(folio, site):
    """It is between two requests, perhaps; it is told with its next answer."""
    site.configure("Threads 2")
    server = folio(None, "-f", site.file)
    with ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in idle:
            assert connection.get("/page").body == b"page"
        eventually(lambda: is_silent(idle), "nothing", patience_s=1)
        reload_and_wait(server)
        eventually(lambda: server.get("/page").body == b"page", "an answer")
        for connection in idle:
            assert connection.get("/page").body == b"page"


def is_silent(connections):
    """Whether none of them has anything to tell within the time after which the server may hold it for idle."""
    for connection in connections:
        connection.socket.settimeout(0.01)
        try:
            ended = connection.socket.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            ended = False
        connection.socket.settimeout(TIMEOUT_S)
        if ended:
            raise Ended(b"", "closed")
    return True
