"""The server under test: started on a port that the kernel chose, always stopped, and asked what it left open.

FOLIO names the binary (default: build/folio of this repository); FOLIO_WRAP is put before it (a tracer, a limiter).
"""

import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from http1_client import Connection

REPOSITORY = Path(__file__).resolve().parents[2]
# It only ends what has failed, so it costs nothing to be long: on a busy machine the kernel itself has kept an exit waiting for ten
# seconds (closing an inotify descriptor waits for a worker of its own).
PATIENCE_S = 60
ABANDONED = re.compile(
    r"folio: stopped: requests=\d+ connections=0 lost-log-lines=0; a device did not answer, and is not waited for"
)
# What is told of requests that were rightly refused.
REFUSALS = re.compile(
    r"folio: (\[client [^]]*\]( \[site [^]]*\])? .*|\d+ more (was|were) not told): (refused|answered 503): .*\n"
)
STOPPED = re.compile(
    r"folio: stopped: requests=(?P<requests>\d+) connections=(?P<connections>\d+) references=(?P<references>\d+)"
    r" descriptors=(?P<descriptors>\d+) lost-log-lines=(?P<lost_log_lines>\d+)"
)


def binary():
    return str(Path(os.environ.get("FOLIO", REPOSITORY / "build" / "folio")).absolute())


def command(*arguments, wrap=(), program=None):
    """The command line of `program` (the binary) with `arguments`; `wrap` comes before it, and FOLIO_WRAP before that."""
    return [
        *shlex.split(os.environ.get("FOLIO_WRAP", "")),
        *wrap,
        str(program or binary()),
        *(a if isinstance(a, bytes) else str(a) for a in arguments),
    ]


def run_to_end(*arguments, wrap=(), cwd=None):
    """Run a command line that is not expected to serve."""
    return subprocess.run(
        command(*arguments, wrap=wrap),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE_S,
        check=False,
    )


class Folio:
    """One running server. Use it through the fixtures of conftest.py, which stop it and check what it left."""

    def __init__(
        self,
        root,
        *options,
        bind="127.0.0.1",
        wrap=(),
        env=None,
        cwd=None,
        expects_errors=False,
        program=None,
        patience_s=PATIENCE_S,
    ):
        arguments = ["--port", "0"]
        if bind is not None:
            arguments += ["--bind", bind]
        arguments += options
        if root is not None:
            arguments.append(root)
        self.expects_errors = expects_errors
        self.program = program or binary()
        self.expects_hang = False  # a device may hang at the end: nothing is given back then
        self.summary = None
        self.lines = []
        self._lines_changed = threading.Condition()
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command(*arguments, wrap=wrap, program=self.program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        try:
            self._wait_until_ready(patience_s)
        except BaseException:
            self._kill()
            raise

    def _read_lines(self):
        for line in self._process.stdout:
            with self._lines_changed:
                self.lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))
                self._lines_changed.notify_all()
        with self._lines_changed:
            self.lines.append(None)
            self._lines_changed.notify_all()

    def _wait_until_ready(self, patience_s):
        def is_told():
            return any(line is None or line.startswith("  memory") for line in self.lines)

        with self._lines_changed:
            told = self._lines_changed.wait_for(is_told, patience_s)
        if not told or None in self.lines:
            raise AssertionError(f"not ready: {self.lines}, standard error: {self.errors()}")

    def _kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    @property
    def pid(self):
        """The supervisor's process, which takes the signals; also where FOLIO_WRAP stays between it and us."""
        pid = self._process.pid
        # It may have been removed, or another may lie in its place by now.
        while os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)") != os.path.realpath(self.program):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if len(children) != 1:
                return self._process.pid
            pid = int(children[0])
        return pid

    @property
    def serving_pids(self):
        """The processes that serve: one, and for a while those before it that still finish."""
        pid = self.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def serving_pid(self):
        return self.serving_pids[-1]

    @property
    def addresses(self):
        """What it says it listens on: (host, port) pairs, or paths of Unix sockets."""
        found = []
        for line in self.lines:
            match = re.fullmatch(r"  address +(?:http://(\S+):(\d+)/|unix:(.+))", line or "")
            if match:
                found.append(match[3] or (match[1].strip("[]"), int(match[2])))
        return found

    @property
    def address(self):
        return self.addresses[0]

    @property
    def port(self):
        return self.address[1]

    def connect(self, **options):
        return Connection(self.address, **options)

    def get(self, target, fields=()):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.get(target, fields)

    def settle(self):
        """Return when a server of one worker has handled everything that was sent to it before.

        Its loop takes connections in the order in which they became readable: when this one is answered, so are those.
        """
        with self.connect() as connection:
            connection.send(b"OPTIONS * HTTP/1.1\r\nHost: settle\r\n\r\n")
            connection.receive("OPTIONS")

    def errors(self):
        # Where we read is where the server writes next, unless the place is left as it is: it has the same open file.
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode("utf-8", "replace")

    def is_running(self):
        return self._process.poll() is None

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, patience_s=PATIENCE_S):
        """Wait for its end, which something else brings about; returns the exit code."""
        try:
            code = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            stacks = self._stacks()
            self._kill()
            raise AssertionError(
                f"still running after {patience_s} s; killed. Its threads waited in: {stacks}"
            ) from None
        self._reader.join()
        self._process.stdout.close()
        return code

    def _stacks(self):
        names = {}
        for pid in [self.pid, *self.serving_pids]:
            for task in Path(f"/proc/{pid}/task").iterdir():
                try:
                    names[f"{(task / 'comm').read_text().strip()}/{task.name}"] = (task / "wchan").read_text()
                except OSError:  # it has just ended
                    pass
        return names

    def stop(self, number=signal.SIGTERM, patience_s=PATIENCE_S):
        """Stop it, and check that it left nothing behind. Again: nothing. Returns the numbers of its last line."""
        if self.summary is None:
            if self.is_running():
                self.send_signal(number)
            code = self.wait(patience_s)
            self.summary = {}
            self._check_end(code)
        return self.summary

    def _check_end(self, code):
        errors = self.errors()
        lines = [line for line in self.lines if line is not None]
        assert code == 0, f"exit code {code}, standard error: {errors}"
        assert self.expects_errors or REFUSALS.sub("", errors) == "", errors
        if self.expects_hang and ABANDONED.fullmatch(lines[-1]):
            return
        last = STOPPED.fullmatch(lines[-1])
        assert last, f"the last line is {lines[-1]!r}"
        self.summary = {name.replace("_", "-"): int(value) for name, value in last.groupdict().items()}
        left = {name: self.summary[name] for name in ("connections", "references", "descriptors")}
        assert left == {"connections": 0, "references": 0, "descriptors": 0}

    def give_up(self):
        """For the fixtures: whatever happened, no process stays."""
        if self.is_running():
            self._kill()
        self._errors.close()


class Fleet:
    """Starts servers; at its end every one is stopped and checked."""

    def __init__(self):
        self._servers = []

    def start(self, root, *options, **more):
        server = Folio(root, *options, **more)
        self._servers.append(server)
        return server

    def stop(self):
        failures = []
        for server in reversed(self._servers):
            try:
                server.stop()
            except AssertionError as failure:
                failures.append(str(failure))
            finally:
                server.give_up()
        assert not failures, "\n".join(failures)


def eventually(is_so, what, patience_s=PATIENCE_S, pause_s=0.01):
    """Ask until it is so; the bound only ends a test that has failed. Returns the last answer."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = is_so()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {patience_s} s"
        time.sleep(pause_s)
