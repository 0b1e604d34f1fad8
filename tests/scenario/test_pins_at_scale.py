"""Many pinned files by the ancestors' recipe, asked for without a pause while server processes come and go.

tests/attack/restarts does the same with a million, for as long as one likes.
"""

import os
import signal
import subprocess

import pytest

from folio_process import PATIENCE_S, eventually
from stats_line import ask
from steady_clients import RECIPE, Steady, build, make
from steady_load import hand_over

pytestmark = pytest.mark.slow
FILES, CONNECTIONS = 5000, 16


@pytest.fixture
def server(folio, folder):
    program = build(folder)
    (folder / "www").mkdir()
    make(program, folder / "www", FILES)
    subprocess.run(RECIPE % (folder / "www", folder / "mmap.conf"), shell=True, check=True, timeout=PATIENCE_S)
    (folder / "folio.conf").write_text("DocumentRoot www\nMMapStrict on\nThreads 2\nInclude mmap.conf\n")
    running = folio(None, "-f", folder / "folio.conf", expects_errors=True)
    running.clients = lambda: Steady(program, running.address, FILES, CONNECTIONS)
    return running


def test_every_file_is_pinned_whole_and_mapped_anew_under_load(server):
    assert ask(server)["pinned"] == FILES
    with server.clients() as clients:
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP):
            hand_over(server, number)
            assert ask(server)["pinned"] == FILES
        counts = clients.end()
    assert (counts["failed"], counts["first_failure"]) == (0, "")
    assert counts["answered"] > 100
    assert ask(server)["misses"] == 0


def test_a_killed_process_loses_what_it_was_answering_and_nothing_else(server):
    with server.clients() as clients:
        eventually(lambda: clients.counts()["answered"] > 10, "answers")
        before, killed = clients.counts(), server.serving_pid
        os.kill(killed, signal.SIGKILL)
        assert server.get("/d0000/file1.txt").status == 200
        assert server.serving_pid != killed
        lost = clients.counts()["failed"]
        eventually(lambda: clients.counts()["answered"] > 10, "answers")
        after = clients.end()
    assert before["failed"] == after["failed"] == 0 and lost <= CONNECTIONS
