"""Lets the n-th call of some kind fail in a running `folio-faults` (faults.c), by memory that both have mapped."""

import errno
import mmap
import os
import struct
from pathlib import Path

# In the order of `enum call` in faults.c.
CALLS = [
    "malloc", "mmap", "open", "openat2", "read", "preadv2", "write", "accept4", "recvfrom", "sendto", "sendmsg",
    "sendfile", "inotify_init", "inotify_add_watch", "epoll_create", "epoll_ctl", "epoll_wait", "poll",
    "pthread_create", "eventfd", "signalfd", "memfd", "pipe", "fork", "socket", "listen", "fstat", "fstatfs", "fcntl",
    "cachestat",
]  # fmt: skip
FIELDS = ["is_armed", "first", "last", "error", "seen", "failed"]
SHORT = 0  # in place of an errno: fewer bytes than were asked for
FOREVER = 2**32 - 1


def program():
    """The server that is built with faults.c, beside the one that FOLIO names; None: it is not built there."""
    folder = Path(os.environ.get("FOLIO", Path(__file__).resolve().parents[2] / "build" / "folio")).absolute().parent
    path = folder / "tests" / "faults" / "folio-faults"
    return path if path.exists() else None


def errno_name(error):
    return "short" if error == SHORT else errno.errorcode[error]


class FaultBoard:
    """Start the server with `environment`, and arm what is to fail."""

    def __init__(self, path):
        path.write_bytes(bytes(4 * len(FIELDS) * len(CALLS)))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.environment = {"FOLIO_FAULTS": str(path)}

    def _at(self, call, field):
        return 4 * (len(FIELDS) * CALLS.index(call) + FIELDS.index(field))

    def _set(self, call, field, value):
        struct.pack_into("=I", self._map, self._at(call, field), value)

    def _get(self, call, field):
        return struct.unpack_from("=I", self._map, self._at(call, field))[0]

    def arm(self, call, error, first, last=None):
        """From now on, calls number `first` to `last` (only `first`) fail with `error`."""
        self.disarm(call)
        for field, value in (("first", first), ("last", last or first), ("error", error), ("seen", 0), ("failed", 0)):
            self._set(call, field, value)
        self._set(call, "is_armed", 1)

    def disarm(self, call):
        """Nothing of this kind fails any more. Returns how many did."""
        self._set(call, "is_armed", 0)
        return self._get(call, "failed")
