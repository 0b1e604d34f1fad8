"""A server process that takes the place of one that crashed serves, whatever has become of its logs; it opens them once it can."""

import os
import re
import signal

import pytest

from access_log import lines_of
from folio_process import eventually
from site_tree import plant

pytestmark = pytest.mark.threads


@pytest.fixture
def site(folder):
    plant(folder, {"www/page": "page", "www/bare/a": "a", "logs/keep": ""})
    return folder


def configure(site, text):
    (site / "folio.conf").write_text(f"DocumentRoot {site}/www\nThreads 1\n{text.format(logs=site / 'logs')}\n")
    return site / "folio.conf"


def crash(server):
    before = server.serving_pid
    os.kill(before, signal.SIGKILL)
    eventually(lambda: server.serving_pids not in ([], [before]), "another server process")


def take_folder_away(site):
    (site / "logs").rename(site / "away")


def put_folder_back(site):
    (site / "away").rename(site / "logs")


def put_in_place_of_the_log(site, make):
    """The server may have opened its log anew before anything else is there: then once more."""
    for _ in range(1000):
        (site / "logs" / "log").rename(site / "before")
        try:
            return make(site / "logs" / "log")
        except FileExistsError:
            pass
    raise AssertionError("the log is there again each time")


def put_folder_in_its_place(site):
    put_in_place_of_the_log(site, lambda log: log.mkdir())


def take_that_away(site):
    (site / "logs" / "log").rmdir()


def put_link_to_itself_in_its_place(site):
    put_in_place_of_the_log(site, lambda log: log.symlink_to("log"))


def take_link_away(site):
    (site / "logs" / "log").unlink()


ACCESS, ERROR = "CustomLog {logs}/log", "ErrorLog {logs}/log"
SITE_ERROR = "ErrorLog {logs}/log\n</VirtualHost>"
GONE = (take_folder_away, put_folder_back, "No such file or directory", "make its folder first")
IN_PLACE = (put_folder_in_its_place, take_that_away, "Is a directory", "name a file in that folder")
LOOP = (put_link_to_itself_in_its_place, take_link_away, "Too many levels of symbolic links", "")
ROWS = [(text, *how) for text in (ACCESS, ERROR, "<VirtualHost *>\n" + SITE_ERROR) for how in (GONE, IN_PLACE, LOOP)]


@pytest.mark.parametrize("text, spoil, mend, why, remedy", ROWS, ids=[f"{row[0].split()[0]}, {row[3]}" for row in ROWS])
def test_it_serves_without_its_log_tells_so_and_opens_it_once_it_can(folio, site, text, spoil, mend, why, remedy):
    file = configure(site, text)
    place = next(i for i, line in enumerate(file.read_text().splitlines(), 1) if re.match("(Error|Custom)Log", line))
    server = folio(None, "-f", file, expects_errors=True)
    spoil(site)
    crash(server)
    assert server.get("/bare/").status == 403
    told = rf"folio: {re.escape(str(file))}:{place}: (Error|Custom)Log: cannot write to .*: {why}; it is tried again"
    eventually(lambda: re.search(told, server.errors()), "the message")
    assert remedy in server.errors()
    mend(site)
    eventually(lambda: any("/bare/" in line for line in lines_of(site / "logs" / "log", 1)), "what waited")
    assert server.stop()["lost-log-lines"] == 0


def test_a_log_that_has_nothing_to_take_is_there_again_too(folio, site):
    server = folio(None, "-f", configure(site, ACCESS), expects_errors=True)
    (site / "logs" / "log").rename(site / "before")
    take_folder_away(site)
    crash(server)
    assert server.get("/page").status == 200
    put_folder_back(site)
    eventually((site / "logs" / "log").exists, "the log")


def test_a_pipe_that_nobody_reads_is_none_until_somebody_does(folio, site):
    os.mkfifo(site / "logs" / "log")
    reader = os.open(site / "logs" / "log", os.O_RDONLY | os.O_NONBLOCK)
    server = folio(None, "-f", configure(site, ACCESS), expects_errors=True)
    os.close(reader)
    crash(server)
    assert server.get("/page").status == 200
    eventually(lambda: "No such device or address; it is tried again\n  nobody reads that pipe" in server.errors(), "the message")
    with open(site / "logs" / "log", encoding="utf-8") as pipe:
        assert "GET /page " in pipe.readline()


def test_a_log_of_another_site_that_cannot_be_opened_is_told_in_the_main_servers(folio, site):
    text = f"ErrorLog {site}/main\n<VirtualHost *>\nServerName one.test\nErrorLog {{logs}}/log\n</VirtualHost>"
    server = folio(None, "-f", configure(site, text), expects_errors=True)
    take_folder_away(site)
    crash(server)
    assert server.get("/page").status == 200
    assert any("log: No such file or directory; it is tried again" in line for line in lines_of(site / "main", 2))


def test_it_has_to_be_there_at_a_reload_all_the_same(folio, site):
    server = folio(None, "-f", configure(site, ACCESS), expects_errors=True)
    take_folder_away(site)
    crash(server)
    assert server.get("/page").status == 200
    serving = server.serving_pid
    server.send_signal(signal.SIGUSR1)
    eventually(lambda: "the new server did not get ready; serving goes on as before" in server.errors(), "the message")
    assert server.get("/page").status == 200 and server.serving_pid == serving
    put_folder_back(site)
    server.send_signal(signal.SIGUSR1)
    eventually(lambda: serving not in server.serving_pids, "the end of the process before")
    assert server.get("/page").status == 200


def test_what_the_supervisor_says_is_on_standard_error_until_its_log_is_there(folio, site):
    server = folio(None, "-f", configure(site, ERROR), expects_errors=True)
    take_folder_away(site)
    crash(server)
    assert server.get("/page").status == 200
    second = server.serving_pid
    crash(server)
    eventually(lambda: f"server process {second} was killed by signal 9" in server.errors(), "the message")
    assert server.get("/page").status == 200
    third = server.serving_pid
    put_folder_back(site)
    crash(server)
    eventually(lambda: f"server process {third} was killed by signal 9" in (site / "logs" / "log").read_text(), "the message")
    assert server.get("/page").status == 200
