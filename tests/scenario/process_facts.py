"""What the kernel tells of a running process."""

import os
from pathlib import Path


def _status_kib(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(name)


def resident_bytes(pid):
    return _status_kib(pid, "VmRSS") * 1024


def peak_resident_bytes(pid):
    return _status_kib(pid, "VmHWM") * 1024


def _cpu_ticks(stat):
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu_seconds(pid):
    """User and system time of all its threads."""
    return _cpu_ticks(Path(f"/proc/{pid}/stat")) / os.sysconf("SC_CLK_TCK")


def cpu_ticks_by_thread(pid):
    return {int(task.name): _cpu_ticks(task / "stat") for task in Path(f"/proc/{pid}/task").iterdir()}


def descriptors_below(pid, root):
    """The files below `root` that it holds open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith(str(root) + "/"):
            found.append(target)
    return found
