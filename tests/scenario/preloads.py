"""Libraries that a test loads into the server, and the memory that it shares with them."""

import mmap
import struct
import subprocess
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror"]


class Shared:
    """A file of `size` bytes, zero at first, that the server maps too; read and written as 32-bit numbers."""

    def __init__(self, path, size):
        path.write_bytes(bytes(size))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def __getitem__(self, index):
        return struct.unpack_from("=I", self._map, 4 * index)[0]

    def __setitem__(self, index, value):
        struct.pack_into("=I", self._map, 4 * index, value)

    def __len__(self):
        return len(self._map) // 4


def build(name, folder):
    """Compile preload/NAME.c into `folder`; returns the library."""
    source = Path(__file__).with_name("preload") / f"{name}.c"
    library = folder / f"{name}.so"
    subprocess.run(
        ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", *WARNINGS, source, "-o", library], check=True
    )
    return library


class SlowDisk:
    """A gate before all reads of files (preload/slow_disk.c). Start the server with `environment`."""

    def __init__(self, folder):
        self._shared = Shared(folder / "gate", 16)
        self.environment = {"LD_PRELOAD": str(build("slow_disk", folder)), "FOLIO_SLOW_DISK": str(folder / "gate")}

    def close(self):
        self._shared[0] = 1

    def bar(self):
        """Nothing is had without waiting; who waits gets it soon."""
        self._shared[0] = 2

    def open(self):
        self._shared[0] = 0

    @property
    def waiting(self):
        return self._shared[2]

    @property
    def waited(self):
        return self._shared[3]


class AllocationCounter:
    """Counts the calls of the allocator (preload/allocation_counter.c). Start the server with `environment`."""

    def __init__(self, folder):
        self._shared = Shared(folder / "counts", 64 * 8)
        self.environment = {
            "LD_PRELOAD": str(build("allocation_counter", folder)),
            "FOLIO_ALLOCATION_COUNTS": str(folder / "counts"),
        }

    def by_thread(self):
        rows = [(self._shared[2 * i], self._shared[2 * i + 1]) for i in range(len(self._shared) // 2)]
        return {thread: calls for thread, calls in rows if thread}
