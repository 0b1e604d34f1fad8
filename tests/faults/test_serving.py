"""Any call of the system may fail at any time: no crash, no leak, no wrong byte, and what can be served is served.

For each kind of call and errno, the first call of a round of requests fails, then the second ... until the round does
not get so far. After each, another round must be answered as if nothing had been.
"""

import errno

import pytest

from faults import CALLS, FOREVER, SHORT, errno_name
from rounds import FIXED, HUGE, MEDIUM, SMALL, Client, check_descriptors, descriptors

# The system lacks something, or was interrupted: no client sees anything of it.
UNSEEN = {
    "malloc": [errno.ENOMEM],
    "mmap": [errno.ENOMEM],
    "open": [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR],
    "openat2": [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN],
    "read": [errno.EINTR],
    "write": [errno.EINTR],
    "preadv2": [errno.ENOMEM, errno.EINTR, SHORT],
    "accept4": [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EINTR, errno.ECONNABORTED, errno.EPERM],
    "recvfrom": [errno.ENOMEM, errno.ENOBUFS, errno.EINTR, SHORT],
    "sendto": [errno.ENOMEM, errno.ENOBUFS, errno.EINTR, SHORT],
    "sendmsg": [errno.ENOMEM, errno.ENOBUFS, errno.EINTR],
    "sendfile": [errno.ENOMEM, errno.ENOBUFS, errno.EINTR, SHORT],
    "inotify_add_watch": [errno.ENOSPC, errno.ENOMEM],
    "epoll_ctl": [errno.ENOMEM, errno.ENOSPC],
    "epoll_wait": [errno.EINTR],
    "poll": [errno.EINTR, errno.ENOMEM],
    "fstatfs": [errno.ENOSYS],
    "fcntl": [errno.ENOMEM],
    "cachestat": [errno.ENOSYS],
}
# The disk or the peer is broken: the one request that meets it fails, by a 500 or visibly in the middle.
SEEN = {
    "open": [errno.EIO],
    "openat2": [errno.EIO],
    "preadv2": [errno.EIO, errno.EAGAIN],
    "recvfrom": [errno.ECONNRESET],
    "sendto": [errno.EPIPE],
    "sendmsg": [errno.EPIPE],
    "sendfile": [errno.EIO, errno.EPIPE],
    "fstat": [errno.EIO, errno.ENOMEM],
}
ROWS = [(call, error, 0) for call, errors in UNSEEN.items() for error in errors]
ROWS += [(call, error, 1) for call, errors in SEEN.items() for error in errors]
N_MAX = 400


def numbers(every):
    """1, 2, 3 ... or, for a quick look, growing steps beyond the first few."""
    n = 1
    while n <= N_MAX:
        yield n
        n += 1 if every else max(1, n // 4)


@pytest.mark.parametrize("call, error, failures_max", ROWS, ids=[f"{c} {errno_name(e)}" for c, e, _ in ROWS])
def test_any_call_may_fail(folio, board, site, request, call, error, failures_max):
    server = folio(site, "--threads", "1")
    pid = server.serving_pid
    client = Client(server, site, may_lose_idle=call == "accept4")
    assert client.round() + client.round() == []
    before = descriptors(pid)
    for n in numbers(request.config.getoption("all")):
        board.arm(call, error, n)
        failures = client.round()
        was_reached = board.disarm(call)
        assert len(failures) <= failures_max, f"{call} number {n}: {failures}"
        assert client.round() == [], f"after {call} number {n}"
        assert server.serving_pid == pid, f"{call} number {n} ended it: {server.errors()}"
        check_descriptors(pid, before)
        if not was_reached:
            break
    client.close()


SHORTAGES = [
    ("malloc", errno.ENOMEM), ("open", errno.EMFILE), ("openat2", errno.ENFILE), ("accept4", errno.EMFILE),
    ("inotify_add_watch", errno.ENOSPC), ("recvfrom", errno.ENOMEM), ("sendto", errno.ENOBUFS),
    ("sendmsg", errno.ENOMEM), ("sendfile", errno.ENOMEM), ("epoll_ctl", errno.ENOMEM), ("pthread_create", errno.EAGAIN),
]  # fmt: skip

# Without these nobody is served; or, when connections are short, those who were served are asked to leave.
BARS_HITS = ("recvfrom", "sendto", "accept4")


@pytest.mark.parametrize("call, error", SHORTAGES, ids=[call for call, _ in SHORTAGES])
def test_who_meets_a_shortage_is_served_when_it_is_over(folio, board, site, call, error):
    """Nothing of a kind can be had for a while: nobody is refused, and what lies in memory is served meanwhile."""
    server = folio(site, "--threads", "1")
    (site / "other").write_bytes(MEDIUM)
    with server.connect() as kept, server.connect() as waiting:
        for target, body in FIXED.items():  # the least of these may go, but not the hottest
            assert kept.get(target).body == body
        assert kept.get("/small").body == SMALL and waiting.get("/small").body == SMALL
        board.arm(call, error, 1, FOREVER)
        newcomer = server.connect()
        newcomer.send(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting.send(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        if call not in BARS_HITS:
            for _ in range(20):
                assert kept.get("/small").body == SMALL
        board.disarm(call)
        assert waiting.receive().body == MEDIUM
        assert newcomer.receive().body == HUGE
        newcomer.close()


def test_the_table_of_calls_names_no_other(board):
    """Else a row would arm nothing, and pass."""
    assert {call for call, _, _ in ROWS} | {call for call, _ in SHORTAGES} <= set(CALLS)
    assert board.disarm("malloc") == 0
