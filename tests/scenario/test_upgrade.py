"""USR2: another binary that was put in this one's place takes over in the same process, and no request fails."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from folio_process import binary, eventually
from http1_client import Connection, request_bytes
from site_tree import noise, plant
from steady_load import Load

pytestmark = pytest.mark.threads


class Installed:
    """A copy of the binary, with a configuration; and others to put in its place, as packagers do: by a rename."""

    def __init__(self, folder):
        plant(folder, {"www/page": "page", "www/big": noise(3_000_000, 1)})
        self.folder, self.config, self.program = folder, folder / "folio.conf", folder / "folio"
        self.version = subprocess.run([binary(), "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
        self.next_version = self.version[:-1] + chr(ord(self.version[-1]) + 1)
        shutil.copy(binary(), self.program)
        self.config.write_text("DocumentRoot www\n")

    def install(self, content, mode=0o755):
        beside = self.folder / "folio.new"
        beside.write_bytes(content)
        beside.chmod(mode)
        beside.rename(self.program)

    def install_next(self):
        self.install(Path(binary()).read_bytes().replace(self.version.encode(), self.next_version.encode()))

    def serves_next(self, server):
        return any((line or "").startswith(f"folio {self.next_version} serves") for line in server.lines)


@pytest.fixture
def installed(folder):
    return Installed(folder)


@pytest.fixture
def start(folio, installed):
    def start_with(*options, **more):
        return folio(None, "-f", installed.config, *options, program=installed.program, **more)

    return start_with


def upgrade(installed, server):
    before = server.serving_pid
    installed.install_next()
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: installed.serves_next(server), "the next version")
    eventually(lambda: before not in server.serving_pids, "the end of the process before")


def test_another_binary_takes_over_in_the_same_process_without_a_failed_request(installed, start):
    server = start("--threads", "2")
    pid = server.pid
    with Load(server) as load:
        eventually(lambda: load.asked > 100 or load.failures, "requests")
        upgrade(installed, server)
        asked = load.asked
        eventually(lambda: load.asked > asked + 100 or load.failures, "requests")
    assert load.failures == []
    assert server.pid == pid and server.is_running()
    assert os.readlink(f"/proc/{pid}/exe") == str(installed.program)


def test_it_can_be_done_again_and_reloaded_and_the_binary_can_be_put_back(installed, start):
    server = start("--threads", "2")
    with Load(server) as load:
        upgrade(installed, server)
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2):
            installed.install(Path(binary()).read_bytes())
            lines = len(server.lines)
            server.send_signal(number)
            eventually(lambda seen=lines: any(" serves " in line for line in server.lines[seen:]), "a server")
        eventually(lambda: len(server.serving_pids) == 1, "the end of those before")
    assert load.failures == []
    assert server.lines[-1] is not None


def test_every_socket_is_inherited(installed, start):
    path = installed.folder / "socket"
    installed.config.write_text(f"DocumentRoot www\nListen unix:{path}\nListen [::1]:0\nThreads 3\n")
    server = start()
    addresses = server.addresses
    upgrade(installed, server)
    assert server.addresses[len(addresses) :] == addresses
    for address in addresses:
        for _ in range(10):
            with Connection(address) as connection:
                assert connection.get("/page").body == b"page"


def test_what_was_begun_is_finished_by_the_binary_that_began_it(installed, start):
    server = start("--threads", "1")
    with server.connect(receive_buffer=16384) as slow:
        slow.send(request_bytes("GET", "/big"))
        server.settle()
        installed.install_next()
        server.send_signal(signal.SIGUSR2)
        eventually(lambda: installed.serves_next(server), "the next version")
        assert server.get("/page").body == b"page"
        assert slow.receive().body == noise(3_000_000, 1)


@pytest.mark.parametrize(
    "content, mode, told",
    [
        (b"#!/nowhere/to/be/found\n", 0o755, "it does not run"),
        (b"\x7fELF, and then nothing", 0o755, "it does not run"),
        (b"#!/bin/sh\nexit 0\n", 0o644, "it does not run"),
        (b"#!/bin/sh\nexit 0\n", 0o755, "it is none that could"),
        (b"#!/bin/sh\nexit 3\n", 0o755, "its check of the configuration ended with status 3"),
        (b"#!/bin/sh\nkill -9 $$\n", 0o755, "it was killed by signal 9"),
        (None, 0, "it does not run"),
    ],
)
def test_a_binary_that_is_none_changes_nothing(installed, start, content, mode, told):
    server = start(expects_errors=True)
    serving = server.serving_pids
    if content is None:
        installed.program.unlink()
    else:
        installed.install(content, mode)
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: f"{installed.program} does not take over: {told}" in server.errors(), "the reason")
    assert server.get("/page").body == b"page" and server.serving_pids == serving
    upgrade(installed, server)


def test_a_configuration_that_the_other_binary_refuses_changes_nothing(installed, start):
    server = start(expects_errors=True)
    serving = server.serving_pids
    installed.config.write_text("DocumentRoot www\nBogus 1\n")
    installed.install_next()
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: "its check of the configuration ended with status 78" in server.errors(), "the reason")
    assert "there is no directive Bogus" in server.errors()
    assert server.get("/page").body == b"page" and server.serving_pids == serving


def test_if_the_other_binary_does_not_get_ready_the_server_before_goes_on(installed, start):
    server = start(expects_errors=True)
    before = server.serving_pid
    installed.config.write_text("DocumentRoot www\nMMapStrict on\nMMapFile www/missing\n")
    installed.install_next()
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: "the new server did not get ready; serving goes on as before" in server.errors(), "the message")
    assert server.get("/page").body == b"page" and server.serving_pids == [before]
    # It is watched over by the other binary, which has nothing right to start another with yet.
    os.kill(before, signal.SIGKILL)
    eventually(lambda: server.errors().count("MMapStrict is on") >= 2, "another try")
    installed.config.write_text("DocumentRoot www\n")
    server.send_signal(signal.SIGHUP)
    assert server.get("/page").body == b"page"
    eventually(lambda: installed.serves_next(server), "its word")  # which it gives when it answers already


def test_what_goes_wrong_after_the_other_binary_took_over_is_in_the_error_log(installed, start):
    """Also before it has read any configuration, and when yet another one takes over from it."""
    errors = installed.folder / "errors"

    def count(text):
        return errors.read_text().count(text)

    installed.config.write_text("DocumentRoot www\nErrorLog errors\n")
    server = start(expects_errors=True)
    before = server.serving_pid
    installed.config.write_text("DocumentRoot www\nErrorLog other\nMMapStrict on\nMMapFile www/missing\n")
    for tries in (1, 2):
        installed.install_next()
        server.send_signal(signal.SIGUSR2)
        eventually(lambda tries=tries: count("the new server did not get ready; serving goes on as before") == tries, "the message")
    installed.config.write_text("DocumentRoot www\nBogus 1\n")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: count("there is no directive Bogus") > 0, "the mistake")
    assert count(f"server process {before} was killed by signal 9") == 1
    assert "did not get ready" not in server.errors() and "Bogus" not in server.errors()
    installed.config.write_text("DocumentRoot www\nErrorLog other\n")
    server.send_signal(signal.SIGHUP)
    assert server.get("/page").body == b"page"
    eventually(lambda: installed.serves_next(server), "its word")


def test_a_binary_that_takes_its_time_to_answer_holds_nothing_up(installed, start):
    server = start(expects_errors=True)
    os.mkfifo(installed.folder / "gate")
    installed.install(f"#!/bin/sh\nexec cat {installed.folder}/gate\n".encode())
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: len(server.serving_pids) == 2, "who is asked")
    assert server.get("/page").body == b"page"
    upgrade(installed, server)  # asked again, of what lies there now


def test_a_stop_while_the_other_binary_is_asked_is_obeyed(installed, start):
    server = start()
    os.mkfifo(installed.folder / "gate")
    installed.install(f"#!/bin/sh\nexec cat {installed.folder}/gate\n".encode())
    server.send_signal(signal.SIGUSR2)
    eventually(lambda: len(server.serving_pids) == 2, "who is asked")
    server.stop()
