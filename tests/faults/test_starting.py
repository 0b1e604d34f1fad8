"""A call that fails while the server starts, or while it reloads: it serves all the same, or says why it cannot."""

import errno
import os
import re
import signal
import subprocess
import threading

import pytest

from faults import errno_name, program
from folio_process import PATIENCE_S, command, eventually
from http1_client import Connection
from rounds import SMALL, check_descriptors, descriptors_at_rest

ROWS = [
    ("malloc", errno.ENOMEM), ("mmap", errno.ENOMEM), ("open", errno.EMFILE), ("openat2", errno.EMFILE),
    ("read", errno.EINTR), ("write", errno.EINTR), ("preadv2", errno.EIO), ("inotify_init", errno.EMFILE),
    ("inotify_add_watch", errno.ENOSPC), ("epoll_create", errno.EMFILE), ("epoll_ctl", errno.ENOMEM),
    ("poll", errno.EINTR), ("pthread_create", errno.EAGAIN), ("eventfd", errno.EMFILE), ("signalfd", errno.EMFILE),
    ("memfd", errno.ENFILE), ("pipe", errno.EMFILE), ("fork", errno.EAGAIN), ("socket", errno.EMFILE),
    ("listen", errno.ENOMEM), ("fstat", errno.EIO), ("fstatfs", errno.EIO), ("fcntl", errno.EMFILE),
]  # fmt: skip
IDS = [f"{call} {errno_name(error)}" for call, error in ROWS]
N_MAX = 300


def numbers(every):
    n = 1
    while n <= N_MAX:
        yield n
        n += 1 if every else max(1, n // 3)


@pytest.fixture
def configuration(site):
    path = site.parent / "folio.conf"
    path.write_text(f"DocumentRoot {site}\nMMapDir {site}\nCustomLog {site.parent}/log\n")
    return path


class Start:
    """One start, to its readiness or to its end."""

    def __init__(self, configuration, board):
        arguments = ["-f", configuration, "--port", "0", "--bind", "127.0.0.1", "--threads", "1"]
        self.process = subprocess.Popen(
            command(*arguments, program=str(program())),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **board.environment},
        )  # fmt: skip
        self._timer = threading.Timer(PATIENCE_S, self.process.kill)
        self._timer.start()
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("  limits"):
                break
        self.address = re.search(r"http://(\S+):(\d+)/", self.said) if "  limits" in self.said else None

    def end(self):
        """Returns the exit code and what was said on standard error."""
        if self.process.poll() is None and self.address:
            self.process.send_signal(signal.SIGTERM)
        rest, errors = self.process.communicate()
        self.said += rest
        self._timer.cancel()
        return self.process.returncode, errors


def check_start(start, what, can_count):
    if start.address:
        with Connection((start.address[1], int(start.address[2]))) as connection:
            assert connection.get("/small").body == SMALL, what
        code, errors = start.end()
        assert code == 0, f"{what}: {code} {errors}"
        left = "connections=0 references=0 descriptors=" + ("0" if can_count else "")
        assert left in start.said, f"{what}: {start.said}"
    else:
        code, errors = start.end()
        # 78: what lacked was needed to read the configuration.
        assert code in (1, 78) and errors.startswith("folio: "), f"{what}: {code} {errors!r} {start.said!r}"


@pytest.mark.parametrize("call, error", ROWS, ids=IDS)
def test_a_start_succeeds_or_says_why_not(board, configuration, request, call, error):
    for n in numbers(request.config.getoption("all")):
        board.arm(call, error, n)
        start = Start(configuration, board)
        was_reached = board.disarm(call)
        # Descriptors are counted by opening a folder of /proc.
        check_start(start, f"{call} number {n}", can_count=call != "open")
        if not was_reached:
            break


@pytest.mark.parametrize("call, error", ROWS, ids=IDS)
def test_a_reload_succeeds_or_leaves_the_server_as_it_was(folio, board, configuration, request, call, error):
    server = folio(None, "-f", configuration, "--threads", "1")
    supervisor = descriptors_at_rest(server.pid)
    for n in numbers(request.config.getoption("all")):
        told = server.errors()
        pids = set(server.serving_pids)
        board.arm(call, error, n)
        server.send_signal(signal.SIGHUP)
        eventually(lambda: server.errors() != told or set(server.serving_pids) - pids, "an outcome")
        eventually(lambda: len(server.serving_pids) == 1, "one server")
        was_reached = board.disarm(call)
        assert server.get("/small").body == SMALL, f"{call} number {n}: {server.errors()}"
        check_descriptors(server.pid, supervisor)
        if not was_reached:
            break
