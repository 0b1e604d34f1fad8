"""What lies on a slow disk is waited for by those who asked for it and by nobody else, and is read once.

The disk is played by preload/slow_disk.c: while its gate is closed, no file can be read.
"""

import os
import signal
import threading
import time

import pytest

from access_log import records_of
from folio_process import eventually
from http1_client import Ended, request_bytes
from preloads import SlowDisk
from site_tree import noise, plant
from stats_line import ask

pytestmark = pytest.mark.threads
HOT, COLD, STREAM = noise(2000, "hot"), noise(30_000, "cold"), noise(3_000_000, "stream")


@pytest.fixture
def disk(folder):
    disk = SlowDisk(folder)
    yield disk
    disk.open()


@pytest.fixture
def site(folder):
    return plant(
        folder / "site",
        {
            "hot": HOT,
            **{f"cold{i}": noise(30_000, i) for i in range(8)},
            "cold": COLD,
            "stream": STREAM,
            "page": noise(60_000, "page"),
        },
    )


@pytest.fixture
def log(folder):
    return folder / "access.log"


@pytest.fixture(name="start")
def make_start(folio, site, disk, log):
    def start(threads):
        directives = ("-c", "MMapRevalidate 1h", "-c", "LogFormat json")
        server = folio(site, "--threads", threads, *directives, "--access-log", log, env=disk.environment)
        for _ in range(20):
            assert server.get("/hot").body == HOT
        return server

    return start


@pytest.fixture
def server(start):
    return start(threads=2)


def check_nobody_else_waits(server):
    """New connections, which meet both workers."""
    for _ in range(20):
        assert server.get("/hot").body == HOT


def test_one_load_a_path_however_many_wait(server, disk, log):
    disk.close()
    clients = [server.connect() for _ in range(60)]
    for client in clients:
        client.send(request_bytes("GET", "/cold"))
    eventually(lambda: disk.waiting == 1, "the one read")
    check_nobody_else_waits(server)
    assert (disk.waiting, disk.waited) == (1, 1)
    assert not any(client.has_input() for client in clients)
    disk.open()
    for client in clients:
        assert client.receive().body == COLD
        client.close()
    assert disk.waited == 1
    assert server.get("/cold?again").body == COLD
    outcomes = {}
    for record in records_of(log, 20 + 20 + 60 + 1):
        outcomes.setdefault(record["target"], []).append(record["cache"])
    assert outcomes["/cold"] == ["load"] * 60 and outcomes["/cold?again"] == ["hit"]


def test_several_files_are_waited_for_side_by_side(server, disk):
    disk.close()
    clients = {i: server.connect() for i in range(3)}
    for i, client in clients.items():
        client.send(request_bytes("GET", f"/cold{i}"))
    eventually(lambda: disk.waiting >= 2, "two reads at once")
    check_nobody_else_waits(server)
    disk.open()
    for i, client in clients.items():
        assert client.receive().body == noise(30_000, i)
        client.close()


def test_more_files_than_loaders_are_all_loaded_in_the_end(server, disk):
    disk.close()
    with server.connect() as connection:
        others = [server.connect() for _ in range(8)]
        for i, other in enumerate(others):
            other.send(request_bytes("GET", f"/cold{i}"))
        connection.send(b"".join(request_bytes("GET", f"/cold{i}") for i in range(8)))
        eventually(lambda: disk.waiting >= 2, "reads")
        disk.open()
        for i, other in enumerate(others):
            assert other.receive().body == noise(30_000, i)
            other.close()
            assert connection.receive().body == noise(30_000, i)


def test_a_pipeline_keeps_its_order_around_what_is_waited_for(server, disk):
    names = ["hot", "cold", "hot", "missing", "cold1", "stream", "hot"]
    contents = {"hot": HOT, "cold": COLD, "cold1": noise(30_000, 1), "stream": STREAM, "missing": None}
    disk.close()
    with server.connect() as connection:
        connection.send(b"".join(request_bytes("GET", "/" + name) for name in names))
        assert connection.receive().body == HOT
        eventually(lambda: disk.waiting == 1, "the read")
        check_nobody_else_waits(server)
        assert not connection.has_input()
        disk.open()
        for name in names[1:]:
            response = connection.receive()
            assert response.status == (404 if name == "missing" else 200)
            assert contents[name] in (None, response.body)


def taken_of(server, log, target):
    """How many answers for `target` the sockets have taken, once no more are: of one worker, whose lines are in order."""

    def count():
        mark = f"/missing?{time.monotonic_ns()}"
        assert server.get(mark).status == 404
        eventually(lambda: mark.encode() in log.read_bytes(), "the line of what was asked for last")
        return log.read_bytes().count(b'"target":"%s"' % target.encode())

    before, now = -1, 0
    while before != now:
        time.sleep(0.3)  # sockets may still move what they have
        before, now = now, count()
    return now


@pytest.mark.parametrize("reads", ["before the disk answers", "after the disk has answered"])
def test_answers_that_the_socket_did_not_take_and_one_that_is_waited_for_all_come(start, disk, log, reads):
    """One turn has both: the former go on as the socket lets them, and the latter is not forgotten over them."""
    server = start(threads=1)
    page = noise(60_000, "page")
    for _ in range(20):
        assert server.get("/page").body == page
    with server.connect(receive_buffer=4096) as probe:
        probe.send(request_bytes("GET", "/page?probe") * 100)
        room = taken_of(server, log, "/page?probe")
    assert 2 < room < 100
    disk.close()
    with server.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes("GET", "/page?fill") * (room - 2))
        assert taken_of(server, log, "/page?fill") == room - 2
        connection.send(
            request_bytes("GET", "/page") * 6 + request_bytes("GET", "/cold") + request_bytes("GET", "/hot")
        )
        check_nobody_else_waits(server)
        if reads.startswith("after"):
            disk.open()
            check_nobody_else_waits(server)
        for _ in range(room - 2 + 6):
            assert connection.receive().body == page
        disk.open()
        assert connection.receive().body == COLD
        assert connection.receive().body == HOT


@pytest.mark.parametrize(
    "method, fields, status",
    [("HEAD", {}, 200), ("GET", {"Range": "bytes=5-9"}, 206), ("GET", {"If-None-Match": "*"}, 304)],
)
def test_what_was_waited_for_is_answered_as_it_was_asked(server, disk, method, fields, status):
    disk.close()
    with server.connect() as connection:
        connection.send(request_bytes(method, "/cold", {**fields, "User-Agent": "x" * 500}))
        eventually(lambda: disk.waiting == 1, "the read")
        check_nobody_else_waits(server)
        disk.open()
        response = connection.receive(method)
        assert response.status == status
        assert response.body == (COLD[5:10] if status == 206 else b"")


def test_more_may_be_sent_while_an_answer_is_waited_for(server, disk):
    disk.close()
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/cold"))
        eventually(lambda: disk.waiting == 1, "the read")
        connection.send(request_bytes("GET", "/hot") * 3 + b"GET /h")
        check_nobody_else_waits(server)
        disk.open()
        assert connection.receive().body == COLD
        for _ in range(3):
            assert connection.receive().body == HOT
        connection.send(b"ot HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.receive().body == HOT


@pytest.mark.parametrize("leave", ["vanish", "close", "finish_sending"])
def test_who_leaves_while_it_waits_leaves_nothing_behind(server, disk, leave):
    disk.close()
    clients = [server.connect() for _ in range(10)]
    for client in clients:
        client.send(request_bytes("GET", "/cold"))
    eventually(lambda: disk.waiting == 1, "the read")
    check_nobody_else_waits(server)
    for client in clients:
        getattr(client, leave)()
    check_nobody_else_waits(server)
    disk.open()
    assert server.get("/cold").body == COLD
    if leave == "finish_sending":
        for client in clients:
            assert client.receive().body == COLD
            client.close()


def test_what_somebody_waited_for_is_not_given_to_who_came_in_its_place(folio, site, disk):
    """One worker, so that the second connection takes the room of the first, while the disk answers neither."""
    server = folio(site, "--threads", "1", env=disk.environment)
    disk.close()
    first = server.connect()
    first.send(request_bytes("GET", "/cold1"))
    eventually(lambda: disk.waiting == 1, "the first read")
    first.vanish()
    server.settle()
    with server.connect() as second:
        second.send(request_bytes("GET", "/cold2"))
        eventually(lambda: disk.waiting == 2, "the second read")
        disk.open()
        assert second.receive().body == noise(30_000, 2)
        assert second.get("/cold1").body == noise(30_000, 1)


def rewrite_at_once(path, content):
    """Write in place, unless somebody reads under a lease (fcntl(2), F_SETLEASE). Returns whether it was written."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
    except BlockingIOError:
        return False
    os.write(file, content)
    os.close(file)
    return True


@pytest.mark.parametrize("has_leases", [True, False], ids=["leases", "no leases"])
def test_a_file_that_is_rewritten_while_it_is_waited_for_is_one_version(folio, site, disk, has_leases):
    """Length, validators and content belong together: either the writer waits for the reader, or it is read again."""
    if not has_leases:
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away, so that no lease can be had")
        os.chown(site / "cold", 65534, 65534)
    wrap = [] if has_leases else ["setpriv", "--bounding-set=-lease", "--inh-caps=-lease"]
    server = folio(site, env=disk.environment, wrap=wrap)
    disk.close()
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/cold"))
        eventually(lambda: disk.waiting == 1, "the read")
        was_written = rewrite_at_once(site / "cold", b"shorter, and another")
        assert has_leases or was_written
        disk.open()
        first = connection.receive()
        assert first.body == (b"shorter, and another" if was_written else COLD)
        assert connection.get("/cold", {"If-None-Match": first["ETag"]}).status == 304
    if not was_written:
        eventually(lambda: rewrite_at_once(site / "cold", b"shorter, and another"), "the end of the lease")
    eventually(lambda: server.get("/cold").body == b"shorter, and another", "the new version")


def test_a_cold_window_of_a_stream_holds_only_its_reader_up(server, disk):
    with server.connect() as connection:
        assert connection.head("/stream").status == 200
    disk.close()
    with server.connect() as first, server.connect() as second:
        first.send(request_bytes("GET", "/stream"))
        second.send(request_bytes("GET", "/stream", {"Range": "bytes=2900000-2900009"}))
        eventually(lambda: disk.waiting >= 1, "a read ahead of sending")
        check_nobody_else_waits(server)
        disk.open()
        assert first.receive().body == STREAM
        assert second.receive().body == STREAM[2_900_000:2_900_010]


def test_what_was_brought_and_is_gone_again_is_copied(server, disk):
    """Whoever has the pages taken back as soon as they are read, a system short of memory for instance, makes no worker wait."""
    server.expects_errors = True
    with server.connect() as connection:
        assert connection.head("/stream").status == 200
    disk.bar()
    assert server.get("/stream").body == STREAM
    assert ask(server)["copied"] == 1
    check_nobody_else_waits(server)
    disk.open()
    assert server.get("/stream").body == STREAM
    assert ask(server)["copied"] == 1


def test_who_leaves_while_a_window_is_waited_for_leaves_nothing_behind(server, disk):
    with server.connect() as connection:
        assert connection.head("/stream").status == 200
    disk.close()
    for _ in range(5):
        client = server.connect()
        client.send(request_bytes("GET", "/stream"))
        eventually(lambda: disk.waiting >= 1, "a read ahead of sending")
        client.vanish()
    check_nobody_else_waits(server)
    disk.open()
    assert server.get("/stream").body == STREAM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_it_can_be_stopped_while_somebody_waits(server, disk, number):
    """QUIT finishes what was begun; TERM may cut it off."""
    disk.close()
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/cold"))
        eventually(lambda: disk.waiting == 1, "the read")
        server.send_signal(number)
        opener = threading.Timer(0.2, disk.open)
        opener.start()
        server.expects_hang = number == signal.SIGTERM
        if number == signal.SIGQUIT:
            response = connection.receive()
            assert response.body == COLD and response.closes()
            connection.receive_end()
        assert server.wait() == 0
        opener.join()


def test_who_waits_for_a_disk_that_hangs_is_told_so_and_the_others_are_served(folio, site, disk):
    """RFC 9110, 15.6.4: 503, with Retry-After."""
    server = folio(site, "--threads", "1", "-c", "LoadTimeout 300ms", env=disk.environment)
    assert server.get("/hot").body == HOT
    disk.close()
    with server.connect() as waiting, server.connect() as hot:
        waiting.send(request_bytes("GET", "/cold"))
        eventually(lambda: disk.waiting >= 1, "a read")
        assert hot.get("/hot").body == HOT
        response = waiting.receive()
        assert (response.status, response["Retry-After"]) == (503, "1") and response.closes()
        waiting.receive_end()
        assert hot.get("/hot").body == HOT
    disk.open()
    eventually(lambda: server.get("/cold").status == 200, "the disk answers again")


def test_a_stream_whose_disk_hangs_is_broken_off(folio, site, disk):
    server = folio(site, "--threads", "1", "-c", "LoadTimeout 300ms", "-c", "SendMinRate 1 200ms", env=disk.environment)
    stream = os.open(site / "stream", os.O_RDONLY)
    os.fsync(stream)
    os.posix_fadvise(stream, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(stream)
    disk.close()
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/stream"))
        with pytest.raises(Ended):
            connection.receive()
    disk.open()
