"""MMapFile, MMapDir and CacheFile: in memory before the server is ready, and never evicted."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from access_log import outcomes_of
from folio_process import PATIENCE_S, eventually, run_to_end
from preloads import SlowDisk
from process_facts import descriptors_below, locked_bytes
from site_tree import noise, plant, replace
from stats_line import ask
from steady_load import hand_over


@pytest.fixture
def start(folio, folder):
    def start_with(conf, **options):
        (folder / "folio.conf").write_text(f"DocumentRoot www\nCustomLog access.log\nLogFormat json\n{conf}\n")
        return folio(None, "-f", folder / "folio.conf", "--threads", "1", **options)

    return start_with


def test_a_pinned_file_is_a_hit_from_the_first_request_on(start, folder):
    plant(folder, {"www/page": "page", "www/sub/index.html": "index", "www/empty": ""})
    server = start("MMapFile www/page www/sub/index.html www/empty")
    for target, body in [("/page", b"page"), ("/sub/", b"index"), ("/sub/index.html", b"index"), ("/empty", b"")]:
        assert server.get(target).body == body
    assert outcomes_of(folder / "access.log", 4) == ["hit"] * 4


def test_a_pinned_file_is_pinned_for_every_address_that_leads_to_it(start, folder):
    """Also by way of a symbolic link, to it or to its folder; then its own memory is found by others' pressure."""
    plant(folder, {"www/real/page": "page", **{f"www/f{i}": noise(500, i) for i in range(20)}})
    (folder / "www" / "link").symlink_to("real/page")
    (folder / "www" / "way").symlink_to("real")
    server = start("MMapFile www/real/page\nMMapMaxFiles 6")
    targets = ["/real/page", "/link", "/way/page"]
    for target in targets:
        assert server.get(target).body == b"page"
    for i in range(20):
        assert server.get(f"/f{i}").body == noise(500, i)
    for target in targets:
        assert server.get(target).body == b"page"
    assert outcomes_of(folder / "access.log", 26)[-3:] == ["hit"] * 3


def test_the_recipe_of_the_ancestors_works_as_it_stands(start, folder):
    """Names with spaces are not quoted by it."""
    plant(folder, {"www/one": "1", "www/a name with spaces": "2", "www/sub/three": "3"})
    recipe = "find %s -type f -print | sed -e 's/.*/mmapfile &/' > %s"
    subprocess.run(recipe % (folder / "www", folder / "mmap.conf"), shell=True, check=True, timeout=PATIENCE_S)
    server = start("Include mmap.conf")
    for target in ["/one", "/a%20name%20with%20spaces", "/sub/three"]:
        assert server.get(target).status == 200
    assert outcomes_of(folder / "access.log", 3) == ["hit"] * 3


def test_what_cannot_be_pinned_is_named_with_its_place_and_skipped(start, folder):
    plant(folder, {"www/page": "page", "www/sub/x": "x", "outside": "o"})
    server = start("MMapFile www/missing www/sub outside\nMMapDir www/page", expects_errors=True)
    assert server.get("/page").status == 200
    errors = server.errors().splitlines()
    for line, (place, reason) in zip(
        errors,
        [
            ("folio.conf:4: cannot pin", "www/missing: No such file"),
            ("folio.conf:4: cannot pin", "MMapDir pins folders"),
            ("folio.conf:4: cannot pin", "not below DocumentRoot"),
            ("folio.conf:5: cannot pin", "MMapFile pins files"),
        ],
        strict=True,
    ):
        assert place in line and reason in line


@pytest.mark.parametrize(
    "conf, place, reason",
    [
        ("MMapFile www/missing", "folio.conf:3", "www/missing: No such file"),
        ("\nMMapFile www/page www", "folio.conf:4", "MMapDir pins folders"),
        ("MMapDir www/page", "folio.conf:3", "MMapFile pins files"),
        ("Include more.conf", "more.conf:2", "not below DocumentRoot"),
        ("MMapDir www/many\nMMapMaxBytes 1M", None, "raise MMapMaxBytes"),
    ],
)
def test_with_mmapstrict_what_cannot_be_pinned_stops_the_start(folder, conf, place, reason):
    plant(folder, {"www/page": "page", "outside": "o", "more.conf": "# one\nMMapFile outside\n"})
    plant(folder, {f"www/many/{i}": noise(60_000, i) for i in range(20)})
    (folder / "folio.conf").write_text(f"DocumentRoot www\nMMapStrict on\n{conf}\n")
    run = run_to_end("-f", folder / "folio.conf", "-p", "0", "-b", "127.0.0.1")
    told, last = run.stderr.splitlines()
    assert run.returncode == 78 and run.stdout == ""
    assert reason in told and (place is None or f"{place}: cannot pin" in told)
    assert last == "folio: MMapStrict is on, and not everything can be pinned"


def test_with_mmapstrict_a_file_that_may_not_be_read_stops_the_start(folder):
    """That is found when it is loaded."""
    plant(folder, {"www/page": "page"})
    os.chmod(folder / "www" / "page", 0)
    (folder / "folio.conf").write_text("DocumentRoot www\nMMapStrict on\nMMapFile www/page\n")
    wrap = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    run = run_to_end("-f", folder / "folio.conf", "-p", "0", "-b", "127.0.0.1", wrap=wrap)
    assert run.returncode == 78
    assert "folio.conf:3: cannot pin /page: it may not be read" in run.stderr


def test_with_mmapstrict_a_reload_that_cannot_pin_all_leaves_the_old_set_serving(start, folder):
    plant(folder, {"www/page": "page"})
    server = start("MMapStrict on\nMMapFile www/page", expects_errors=True)
    (folder / "folio.conf").write_text("DocumentRoot www\nMMapStrict on\nMMapFile www/missing\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "serving goes on as before" in server.errors(), "the message")
    assert "folio.conf:3: cannot pin" in server.errors()
    assert server.get("/page").body == b"page"


def test_one_that_takes_the_place_of_a_crashed_one_answers_while_it_loads(start, folder):
    disk = SlowDisk(folder)
    plant(folder, {f"www/f{i}": noise(500, i) for i in range(40)})
    server = start("MMapStrict on\nMMapDir www", env=disk.environment, expects_errors=True)
    disk.close()
    os.kill(server.serving_pid, signal.SIGKILL)
    assert server.get("/missing").status == 404
    eventually(lambda: disk.waiting > 0, "somebody who loads")
    assert server.get("/missing").status == 404
    disk.open()
    eventually(lambda: pinned(server) == 40, "all of them")
    assert server.get("/f7").body == noise(500, 7)


def test_one_that_still_loads_what_is_pinned_can_be_stopped(start, folder):
    disk = SlowDisk(folder)
    plant(folder, {f"www/f{i}": noise(500, i) for i in range(40)})
    server = start("MMapDir www", env=disk.environment, expects_errors=True)
    disk.close()
    os.kill(server.serving_pid, signal.SIGKILL)
    eventually(lambda: disk.waiting > 0, "somebody who loads")
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    server.summary = {}  # a device did not answer: what it held could not be given back
    assert "a device did not answer" in server.lines[-2]


def pinned(server):
    return ask(server)["pinned"]


@pytest.fixture
def memory_group():
    """A control group of 64 MiB: what is put before a command to run it there."""
    group = Path(f"/sys/fs/cgroup/memory/folio-scenario-{os.getpid()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(64 << 20))
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    eventually(lambda: (group / "cgroup.procs").read_text() == "", "nobody in it")
    group.rmdir()


@pytest.mark.slow
def test_a_reload_whose_set_does_not_fit_beside_the_old_one_leaves_that_serving(memory_group, start, folder):
    """Else one of the two would be killed for want of memory."""
    plant(folder, {f"www/f{i}": noise(60_000, i) for i in range(600)})
    directives = "MMapMaxBytes 60M\nMMapDir www"
    server = start(directives, wrap=memory_group, expects_errors=True)
    serving = server.serving_pids
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "serving goes on as before" in server.errors(), "the message")
    assert "bytes of memory beside those of the server before, and" in server.errors()
    assert server.get("/f1").body == noise(60_000, 1) and server.serving_pids == serving
    for i in range(100, 600):
        (folder / "www" / f"f{i}").unlink()
    hand_over(server)
    assert server.get("/f1").body == noise(60_000, 1)


def test_what_does_not_fit_is_told_before_it_is_loaded(start, folder):
    plant(folder, {f"www/f{i}": noise(60_000, i) for i in range(40)})
    server = start("MMapDir www\nMMapMaxBytes 1M", expects_errors=True)
    assert "raise MMapMaxBytes" in server.errors()
    for i in range(40):
        assert server.get(f"/f{i}").body == noise(60_000, i)


def test_new_files_in_a_pinned_folder_are_pinned_as_they_appear(start, folder):
    plant(folder, {"www/a/one": "1"})
    server = start("MMapDir www", expects_errors=True)
    eventually(lambda: pinned(server) == 1, "one pinned file")
    replace(folder / "www" / "a" / "two", b"2")
    eventually(lambda: pinned(server) == 2, "another")
    plant(folder, {"new/b/three": "3"})
    shutil.move(folder / "new", folder / "www" / "new")
    eventually(lambda: pinned(server) == 3, "one in a new folder")
    replace(folder / "www" / "a" / "one", b"another")
    eventually(lambda: server.get("/a/one").body == b"another", "the new version")
    eventually(lambda: pinned(server) == 3, "it is pinned, too")


def test_cachefile_keeps_a_descriptor(start, folder):
    plant(folder, {"www/page": "page"})
    server = start("CacheFile www/page")
    assert descriptors_below(server.serving_pid, folder / "www") == [str(folder / "www" / "page")]
    assert server.get("/page").body == b"page"


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, reason="sanitizers lock nothing")
@pytest.mark.parametrize("said, wanted", [("on", 1_048_576), ("off", 0)])
def test_mmaplock_locks_big_pinned_files_in_memory(start, folder, said, wanted):
    """As far as RLIMIT_MEMLOCK allows it, which is 8 MiB where nobody said otherwise (getrlimit(2))."""
    plant(folder, {"www/big": noise(1_048_576, 1), "www/small": "small"})
    server = start(f"MMapDir www\nMMapLock {said}")
    assert locked_bytes(server.serving_pid) == wanted
    assert server.get("/big").body == noise(1_048_576, 1)


def test_a_big_pinned_file_is_mapped_and_unmapped(start, folder):
    plant(folder, {"www/big": noise(1_000_000, 1)})
    server = start("MMapFile www/big")

    def is_mapped():
        with open(f"/proc/{server.serving_pid}/maps", encoding="utf-8") as maps:
            return any(line.rstrip().endswith("/www/big") for line in maps)

    assert is_mapped()
    assert server.get("/big").body == noise(1_000_000, 1)
    (folder / "www" / "big").unlink()
    eventually(lambda: server.get("/big").status == 404, "it is gone")
    eventually(lambda: not is_mapped(), "it is unmapped")
