"""The cache is bounded in bytes, files and time, and within its bounds never refuses to serve a file."""

import random
import threading

import pytest

from access_log import outcomes_of, records_of
from folio_process import eventually
from http1_client import request_bytes
from process_facts import descriptors_below, peak_resident_bytes, resident_bytes
from site_tree import noise, plant

MIB = 1 << 20
SIZES = [0, 1, 700, 4000, 16_000, 40_000, 65_536]


def tree_of(total, seed):
    """{path: content} of files of many sizes, `total` bytes together."""
    chosen, files, bytes_ = random.Random(seed), {}, 0
    while bytes_ < total:
        size = chosen.choice(SIZES)
        files[f"d{len(files) % 50}/f{len(files)}"] = noise(size, f"{seed}-{len(files)}")
        bytes_ += size
    return files


def fetch_in_any_order(server, files, rounds, seed):
    names = list(files) * rounds
    random.Random(seed).shuffle(names)
    with server.connect() as connection:
        for name in names:
            response = connection.get("/" + name)
            assert response.status == 200 and response.body == files[name], name


@pytest.mark.threads
def test_a_tree_ten_times_the_budget_is_served_whole(folio, folder):
    files = tree_of(20 * MIB, 1)
    server = folio(plant(folder, files), "--threads", "2", "-c", "MMapMaxBytes 2M", "-c", "MMapRevalidate 1h")
    failures = []

    def fetch(seed):
        try:
            fetch_in_any_order(server, files, 1, seed)
        except AssertionError as failure:
            failures.append(failure)

    clients = [threading.Thread(target=fetch, args=(seed,)) for seed in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert failures == []


@pytest.mark.slow
def test_the_budget_bounds_the_memory(folio, folder):
    files = tree_of(80 * MIB, 2)
    server = folio(plant(folder, files), "--threads", "2", "-c", "MMapMaxBytes 8M", "-c", "MMapRevalidate 1h")
    fetch_in_any_order(
        server, {name: files[name] for name in list(files)[:10]}, 1, 0
    )  # all threads and buffers are there
    before = resident_bytes(server.serving_pid)
    fetch_in_any_order(server, files, 2, 3)
    # The allocator keeps some of what was freed; a cache without a bound would need 80 MiB.
    assert peak_resident_bytes(server.serving_pid) - before < 16 * MIB


def test_what_fits_the_budget_stays(folio, folder):
    files = tree_of(4 * MIB, 4)
    log = folder / "access.log"
    plant(folder / "site", files)
    server = folio(
        folder / "site",
        "--threads",
        "1",
        "-c",
        "MMapMaxBytes 16M",
        "-c",
        "MMapRevalidate 1h",
        "--access-log",
        log,
        "-c",
        "LogFormat json",
    )
    fetch_in_any_order(server, files, 1, 0)
    fetch_in_any_order(server, files, 3, 1)
    outcomes = outcomes_of(log, 4 * len(files))
    assert outcomes[len(files) :] == ["hit"] * (3 * len(files))


def test_what_is_asked_for_often_outlives_what_is_asked_for_once(folio, folder):
    """A scan through everything must not drive the few hot files out for long."""
    hot, cold = {f"hot{i}": noise(2000, f"hot{i}") for i in range(20)}, tree_of(20 * MIB, 5)
    log = folder / "access.log"
    plant(folder / "site", {**hot, **cold})
    server = folio(
        folder / "site",
        "--threads",
        "1",
        "-c",
        "MMapMaxBytes 2M",
        "-c",
        "MMapRevalidate 1h",
        "--access-log",
        log,
        "-c",
        "LogFormat json",
    )
    fetch_in_any_order(server, hot, 20, 0)
    asked = []
    with server.connect() as connection:
        for i, name in enumerate(cold):
            asked += [name] + (list(hot) if i % 20 == 0 else [])
        for name in asked:
            assert connection.get("/" + name).body == (hot.get(name) or cold[name])
    records = records_of(log, 20 * len(hot) + len(asked))[20 * len(hot) :]
    outcomes = [record["cache"] for record in records if record["target"].startswith("/hot")]
    assert outcomes.count("hit") > 0.9 * len(outcomes)


@pytest.mark.parametrize("size", [100, 200_000])
def test_few_files_allowed_are_still_all_served(folio, folder, size):
    files = {f"f{i}": noise(size, i) for i in range(60)}
    log = folder / "access.log"
    plant(folder / "site", files)
    server = folio(
        folder / "site",
        "--threads",
        "1",
        "-c",
        "MMapMaxFiles 10",
        "-c",
        "MMapRevalidate 1h",
        "--access-log",
        log,
        "-c",
        "LogFormat json",
    )
    for round_ in range(4):
        fetch_in_any_order(server, files, 1, round_)
    outcomes = outcomes_of(log, 4 * len(files))
    # Each file is asked for once a round: only what was there when the round began can be a hit.
    for at in range(0, len(outcomes), len(files)):
        assert outcomes[at : at + len(files)].count("hit") <= 10
    # A stream that is in the table holds a descriptor; replaced ones are closed a little later.
    eventually(lambda: len(descriptors_below(server.serving_pid, folder / "site")) <= 10, "at most 10 descriptors of files")


@pytest.mark.parametrize(
    "directive",
    [
        "MMapMaxFiles 1",
        "MMapMaxFiles 3",
        "MMapMaxBytes 1M",
        "MMapMaxFileSize 0",
        "MMapMaxFileSize 1",
        "MMapMaxFileSize 64M",
        "MMapRevalidate 0",
    ],
)
def test_however_small_or_odd_a_limit_every_file_is_served(folio, folder, directive):
    files = {f"f{size}": noise(size, size) for size in [*SIZES, 100_000, 1_000_000]}
    server = folio(plant(folder, {**files, "dir/x": "x"}), "-c", directive)
    fetch_in_any_order(server, files, 3, 0)
    assert (server.get("/dir").status, server.get("/missing").status, server.get("/dir/").status) == (301, 404, 403)


def test_names_that_lead_nowhere_do_not_fill_the_memory(folio, folder):
    """Anybody can ask for any number of them; a known file stays known meanwhile."""
    log = folder / "access.log"
    plant(folder / "site", {"file": "file"})
    server = folio(
        folder / "site",
        "--threads",
        "1",
        "-c",
        "MMapMaxFiles 100",
        "-c",
        "MMapRevalidate 1h",
        "--access-log",
        log,
        "-c",
        "LogFormat json",
    )
    with server.connect() as connection:
        for _ in range(20):
            connection.get("/file")
        for at in range(0, 5000, 50):
            connection.send(b"".join(b"GET /none-%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(at, at + 50)))
            for _ in range(50):
                assert connection.receive().status == 404
        connection.get("/file")
    assert outcomes_of(log, 5021)[-1] == "hit"


def test_what_is_not_used_expires(folio, folder):
    """The descriptor of a stream that nobody asks for is given back."""
    plant(folder, {"stream": noise(300_000, 1)})
    server = folio(folder, "--threads", "1", "-c", "MMapExpire 1s")
    assert server.get("/stream").status == 200
    assert len(descriptors_below(server.serving_pid, folder)) == 1
    eventually(lambda: not descriptors_below(server.serving_pid, folder), "the descriptor is closed")
    assert server.get("/stream").body == noise(300_000, 1)


def test_what_was_used_is_found_again_only_until_it_expires(folio, folder):
    log = folder / "access.log"
    plant(folder / "site", {"file": "file"})
    server = folio(
        folder / "site", "-c", "MMapExpire 1s", "-c", "MMapRevalidate 1h", "--access-log", log, "-c", "LogFormat json"
    )
    count = [0]

    def is_loaded_again():
        server.get("/file")
        count[0] += 1
        return outcomes_of(log, count[0])[-1] in ("miss", "load") and count[0] > 1

    eventually(is_loaded_again, "a load after the first one", pause_s=3)


@pytest.mark.parametrize("size", [5_000, 40_000])
def test_a_file_has_one_validator_whether_there_is_room_for_it_or_not(folio, folder, size):
    """Streams that are being sent cannot make room; what a client holds of the file is still the same version."""
    plant(folder, {"file": noise(size, "file"), "s0": noise(24 * MIB, 0), "s1": noise(24 * MIB, 1)})
    server = folio(folder, "--threads", "1", "-c", "MMapMaxFiles 2", "-c", "MMapMaxFileSize 64K")
    first = server.get("/file")
    readers = [server.connect(receive_buffer=16384) for _ in range(2)]
    for i, reader in enumerate(readers):
        reader.send(request_bytes("GET", f"/s{i}"))
        assert reader.receive_some(12) == b"HTTP/1.1 200"
    for _ in range(3):
        second = server.get("/file")
        assert second.body == first.body and second["ETag"] == first["ETag"]
    assert server.get("/file", {"Range": "bytes=0-9", "If-Range": first["ETag"]}).status == 206
    for reader in readers:
        reader.vanish()
