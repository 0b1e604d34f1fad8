"""CustomLog and ErrorLog to the system's log: each form of their words, and a log that is slow, absent or started anew."""

import json
import os
import re
import signal
import socket

import pytest

from access_log import COMBINED_LINE
from folio_process import eventually
from http1_client import request_bytes
from site_tree import plant
from steady_load import hand_over
from system_log import SystemLog

pytestmark = pytest.mark.threads
ERROR, INFO = 3, 6


@pytest.fixture
def site(folder):
    plant(folder, {"www/page.html": "page", "outside": "outside"})
    (folder / "www" / "out").symlink_to(folder / "outside")
    return folder


def configure(site, text):
    (site / "folio.conf").write_text(f"DocumentRoot {site}/www\nThreads 1\nSyslogSocket {site}/log\n{text}")
    return site / "folio.conf"


FORMS = [("syslog", 23, "folio"), ("syslog:daemon", 3, "folio"), ("syslog:local0:www", 16, "www"), ("syslog::site.1", 23, "site.1")]


@pytest.mark.parametrize("words, facility, tag", FORMS, ids=[row[0] for row in FORMS])
def test_facility_and_tag_are_those_that_were_named(folio, site, words, facility, tag):
    with SystemLog(site / "log") as log:
        server = folio(None, "-f", configure(site, f"CustomLog {words}\nErrorLog {words}\n"))
        server.get("/page.html", {"User-Agent": "tester"})
        server.get("/out")
        pid = server.serving_pid
        eventually(lambda: len(log.messages) == 3, "all messages")
        server.stop()
    assert {message[:1] + message[2:4] for message in log.messages} == {(facility, tag, pid)}
    (told,) = [message for message in log.messages if message[1] == ERROR]
    assert told[4].startswith("[error] [client 127.0.0.1] /out: refused: a symbolic link leads out")
    first, second = [COMBINED_LINE.fullmatch(message[4]) for message in log.messages if message[1] == INFO]
    assert first.group(3, 4, 7) == ("GET /page.html HTTP/1.1", "200", "tester") and second[4] == "403"


def test_each_of_several_logs_has_its_form_there_too(folio, site):
    text = f'CustomLog syslog::one json\nCustomLog syslog::two "%s %U"\nCustomLog {site}/file common\n'
    with SystemLog(site / "log") as log:
        server = folio(None, "-f", configure(site, text))
        server.get("/page.html")
        server.stop()
    texts = {message[2]: message[4] for message in log.messages}
    assert json.loads(texts["one"])["target"] == "/page.html" and texts["two"] == "200 /page.html"
    assert len((site / "file").read_text().splitlines()) == 1


def test_the_severity_is_that_of_the_message(folio, site):
    with SystemLog(site / "log") as log:
        server = folio(None, "-f", configure(site, "ErrorLog syslog\nLogLevel info\n"))
        server.get("/out")
        server.get("/none")
        server.stop()
    assert [(message[1], message[4].split(" ")[0]) for message in log.messages if "client" in message[4]] == [
        (ERROR, "[error]"),
        (INFO, "[info]"),
    ]


def ask(server, numbers):
    with server.connect() as connection:
        connection.send(b"".join(request_bytes("GET", "/page.html", {"X-Number": str(number)}) for number in numbers))
        for _ in numbers:
            assert connection.receive().status == 200


def test_a_log_that_is_started_anew_gets_what_was_logged_meanwhile(folio, site):
    file = configure(site, 'CustomLog syslog "%{X-Number}i"\n')
    with SystemLog(site / "log") as first:
        server = folio(None, "-f", file, expects_errors=True)
        ask(server, range(100))
        eventually(lambda: len(first.messages) == 100, "the first hundred")
    ask(server, range(100, 200))
    eventually(lambda: "access log syslog: nobody takes it; lines wait" in server.errors(), "the message")
    with SystemLog(site / "log") as second:
        eventually(lambda: len(second.messages) == 100, "the second hundred")
        assert server.stop()["lost-log-lines"] == 0
    assert [int(text) for text in first.texts() + second.texts()] == list(range(200))


def test_lines_wait_until_who_serves_may_write_to_the_log(folio, site):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    site.chmod(0o755)
    file = configure(site, 'User nobody\nCustomLog syslog "%{X-Number}i"\n')
    with SystemLog(site / "log"):
        server = folio(None, "-f", file, expects_errors=True)
    with SystemLog(site / "log") as second:
        (site / "log").chmod(0o600)
        ask(server, range(10))
        eventually(lambda: "access log syslog: nobody takes it; lines wait" in server.errors(), "the message")
        (site / "log").chmod(0o666)
        eventually(lambda: len(second.messages) == 10, "what waited")
        assert server.stop()["lost-log-lines"] == 0


def test_what_a_reload_has_to_say_bears_the_tag_of_the_log_before(folio, site):
    """Freed memory is overwritten: what was read of the configuration before is gone by the next message."""
    file = configure(site, "ErrorLog syslog:daemon:site-of-before\n")
    with SystemLog(site / "log") as log:
        server = folio(None, "-f", file, env={"MALLOC_PERTURB_": "165"}, expects_errors=True)
        configure(site, f"ErrorLog syslog:daemon:site-of-before\nPidFile {site}/none/pid\n")
        server.send_signal(signal.SIGHUP)
        eventually(lambda: any("PidFile stays as it was" in text for text in log.texts()), "the message")
        server.stop()
    assert {message[2] for message in log.messages} == {"site-of-before"}


def test_a_reload_loses_and_doubles_no_line(folio, site):
    with SystemLog(site / "log") as log:
        server = folio(None, "-f", configure(site, 'CustomLog syslog "%{X-Number}i"\n'))
        for generation in range(3):
            ask(server, range(500 * generation, 500 * generation + 500))
            hand_over(server)
        server.stop()
    assert sorted(int(text) for text in log.texts()) == list(range(1500))


def test_a_log_that_does_not_read_holds_nothing_up_and_what_is_lost_is_counted(folio, site):
    requests, asleep = 4000, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    asleep.bind(str(site / "log"))
    server = folio(None, "-f", configure(site, "CustomLog syslog json\n"), expects_errors=True)
    with server.connect() as connection:
        for _ in range(requests // 50):
            connection.send(request_bytes("GET", "/page.html", {"User-Agent": "u" * 2000}) * 50)
            for _ in range(50):
                assert connection.receive().status == 200
    summary = server.stop()
    asleep.setblocking(False)
    received = 0
    try:
        while True:
            asleep.recv(1 << 18)
            received += 1
    except BlockingIOError:
        asleep.close()
    assert summary["requests"] == requests and summary["lost-log-lines"] > 0
    assert received + summary["lost-log-lines"] == requests
    assert re.search(r"access log syslog: .*\d+ lines? lost", server.errors())


def test_a_server_that_crashed_is_replaced_though_the_log_is_not_there(folio, site):
    """At a first start and a reload it has to be; but whoever served is served again."""
    with SystemLog(site / "log"):
        server = folio(None, "-f", configure(site, "CustomLog syslog\nErrorLog syslog\n"), expects_errors=True)
        before = server.serving_pid
    server.expects_errors = True

    os.kill(before, signal.SIGKILL)
    eventually(lambda: server.serving_pids not in ([], [before]), "another server process")
    assert server.get("/page.html").status == 200
    with SystemLog(site / "log") as log:
        eventually(lambda: any("page.html" in text for text in log.texts()), "what waited")
