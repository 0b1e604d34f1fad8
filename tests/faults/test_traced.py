"""The binary as it is, with strace between it and the kernel: calls fail again and again while it serves.

A call that is made to return a number is not made at all (strace(1)), so that none can be made to seem to have read or
sent something; 0 is honest: a file that ends early.
"""

import shutil
import subprocess

import pytest

from folio_process import Fleet
from rounds import Client

pytestmark = pytest.mark.slow
ROUNDS = 6
# What is injected, counted for each thread by itself; and how many answers of a round may be no success.
UNSEEN = [
    "openat2:error=EMFILE:when=5+3", "openat2:error=ENFILE:when=2+3", "openat2:error=ENOMEM:when=3+4",
    "openat2:error=EINTR:when=2+2", "openat2:error=EAGAIN:when=4+3", "openat:error=EMFILE:when=12+5",
   
    "accept4:error=EMFILE:when=2+2", "accept4:error=ENFILE:when=1+3", "accept4:error=ENOBUFS:when=3+3",
    "accept4:error=ECONNABORTED:when=1+2", "accept4:error=EINTR:when=1+2", "preadv2:error=EINTR:when=1+2",
    "preadv2:retval=0:when=2+5", "preadv2:error=ENOMEM:when=2+3",
    "recvfrom:error=EINTR:when=2+2", "sendto:error=EINTR:when=2+2", "sendmsg:error=EINTR:when=1+2",
    "sendfile:error=EINTR:when=1+2", "sendto:error=ENOBUFS:when=3+5", "sendmsg:error=ENOMEM:when=2+3",
    "sendfile:error=ENOMEM:when=2+4", "epoll_wait:error=EINTR:when=2+2", "poll:error=EINTR:when=2+2",
    "read:error=EINTR:when=20+2", "epoll_ctl:error=ENOMEM:when=6+2", "inotify_add_watch:error=ENOSPC:when=1+1",
    "inotify_add_watch:error=ENOMEM:when=3+2", "fadvise64:error=EINTR:when=1+2", "setsockopt:error=ENOBUFS:when=9+2",
    "fcntl:error=EAGAIN:when=20+3",
]  # fmt: skip
SEEN = [
    "preadv2:error=EIO:when=2+9", "openat2:error=EIO:when=3+7", "sendfile:error=EIO:when=3+11",
    "sendfile:retval=0:when=4+11", "sendto:error=EPIPE:when=5+9",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def strace():
    program = shutil.which("strace")
    if not program or subprocess.run([program, "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("processes may not be traced here, or there is no strace")


@pytest.fixture
def traced(folder):
    """Start the binary with `inject`; at the end it must have happened."""
    fleet = Fleet()

    def start(root, inject):
        call = inject.partition(":")[0]
        tracer = ["strace", "-f", "-qq", "-o", folder / "trace", "-e", f"trace={call}", "-e", f"inject={inject}"]
        return fleet.start(root, "--threads", "1", expects_errors=True, wrap=tracer)

    yield start
    fleet.stop()
    assert "(INJECTED)" in (folder / "trace").read_text(errors="replace")


@pytest.mark.parametrize("inject", UNSEEN)
def test_what_the_system_refuses_now_and_then_is_seen_by_nobody(traced, site, inject):
    server = traced(site, inject)
    pid = server.serving_pid
    client = Client(server, site, may_lose_idle=inject.startswith("accept4"))
    for _ in range(ROUNDS):
        assert client.round() == []
    client.close()
    assert server.serving_pid == pid, server.errors()


def test_where_no_boundary_can_be_had_several_ranges_are_the_whole_file(traced, site):
    """Not one that can be foretold (RFC 2046, 5.1.1); the whole is always right (RFC 9110, 14.2)."""
    server = traced(site, "getrandom:error=EAGAIN:when=4+")  # the first few are for the start
    asked = {"Range": "bytes=0-9,20-29"}
    answers = [server.get("/medium", asked) for _ in range(5)]
    assert {answer.status for answer in answers} <= {200, 206}
    assert (answers[-1].status, answers[-1].body) == (200, (site / "medium").read_bytes())


@pytest.mark.parametrize("inject", SEEN)
def test_a_disk_or_a_peer_that_fails_now_and_then_spoils_nothing_else(traced, site, inject):
    server = traced(site, inject)
    pid = server.serving_pid
    client = Client(server, site)
    failures = [len(client.round()) for _ in range(ROUNDS)]
    client.close()
    assert 0 < sum(failures) < 10 * ROUNDS, failures
    assert server.serving_pid == pid, server.errors()
