"""Throttle: how many bytes a second answers get, together and for each client.

That it takes at least so long is certain: there is a bucket, and what it holds at first is known. How much longer it takes depends on
who else wants the processor; there is a bound, which only ends what has failed. That credit comes as fast as it should, and no
slower, is shown where time is an argument (tests/unit/test_throttle.c).
"""

import re
import select
import threading
import time
from contextlib import ExitStack

import pytest

from access_log import lines_of
from folio_process import PATIENCE_S, eventually, run_to_end
from http1_client import request_bytes
from site_tree import noise, plant
from stats_line import ask
from steady_load import reload_and_wait

RATE = 1 << 20
BURST_S = 0.256  # what a bucket holds, by its rate ...
BURST_BYTES = 4 * 1460  # ... or, if that is more
BIG = noise(3 << 20, "big")
PAGE = noise(40_000, "page")
SMALL = noise(600, "small")


@pytest.fixture(name="start")
def make_start(folio, folder):
    plant(folder, {"www/slow/big": BIG, "www/slow/page": PAGE, "www/slow/small": SMALL, "www/page": PAGE, "www/big": BIG})

    def start(*lines, options=("--threads", "2"), **more):
        config = folder / "folio.conf"
        config.write_text(f"DocumentRoot {folder}/www\nCustomLog {folder}/log common\n" + "\n".join(lines) + "\n")
        return folio(None, "-f", config, *options, **more)

    return start


def seconds_for(size, rate=RATE):
    return (size - max(BURST_S * rate, BURST_BYTES)) / rate


class Took:
    """How long a block took: no less than `least` seconds, and it came to its end."""

    def __init__(self, least):
        self._least = least

    def __enter__(self):
        self._began = time.monotonic()

    def __exit__(self, kind, *_):
        took = time.monotonic() - self._began
        assert kind is not None or self._least <= took < PATIENCE_S, f"{took:.2f} s"


def together(*works):
    """Do them all at a time; their results in order."""
    results = [None] * len(works)

    def run(number, work):
        results[number] = work()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_S)
        assert not thread.is_alive()
    return results


def test_a_big_file_takes_its_time_and_is_whole(start):
    server = start(f"Throttle /slow/** {RATE}")
    with server.connect() as connection:
        with Took(seconds_for(len(BIG))):
            assert connection.get("/slow/big").body == BIG
        assert connection.get("/page").body == PAGE


def test_what_does_not_match_is_not_held_back(start):
    server = start("Throttle /slow/** 1000")
    with Took(0):  # it would be an hour
        assert server.get("/big").body == BIG
    # ** is needed: * stops at a slash, and the whole path counts.
    server = start("Throttle /s* 1000", "Throttle /slow/b 1000", "Throttle **/BIG 1000")
    with Took(0):
        assert server.get("/slow/big").body == BIG


def test_small_answers_count_as_well(start):
    """From memory, on one connection, pipelined: heads and bodies."""
    server = start("Throttle /slow/** 100K")
    count = 400
    with server.connect() as connection:
        with Took(seconds_for(count * len(SMALL), 100 << 10)):
            connection.send(count * request_bytes("GET", "/slow/small"))
            for _ in range(count):
                assert connection.receive().body == SMALL
    assert ask_throttled(server) > 0


def test_of_pipelined_answers_each_has_its_own(start):
    """One of another rate behind it does not take it along."""
    server = start("Throttle /slow/** 100K", "Throttle /page 1G")
    count = 300
    with server.connect() as connection:
        with Took(seconds_for(count * len(SMALL), 100 << 10)):
            connection.send(count * (request_bytes("GET", "/slow/small") + request_bytes("HEAD", "/page")))
            for _ in range(count):
                assert connection.receive().body == SMALL
                assert connection.receive("HEAD").status == 200


def ask_throttled(server):
    server.expects_errors = True
    return ask(server)["throttled"]


def test_pages_on_many_connections_are_whole_and_take_their_time(start):
    server = start("Throttle /slow/** 200K")
    with Took(seconds_for(20 * len(PAGE), 200 << 10)):
        assert together(*[lambda: server.get("/slow/page").body] * 20) == [PAGE] * 20


def test_what_fits_is_answered_at_once(start):
    server = start("Throttle /slow/** 10M")
    with server.connect() as connection:
        for _ in range(50):
            assert connection.get("/slow/small").body == SMALL
    assert ask_throttled(server) == 0


def received_side_by_side(server, target, count, seconds):
    """How many bytes come of each of so many answers, which are broken off then; and how long they were given."""
    with ExitStack() as stack:
        began = time.monotonic()
        connections = [stack.enter_context(server.connect()) for _ in range(count)]
        got = dict.fromkeys((connection.socket for connection in connections), 0)
        for connection in connections:
            connection.send(request_bytes("GET", target))
        while time.monotonic() < began + seconds:
            for readable in select.select(list(got), [], [], 1)[0]:
                got[readable] += len(readable.recv(1 << 16))
        return list(got.values()), time.monotonic() - began


def test_connections_share_fairly(start):
    """Those of several workers. A worker that was kept from running has given its connections less: then once more."""
    server = start(f"Throttle /slow/** {RATE}", options=("--threads", "4"))

    def is_fair():
        got, took_s = received_side_by_side(server, "/slow/big", 5, 4)
        assert sum(got) <= RATE * (took_s + BURST_S) + len(got) * (64 << 10)
        return max(got) < 3 * min(got)

    eventually(is_fair, "equal shares")


def test_who_reads_slowly_gets_it_whole(start):
    """What he is allowed, and does not take, he may take later."""
    server = start(f"Throttle /slow/** {8 * RATE}", options=("--threads", "1"))
    with server.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes("GET", "/slow/big"))
        time.sleep(1)
        assert server.get("/slow/big").body == BIG
        assert connection.receive().body == BIG


def test_those_who_wait_keep_no_loan_from_others(start):
    """Three connections of a worker may borrow pages here: what waits for its share gives back, and others need not copy."""
    server = start("Throttle /slow/** 1000", "MaxConnections 8", options=("--threads", "1"), expects_errors=True)
    waiting = [server.connect() for _ in range(3)]
    for connection in waiting:
        connection.send(request_bytes("GET", "/slow/big"))
        assert connection.receive_some(1)

    def is_lent():
        for connection in waiting:
            while connection.has_input():
                connection.receive_some(1 << 16)
        copied = ask(server)["copied"]
        assert server.get("/big").body == BIG
        return ask(server)["copied"] == copied

    eventually(is_lent, "an answer that is not copied", pause_s=0.1)
    for connection in waiting:
        connection.close()


def test_of_several_that_match_the_lowest_holds(start):
    server = start("Throttle ** 100M", "Throttle **/big 1M", "Throttle /slow/** 50M")
    with Took(seconds_for(len(BIG))):
        assert server.get("/slow/big").body == BIG


def test_two_patterns_count_what_each_matches(start):
    """What is in both is taken from both."""
    server = start(f"Throttle /slow/** {RATE}", f"Throttle /** {2 * RATE}")
    with Took(seconds_for(2 * len(BIG), 2 * RATE)):
        assert together(lambda: server.get("/slow/big").body, lambda: server.get("/big").body) == [BIG, BIG]


def client(server, address, target):
    """GET from that address of this machine."""
    with server.connect(source=address) as connection:
        return connection.get(target).body


def test_each_client_has_his_own(start):
    server = start(f"Throttle client {RATE}")
    addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    with Took(seconds_for(len(BIG))):
        assert together(*[lambda a=a: client(server, a, "/big") for a in addresses]) == [BIG] * 3


def test_all_connections_of_a_client_share(start):
    server = start(f"Throttle client {RATE}")
    with Took(seconds_for(2 * len(BIG))):
        assert together(*[lambda: client(server, "127.0.0.2", "/big")] * 2) == [BIG] * 2


def test_the_client_is_whom_a_trusted_proxy_names(start):
    trusting = ("RemoteIPHeader X-Forwarded-For", "RemoteIPTrustedProxy 127.0.0.1")
    server = start(f"Throttle client {RATE}", *trusting)

    def get(address):
        with server.connect() as connection:
            return connection.get("/big", [("X-Forwarded-For", address)]).body

    with Took(seconds_for(2 * len(BIG))):  # the same /64
        assert together(lambda: get("2001:db8::1"), lambda: get("2001:db8::2")) == [BIG] * 2
    with server.connect() as connection:  # on one connection each request has its own
        for number in range(8):
            assert connection.get("/page", [("X-Forwarded-For", f"192.0.2.{number}")]).body == PAGE


def test_ranges_and_heads_take_as_long_as_they_are(start):
    server = start(f"Throttle /slow/** {RATE}")
    with server.connect() as connection:
        response = connection.get("/slow/big", [("Range", "bytes=1000000-1000999")])
        assert response.status == 206 and response.body == BIG[1_000_000:1_001_000]
        with Took(0):
            for _ in range(20):
                assert connection.head("/slow/big")["Content-Length"] == str(len(BIG))
        several = connection.get("/slow/big", [("Range", "bytes=0-99,1000000-1499999,2000000-2499999")])
        assert several.status == 206 and all(BIG[a:b] in several.body for a, b in [(0, 100), (1_000_000, 1_500_000), (2_000_000, 2_500_000)])
        with Took(seconds_for(len(BIG) // 2)):
            assert connection.get("/slow/big", [("Range", f"bytes={len(BIG) // 2}-")]).body == BIG[len(BIG) // 2 :]


def test_who_is_held_back_is_not_slow(start):
    """SendMinRate is about what a client takes of what it is sent."""
    server = start("Throttle /slow/** 20000", "SendMinRate 100K 500ms")
    with Took(seconds_for(len(PAGE), 20_000)):
        assert server.get("/slow/page").body == PAGE


def test_who_takes_nothing_is_cut_off_although_he_is_held_back(start):
    server = start("Throttle /slow/** 20M", "SendMinRate 100K 500ms")
    with server.connect(receive_buffer=4096) as stalls:
        stalls.send(request_bytes("GET", "/slow/big"))
        eventually(stalls.is_broken, "the end")


def test_a_request_that_would_get_less_than_the_least_is_refused(start, folder):
    server = start("Throttle /slow/** 100K 60K", expects_errors=True)
    with server.connect() as first, server.connect() as second:
        first.send(request_bytes("GET", "/slow/big"))
        assert first.receive_some(1)
        response = second.get("/slow/page")
        assert response.status == 503 and response["Retry-After"] == "1"
        assert second.get("/page").body == PAGE
        assert ask(server)["turned-away"] == 1
        first.vanish()
        eventually(lambda: second.get("/slow/small").status == 200, "room again")
    server.stop()
    assert any(" 503 " in line for line in lines_of(folder / "log", 4))
    assert "less than Throttle's LEAST" in server.errors()


def test_the_least_of_a_client_is_his_own(start):
    server = start("Throttle client 100K 60K", expects_errors=True)
    with server.connect(source="127.0.0.2") as busy:
        busy.send(request_bytes("GET", "/big"))
        assert busy.receive_some(1)
        for source, status in (("127.0.0.2", 503), ("127.0.0.3", 200)):
            with server.connect(source=source) as connection:
                assert connection.get("/page").status == status


def test_without_a_least_nobody_is_refused(start):
    server = start("Throttle /slow/** 20K")
    connections = [server.connect() for _ in range(30)]
    for connection in connections:
        connection.send(request_bytes("GET", "/slow/small"))
    assert [connection.receive().body for connection in connections] == [SMALL] * 30
    for connection in connections:
        connection.close()


def connection_to_the_new(server):
    connection = server.connect()
    if connection.get("/page")["X-Is"] == "New":
        return connection
    connection.close()
    return None


def test_a_reload_changes_the_rate(start, folder):
    """What was begun goes on as it was; the new process has its own."""
    server = start("Throttle /slow/** 1000")
    with server.connect() as old:
        old.send(request_bytes("GET", "/slow/page"))
        assert old.receive_some(1)
        config = folder / "folio.conf"
        config.write_text(config.read_text().replace("1000", str(RATE)) + "Header set X-Is New\n")
        reload_and_wait(server)
        with eventually(lambda: connection_to_the_new(server), "an answer of the new process") as connection:
            with Took(seconds_for(len(BIG))):
                assert connection.get("/slow/big").body == BIG
        assert not old.is_ended()
    eventually(lambda: len(server.serving_pids) == 1, "the old one's end")


def test_who_goes_away_leaves_nothing_behind(start):
    """While it waits for its share; the fixture looks for what is left over."""
    server = start("Throttle ** 5000", "Throttle client 5000")
    for _ in range(10):
        with server.connect() as connection:
            connection.send(2 * request_bytes("GET", "/slow/page"))
            connection.receive_some(1)
            connection.vanish()
    eventually(lambda: server.settle() or True, "its rest")


def test_a_file_that_is_written_meanwhile_is_not_held_back(start, folder):
    """Pages that were lent are given back while the answer waits: who writes need not wait for its end."""
    server = start("Throttle /slow/** 10000")
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/slow/big"))
        assert connection.receive_some(1)
        with Took(0):  # the answer would take five minutes
            with open(folder / "www/slow/big", "r+b") as file:
                file.write(b"another")
        assert server.get("/page").body == PAGE


def test_an_error_is_held_back_for_its_client_too(start):
    server = start("Throttle client 4000")
    with server.connect() as connection:
        with Took(1):
            for _ in range(50):
                assert connection.get("/missing").status == 404


def test_explain_tells_which_hold(start, folder):
    server = start("Throttle /slow/** 2M 1K", "Throttle **.iso 1M", "Throttle client 5M")
    told = run_to_end("explain", "-f", folder / "folio.conf", "/slow/page").stdout
    assert re.findall(r"^throttle +(.*?)   .*:(\d+)$", told, re.M) == [
        ("/slow/**: 2.0 MiB a second, 503 below 1.0 KiB each", "3"),
        ("client: 5.0 MiB a second", "5"),
    ]
    assert server.get("/page").body == PAGE


@pytest.mark.parametrize(
    "lines, warning",
    [
        (("Throttle *.iso 1M",), "3: warning: Throttle: *.iso matches nothing"),
        (("Throttle /a 2M", "Throttle /a 1M"), "3: warning: Throttle: it says nothing beside the one for /a"),
        (("Throttle /a 1M", "Throttle /a 1M"), "4: warning: Throttle: it says nothing beside the one for /a"),
        (("Throttle /a 2M 1K", "Throttle /a 1M 1K"), "3: warning: Throttle: it says nothing beside the one for /a"),
        (("Throttle /a 2M 1M", "Throttle /a 1M"), None),
        (("Throttle /a 1M", "Throttle /a 1M 10K"), "3: warning: Throttle: it says nothing beside the one for /a"),
        (("Throttle /a|*.b 1M", "Throttle /b 1M", "Throttle client 1M"), None),
    ],
)
def test_check_warns_of_what_can_never_hold(folder, lines, warning):
    plant(folder, {"www/page": "", "folio.conf": f"\nDocumentRoot {folder}/www\n" + "\n".join(lines) + "\n"})
    run = run_to_end("check", folder / "folio.conf")
    assert run.returncode == 0
    assert (warning in run.stderr) if warning else run.stderr == ""
