"""Whatever is done to the files while they are asked for, no answer is torn or stale; and the judge would see it if one were."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import attack
from folio_process import REPOSITORY

SECONDS = 2
SECONDS_SLOW = 8
BOUND_MS = 1500  # so long may nobody be told on a machine that does much else; the last look comes after it
SETTLE_S = 60  # no writer takes so long
# Nothing is seen by its age: who was not told does not know.
OPTIONS = ("-c", "MMapRevalidate 1h", "-c", f"MMapSettle {SETTLE_S}s")
JUDGE = ("--bound", BOUND_MS, "--settle", SETTLE_S * 1000)


@pytest.fixture(scope="module", name="program")
def build_program():
    with tempfile.TemporaryDirectory(prefix="folio-attack-") as folder:
        yield attack.build(Path(folder))


@pytest.fixture(name="place", params=["disk", "memory"])
def make_place(request):
    """An empty folder on a file system of a disk, and on one of memory."""
    where = {"disk": "/var/tmp", "memory": "/dev/shm"}[request.param]
    with tempfile.TemporaryDirectory(prefix="folio-attack-", dir=where) as path:
        yield Path(path)


def check(outcome):
    assert outcome.code == 0, outcome.text
    assert all(row["200"] > 0 for row in outcome.rows.values()), outcome.text
    assert all(row["versions"] > 1 for row in outcome.rows.values()), outcome.text
    assert outcome.rows["delete", "small"]["404"] > 0, outcome.text
    # Only a big file that is changed in place has to be broken off.
    for (writer, size), row in outcome.rows.items():
        if size == "small" or writer in ("rename", "flip", "recreate", "delete"):
            assert row["aborted"] == 0, outcome.text


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_no_answer_is_torn_or_stale(folio, place, program, threads):
    server = folio(place, "--threads", threads, *OPTIONS)
    check(attack.run(program, server, place, SECONDS, *JUDGE))


@pytest.mark.slow
def test_no_answer_is_torn_or_stale_among_many(folio, place, program):
    server = folio(place, "--threads", "2", *OPTIONS)
    check(attack.run(program, server, place, SECONDS_SLOW, *JUDGE, "--clients", 8, "--files", 2, "--pause", 5))


@pytest.mark.slow
def test_no_answer_is_torn_or_stale_when_there_is_no_room_to_keep_the_files(folio, place, program):
    server = folio(place, "--threads", "2", *OPTIONS, "-c", "MMapMaxBytes 1M", "-c", "MMapMaxFiles 8")
    check(attack.run(program, server, place, SECONDS, *JUDGE, "--files", 8))


NO_LEASE = (
    "src/platform/file.c",
    "if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) return FILE_LEASE_TAKEN;",
    "(void)fd; return FILE_LEASE_UNKNOWN;",
)
COPIES = ("src/net/lending.c", "if (!lease_borrow(&entry_stream(entry)->lease)) return false;", "if (entry) return false;")
MUTANTS = {
    "as it is": ([], None),
    "what changed is kept": (
        [("src/cache/observer.c", "table_remove(observer->table, entry);\n        count(", "count(")],
        (None, None, "stale"),  # of whatever kind: workers hear of some changes themselves
    ),
    "what is being written is taken as it is": (
        [
            NO_LEASE,
            ("src/cache/load.c", "bool is_busy = quiet_ms > 0 &&", "bool is_busy = false &&"),
            ("src/cache/load.c", "&& file_identity_equal(identity, &after) ? STATUS_OK", "? STATUS_OK"),
        ],
        ("overwrite", "small", "torn"),
    ),
    "what lies in sockets is given to the writer": (
        [("src/net/lending.c", "return conn->lending.owed <= ", "return true || conn->lending.owed <= ")],
        ("overwrite", "big", "torn"),
    ),
    "what lies in the peer's queue is given to the writer": (
        [("src/net/lending.c", "return unsent + unread;", "return unsent;")],
        ("overwrite", "big", "torn"),
    ),
    "everything is copied": ([COPIES], None),
    "any If-Range holds": (
        [("src/http/conditions.c", "&& span_equal(value, validators->etag);", "|| value.size > 0;")],
        ("rename", "small", "torn"),
    ),
}


@pytest.fixture(scope="module", name="sources")
def copy_sources():
    """The sources, to be broken, and a build of them."""
    with tempfile.TemporaryDirectory(prefix="folio-mutants-") as folder:
        copy = Path(folder) / "folio"
        leave_out = shutil.ignore_patterns("build*", ".git", "node_modules", "__pycache__", "corpus", "work")
        shutil.copytree(REPOSITORY, copy, ignore=leave_out)
        run_quietly("meson", "setup", copy / "build", copy, "--buildtype=debugoptimized")
        yield copy


def run_quietly(*command):
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_server_is_found(folio, folder, program, sources, monkeypatch, name):
    edits, seen = MUTANTS[name]
    originals = {path: (sources / path).read_text() for path, _, _ in edits}
    for path, old, new in edits:
        text = (sources / path).read_text()
        assert text.count(old) == 1, f"{path} has changed: {old}"
        (sources / path).write_text(text.replace(old, new))
    run_quietly("ninja", "-C", sources / "build", "folio")
    for path, text in originals.items():
        (sources / path).write_text(text)
    monkeypatch.setenv("FOLIO", os.fspath(sources / "build" / "folio"))
    server = folio(folder, "--threads", "2", *OPTIONS)
    outcome = attack.run(program, server, folder, SECONDS, *JUDGE, "--slow-one-in", 2, "--big-one-in", 2)
    assert outcome.code == (1 if seen else 0), outcome.text
    if seen:
        writer, size, column = seen
        rows = [row for key, row in outcome.rows.items() if writer is None or key == (writer, size)]
        assert sum(row[column] for row in rows) > 0, outcome.text
