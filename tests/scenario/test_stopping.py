"""TERM and INT stop, a second one at once; QUIT finishes first: what was begun before it is answered whole."""

import os
import random
import signal
import socket
import threading
import time

import pytest

from folio_process import eventually
from http1_client import Connection, Ended, request_bytes
from site_tree import noise, plant

pytestmark = pytest.mark.threads
SMALL, MEDIUM, BIG = noise(3000, "small"), noise(60_000, "medium"), noise(16 << 20, "big")
CONTENTS = {"/small": SMALL, "/medium": MEDIUM, "/big": BIG}


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {name[1:]: content for name, content in CONTENTS.items()})


@pytest.fixture
def server(folio, site):
    return folio(site, "--threads", "2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_idle_server_stops_at_once(server, number):
    server.stop(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_idle_connections_do_not_hold_the_end_up(server, number):
    connections = [server.connect() for _ in range(20)]
    for connection in connections[:10]:
        assert connection.get("/small").body == SMALL
    server.stop(number)
    for connection in connections:
        connection.receive_end()
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_reads_nothing_does_not_hold_a_stop_up(server, number):
    with server.connect(receive_buffer=16384) as connection, server.connect() as beginning:
        connection.send(request_bytes("GET", "/big") * 3)
        beginning.send(b"GET / HT")
        assert connection.receive_some(12)
        server.stop(number)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_ends_it_whatever_is_going_on(folio, site, first):
    server = folio(site)
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/big"))
        assert connection.receive_some(12)
        server.send_signal(first)
        if first == signal.SIGQUIT:
            time.sleep(0.3)
            assert server.is_running()
        for _ in range(2):
            try:
                server.send_signal(signal.SIGTERM)
            except (ProcessLookupError, FileNotFoundError):
                break
            time.sleep(0.05)
        server.wait()
        # At once means that nothing need be given back any more: only that it has ended is asked.
        server.summary = {}


def test_a_signal_that_means_nothing_to_it_changes_nothing(server):
    server.send_signal(signal.SIGPIPE)
    assert server.get("/small").body == SMALL


def test_quit_finishes_answers_and_requests_that_were_begun(folio, site):
    """A long pipeline, a stream, and a head of which the beginning was received."""
    server = folio(site, "--threads", "1")
    with server.connect(receive_buffer=16384) as pipeline, server.connect(
        receive_buffer=16384
    ) as stream, server.connect() as head:
        pipeline.send(request_bytes("GET", "/medium") * 200)
        stream.send(request_bytes("GET", "/big"))
        head.send(request_bytes("GET", "/small")[:-7])
        server.settle()
        server.send_signal(signal.SIGQUIT)
        eventually(lambda: refuses(server), "no new connections")
        assert server.is_running()
        head.send(request_bytes("GET", "/small")[-7:])
        response = head.receive()
        assert response.body == SMALL and response.closes()
        head.receive_end()
        for _ in range(200):
            assert pipeline.receive().body == MEDIUM
        pipeline.receive_end()
        assert stream.receive().body == BIG
        stream.receive_end()
    assert server.wait() == 0


def refuses(server):
    try:
        with server.connect() as connection:
            connection.receive_end()
    except ConnectionRefusedError:
        return True
    return False


class Load:
    """Clients that go on until they are refused. Each request is noted: when it had been sent, and what came of it."""

    def __init__(self, server):
        self.server = server
        self.outcomes = []  # (when its last byte was sent, "whole" or why not)
        self.failures = []
        self._lock = threading.Lock()

    def note(self, sent_s, outcome):
        with self._lock:
            self.outcomes.append((sent_s, outcome))

    def fail(self, failure):
        with self._lock:
            self.failures.append(failure)

    def exchange(self, connection, name, fields=()):
        """One request. Returns whether the connection can take another. Raises OSError if it was over before."""
        connection.send(request_bytes("GET", name, fields))
        sent_s = time.monotonic()
        try:
            response = connection.receive()
        except Ended as end:
            self.note(sent_s, "nothing" if not end.received else "a part")
            return False
        if response.status != 200 or response.body != CONTENTS[name]:
            self.fail(f"{response.status} and {len(response.body)} bytes for {name}")
        self.note(sent_s, "whole")
        return not response.closes()

    def keep_alive(self, seed):
        chosen = random.Random(seed)
        while True:
            try:
                with self.server.connect() as connection:
                    while self.exchange(connection, chosen.choice(["/small", "/small", "/medium"])):
                        pass
            except ConnectionRefusedError:
                return
            except OSError:
                continue  # closed or reset between two requests: nothing was begun

    def connection_per_request(self, seed):
        chosen = random.Random(seed)
        while True:
            try:
                with self.server.connect() as connection:
                    self.exchange(connection, chosen.choice(["/small", "/medium"]), {"Connection": "close"})
            except ConnectionRefusedError:
                return
            except OSError:
                continue


@pytest.mark.parametrize("threads", [1, 2])
def test_quit_under_load_loses_no_request_that_was_begun(folio, site, threads):
    """What had been sent before the signal is answered whole; what came later is answered whole, or not by a byte."""
    for round_ in range(4):
        server = folio(site, "--threads", threads)
        load = Load(server)
        clients = [threading.Thread(target=load.keep_alive, args=(seed,)) for seed in range(8)]
        clients += [threading.Thread(target=load.connection_per_request, args=(seed,)) for seed in range(8)]
        for client in clients:
            client.start()
        time.sleep(0.4 + 0.05 * round_)
        quit_s = time.monotonic()
        server.send_signal(signal.SIGQUIT)
        for client in clients:
            client.join()
        assert server.wait() == 0
        assert load.failures == []
        assert len(load.outcomes) > 100
        lost = [
            (outcome, sent_s - quit_s) for sent_s, outcome in load.outcomes if sent_s < quit_s and outcome != "whole"
        ]
        assert lost == []
        assert [outcome for _, outcome in load.outcomes if outcome == "a part"] == []
        server.stop()


def test_connections_that_wait_to_be_accepted_are_answered_before_quit_ends(folio, site):
    """They lie in the listener's queue: their clients hold them for established, and have sent their requests."""
    server = folio(site, "--threads", "1")
    server.settle()
    os.kill(server.serving_pid, signal.SIGSTOP)
    connections = [server.connect() for _ in range(100)]
    try:
        for connection in connections:
            connection.send(request_bytes("GET", "/small"))
        server.send_signal(signal.SIGQUIT)
    finally:
        os.kill(server.serving_pid, signal.SIGCONT)
    for connection in connections:
        assert connection.receive().body == SMALL
        connection.receive_end()
        connection.close()
    assert server.wait() == 0


def test_term_after_quit_stops_what_does_not_come_to_an_end(folio, site):
    server = folio(site, "--threads", "2")
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/big"))
        assert connection.receive_some(12)
        server.send_signal(signal.SIGQUIT)
        eventually(lambda: refuses(server), "no new connections")
        assert server.is_running()
        server.stop(signal.SIGTERM)


def test_quit_closes_the_unix_socket_too(folio, site, folder):
    path = folder / "folio.sock"
    server = folio(site, bind=f"unix:{path}")
    with server.connect() as connection:
        assert connection.get("/small").body == SMALL
        server.stop(signal.SIGQUIT)
        connection.receive_end()
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        Connection(str(path))
    assert not path.exists()


def test_the_last_line_counts_the_requests(server):
    with server.connect() as connection:
        for _ in range(7):
            connection.get("/small")
        connection.send(request_bytes("HEAD", "/missing") * 5)
        for _ in range(5):
            connection.receive("HEAD")
    assert server.stop()["requests"] == 12


def test_its_port_is_free_when_it_has_ended(folio, site):
    def is_free_again():
        server = folio(site)
        port = server.port
        server.stop()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", port))
            except OSError:  # from then on it may be anybody's
                return False
        return True

    assert any(is_free_again() for _ in range(3))
