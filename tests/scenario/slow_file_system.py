"""A folder as if it lay on a slow device, or on one that answers no more (tests/fuse/slow_fs.c): mounted where the test says."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from folio_process import PATIENCE_S
from preloads import WARNINGS, Shared

LOOK, OPEN, READ = range(3)
OPERATIONS = {"look": LOOK, "open": OPEN, "read": READ}
_HANGS, _DELAYS, _RATE, _WAITING, _DONE = 0, 3, 6, 7, 10
SOURCE = Path(__file__).resolve().parents[1] / "fuse" / "slow_fs.c"


def why_not():
    """Why there can be no such file system here; None: there can."""
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    if os.geteuid() != 0:
        return "mounting needs root"
    if subprocess.run(["pkg-config", "--exists", "fuse3"], check=False).returncode != 0:
        return "libfuse3-dev is not installed"
    if not shutil.which("fusermount3"):
        return "fuse3 is not installed"
    return None


def build(folder):
    """Compile it into `folder`; returns the program."""
    program = Path(folder) / "slow_fs"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=True
    ).stdout.split()
    command = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", *WARNINGS, SOURCE, "-o", program, *flags]
    subprocess.run(command, check=True)
    return program


class SlowFileSystem:
    """`folder` is seen at `mount_point`, read-only. Everything that hangs is let go when it ends."""

    def __init__(self, program, folder, mount_point, control, known_for_s=0):
        self._shared = Shared(control, 64)
        mount_point.mkdir(exist_ok=True)
        device = os.stat(mount_point).st_dev
        self._mount_point = mount_point
        self._process = subprocess.Popen([program, "-a", str(known_for_s), folder, mount_point, control])
        deadline = time.monotonic() + PATIENCE_S
        while os.stat(mount_point).st_dev == device:
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.end()
                raise AssertionError("the slow file system was not mounted")
            time.sleep(0.01)

    def hang(self, *operations):
        for operation in operations:
            self._shared[_HANGS + operation] = 1

    def release(self):
        for operation in (LOOK, OPEN, READ):
            self._shared[_HANGS + operation] = 0
            self._shared[_DELAYS + operation] = 0
        self._shared[_RATE] = 0

    def delay(self, operation, microseconds):
        self._shared[_DELAYS + operation] = microseconds

    def give(self, bytes_a_second):
        """To all reads together; 0: as many as there are."""
        self._shared[_RATE] = bytes_a_second

    def waiting(self, operation):
        """Operations that hang now."""
        return self._shared[_WAITING + operation]

    def done(self, operation):
        return self._shared[_DONE + operation]

    def end(self):
        self.release()
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        subprocess.run(["fusermount3", "-q", "-u", "-z", self._mount_point], check=False)
