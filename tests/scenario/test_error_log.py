"""ErrorLog and LogLevel: what is told, where, in which form, how often, and what happens when the log is renamed."""

import os
import re
import signal
import threading

import pytest

from access_log import lines_of
from folio_process import eventually, run_to_end
from site_tree import plant
from steady_load import hand_over

pytestmark = pytest.mark.threads
LINE = re.compile(
    r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\] \[(?P<level>[a-z]+)\] \[pid (?P<pid>\d+)\] "
    r"(\[client (?P<client>[^]]+)\] )?(\[site (?P<site>[^]]+)\] )?(?P<text>.*)"
)


@pytest.fixture
def site(folder):
    """One request of each kind has something to say."""
    plant(folder, {"www/index.html": "front", "www/bare/a": "a", "www/denied/a": "a", "www/closed/a": "a", "secret/key": "key"})
    (folder / "www" / "out").symlink_to(folder / "secret" / "key")
    (folder / "www" / "absolute").symlink_to(folder / "www" / "index.html")
    os.mkfifo(folder / "www" / "pipe")
    (folder / "users").write_text("anna:$2y$05$abcdefghijklmnopqrstuuVbPyuoS8Iat4b1bTQvyy/xAqGRsIwxO\n")
    return folder


ACCESS = """
<Location /denied>
    Require all denied
</Location>
<Location /closed>
    AuthType Basic
    AuthName x
    AuthUserFile {site}/users
    Require valid-user
</Location>
"""


def configure(site, text):
    (site / "folio.conf").write_text(f"DocumentRoot {site}/www\nThreads 1\n{ACCESS.format(site=site)}{text}")
    return site / "folio.conf"


def entries(path, count=1):
    found = [LINE.fullmatch(line) for line in lines_of(path, count)]
    assert all(found)
    return found


def await_ready(site):
    """Where LogLevel has it told that it is ready. A worker waits for no log: what comes while that is written may only be counted."""
    entries(site / "errors", 1)


def told_of_client(path, ask):
    """What is told when another line is just being written may only be counted: then it is asked for once more."""
    found = []

    def is_told():
        ask()
        found[:] = [line for line in entries(path) if line["client"]]
        return bool(found)

    eventually(is_told, "a line about the client")
    return found[0]


TOLD = [
    ("/out", {}, 403, "refused: a symbolic link leads out of the folder that is served"),
    ("/absolute", {}, 403, "refused: a symbolic link leads out of the folder that is served"),
    ("/pipe", {}, 403, "refused: it is neither a file nor a folder"),
    ("/bare/", {}, 403, "refused: a folder without an index"),
    ("/denied/a", {}, 403, "refused: Require does not let this client in"),
    ("/closed/a", {"Authorization": "Basic YW5uYTpubw=="}, 401, "refused: the user or the password is wrong"),
]


@pytest.mark.parametrize("target, fields, status, why", TOLD, ids=[row[0] for row in TOLD])
def test_a_refusal_is_told_with_time_level_client_path_and_reason(folio, site, target, fields, status, why):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\n"))
    assert server.get(target, fields).status == status
    (line,) = entries(site / "errors")
    assert (line["level"], line["client"], line["site"]) == ("error", "127.0.0.1", None)
    assert int(line["pid"]) == server.serving_pid
    assert line["text"].startswith(f"{target}: {why}"), line[0]


def test_what_may_not_be_read_is_told(folio, site):
    """Root may read everything, so that somebody else serves."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    site.chmod(0o755)
    (site / "www" / "index.html").chmod(0o600)
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nUser nobody\n"))
    assert server.get("/").status == 403
    assert entries(site / "errors")[0]["text"] == "/: refused: whoever serves may not read it"


def test_a_link_of_another_user_is_told(folio, site):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.symlink("index.html", site / "www" / "inner")
    os.lchown(site / "www" / "inner", 12345, -1)
    text = f"<Directory {site}/www>\nOptions SymLinksIfOwnerMatch\n</Directory>\nErrorLog {site}/errors\n"
    server = folio(None, "-f", configure(site, text))
    assert server.get("/inner").status == 403
    assert "/inner: refused: a symbolic link is another user's than what it leads to" in entries(site / "errors")[0]["text"]


NO_REQUESTS = [
    (b"GET /bad HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "/bad: refused: it is no request, or more than the limits allow"),
    (b"nonsense\r\n\r\n", 400, "-: refused: it is no request, or more than the limits allow"),
    (b"GET / HTTP/1.1\r\n", 408, "-: answered 408: the request did not come to its end within RequestTimeout"),
]


@pytest.mark.parametrize("sent, status, why", NO_REQUESTS, ids=["two hosts", "no words", "too late"])
def test_what_is_no_request_is_information(folio, site, sent, status, why):
    limit = "300ms" if status == 408 else "1m"
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel info\nRequestTimeout {limit}\n"))
    await_ready(site)

    def ask():
        with server.connect() as connection:
            connection.send(sent)
            assert connection.receive().status == status

    line = told_of_client(site / "errors", ask)
    assert (line["level"], line["client"], line["text"]) == ("info", "127.0.0.1", why)


@pytest.mark.parametrize("target, status", [("/.hidden", 404), ("/a%zz", 400)])
def test_a_path_that_names_nothing_is_information(folio, site, target, status):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel info\n"))
    await_ready(site)
    assert server.get(target).status == status
    server.stop()
    told = [line["level"] for line in entries(site / "errors") if (line["text"] or "").startswith(f"{target}: ")]
    assert told == ["info"]


def test_who_is_only_asked_for_a_name_is_not_told_of(folio, site):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel debug\n"))
    await_ready(site)

    def ask():
        assert server.get("/closed/a").status == 401
        assert server.get("/missing").status == 404

    assert told_of_client(site / "errors", ask)["text"] == "/missing: nothing is there"


@pytest.mark.parametrize("level, told", [("crit", []), ("error", ["/out"]), ("warn", ["/out"]), ("info", ["/out", "/none"])])
def test_log_level_leaves_out_what_matters_less(folio, site, level, told):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel {level}\n"))
    if level == "info":
        await_ready(site)
    for target in ("/out", "/none"):
        server.get(target)
    server.stop()
    lines = [LINE.fullmatch(line) for line in (site / "errors").read_text().splitlines()]
    assert [line["text"].split(":")[0] for line in lines if line["client"]] == told


def test_each_site_has_a_log_and_a_level_of_its_own(folio, site):
    text = (
        f"ErrorLog {site}/main\n"
        f"<VirtualHost *>\nServerName one.test\nErrorLog {site}/one\nLogLevel info\n</VirtualHost>\n"
        "<VirtualHost *>\nServerName two.test\n</VirtualHost>\n"
    )
    server = folio(None, "-f", configure(site, text))
    with server.connect() as connection:
        for host in ("one.test", "two.test"):
            connection.request("GET", "/out", host=host)
            connection.request("GET", f"/none-{host}", host=host)
    server.stop()
    one, main = ([LINE.fullmatch(line) for line in (site / name).read_text().splitlines()] for name in ("one", "main"))
    assert [(line["level"], line["site"]) for line in one] == [("error", "one.test"), ("info", "one.test")]
    assert [(line["level"], line["site"]) for line in main] == [("error", "two.test")]


def test_without_error_log_standard_error_has_it_in_short(folio, site):
    server = folio(None, "-f", configure(site, ""), expects_errors=True)
    server.get("/out")
    eventually(server.errors, "the line")
    assert server.errors().startswith("folio: [client 127.0.0.1] /out: refused: a symbolic link leads out")


def test_standard_error_can_be_had_with_time_and_level(folio, site):
    server = folio(None, "-f", configure(site, "ErrorLog stderr\n"), expects_errors=True)
    server.get("/out")
    eventually(server.errors, "the line")
    assert LINE.fullmatch(server.errors().splitlines()[0])["client"] == "127.0.0.1"


def test_who_asks_often_does_not_fill_the_disk(folio, site):
    """Of each kind 20 lines at once and one a second; the rest is counted, and nothing is lost of the count."""
    asked = 600
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\n"))
    with server.connect() as connection:
        for _ in range(asked):
            assert connection.get("/out").status == 403
    server.stop()
    lines = (site / "errors").read_text().splitlines()
    told = [line for line in lines if "/out: refused" in line]
    more = [re.search(r" (\d+) more were not told: refused: a symbolic link leads out", line) for line in lines]
    assert 20 <= len(told) <= 60
    assert len(told) + sum(int(found[1]) for found in more if found) == asked


def test_what_clients_write_stays_on_its_line(folio, site):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel info\n"))
    await_ready(site)

    def ask():
        with server.connect() as connection:
            connection.get('/%0a[fake]%20line%1b[31m"\\')

    line = told_of_client(site / "errors", ask)
    assert line["text"] == '/%0a[fake]%20line%1b[31m\\"\\\\: nothing is there'


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_renaming_the_log_under_load_loses_and_doubles_no_line(folio, site, number):
    """Each client asks for paths of its own, slower than the quota of lines; each is told once."""
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel info\n"))
    await_ready(site)
    ends, asked = threading.Event(), []

    def ask():
        connection = None
        while not ends.wait(0.15) and len(asked) < 20:
            connection = connection or server.connect()
            answer = connection.get(f"/none-{len(asked)}")
            asked.append(f"/none-{len(asked)}")
            if answer.closes():
                connection.close()
                connection = None
        if connection:
            connection.close()

    client = threading.Thread(target=ask)
    client.start()
    for generation in range(3):
        before = len(asked)
        eventually(lambda before=before: len(asked) > before + 1 or len(asked) == 20, "requests")
        (site / "errors").rename(site / f"errors.{generation}")
        hand_over(server, number)
        assert (site / "errors").exists()
    eventually(lambda: len(asked) == 20, "all requests")
    ends.set()
    client.join()
    server.stop()
    files = [site / f"errors.{generation}" for generation in range(3)] + [site / "errors"]
    lines = [LINE.fullmatch(line) for file in files for line in file.read_text().splitlines()]
    told = [line["text"].split(":")[0] for line in lines if line["client"]]
    assert sorted(told) == sorted(asked)


def test_the_supervisor_says_there_what_happens_to_the_server(folio, site):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\n"))
    before = server.serving_pid
    os.kill(before, signal.SIGKILL)
    eventually(lambda: server.serving_pids not in ([], [before]), "another server process")
    assert server.get("/").status == 200
    assert f"server process {before} was killed by signal 9; another one is started" in entries(site / "errors")[0]["text"]
    assert server.errors() == ""


def test_a_bad_configuration_is_told_there_with_its_place(folio, site):
    file = configure(site, f"ErrorLog {site}/errors\n")
    server = folio(None, "-f", file)
    with open(file, "a", encoding="utf-8") as more:
        more.write("Bogus on\nLogLevel loud\n")
    server.send_signal(signal.SIGHUP)
    lines = entries(site / "errors", 3)
    place = len(file.read_text().splitlines())
    assert lines[0]["text"].startswith(f"{file}:{place - 1}: there is no directive Bogus")
    assert lines[1]["text"].startswith(f'{file}:{place}: LogLevel: "loud" is not one of emerg|alert|')
    assert lines[2]["text"] == "the configuration was not taken over; serving goes on as before"
    assert server.errors() == "" and server.get("/").status == 200


def test_another_error_log_holds_after_a_reload_for_the_supervisor_too(folio, site):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\n"))
    configure(site, f"ErrorLog {site}/other\n")
    hand_over(server)
    os.kill(server.serving_pid, signal.SIGKILL)
    assert "was killed by signal 9" in entries(site / "other")[0]["text"]
    eventually(lambda: len(server.serving_pids) == 1 and server.get("/").status == 200, "another one serves")
    assert (site / "errors").read_text() == ""


def test_counts_are_told_there_whatever_the_level_is(folio, site):
    server = folio(None, "-f", configure(site, f"ErrorLog {site}/errors\nLogLevel emerg\n"))
    server.send_signal(signal.SIGRTMIN)
    (line,) = entries(site / "errors")
    assert line["text"].startswith("stats: connections=") and server.errors() == ""


def test_a_full_disk_is_told_on_standard_error_and_holds_nothing_up(folio, site):
    server = folio(None, "-f", configure(site, "ErrorLog /dev/full\n"), expects_errors=True)
    for _ in range(5):
        assert server.get("/out").status == 403
    eventually(server.errors, "the message")
    assert server.stop()["lost-log-lines"] == 5
    assert "folio: error log /dev/full: No space left on device; lines are lost" in server.errors()


UNOPENED = [
    ("ErrorLog {site}/none/log", "No such file or directory", "make its folder first"),
    ("ErrorLog {site}/www", "Is a directory", "name a file in that folder"),
    ("CustomLog {site}/none/log", "No such file or directory", "make its folder first"),
    ("<VirtualHost *>\nServerName x\nErrorLog {site}/none/log\n</VirtualHost>", "No such file or directory", "make its folder"),
    ("SyslogSocket {site}/none\nErrorLog syslog", "No such file or directory", "no system logger takes messages there"),
    ("SyslogSocket {site}/none\nCustomLog syslog", "No such file or directory", "no system logger takes messages there"),
]


@pytest.mark.parametrize("text, why, remedy", UNOPENED, ids=[row[0] for row in UNOPENED])
def test_a_log_that_cannot_be_opened_ends_the_start_and_leaves_a_server_alone(folio, site, text, why, remedy):
    """With file, line and remedy, on standard error, as there is no log."""
    bad = text.format(site=site)
    file = configure(site, bad + "\n")
    lines = file.read_text().splitlines()
    place = next(i for i, line in enumerate(lines, 1) if re.match("(Error|Custom)Log", line))
    run = run_to_end("-f", file, "-p", "0")
    assert run.returncode == 1  # it may be there at another try
    name = lines[place - 1].split()[0]
    assert re.search(rf"^folio: {re.escape(str(file))}:{place}: {name}: cannot write to .*: {why}\n  .*{remedy}", run.stderr, re.M)
    configure(site, "")
    server = folio(None, "-f", file, expects_errors=True)
    serving = server.serving_pid
    configure(site, bad + "\n")
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "the new server did not get ready; serving goes on as before" in server.errors(), "the message")
    assert f"{file}:{place}: {name}: cannot write to" in server.errors()
    assert server.serving_pids == [serving] and server.get("/").status == 200


WRONG = [
    ("ErrorLog", "ErrorLog takes one argument"),
    ("ErrorLog -", "errors do not go to standard output; stderr is standard error"),
    ('ErrorLog "|rotate"', "logs are not piped to programs; a file, stderr or syslog is wanted"),
    ("ErrorLog syslog:nothing", "nothing is not a facility of syslog"),
    ("CustomLog syslog:daemon:a/b", "a/b is not a tag for syslog"),
    ("CustomLog |rotate", "logs are not piped to programs; a file, - or syslog is wanted"),
    ("LogLevel trace1", '"trace1" is not one of emerg|alert|crit|error|warn|notice|info|debug'),
    ("LogLevel info ssl:warn", "LogLevel takes one argument"),
]


@pytest.mark.parametrize("line, told", WRONG, ids=[row[0] for row in WRONG])
def test_what_is_written_wrongly_is_told_before_anything_starts(site, line, told):
    run = run_to_end("-t", "-f", configure(site, line + "\n"))
    assert run.returncode == 78 and told in run.stderr, run.stderr


@pytest.mark.parametrize("name", ["ErrorLog", "CustomLog"])
def test_a_missing_socket_of_the_systems_log_is_warned_of(site, name):
    run = run_to_end("-t", "-f", configure(site, f"SyslogSocket {site}/none\n{name} syslog\n"))
    assert run.returncode == 0 and f"warning: {name}: {site}/none: No such file or directory" in run.stderr


def test_a_socket_of_a_path_that_no_socket_can_have_is_a_mistake(site):
    for size, code in ((107, 0), (108, 78)):
        run = run_to_end("-t", "-f", configure(site, f"SyslogSocket /{'x' * (size - 1)}\n"))
        assert run.returncode == code, run.stderr
    assert "the path of a socket has at most 107 bytes" in run.stderr


@pytest.mark.parametrize("name", ["ErrorLog", "CustomLog"])
def test_a_missing_folder_is_warned_of(site, name):
    run = run_to_end("-t", "-f", configure(site, f"{name} {site}/none/log\n"))
    assert run.returncode == 0 and f"warning: {name}: {site}/none: No such file or directory" in run.stderr
