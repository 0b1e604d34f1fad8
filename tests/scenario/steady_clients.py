"""Clients that ask without a pause, and check every byte (tests/attack/steady): built here, and asked what came of it."""

import json
import signal
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "attack" / "steady" / "steady.c"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Werror"]
RECIPE = r"find %s -type f -print | sed -e 's/.*/mmapfile &/' > %s"  # Apache's documentation of mod_mmap_static


def build(folder):
    """Compile the clients into `folder`; returns the program."""
    program = folder / "steady"
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", *WARNINGS, SOURCE, "-o", program], check=True)
    return program


def make(program, root, files):
    """The files that they ask for, some of whose names have spaces."""
    subprocess.run([program, "--make", root, "--files", str(files)], check=True)


class Steady:
    """The clients, while they run."""

    def __init__(self, program, address, files, connections):
        command = [program, "--address", f"{address[0]}:{address[1]}", "--files", str(files)]
        self._process = subprocess.Popen(
            [*command, "--connections", str(connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "asking\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.end()

    def counts(self):
        """Since they were asked last."""
        self._process.send_signal(signal.SIGUSR1)
        return json.loads(self._process.stdout.readline())

    def end(self):
        told, _ = self._process.communicate(timeout=60)
        return json.loads(told)
