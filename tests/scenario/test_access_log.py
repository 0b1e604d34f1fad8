"""The access log: one line a request in each format, whatever bytes the client sent, and what was really sent."""

import datetime
import os
import random
import re
import threading
import time

import pytest

from access_log import COMBINED_LINE, COMMON_LINE, lines_of, records_of
from folio_process import eventually
from http1_client import Connection, request_bytes
from site_tree import noise, plant

pytestmark = pytest.mark.threads
SMALL, BIG = noise(2000, "small"), noise(24 << 20, "big")


@pytest.fixture(scope="module")
def site(lasting_folder):
    return plant(lasting_folder, {"small": SMALL, "big": BIG, "index.html": "front", "dir/x": "x"})


@pytest.fixture
def log(folder):
    return folder / "access.log"


def start(folio, site, log, form, *options):
    return folio(site, "--access-log", log, "-c", f"LogFormat {form}", *options)


def test_combined_is_the_default_and_reads_as_apaches(folio, site, log):
    server = folio(site, "--access-log", log)
    before = time.time()
    with server.connect() as connection:
        connection.get("/small?q=1", {"Referer": "http://folio.test/from", "User-Agent": "tester/1.0 (x; y)"})
        connection.get("/missing")
    found, missing = (COMBINED_LINE.fullmatch(line) for line in lines_of(log, 2))
    assert found.group(1, 3, 4, 5, 6, 7) == (
        "127.0.0.1", "GET /small?q=1 HTTP/1.1", "200", "2000", "http://folio.test/from", "tester/1.0 (x; y)",
    )  # fmt: skip
    at = datetime.datetime.strptime(found[2], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    assert before - 2 <= at <= time.time() + 1
    assert missing.group(3, 4, 6, 7) == ("GET /missing HTTP/1.1", "404", "-", "-")
    assert int(missing[5]) > 0


def test_common_leaves_referer_and_agent_out(folio, site, log):
    server = start(folio, site, log, "common")
    with server.connect() as connection:
        connection.get("/small", {"Referer": "r", "User-Agent": "a"})
        connection.head("/small")
    got, headed = (COMMON_LINE.fullmatch(line) for line in lines_of(log, 2))
    assert got.group(1, 3, 4, 5) == ("127.0.0.1", "GET /small HTTP/1.1", "200", "2000")
    assert headed.group(3, 4, 5) == ("HEAD /small HTTP/1.1", "200", "-")


def test_json_is_one_object_a_line(folio, site, log):
    server = start(folio, site, log, "json")
    before = time.time()
    with server.connect() as connection:
        connection.get("/small?q=1", {"Referer": "http://folio.test/", "User-Agent": 'quoted "agent"\\'})
        connection.request("HEAD", "/small")
        connection.request("OPTIONS", "*")
    got, headed, asked = records_of(log, 3)
    at = datetime.datetime.fromisoformat(got["time"]).timestamp()
    assert before - 2 <= at <= time.time() + 1
    assert 0 <= got["duration"] < 60
    assert (got["client"], got["method"], got["target"], got["status"], got["bytes"]) == ("127.0.0.1", "GET", "/small?q=1", 200, 2000)
    assert (got["referer"], got["agent"]) == ("http://folio.test/", 'quoted "agent"\\')
    assert (headed["method"], headed["bytes"], headed["referer"], headed["agent"]) == ("HEAD", 0, None, None)
    assert (asked["method"], asked["target"], asked["bytes"]) == ("OPTIONS", "*", 0)


@pytest.mark.parametrize(
    "bind, client", [("[::1]", "::1"), ("127.0.0.1", "127.0.0.1"), (None, "127.0.0.1"), ("unix", "unix:")]
)
def test_the_client_is_named_by_its_address(folio, site, log, folder, bind, client):
    bind = f"unix:{folder}/socket" if bind == "unix" else bind
    server = folio(site, "--access-log", log, "-c", "LogFormat json", bind=bind)
    with Connection(("127.0.0.1", server.port) if bind is None else server.address) as connection:
        connection.get("/small")
    assert records_of(log, 1)[0]["client"] == client


HOSTILE = [
    b'"quoted"', b"back\\slash", b"tab\there", b"\xff\xfe\x80", "grüße 文件".encode(), b"' OR 1=1 --", b"%s%n%x", b"<script>", b"\\x22\\n",
    b"\xe2\x80\xae", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"$(id)`id`", b"a" * 8000,
]  # fmt: skip


@pytest.mark.parametrize("form, pattern", [("combined", COMBINED_LINE), ("common", COMMON_LINE)])
def test_hostile_bytes_are_escaped_in_text(folio, site, log, form, pattern):
    server = start(folio, site, log, form)
    with server.connect() as connection:
        for value in HOSTILE:
            connection.get("/small", {"User-Agent": value, "Referer": value})
    for line in lines_of(log, len(HOSTILE)):
        assert line.isascii() and line.isprintable() and pattern.fullmatch(line), line


def test_hostile_bytes_are_escaped_in_json_and_come_back(folio, site, log):
    server = start(folio, site, log, "json")
    with server.connect() as connection:
        for value in HOSTILE:
            connection.get("/small", {"User-Agent": value, "Referer": value})
    for record, value in zip(records_of(log, len(HOSTILE)), HOSTILE):
        assert record["agent"] == record["referer"]
        try:
            assert record["agent"] == value.decode()
        except UnicodeDecodeError:
            assert all(chr(byte) in record["agent"] for byte in value if byte < 0x80)


@pytest.mark.parametrize("form", ["combined", "common", "json"])
@pytest.mark.parametrize(
    "request_, status",
    [
        (b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\x00\x01\x7f\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b'GET /"\\ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400),
        (b"\x16\x03\x01\x02\x00\x01\xfc\r\n\r\n", 400),
        (b"GET /%0a%0dfake HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"G\xff\xfe / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_refused_is_logged_too_in_one_line(folio, site, log, form, request_, status):
    server = start(folio, site, log, form, "--threads", "1")  # each worker has its own order
    with server.connect() as connection:
        connection.send(request_)
        assert connection.receive().status == status
    server.get("/small")
    first, second = lines_of(log, 2)
    assert first.isprintable() and "\x1b" not in first
    if form == "json":
        first, second = records_of(log, 2)
        assert (first["status"], second["status"]) == (status, 200)
    else:
        pattern = {"combined": COMBINED_LINE, "common": COMMON_LINE}[form]
        assert pattern.fullmatch(first)[4] == str(status) and pattern.fullmatch(second)[4] == "200"


def test_every_request_is_logged_once_and_in_order(folio, site, log):
    server = start(folio, site, log, "json", "--threads", "2")
    chosen = random.Random(1)
    asked = {i: [f"/{chosen.choice(['small', 'missing', 'dir', ''])}?{i}-{n}" for n in range(300)] for i in range(6)}

    def ask(targets):
        with server.connect() as connection:
            connection.send(b"".join(request_bytes("GET", target) for target in targets))
            for _ in targets:
                connection.receive()

    clients = [threading.Thread(target=ask, args=(targets,)) for targets in asked.values()]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    summary = server.stop()
    records = records_of(log, 1800)
    assert len(records) == 1800 == summary["requests"]
    assert summary["lost-log-lines"] == 0
    for i, targets in asked.items():
        assert [record["target"] for record in records if f"?{i}-" in record["target"]] == targets


def test_the_log_can_go_to_standard_output(folio, site):
    server = folio(site, "--access-log", "-")
    server.get("/small", {"User-Agent": "tester"})

    def logged():
        return [line for line in server.lines if line and COMBINED_LINE.fullmatch(line)]

    assert eventually(logged, "the line")[0].endswith(' "tester"')
    assert not [line for line in server.lines if line and "GET" in line and not COMBINED_LINE.fullmatch(line)]


def test_without_the_option_nothing_is_logged(folio, site):
    server = folio(site)
    server.get("/small")
    server.stop()
    assert not [line for line in server.lines if line and "GET" in line]


def test_a_log_is_continued_not_begun_anew(folio, site, log):
    log.write_text("what was there\n")
    server = folio(site, "--access-log", log)
    server.get("/small")
    server.stop()
    first, second = log.read_text().splitlines()
    assert first == "what was there" and COMBINED_LINE.fullmatch(second)


def test_what_was_asked_last_is_in_the_log_when_it_has_ended(folio, site, log):
    for round_ in range(3):
        server = folio(site, "--access-log", log)
        with server.connect() as connection:
            connection.send(request_bytes("GET", "/small") * 500)
            for _ in range(500):
                connection.receive()
        server.stop()
        assert len(log.read_text().splitlines()) == 500 * (round_ + 1)


def test_a_whole_download_logs_its_length(folio, site, log):
    server = start(folio, site, log, "json")
    with server.connect() as connection:
        assert connection.get("/big").body == BIG
        connection.get("/big", {"Range": "bytes=10-1000009"})
        connection.get("/small", {"If-None-Match": "*"})
    assert [(record["status"], record["bytes"]) for record in records_of(log, 3)] == [(200, len(BIG)), (206, 1_000_000), (304, 0)]


@pytest.mark.parametrize("name, whole", [("big", len(BIG)), ("small", 2000)])
def test_an_aborted_transfer_logs_the_bytes_that_were_sent(folio, site, log, name, whole):
    """What the socket took: at least what the client got, and less than the whole of what does not fit the buffers."""
    server = start(folio, site, log, "json", "--threads", "1")
    got = 0
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/" + name) * (1 if name == "big" else 5000))
        while got < 500_000:
            got += len(connection.receive_some(65536))
        connection.vanish()
    records = records_of(log, 1)
    assert all(record["bytes"] <= whole for record in records)
    if name == "big":
        assert len(records) == 1 and got - 2000 <= records[0]["bytes"] < whole
    else:
        # Sent whole, then at most one that was cut, then those that were ready but of which nothing was sent.
        sent = [record["bytes"] for record in records]
        assert sent == sorted(sent, reverse=True) and len([size for size in sent if 0 < size < whole]) <= 1
        assert sum(sent) >= got - 500 * len(sent)


def test_a_log_that_nobody_reads_holds_nothing_up_and_what_is_lost_is_counted(folio, site, folder):
    """A pipe that is full: every answer still comes, and lines written and lines lost add up."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    server = folio(site, "--access-log", pipe, "-c", "LogFormat json", "--threads", "1")
    requests = 6000
    with server.connect() as connection:
        for _ in range(requests // 50):
            connection.send(request_bytes("GET", "/small", {"User-Agent": "u" * 2000}) * 50)
            for _ in range(50):
                assert connection.receive().body == SMALL
    data, is_over = bytearray(), threading.Event()

    def drain():
        while True:
            try:
                data.extend(os.read(reader, 1 << 20))
            except BlockingIOError:
                if is_over.is_set():
                    return
                time.sleep(0.001)

    drainer = threading.Thread(target=drain)
    drainer.start()
    server.expects_errors = True  # it may say that lines were lost
    try:
        summary = server.stop()
    finally:
        is_over.set()
        drainer.join()
        os.close(reader)
    lines = data.decode().splitlines()
    assert summary["requests"] == requests
    assert summary["lost-log-lines"] > 0
    assert len(lines) + summary["lost-log-lines"] == requests
    assert all(re.fullmatch(r"\{.*\}", line) for line in lines)
