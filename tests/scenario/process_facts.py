"""What the kernel tells of a running process."""

import os
from pathlib import Path


def _number(status, name):
    for line in status.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise KeyError(name)


def resident_bytes(pid):
    return _number(Path(f"/proc/{pid}/status"), "VmRSS") * 1024


def locked_bytes(pid):
    return _number(Path(f"/proc/{pid}/status"), "VmLck") * 1024


def peak_resident_bytes(pid):
    return _number(Path(f"/proc/{pid}/status"), "VmHWM") * 1024


def cpu_seconds(pid):
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waits_by_thread(pid, name):
    """How often each thread whose name begins so has waited for something."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith(name):
            found[int(task.name)] = _number(task / "status", "voluntary_ctxt_switches")
    return found


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


def is_gone(pid):
    """Whether it has ended; where nobody waits for it, it stays as a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
