"""What the faults are tried on: a site, and a round of requests that goes through everything that serving does."""

import os
import time

from byteranges import parts_of
from folio_process import eventually
from http1_client import Connection, Ended, request_bytes
from site_tree import noise, plant, replace

SMALL, MEDIUM, BIG, HUGE = noise(700, 1), noise(20_000, 2), noise(300_000, 3), noise(5_000_000, 4)
PIPELINED = 20
TIMEOUT_S = 60
FIXED = {"/small": SMALL, "/medium": MEDIUM, "/dir/": b"index", "/big": BIG, "/link": SMALL}


def make_site(folder):
    files = {"small": SMALL, "medium": MEDIUM, "big": BIG, "huge": HUGE, "dir/index.html": "index"}
    plant(folder, {**files, "replaced": "%0100d" % 0, "written": "%0100d" % 0})
    (folder / "link").symlink_to("small")
    return folder


def forget_pages(path):
    """Out of the page cache, so that a loader has to read it; some file systems have nothing else."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)  # what is not on the disk yet cannot be forgotten
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


class Client:
    """Asks for everything once in a round. A wrong byte is an error at once; what else went wrong is listed.

    may_lose_idle: a kept connection may be closed before it is asked (to make room for others); then a new one is asked.
    """

    def __init__(self, server, folder, may_lose_idle=False):
        self.server, self.folder, self.rounds = server, folder, 0
        self.may_lose_idle = may_lose_idle
        self.failures = []
        self._kept = None

    def close(self):
        if self._kept:
            self._kept.close()
        self._kept = None

    def _connect(self):
        return Connection(self.server.address, timeout_s=TIMEOUT_S)

    def ask(self, target, body=None, status=200, fields=(), method="GET"):
        """One request over the kept connection. Returns the answer, or None if it was not the one that is right."""
        was_kept = self._kept is not None
        try:
            if not self._kept:
                self._kept = self._connect()
            response = self._kept.request(method, target, fields)
        except (Ended, OSError) as error:
            if was_kept and self.may_lose_idle and not getattr(error, "received", b""):
                self.close()
                return self.ask(target, body, status, fields, method)
            self.failures.append(f"{target}: {error}")
            self.close()
            return None
        if response.closes():
            self.close()
        if response.status != status:
            self.failures.append(f"{target}: {response.status}")
            return None
        assert body is None or response.body == body, f"{target}: other bytes"
        return response

    def _ask_for_several_ranges(self, target, body):
        answer = self.ask(target, None, 206, {"Range": "bytes=10000-,0-99,5000-8999"})
        if answer:
            parts = [part.content for part in parts_of(answer)]
            assert parts == [body[10_000:], body[:100], body[5000:9000]], f"{target}: other bytes"

    def _ask_in_a_batch(self):
        """Pipelined, and a stream of several windows that nobody has in memory."""
        wanted = [("/medium", MEDIUM)] * PIPELINED + [("/huge", HUGE)]
        try:
            with self._connect() as connection:
                connection.send(b"".join(request_bytes("GET", target) for target, _ in wanted))
                for target, body in wanted:
                    response = connection.receive()
                    if response.status != 200:
                        self.failures.append(f"{target}: {response.status}")
                    else:
                        assert response.body == body, f"{target}: other bytes"
        except (Ended, OSError) as error:
            self.failures.append(f"batch: {error}")

    def _sees(self, target, body):
        response = self.ask(target)
        return response is not None and response.body == body

    def round(self):
        """Returns what went wrong."""
        self.rounds += 1
        n, self.failures = self.rounds, []
        for target, body in FIXED.items():
            self.ask(target, body)
        self.ask(f"/missing{n}", status=404)
        self.ask("/dir", status=301)
        first = self.ask("/small", SMALL)
        self.ask("/small", b"", 304, {"If-None-Match": first["ETag"] if first else "*"})
        self.ask("/small", b"", method="HEAD")
        self.ask("/medium", MEDIUM[5000:9000], 206, {"Range": "bytes=5000-8999"})
        self.ask("/big", BIG[200_000:], 206, {"Range": "bytes=200000-"})
        self._ask_for_several_ranges("/medium", MEDIUM)
        self._ask_for_several_ranges("/big", BIG)
        fresh = {f"fresh{n}": noise(5000, n), f"folder{n}/file": b"in folder %d" % n}
        plant(self.folder, fresh)
        for name, body in fresh.items():
            self.ask("/" + name, body)
        now = b"%0100d" % n
        replace(self.folder / "replaced", now)
        (self.folder / "written").write_bytes(now)
        forget_pages(self.folder / "huge")
        self._ask_in_a_batch()
        for name in ("replaced", "written"):
            eventually(lambda at="/" + name: self._sees(at, now), f"the new /{name}", patience_s=TIMEOUT_S, pause_s=0.002)
        for name in fresh:
            (self.folder / name).unlink()
        (self.folder / f"folder{n}").rmdir()
        return self.failures


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def descriptors_at_rest(pid):
    """How many there are once nothing is opened or closed any more."""
    seen = [descriptors(pid)]
    while len(seen) < 10 or len(set(seen[-10:])) > 1:
        time.sleep(0.005)
        seen.append(descriptors(pid))
    return seen[-1]


def check_descriptors(pid, wanted):
    """What clients close is closed a moment later."""
    deadline = time.monotonic() + TIMEOUT_S
    while (count := descriptors(pid)) != wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    assert count == wanted, f"{count} descriptors, and {wanted} before the fault"
