"""Big files lie in the sockets by reference, or are copied: whoever writes to them in place tears no answer apart."""

import fcntl
import os
import struct
import termios
import threading
import time

import pytest

from folio_process import PATIENCE_S
from http1_client import Connection, Ended, request_bytes
from preloads import SlowDisk
from process_facts import descriptors_below

BIG = 150_000  # more than MMapMaxFileSize, and less than what a Unix socket takes
HUGE = 64 << 20  # more than all buffers on the way
SOME = 10_000
SEVERAL = 66_000
ROOM = 1 << 20
OLD, NEW = b"o", b"n"
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
TRIES = 100

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def make(folder, size, name="big"):
    folder.chmod(0o755)
    path = folder / name
    path.write_bytes(OLD * size)
    before = time.time() - 60
    os.utime(path, (before, before))
    return path


def unread(connection):
    return struct.unpack("i", fcntl.ioctl(connection.socket, termios.FIONREAD, b"\0\0\0\0"))[0]


def until(is_so):
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "never"
        time.sleep(0.002)


def ask(server, size, version="HTTP/1.1"):
    """Ask for /big, and let all of the answer lie in our own queue."""
    address = server.addresses[0]
    connection = Connection(address, receive_buffer=ROOM)
    connection.send(request_bytes("GET", "/big", version=version))
    until(lambda: unread(connection) > size)
    return connection


def may_write(path):
    """Whether somebody could open it for writing now, without waiting."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except BlockingIOError:
        return False
    return True


class Writer(threading.Thread):
    """Writes over the file as soon as it may."""

    def __init__(self, path, size):
        super().__init__(daemon=True)
        self.path, self.size = path, size
        self.start()

    def run(self):
        with open(self.path, "r+b") as file:
            file.write(NEW * self.size)

    def ends(self):
        self.join(PATIENCE_S)
        return not self.is_alive()


@pytest.mark.parametrize("bind", ["127.0.0.1", "[::1]", "unix"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_writer_waits_until_a_client_on_this_machine_has_read(folio, folder, bind, version):
    path = make(folder, BIG)
    server = folio(folder, bind=f"unix:{folder}/.socket" if bind == "unix" else bind)
    with ask(server, BIG, version) as connection:
        for _ in range(TRIES):
            assert not may_write(path)
            time.sleep(0.001)
        writer = Writer(path, BIG)
        assert connection.receive().body == OLD * BIG
        assert writer.ends()
    assert server.get("/big").body == NEW * BIG


def test_a_writer_does_not_wait_for_clients_that_have_read(folio, folder):
    path = make(folder, BIG)
    server = folio(folder)
    with server.connect() as connection:
        assert connection.get("/big").body == OLD * BIG
        assert Writer(path, BIG).ends()
        assert connection.get("/big").body == NEW * BIG


def test_a_client_that_takes_nothing_is_broken_off_when_somebody_wants_to_write(folio, folder):
    path = make(folder, HUGE)
    server = folio(folder)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/big"))
        until(lambda: unread(connection) > SOME)
        assert Writer(path, BIG).ends()
        with pytest.raises((Ended, ConnectionResetError)):
            connection.receive()


def test_who_goes_on_reading_beyond_a_change_is_broken_off_short(folio, folder):
    path = make(folder, HUGE)
    server = folio(folder)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/big"))
        until(lambda: unread(connection) > SOME)
        writer = Writer(path, BIG)
        with pytest.raises((Ended, ConnectionResetError)) as ended:
            connection.receive()
        assert writer.ends()
        if isinstance(ended.value, Ended):
            assert NEW * 100 not in ended.value.received


@needs_root
def test_without_a_lease_a_big_file_is_copied(folio, folder):
    path = make(folder, BIG)
    server = folio(folder, wrap=NOBODY)
    until(lambda: any(line.startswith("  copied") for line in server.lines))
    with ask(server, BIG) as connection:
        assert may_write(path)
        assert Writer(path, BIG).ends()
        assert connection.receive().body == OLD * BIG


@needs_root
@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_of_tomorrow_is_a_file(folio, folder, size):
    """Times are set by whoever copies a file; they do not mean that somebody is writing it."""
    path = make(folder, size)
    tomorrow = time.time() + 86400
    os.utime(path, (tomorrow, tomorrow))
    server = folio(folder, wrap=NOBODY)
    assert [server.get("/big").body for _ in range(2)] == [OLD * size] * 2


@needs_root
def test_without_a_lease_a_change_breaks_off(folio, folder):
    path = make(folder, HUGE)
    server = folio(folder, wrap=NOBODY)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/big"))
        until(lambda: unread(connection) > SOME)
        assert Writer(path, BIG).ends()
        with pytest.raises((Ended, ConnectionResetError)):
            connection.receive()


def test_a_big_file_that_somebody_has_open_for_writing_is_copied(folio, folder):
    path = make(folder, BIG)
    server = folio(folder, "-c", "MMapSettle 20ms")
    with open(path, "r+b") as file, ask(server, BIG) as connection:
        file.write(NEW * BIG)
        file.flush()
        assert connection.receive().body == OLD * BIG


def test_a_connection_that_is_kept_does_not_keep_what_it_was_sent(folio, folder):
    path = make(folder, BIG)
    server = folio(folder)
    with server.connect() as connection:
        assert connection.get("/big").body == OLD * BIG
        assert descriptors_below(server.serving_pid, folder)
        path.unlink()
        until(lambda: not descriptors_below(server.serving_pid, folder))
        assert connection.get("/big").status == 404


def test_several_big_files_behind_each_other_are_each_of_one_version(folio, folder):
    paths = [make(folder, SEVERAL, name) for name in ("a", "b", "c")]
    server = folio(folder)
    with Connection(server.address, receive_buffer=ROOM) as connection:
        connection.send(b"".join(request_bytes("GET", f"/{path.name}") for path in paths))
        until(lambda: unread(connection) > 2 * SEVERAL)
        writers = [Writer(path, SEVERAL) for path in paths]
        time.sleep(0.1)  # so that they would have written, if they could
        for _ in paths:
            assert connection.receive().body in (OLD * SEVERAL, NEW * SEVERAL)
        assert all(writer.ends() for writer in writers)


def test_a_loader_that_waits_for_a_disk_lets_a_writer_go(folio, folder):
    site = folder / "site"
    site.mkdir()
    path = make(site, 1000, "small")
    disk = SlowDisk(folder)
    disk.close()
    server = folio(site, env=disk.environment)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/small"))
        until(lambda: disk.waiting > 0)
        assert Writer(path, 1000).ends()
        disk.open()
        assert connection.receive().body == NEW * 1000
