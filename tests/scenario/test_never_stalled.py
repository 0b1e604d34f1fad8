"""A device that hangs costs the requests that need it a timeout, and nobody else anything.

A file system of the test's own (tests/fuse) plays the device: it is mounted in the served folder, and its operations wait
until the test lets them go on. Nothing here is measured: while something hangs, everything else is served.
"""

import os
import signal
import threading
import time

import pytest

import slow_file_system
from byteranges import parts_of
from folio_process import PATIENCE_S, eventually
from http1_client import Ended, request_bytes
from site_tree import noise, plant, replace
from slow_file_system import LOOK, OPEN, OPERATIONS, READ, SlowFileSystem
from stats_line import ask

pytestmark = [
    pytest.mark.threads,
    pytest.mark.skipif(slow_file_system.why_not() is not None, reason=str(slow_file_system.why_not())),
]
WINDOW = 2 << 20  # of a stream
SLOW_FILES, LOCAL_FILES, HOT_REQUESTS = 30, 20, 200
A_DEVICE_S_SHARE = 8  # of the loaders
HOT, BIG = noise(2000, "hot"), noise(3 << 20, "big")


def slow(i):
    return noise(20_000, f"slow {i}")


def local(i):
    return noise(20_000, f"local {i}")


@pytest.fixture(scope="module")
def program(lasting_folder):
    return slow_file_system.build(lasting_folder)


@pytest.fixture
def site(folder):
    files = {"hot": HOT, "big": BIG, **{f"local/{i}": local(i) for i in range(LOCAL_FILES)}}
    return plant(folder / "site", files)


@pytest.fixture
def device(program, folder, site):
    """Seen at /slow/ of the site, and, through a symbolic link, at /link/."""
    behind = plant(folder / "behind", {"big": BIG, **{f"{i}": slow(i) for i in range(SLOW_FILES)}})
    plant(behind, {f"deep/{i}/file": slow(i) for i in range(SLOW_FILES)})
    device = SlowFileSystem(program, behind, site / "slow", folder / "control")
    os.symlink("slow", site / "link")
    yield device
    device.end()


@pytest.fixture
def start(folio, site, device):
    servers = []

    def start_one(*options, **more):
        servers.append(folio(site, "--threads", "2", *options, **more))
        return servers[-1]

    yield start_one
    device.release()
    for server in servers:
        if server.is_running():
            server.stop()


def make_cold(site):
    """What is in the folder `local` is in nobody's memory."""
    for i in range(LOCAL_FILES):
        descriptor = os.open(site / "local" / str(i), os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def check_nobody_else_waits(server, site):
    """Hits on many connections, files that must be read first, a stream, what is not there, and what is new."""
    make_cold(site)
    lasting = server.connect()
    for i in range(HOT_REQUESTS // 2):
        response = lasting.get("/hot")
        assert response.body == HOT
        assert server.get("/hot").body == HOT
        if response.closes():  # of a process that hands over
            lasting.close()
            lasting = server.connect()
    lasting.close()
    for i in range(LOCAL_FILES):
        assert server.get(f"/local/{i}").body == local(i)
    assert server.get("/big").body == BIG
    assert server.get("/nothing").status == 404
    assert server.get("/unknown/nothing").status == 404
    plant(site, {"new/folder/file": "new"})
    assert server.get("/new/folder/file").body == b"new"


def ask_for_many(server, names):
    clients = [server.connect() for _ in names]
    for name, client in zip(names, clients):
        client.send(request_bytes("GET", name))
    return clients


def check_all_answered(clients, bodies):
    for client, body in zip(clients, bodies):
        assert client.receive().body == body
        client.close()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_device_that_hangs_holds_up_nobody_else(start, site, device, operation):
    """More files of it are asked for than there are loaders for one device."""
    server = start("-c", "LoadTimeout 60s")
    assert server.get("/slow/0").body == slow(0)
    assert server.get("/hot").body == HOT
    device.hang(operation)
    numbers = range(1, SLOW_FILES)
    clients = ask_for_many(server, [f"/slow/{i}" for i in numbers])
    eventually(lambda: device.waiting(operation) >= A_DEVICE_S_SHARE, "the loaders of the device")
    check_nobody_else_waits(server, site)
    assert device.waiting(operation) >= A_DEVICE_S_SHARE
    assert not any(client.has_input() for client in clients)
    device.release()
    check_all_answered(clients, [slow(i) for i in numbers])


@pytest.mark.parametrize("where", ["/link/{}", "/slow/deep/{}/file"])
def test_nor_does_one_of_which_nothing_is_known_yet(start, site, device, where):
    server = start("-c", "LoadTimeout 60s")
    device.hang(LOOK)
    clients = ask_for_many(server, [where.format(i) for i in range(SLOW_FILES)])
    eventually(lambda: device.waiting(LOOK) >= 1, "a look at it")
    check_nobody_else_waits(server, site)
    device.release()
    check_all_answered(clients, [slow(i) for i in range(SLOW_FILES)])


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_who_needs_it_is_told_to_come_again(start, device, operation):
    """RFC 9110, 15.6.4 and 10.2.3."""
    server = start("-c", "LoadTimeout 300ms")
    eventually(lambda: server.get("/slow/0").body == slow(0), "the folder is known")
    device.hang(operation)
    with server.connect() as connection:
        response = connection.get("/slow/1")
        assert response.status == 503 and int(response["Retry-After"]) > 0 and response.closes()
        connection.receive_end()
    told = "folio: [client 127.0.0.1] /slow/1: answered 503: the disk did not answer within LoadTimeout"
    eventually(lambda: told in server.errors(), "the error log says so")
    device.release()
    eventually(lambda: server.get("/slow/1").body == slow(1), "the file")  # it may take longer than LoadTimeout


def test_the_logs_of_the_site_that_was_asked_tell_of_it_with_the_path(folio, folder, site, device):
    form = '"%a %m %U%q %>s %{X-Number}i"'
    (folder / "folio.conf").write_text(
        f"DocumentRoot {site}\nLoadTimeout 300ms\nErrorLog {folder}/main\nCustomLog {folder}/main-access {form}\n"
        "RemoteIPHeader X-Forwarded-For\nRemoteIPTrustedProxy 127.0.0.1\n"
        f"<VirtualHost *>\nServerName one.test\nDocumentRoot {site}\nHeader always set X-Site one\n"
        f"ErrorLog {folder}/one\nCustomLog {folder}/one-access {form}\n</VirtualHost>\n"
    )
    server = folio(None, "-f", folder / "folio.conf")
    device.hang(READ)
    with server.connect() as connection:
        fields = {"X-Forwarded-For": "192.0.2.7", "X-Number": "17"}
        response = connection.request("GET", "/slow/1?a=b", fields, host="one.test")
        assert response.status == 503 and response["X-Site"] == "one"
        connection.receive_end()
    device.release()
    server.stop()
    told = "[client 192.0.2.7] [site one.test] /slow/1: answered 503: the disk did not answer within LoadTimeout\n"
    assert (folder / "one").read_text().endswith(told)
    assert (folder / "one-access").read_text() == "192.0.2.7 GET /slow/1?a=b 503 17\n"
    assert (folder / "main").read_text() == (folder / "main-access").read_text() == ""


def test_what_was_asked_for_in_vain_is_not_asked_for_ever(start, device):
    """So many files that more wait for the device than are let wait: all are told, and afterwards all are served."""
    server = start("-c", "LoadTimeout 200ms")
    device.hang(READ)
    for _ in range(8):
        clients = ask_for_many(server, [f"/slow/{i}?{i}" for i in range(SLOW_FILES)])
        for client in clients:
            assert client.receive().status == 503
            client.close()
    device.release()
    for i in range(SLOW_FILES):
        eventually(lambda i=i: server.get(f"/slow/{i}").body == slow(i), "each of them")


def test_a_stream_of_it_that_hangs_is_broken_off_and_never_looks_whole(start, site, device):
    server = start("-c", "LoadTimeout 500ms", "-c", "SendMinRate 0")
    device.hang(READ)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/slow/big"))
        eventually(lambda: device.waiting(READ) >= 1, "a read")
        check_nobody_else_waits(server, site)
        with pytest.raises(Ended):
            connection.receive()
    device.release()
    eventually(lambda: gets_whole(server, "/slow/big", BIG), "the stream, whole")


def gets_whole(server, target, body):
    """Whether it is answered 200; a body that is not broken off is right, and a short LoadTimeout may break it off."""
    try:
        response = server.get(target)
    except Ended:
        return False
    assert response.status == 503 or response.body == body
    return response.status == 200


def test_a_stream_of_it_is_sent_whole_to_slow_and_fast_readers(start, device):
    server = start()
    device.delay(READ, 2000)
    with server.connect(receive_buffer=16384) as slow_reader, server.connect() as fast_reader:
        for connection in (slow_reader, fast_reader):
            connection.send(request_bytes("GET", "/slow/big") * 2)
        for connection in (fast_reader, slow_reader):
            assert connection.receive().body == BIG
            assert connection.receive().body == BIG
    response = server.get("/slow/big", [("Range", "bytes=100000-2000000")])
    assert response.status == 206 and response.body == BIG[100_000:2_000_001]
    response = server.get("/slow/big", [("Range", "bytes=2000000-2999999,5-5,100000-1400000")])
    assert [part.content for part in parts_of(response)] == [BIG[2000000:3000000], BIG[5:6], BIG[100000:1400001]]


def test_a_file_of_it_that_is_overwritten_in_place_while_it_is_sent_is_broken_off(start, folder, device):
    server = start("-c", "SendMinRate 0")
    device.delay(READ, 20_000)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/slow/big"))
        eventually(lambda: device.done(READ) >= 1, "a read")
        device.hang(READ)
        eventually(lambda: device.waiting(READ) >= 1, "another")
        with open(folder / "behind" / "big", "r+b") as big:
            big.write(b"another")
        device.release()
        with pytest.raises(Ended):
            connection.receive()


def test_what_is_told_of_other_files_is_heard_while_one_that_is_due_hangs(start, site, device):
    """Files of a file system without events are looked at by age."""
    server = start("-c", "MMapRevalidate 200ms", "-c", "LoadTimeout 60s")
    for i in range(LOCAL_FILES):
        assert server.get(f"/slow/{i}").body == slow(i)
    device.hang(LOOK)
    time.sleep(0.3)  # now they are due
    clients = ask_for_many(server, [f"/slow/{i}" for i in range(LOCAL_FILES)] * 2)
    eventually(lambda: device.waiting(LOOK) >= 1, "a look at what is due")
    for turn in range(20):
        body = b"turn %d" % turn
        replace(site / "hot", body)
        eventually(lambda body=body: server.get("/hot").body == body, "the new version")
    device.release()
    for i, client in enumerate(clients):
        assert client.receive().body == slow(i % LOCAL_FILES)
        client.close()


def test_a_pipeline_of_cold_files_does_not_hold_up_another_s_single_one(start, device):
    server = start()
    assert server.get("/slow/0").body == slow(0)
    device.delay(READ, 20_000)
    names = [f"/slow/{i % SLOW_FILES}?{i}" for i in range(1, SLOW_FILES)] + ["/slow/big"] * 3
    with server.connect() as pipeline, server.connect() as single:
        pipeline.send(b"".join(request_bytes("GET", name) for name in names))
        eventually(lambda: device.done(READ) >= 3, "some of it")
        assert single.get("/slow/deep/7/file").body == slow(7)
        before = device.done(READ)
        for i in range(1, SLOW_FILES):
            assert pipeline.receive().body == slow(i)
        assert pipeline.receive().body == BIG
        # Most of the pipeline was still to be read when the single file was there.
        assert before < SLOW_FILES // 2 < device.done(READ)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_does_not_wait_for_it(start, device, operation, number):
    server = start("-c", "LoadTimeout 60s", expects_errors=True)
    server.expects_hang = True
    assert server.get("/slow/0").body == slow(0)
    device.hang(operation)
    clients = ask_for_many(server, [f"/slow/{i}" for i in range(1, SLOW_FILES)])
    eventually(lambda: device.waiting(operation) >= 1, "something that hangs")
    server.send_signal(number)
    eventually(lambda: not server.is_running(), "the end")
    device.release()
    server.stop()
    for client in clients:
        client.close()


def test_a_stop_does_not_wait_for_the_device_that_a_list_of_users_is_on(folio, folder, site, device):
    (folder / "behind" / "users").write_text("anna:$5$saltsalt$nothing that fits\n")
    config = folder / "folio.conf"
    config.write_text(
        f"DocumentRoot {site}\n<Location /local>\nAuthType Basic\nAuthName vault\nAuthUserFile {site}/slow/users\n"
        "Require valid-user\n</Location>\n"
    )
    server = folio(None, "-f", config, "--threads", "1", expects_errors=True)
    server.expects_hang = True
    device.hang(LOOK)
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/local/1", [("Authorization", "Basic YW5uYTphbm5h")]))
        eventually(lambda: device.waiting(LOOK) >= 1, "a look at the users")
        assert server.get("/hot").body == HOT
        server.send_signal(signal.SIGTERM)
        eventually(lambda: not server.is_running(), "the end")


def kill_while_what_is_pinned_cannot_be_looked_at(start, site, device):
    server = start("-c", f"MMapDir {site}/slow/deep", expects_errors=True)
    server.expects_hang = True
    device.hang(LOOK)
    os.kill(server.serving_pid, signal.SIGKILL)
    assert server.get("/hot").body == HOT
    eventually(lambda: device.waiting(LOOK) >= 1, "a look at what is pinned")
    assert server.get("/local/1").body == local(1)
    return server


def test_one_that_takes_the_place_of_a_crashed_one_answers_before_it_knows_what_is_pinned(start, site, device):
    server = kill_while_what_is_pinned_cannot_be_looked_at(start, site, device)
    assert ask(server)["pinned"] == 0
    device.release()
    eventually(lambda: ask(server)["pinned"] == SLOW_FILES, "all of them")
    assert server.get("/slow/deep/3/file").body == slow(3)


def test_one_that_does_not_know_yet_what_is_pinned_can_be_stopped(start, site, device):
    server = kill_while_what_is_pinned_cannot_be_looked_at(start, site, device)
    server.send_signal(signal.SIGTERM)
    eventually(lambda: not server.is_running(), "the end")



def test_a_reload_does_not_wait_for_it(start, site, device):
    server = start("-c", "LoadTimeout 1s")
    eventually(lambda: server.get("/slow/0").body == slow(0), "the folder is known")
    before = server.serving_pid
    device.hang(READ)
    clients = ask_for_many(server, [f"/slow/{i}" for i in range(1, SLOW_FILES)])
    eventually(lambda: device.waiting(READ) >= A_DEVICE_S_SHARE, "the loaders of the device")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: server.serving_pid != before, "another server process")
    check_nobody_else_waits(server, site)
    for client in clients:
        assert client.receive().status == 503
        client.close()
    eventually(lambda: before not in server.serving_pids, "the end of the one before")
    device.release()
    eventually(lambda: server.get("/slow/1").body == slow(1), "the file")


def test_a_stop_while_files_are_pinned_does_not_wait_for_them(folio, site, device, folder):
    """Nor does a reload that has to wait for them keep the server before it from serving."""
    configuration = folder / "folio.conf"
    configuration.write_text(f"DocumentRoot {site}\n")
    server = folio(None, "-f", configuration, expects_errors=True)
    assert server.get("/hot").body == HOT
    configuration.write_text(f"DocumentRoot {site}\nMMapDir {site}/slow\n")
    device.hang(READ)
    server.send_signal(signal.SIGHUP)
    eventually(lambda: device.waiting(READ) >= 1, "a file that is to be pinned")
    for _ in range(20):
        assert server.get("/hot").body == HOT
    ending = threading.Timer(PATIENCE_S / 2, device.release)  # only a test that has failed gets there
    ending.start()
    server.stop()
    assert ending.is_alive()
    ending.cancel()


def is_in_memory(path, offset):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def forget(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def test_what_one_reads_once_does_not_push_out_what_many_read(folio, folder):
    """A cold stream leaves the page cache behind its reader; one that is asked for again stays."""
    tries = [f"cold{i}" for i in range(5)]
    cold, again = noise(16 << 20, "cold"), noise(16 << 20, "again")
    site = plant(folder / "www", {"again": again, **{name: cold for name in tries}})
    for name in ["again", *tries]:
        forget(site / name)
        if is_in_memory(site / name, 0):
            pytest.skip("this file system keeps everything in memory")
    server = folio(site, "--threads", "1")
    # What the socket still refers to stays: how much that is, is up to when the client is run.
    for name in tries:
        assert server.get(f"/{name}").body == cold

    def is_gone(name):
        return not is_in_memory(site / name, 0) and not is_in_memory(site / name, 4 * WINDOW)

    eventually(lambda: any(is_gone(name) for name in tries), "beginning and middle of one are gone")
    assert server.get("/again", [("Range", "bytes=0-9")]).status == 206
    assert server.get("/again").body == again
    assert server.get("/again").body == again
    assert is_in_memory(site / "again", 4 * WINDOW) and is_in_memory(site / "again", 0)
