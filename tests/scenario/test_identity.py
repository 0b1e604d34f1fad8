"""User, Group and PidFile: who serves, what is left to him, and where the number of the process stands."""

import grp
import os
import pwd
import signal
from pathlib import Path

import pytest

from access_log import lines_of
from folio_process import eventually, run_to_end
from http1_client import request_bytes
from process_facts import is_gone
from site_tree import noise, plant
from steady_load import hand_over

CAP_LEASE = 1 << 28
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def site(folder):
    plant(folder, {"www/page": "page", "www/secret": "secret", "www/big": noise(3_000_000, 1)})
    folder.chmod(0o755)
    (folder / "www/secret").chmod(0o600)
    (folder / "logs").mkdir(mode=0o700)
    return folder


def configure(site, text):
    (site / "folio.conf").write_text(f"DocumentRoot {site}/www\n{text}\n")
    return site / "folio.conf"


def facts(pid, task=""):
    lines = Path(f"/proc/{pid}/{task}status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def check_is_nobody(pid):
    nobody = pwd.getpwnam("nobody")
    may_lease = int(facts(os.getpid())["CapEff"][0], 16) & CAP_LEASE
    tasks = os.listdir(f"/proc/{pid}/task")
    assert len(tasks) > 2
    for task in tasks:
        told = facts(pid, f"task/{task}/")
        assert told["Uid"] == [str(nobody.pw_uid)] * 4 and told["Gid"] == [str(nobody.pw_gid)] * 4
        assert told["Groups"] == [str(nobody.pw_gid)]
        assert int(told["CapEff"][0], 16) in (0, may_lease) and told["CapPrm"] == told["CapEff"]
        assert int(told["CapInh"][0], 16) == 0 and int(told["CapAmb"][0], 16) == 0
        assert told["NoNewPrivs"] == ["1"]
    assert int(facts(pid)["CapEff"][0], 16) == may_lease


@as_root
def test_who_serves_is_user_and_keeps_nothing_but_leases(folio, site):
    server = folio(None, "-f", configure(site, f"User nobody\nCustomLog {site}/logs/log common"))
    check_is_nobody(server.serving_pid)
    assert facts(server.pid)["Uid"][0] == "0"
    assert server.get("/page").body == b"page"
    assert server.get("/secret").status == 403
    assert server.get("/big").body == noise(3_000_000, 1)
    assert len(lines_of(site / "logs/log", 3)) == 3


@as_root
def test_who_comes_after_a_reload_or_a_crash_is_user_too(folio, site):
    file = configure(site, f"User nobody\nCustomLog {site}/logs/log common")
    server = folio(None, "-f", file)
    server.get("/page")
    (site / "logs/log").rename(site / "logs/log.1")
    hand_over(server)
    check_is_nobody(server.serving_pid)
    server.get("/page")
    assert len(lines_of(site / "logs/log", 1)) == 1
    server.expects_errors = True
    crashed = server.serving_pid
    os.kill(crashed, signal.SIGKILL)
    eventually(lambda: server.serving_pids and crashed not in server.serving_pids, "another server process")
    eventually(lambda: server.get("/page").status == 200, "an answer")
    check_is_nobody(server.serving_pid)


@as_root
def test_group_may_be_another_than_users_own(folio, site):
    server = folio(None, "-f", configure(site, "User #65534\nGroup daemon"))
    told = facts(server.serving_pid)
    assert told["Uid"][0] == "65534" and told["Gid"] == [str(grp.getgrnam("daemon").gr_gid)] * 4


@as_root
def test_who_serves_ends_with_the_supervisor_although_he_is_another_user(folio, site):
    server = folio(None, "-f", configure(site, "User nobody"))
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/page"))
        assert connection.receive().status == 200
    serving = server.serving_pid
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.summary = {}  # nobody is left who could tell it
    eventually(lambda: is_gone(serving), "the end of who served")


@pytest.mark.parametrize(
    "text, told",
    [
        ("User nobody-is-called-so", "User: there is no user nobody-is-called-so"),
        ("Group nobody-is-called-so", "Group: there is no group nobody-is-called-so"),
        ("User #4711471", "he is in no group that is known; name one with Group"),
    ],
)
def test_an_unknown_user_is_not_started_with(site, text, told):
    run = run_to_end("-f", configure(site, text), "-p", "0")
    assert run.returncode == 78 and told in run.stderr


@as_root
def test_a_reload_with_an_unknown_user_changes_nothing(folio, site):
    server = folio(None, "-f", configure(site, "User nobody"))
    serving = server.serving_pid
    configure(site, "User nobody-is-called-so")
    server.expects_errors = True
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "there is no user nobody-is-called-so" in server.errors(), "the reason")
    assert server.serving_pids == [serving] and server.get("/page").status == 200


def test_the_pid_file_names_who_takes_signals_and_goes_with_him(folio, site):
    server = folio(None, "-f", configure(site, f"PidFile {site}/pid"))
    assert (site / "pid").read_text() == f"{server.pid}\n"
    assert [name for name in os.listdir(site) if name.startswith("pid")] == ["pid"]
    server.stop()
    assert not (site / "pid").exists()


def test_a_reload_may_move_the_pid_file(folio, site):
    server = folio(None, "-f", configure(site, f"PidFile {site}/pid"))
    configure(site, f"PidFile {site}/other")
    hand_over(server)
    assert (site / "other").read_text() == f"{server.pid}\n" and not (site / "pid").exists()
    configure(site, "")
    hand_over(server)
    assert not (site / "other").exists()


@pytest.mark.parametrize("before", ["999999999\n", "", "no number", "0\n", "-1\n"])
def test_the_pid_file_of_one_that_has_ended_is_replaced(folio, site, before):
    (site / "pid").write_text(before)
    server = folio(None, "-f", configure(site, f"PidFile {site}/pid"))
    assert (site / "pid").read_text() == f"{server.pid}\n"


def test_the_pid_file_of_one_that_runs_is_a_reason_not_to_start(site):
    (site / "pid").write_text(f"{os.getpid()}\n")
    run = run_to_end("-f", configure(site, f"PidFile {site}/pid"), "-p", "0")
    assert run.returncode == 1
    assert f"PidFile: {site}/pid is of process {os.getpid()}, which is running" in run.stderr
    assert (site / "pid").read_text() == f"{os.getpid()}\n"


def test_a_pid_file_that_somebody_else_took_is_left_to_him(folio, site):
    server = folio(None, "-f", configure(site, f"PidFile {site}/pid"))
    (site / "pid").write_text(f"{os.getpid()}\n")
    server.stop()
    assert (site / "pid").exists()


def test_a_pid_file_that_cannot_be_written_is_told(site):
    run = run_to_end("-f", configure(site, f"PidFile {site}/none/pid"), "-p", "0")
    assert run.returncode == 1 and "PidFile: " in run.stderr and "No such file or directory" in run.stderr
