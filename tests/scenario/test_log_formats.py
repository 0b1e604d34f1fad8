"""LogFormat with Apache's % directives, several logs, and logs that are renamed under load."""

import re
import signal

import pytest

from access_log import lines_of
from folio_process import eventually, run_to_end
from http1_client import request_bytes
from site_tree import noise, plant
from steady_load import Load, hand_over

pytestmark = pytest.mark.threads
BIG = noise(24 << 20, "big")


@pytest.fixture
def site(folder):
    return plant(folder, {"www/page.html": "page", "www/big": BIG})


def configure(site, text):
    (site / "folio.conf").write_text(f"DocumentRoot {site}/www\nThreads 1\n{text}")
    return site / "folio.conf"


def test_a_format_of_ones_own_has_what_apaches_has(folio, site):
    file = configure(
        site,
        "ServerName www.example.org:8443\n"
        'LogFormat "%v|%V|%p|%m|%U|%q|%H|%>s|%B|%b|%X|%{X-Id}i|%{Cookie}i|%{Content-Type}o|%{No}o|%%|%l|%u|%h" mine\n'
        "CustomLog log mine\nServerRoot /\n",
    )
    server = folio(None, "-f", file)
    with server.connect() as connection:
        connection.request("GET", "/page.html?a=%22b", {"X-Id": 'one"', "Cookie": "c"}, host="Alias.example:81")
        connection.request("HEAD", "/none", {"X-ID": "two", "Connection": "close"}, host="other")
        connection.receive_end()
    first, second = lines_of(site / "log", 2)
    assert first == (
        "www.example.org|Alias.example|81|GET|/page.html|?a=%22b|HTTP/1.1|200|4|4|+|"
        'one\\"|c|text/html; charset=utf-8|-|%|-|-|127.0.0.1'
    )
    assert second == (
        "www.example.org|other|8443|HEAD|/none||HTTP/1.1|404|0|-|-|"
        "two|-|text/html; charset=utf-8|-|%|-|-|127.0.0.1"
    )


def test_bytes_received_and_sent_are_those_on_the_wire(folio, site):
    file = configure(site, f'CustomLog {site}/log "%I %O %{{ms}}T %D"\n')
    server = folio(None, "-f", file)
    requests = [request_bytes("GET", "/page.html"), request_bytes("GET", "/nothing", {"A": "b" * 500})]
    got = 0
    with server.connect() as connection:
        connection.send(requests[0])
        connection.send(requests[1] + request_bytes("GET", "/page.html", {"Connection": "close"}))
        while data := connection.receive_some(65536):
            got += len(data)
    lines = [[int(word) for word in line.split()] for line in lines_of(site / "log", 3)]
    assert [line[0] for line in lines[:2]] == [len(request) for request in requests]
    assert sum(line[1] for line in lines) == got
    assert all(line[3] // 1000 == line[2] for line in lines)


def test_an_answer_that_was_cut_is_marked_and_keeps_its_fields(folio, site):
    file = configure(site, f'CustomLog {site}/log "%X %{{X-Mark}}i %{{ETag}}o %O"\n')
    server = folio(None, "-f", file)
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/big", {"X-Mark": "kept"}))
        got = 0
        while got < 300_000:
            got += len(connection.receive_some(65536))
        connection.vanish()
    (line,) = lines_of(site / "log", 1)
    assert re.fullmatch(r'X kept \\"[^ ]+\\" (\d+)', line), line
    assert got <= int(line.split()[3]) < len(BIG)


def test_each_of_several_logs_has_its_own_form(folio, site):
    file = configure(
        site,
        f'CustomLog {site}/a "%s"\nCustomLog {site}/b common\nCustomLog {site}/c json\nCustomLog {site}/d later\n'
        'LogFormat "%{Host}i %{%Y}t" later\n',
    )
    server = folio(None, "-f", file)
    server.get("/page.html")
    assert lines_of(site / "a", 1) == ["200"]
    assert lines_of(site / "b", 1)[0].endswith('"GET /page.html HTTP/1.1" 200 4')
    assert lines_of(site / "c", 1)[0].startswith('{"time":')
    assert re.fullmatch(r"folio\.test 20\d\d", lines_of(site / "d", 1)[0])


def test_a_site_has_logs_of_its_own_or_the_main_servers(folio, site):
    """As in Apache: what a site says replaces what stands outside."""
    file = configure(
        site,
        f'CustomLog {site}/main "%v %U"\n'
        f'<VirtualHost *>\nServerName one.test\nCustomLog {site}/one "%v %U"\nCustomLog {site}/both json\n</VirtualHost>\n'
        f'<VirtualHost *>\nServerName two.test\nCustomLog {site}/two "%v %U"\nCustomLog {site}/both json\n</VirtualHost>\n'
        "<VirtualHost *>\nServerName three.test\n</VirtualHost>\n",
    )
    server = folio(None, "-f", file)
    with server.connect() as connection:
        for host in ("one.test", "two.test", "three.test"):
            connection.request("GET", f"/{host}", host=host)
    server.stop()
    for name, lines in {"one": ["one.test /one.test"], "two": ["two.test /two.test"], "main": ["three.test /three.test"]}.items():
        assert (site / name).read_text().splitlines() == lines
    assert len((site / "both").read_text().splitlines()) == 2


def test_what_is_no_request_is_in_the_main_servers_log_whoever_was_answered_before(folio, site):
    text = (
        f'CustomLog {site}/main "%v %>s"\n'
        f'<VirtualHost *>\nServerName one.test\nCustomLog {site}/one "%v %>s"\n</VirtualHost>\n'
    )
    server = folio(None, "-f", configure(site, text))
    with server.connect() as connection:
        assert connection.request("GET", "/page.html", host="one.test").status == 200
        connection.send(b"BAD\r\n\r\n")
        assert connection.receive().status == 400
    server.stop()
    assert [line.split()[-1] for line in (site / "main").read_text().splitlines()] == ["400"]
    assert len((site / "one").read_text().splitlines()) == 1


@pytest.mark.parametrize("more", ["env=!local", "combined env=!local", "expr=true"])
def test_conditions_of_apaches_logs_are_mistakes(site, more):
    run = run_to_end("-t", "-f", configure(site, f"CustomLog {site}/log {more}\n"))
    assert run.returncode == 78 and "CustomLog" in run.stderr


def test_a_mistake_in_a_format_is_told_with_its_place(site):
    file = configure(site, 'LogFormat "%h %Z" mine\nCustomLog x "%{Referer"\n')
    run = run_to_end("-t", "-f", file)
    assert run.returncode == 78
    assert f'{file}:3: LogFormat: after "%h ": %Z is no directive of LogFormat\n' in run.stderr
    assert f'{file}:4: CustomLog: after "": %{{ without }}\n' in run.stderr


def test_more_fields_than_are_kept_are_a_mistake_before_anything_starts(site):
    fields = " ".join(f"%{{F{i}}}i" for i in range(5))
    more = " ".join(f"%{{F{i}}}o" for i in range(5))
    file = configure(site, f'CustomLog {site}/a "{fields}"\nCustomLog {site}/b "{more}"\n')
    run = run_to_end("-t", "-f", file)
    assert run.returncode == 78
    assert f"{file}:4: CustomLog: more than 8 fields are wanted by all logs together\n" in run.stderr


def number_of(client, i):
    return f"{client}-{i}"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_renaming_a_log_under_load_loses_and_doubles_no_line(folio, site, number):
    """As logrotate does: rename, tell, and take the old file away once the process before has ended."""
    file = configure(site, f'CustomLog {site}/log "%{{X-Number}}i"\n')
    server = folio(None, "-f", file)
    numbered = {"path": "/page.html", "fields": lambda client, i: {"X-Number": number_of(client, i)}, "keeps_all": True}
    with Load(server, 4, **numbered) as load:
        for generation in range(3):
            asked = load.asked
            eventually(lambda asked=asked: load.asked > asked + 100 or load.failures, "requests")
            (site / "log").rename(site / f"log.{generation}")
            hand_over(server, number)
            assert (site / "log").exists()
    server.stop()
    files = [site / "log.0", site / "log.1", site / "log.2", site / "log"]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert all(file.stat().st_size > 0 for file in files)
    assert load.failures == []
    assert sorted(lines) == sorted(number_of(client, i) for client, n in enumerate(load.answered) for i in range(n))
