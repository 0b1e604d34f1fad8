"""In a cgroup of 64 MiB with four times that to serve: never killed, no error, no wrong byte."""

import random
import sys
import threading

import pytest

from folio_process import REPOSITORY
from site_tree import noise, plant

sys.path.insert(0, str(REPOSITORY / "bench"))
from cgroup import MemoryCgroup, why_not  # pylint: disable=wrong-import-position # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]
MIB = 1 << 20
LIMIT = 64 * MIB
SMALL_BYTES, SMALL_COUNT = 40_000, 4000
BIG_BYTES, BIG_COUNT = 2 * MIB, 48
CLIENTS, REQUESTS = 4, 500
NAMES = [f"small{i}" for i in range(SMALL_COUNT)] + [f"big{i}" for i in range(BIG_COUNT)] * 10


def content(name):
    return noise(BIG_BYTES if name.startswith("big") else SMALL_BYTES, name)


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {name: content(name) for name in dict.fromkeys(NAMES)})


@pytest.fixture
def group():
    with MemoryCgroup(LIMIT) as group:
        yield group


def test_four_times_its_memory_is_served(group, folio, site):
    server = folio(site, "--threads", "2", wrap=group.wrap, expects_errors=True)
    # A quarter of what the cgroup allows, not of the machine.
    assert "  memory    16 MiB for files" in "\n".join(server.lines)
    pid, wrong = server.serving_pid, []

    def ask(seed):
        chosen = random.Random(seed)
        with server.connect() as connection:
            for _ in range(REQUESTS):
                name = chosen.choice(NAMES)
                response = connection.get("/" + name)
                if response.status != 200 or response.body != content(name):
                    wrong.append((name, response.status))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.serving_pid == pid and group.killed() == 0
    process_bytes, file_bytes = group.used()
    assert process_bytes < LIMIT // 2 and process_bytes + file_bytes <= LIMIT
    assert server.stop()["requests"] == CLIENTS * REQUESTS
