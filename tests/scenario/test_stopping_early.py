"""Told to stop before it is ready, the server stops at once, whatever it is loading; killed, it leaves nobody behind."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from folio_process import PATIENCE_S, command, eventually
from http1_client import Connection, request_bytes
from preloads import SlowDisk
from process_facts import is_gone
from site_tree import noise, plant

pytestmark = pytest.mark.threads


def children_of(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.fixture
def start():
    """Start a server that is not expected to get ready; returns its process."""
    started = []

    def start_with(*arguments, env=None):
        process = subprocess.Popen(
            command("-p", "0", "-b", "127.0.0.1", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            text=True,
        )
        started.append(process)
        return process

    yield start_with
    for process in started:
        if process.poll() is None:
            for child in children_of(process):
                os.kill(child, signal.SIGKILL)
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_is_obeyed_while_pinned_files_are_loaded(start, folder, number):
    """Each thread that loads waits for the disk, and will for good."""
    plant(folder, {f"www/f{i}": noise(500, i) for i in range(40)})
    disk = SlowDisk(folder)
    disk.close()
    process = start("-c", f"MMapDir {folder}/www", folder / "www", env=disk.environment)
    eventually(lambda: disk.waiting > 0 or process.poll() is not None, "somebody who waits for the disk")
    process.send_signal(number)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert told == "folio: stopped before it was ready\n"


def test_a_stop_is_obeyed_while_it_waits_for_a_file_of_its_own(start, folder):
    os.mkfifo(folder / "types")
    process = start("-c", f"TypesConfig {folder}/types", folder)
    eventually(lambda: children_of(process), "a server process")
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, told) == (0, "folio: stopped before it was ready\n")


def test_without_its_supervisor_a_server_finishes_what_was_begun_and_ends(folio, folder):
    plant(folder, {"big": noise(3_000_000, 1)})
    server = folio(folder, "--threads", "1")
    serving, address = server.serving_pid, server.address
    with server.connect(receive_buffer=16384) as slow:
        slow.send(request_bytes("GET", "/big"))
        server.settle()
        server.send_signal(signal.SIGKILL)
        server.wait()
        server.summary = {}  # nobody is left who could tell it
        assert slow.receive().body == noise(3_000_000, 1)
    eventually(lambda: is_gone(serving), "its end")
    with pytest.raises(ConnectionRefusedError):
        Connection(address)


def test_without_its_supervisor_a_server_that_is_not_ready_ends_at_once(start, folder):
    os.mkfifo(folder / "types")
    process = start("-c", f"TypesConfig {folder}/types", folder)
    starting = eventually(lambda: children_of(process), "a server process")[0]
    process.kill()
    process.wait()
    eventually(lambda: is_gone(starting), "its end")
