"""HUP, USR1 and crashes: another server process on the same sockets, and no request fails."""

import os
import signal

import pytest

from folio_process import eventually
from http1_client import request_bytes
from site_tree import noise, plant
from steady_load import Load, reload_and_wait

pytestmark = pytest.mark.threads


@pytest.fixture
def site(folder):
    plant(folder, {"www/page": "page", "www/big": noise(3_000_000, 1), "other/page": "other"})
    (folder / "folio.conf").write_text("DocumentRoot www\n")
    return folder


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_reload_takes_over_the_new_configuration(folio, site, number):
    server = folio(None, "-f", site / "folio.conf")
    assert server.get("/page").body == b"page"
    (site / "folio.conf").write_text("DocumentRoot other\n")
    before = reload_and_wait(server, number)
    eventually(lambda: server.get("/page").body == b"other", "the other folder")
    eventually(lambda: before not in server.serving_pids, "the end of the process before")


def test_no_request_fails_while_reloading(folio, site):
    server = folio(None, "-f", site / "folio.conf", "--threads", "2")
    with Load(server) as load:
        for _ in range(6):
            reload_and_wait(server)
            asked = load.asked
            eventually(lambda: load.asked > asked + 50 or load.failures, "requests")
    assert load.failures == []


def test_a_transfer_that_was_begun_is_finished_by_the_process_that_began_it(folio, site):
    server = folio(None, "-f", site / "folio.conf", "--threads", "1")
    with server.connect(receive_buffer=16384) as slow:
        slow.send(request_bytes("GET", "/big"))
        server.settle()
        reload_and_wait(server)
        eventually(lambda: server.get("/page").status == 200, "an answer")
        assert slow.receive().body == noise(3_000_000, 1)


def test_a_kept_alive_connection_is_told_to_close_with_its_next_answer(folio, site):
    server = folio(None, "-f", site / "folio.conf", "--threads", "1")
    with server.connect() as connection:
        assert not connection.get("/page").closes()
        before = reload_and_wait(server)
        eventually(lambda: before in server.serving_pids and connection.get("/page").closes(), "the last answer")
        connection.receive_end()


def test_a_bad_configuration_leaves_the_old_one_serving(folio, site):
    server = folio(None, "-f", site / "folio.conf")
    server.expects_errors = True
    serving = server.serving_pids
    (site / "folio.conf").write_text("DocumentRoot other\nBogus 1\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "there is no directive Bogus" in server.errors(), "the mistake")
    assert server.get("/page").body == b"page" and server.serving_pids == serving


def test_a_server_that_cannot_start_leaves_the_old_one_serving(folio, site):
    server = folio(None, "-f", site / "folio.conf")
    server.expects_errors = True
    (site / "folio.conf").write_text("DocumentRoot nowhere\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "serving goes on as before" in server.errors(), "the message")
    assert server.get("/page").body == b"page"


def test_a_process_that_is_killed_is_replaced(folio, site):
    server = folio(None, "-f", site / "folio.conf")
    server.expects_errors = True
    for _ in range(3):
        killed = server.serving_pid
        os.kill(killed, signal.SIGKILL)
        # Whoever connects meanwhile waits in the sockets' queues, and is answered.
        assert server.get("/page").body == b"page"
        assert server.serving_pid != killed


def test_another_address_is_listened_at_after_a_reload(folio, site):
    (site / "folio.conf").write_text("DocumentRoot www\n")
    server = folio(None, "-f", site / "folio.conf")
    path = site / "socket"
    (site / "folio.conf").write_text(f"DocumentRoot www\nListen unix:{path}\n")
    reload_and_wait(server)
    eventually(path.exists, "the socket")
    assert server.get("/page").body == b"page"


def test_a_process_that_is_told_to_stop_behind_our_back_is_replaced(folio, site):
    server = folio(None, "-f", site / "folio.conf")
    server.expects_errors = True
    told = server.serving_pid
    os.kill(told, signal.SIGTERM)
    eventually(lambda: told not in server.serving_pids and server.serving_pids, "another server process")
    assert server.get("/page").body == b"page"


def test_a_reload_that_fails_while_nothing_serves_starts_the_old_one_again(folio, site):
    (site / "types").write_text("text/plain page\n")
    (site / "folio.conf").write_text("DocumentRoot www\nTypesConfig types\n")
    server = folio(None, "-f", site / "folio.conf")
    server.expects_errors = True
    killed = server.serving_pid
    (site / "types").unlink()
    os.mkfifo(site / "types")  # whoever starts waits for what is never written
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in server.serving_pids and server.serving_pids, "one that is starting")
    (site / "types").unlink()
    (site / "types").write_text("text/plain page\n")
    (site / "folio.conf").write_text("DocumentRoot nowhere\n")
    server.send_signal(signal.SIGHUP)
    assert server.get("/page").body == b"page"


def test_a_reload_for_more_threads_that_fails_takes_no_connections(folio, site):
    config = site / "folio.conf"
    config.write_text("DocumentRoot www\nThreads 1\n")
    server = folio(None, "-f", config)
    server.expects_errors = True
    config.write_text("DocumentRoot nowhere\nThreads 8\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "serving goes on as before" in server.errors(), "the message")
    assert {server.get("/page").body for _ in range(40)} == {b"page"}


def test_a_signal_to_all_processes_stops_them_in_order(folio, site):
    """As a terminal's Ctrl-C, and as a service manager: the serving one is told twice."""
    server = folio(None, "-f", site / "folio.conf", "--threads", "1")
    with server.connect(receive_buffer=16384) as slow:
        slow.send(request_bytes("GET", "/big"))
        eventually(slow.has_input, "the beginning of the answer")
        server.settle()
        serving = server.serving_pid
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(serving, number)
        server.send_signal(signal.SIGINT)
        assert slow.receive().body == noise(3_000_000, 1)
    eventually(lambda: not server.is_running(), "its end")
