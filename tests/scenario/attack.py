"""The attack (tests/attack): built here, run against a server, and its table read."""

import re
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "attack"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Werror"]
MUST_NOT_BE = ("torn", "early", "stale", "wrong", "lost")


def build(folder):
    """Compile the attack into `folder`; returns the program."""
    program = folder / "stamped"
    sources = sorted(SOURCES.glob("*.c"))
    subprocess.run(
        ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-pthread", *WARNINGS, *sources, "-o", program], check=True
    )
    return program


class Outcome:
    """What an attack came to: `code`, `text`, and `rows` by (writer, size), each a number by the name of its column."""

    def __init__(self, code, text, complaints):
        self.code = code
        self.text = f"{text}{complaints}"
        lines = text.splitlines()
        names = lines[0].split()[2:]
        self.rows = {}
        for line in lines[1:-1]:
            writer, size, *numbers = line.split()
            self.rows[writer, size] = dict(zip(names, map(float, numbers)))
        self.verified = int(re.match(r"verified (\d+),", lines[-1])[1])

    def total(self, name, size=None):
        """The sum of a column, over the files of one size or all."""
        return sum(row[name] for key, row in self.rows.items() if size in (None, key[1]))


def run(program, server, root, seconds, *options):
    """Attack `server`, which serves the empty folder `root`. What went wrong is in the text, not an exception."""
    host, port = server.address
    command = [program, "--address", f"{host}:{port}", "--root", root, "--seconds", str(seconds), *map(str, options)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    assert ended.returncode in (0, 1), ended.stderr
    return Outcome(ended.returncode, ended.stdout, ended.stderr)
