"""The command line: what is told, where it listens, and how mistakes are named together with their remedy."""

import os
import re
import signal
import socket
import subprocess

import pytest

from folio_process import PATIENCE_S, REPOSITORY, binary, command, run_to_end
from http1_client import Connection
from site_tree import plant

# As root, a file's mode forbids nothing: take away what makes that so.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.fixture
def site(folder):
    return plant(folder, {"index.html": "the front page"})


def test_help_is_one_screen_and_shows_every_option_with_examples():
    run = run_to_end("--help")
    assert (run.returncode, run.stderr) == (0, "")
    for option in (
        "-p",
        "--port",
        "-b",
        "--bind",
        "--threads",
        "-c",
        "--access-log",
        "-V",
        "--version",
        "-h",
        "--help",
    ):
        assert re.search(rf"(?<![\w-]){option}\b", run.stdout), option
    lines = run.stdout.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 100
    assert re.search("example", run.stdout, re.I)
    assert run_to_end("-h").stdout == run.stdout


def test_version_is_the_one_of_the_build():
    version = re.search(r"version: '([^']+)'", (REPOSITORY / "meson.build").read_text())[1]
    for option in ("-V", "--version"):
        run = run_to_end(option)
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.splitlines()[0] == f"folio {version}"


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--frobnicate"], "--frobnicate"),
        (["-p"], "p"),
        (["--port", "http"], "http"),
        (["--port", "70000"], "70000"),
        (["--port", "-1"], "-1"),
        (["--port", "80 "], "80 "),
        (["--port", ""], "port"),
        (["--threads", "0"], "0"),
        (["--threads", "-2"], "-2"),
        (["--threads", "many"], "many"),
        (["--bind", "nowhere.example"], "nowhere.example"),
        (["--bind", "300.1.1.1"], "300.1.1.1"),
        (["one", "two"], "two"),
        (["--strict"], "--strict goes with --check"),
        (["-T", "--json"], "--json goes with --check or explain"),
        (["check", "-H", "Accept: a/b"], "--header goes with explain"),
    ],
)
def test_a_mistake_on_the_command_line_exits_with_2_and_is_named(arguments, named):
    run = run_to_end(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert named in run.stderr
    assert "--help" in run.stderr


@pytest.mark.parametrize(
    "directive, named",
    [
        ("MMapMaxBytes lots", ["MMapMaxBytes", "lots"]),
        ("MMapMaxBytes -1", ["MMapMaxBytes", "-1"]),
        ("MMapMaxBytes 64Q", ["MMapMaxBytes", "64Q"]),
        ("MMapMaxBytes 99999999999999999999", ["MMapMaxBytes", "99999999999999999999"]),
        ("MMapMaxBytes", ["MMapMaxBytes"]),
        ("MMapMaxFiles 1.5", ["MMapMaxFiles", "1.5"]),
        ("MMapMaxFileSize x", ["MMapMaxFileSize", "x"]),
        ("MMapExpire soon", ["MMapExpire", "soon"]),
        ("MMapRevalidate 5y", ["MMapRevalidate", "5y"]),
        ("RequestTimeout never", ["RequestTimeout", "never"]),
        ("KeepAliveTimeout -5", ["KeepAliveTimeout", "-5"]),
        ("SendMinRate fast", ["SendMinRate", "fast"]),
        ("LimitRequestLine 0x100", ["LimitRequestLine", "0x100"]),
        ("LimitRequestFields 1000000", ["LimitRequestFields", "1000000"]),
        ("LimitRequestFieldSize big", ["LimitRequestFieldSize", "big"]),
        ("MaxConnections 0", ["MaxConnections", "0"]),
        ("LogFormat apache", ["LogFormat", "apache", "combined"]),
        ("MMapMaxFiles 10 20", ["MMapMaxFiles"]),
        ("MMapMaxBites 4M", ["MMapMaxBites", "MMapMaxBytes"]),
    ],
)
def test_a_bad_directive_exits_with_78_and_is_named(site, directive, named):
    run = run_to_end("-p", "0", "-c", directive, site)
    assert (run.returncode, run.stdout) == (78, "")
    for text in named:
        assert text in run.stderr


def test_directives_are_known_in_any_case_of_letters(folio, site):
    assert folio(site, "-c", "mmapmaxfiles 10", "-c", "MMAPMAXBYTES 8m").get("/").status == 200


@pytest.mark.parametrize("value", ["64M", "2G", "4096K", "1048576"])
def test_bytes_may_carry_a_unit(folio, site, value):
    folio(site, "-c", f"MMapMaxBytes {value}")


@pytest.mark.parametrize("value", ["10", "10s", "5m", "250ms", "1h"])
def test_times_may_carry_a_unit(folio, site, value):
    folio(site, "-c", f"MMapRevalidate {value}")


def test_it_says_what_it_serves_where_and_under_which_limits(folio, site):
    server = folio(site, "--threads", "2", "-c", "MMapMaxFiles 1234")
    version = re.search(r"version: '([^']+)'", (REPOSITORY / "meson.build").read_text())[1]
    assert server.lines[0] == f"folio {version} serves {site}"
    assert server.lines[1] == f"  address   http://127.0.0.1:{server.port}/"
    assert re.fullmatch(r"  threads +2", server.lines[2])
    assert re.fullmatch(r"  memory +\S+ \S+ for files, at most 1234 of them", server.lines[3])


def test_the_present_folder_is_served_when_none_is_named(folio, site):
    assert folio(None, cwd=site).get("/").body == b"the front page"


def test_a_folder_may_be_named_through_a_symbolic_link(folio, folder):
    plant(folder / "release-1", {"index.html": "release 1"})
    (folder / "current").symlink_to("release-1")
    assert folio(folder / "current").get("/").body == b"release 1"


def test_by_default_it_listens_on_all_addresses_of_both_families(folio, site):
    server = folio(site, bind=None)
    hosts = {host for host, _ in server.addresses}
    assert hosts == {"0.0.0.0", "::"} and len({port for _, port in server.addresses}) == 1
    for host in ("127.0.0.1", "::1"):
        with Connection((host, server.port)) as connection:
            assert connection.get("/").body == b"the front page"


def test_it_listens_on_one_address_of_ipv6(folio, site):
    server = folio(site, bind="[::1]")
    assert server.address[0] == "::1"
    assert server.get("/").status == 200
    with pytest.raises(ConnectionRefusedError):
        Connection(("127.0.0.1", server.port))


def test_it_listens_on_a_unix_socket_and_takes_it_away_at_the_end(folio, site, folder):
    path = folder / "folio.sock"
    server = folio(site, bind=f"unix:{path}")
    assert server.addresses == [str(path)]
    assert server.get("/").body == b"the front page"
    server.stop()
    assert not path.exists()


def test_a_unix_socket_that_nobody_listens_on_is_replaced(folio, site, folder):
    path = folder / "folio.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert folio(site, bind=f"unix:{path}").get("/").status == 200


def test_a_unix_socket_in_use_is_left_alone(folio, site, folder):
    path = folder / "folio.sock"
    first = folio(site, bind=f"unix:{path}")
    run = run_to_end("-b", f"unix:{path}", site)
    assert (run.returncode, run.stdout) == (1, "")
    assert str(path) in run.stderr
    assert first.get("/").status == 200


def test_a_file_in_a_unix_sockets_place_is_left_alone(site, folder):
    path = folder / "precious"
    path.write_text("precious")
    run = run_to_end("-b", f"unix:{path}", site)
    assert (run.returncode, run.stdout) == (1, "")
    assert str(path) in run.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("bind", ["127.0.0.1", None])
def test_a_port_in_use_is_named_with_the_option_that_changes_it(site, bind):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = run_to_end("-p", port, *(["-b", bind] if bind else []), site)
    assert (run.returncode, run.stdout) == (1, "")
    assert str(port) in run.stderr and ("-p" in run.stderr or "--port" in run.stderr)


def test_a_port_in_use_by_another_folio_is_not_shared(folio, site):
    first = folio(site)
    run = run_to_end("-p", first.port, "-b", "127.0.0.1", site)
    assert (run.returncode, run.stdout) == (1, "")
    assert str(first.port) in run.stderr


def test_a_port_can_be_taken_again_right_after_the_end(folio, site):
    first = folio(site)
    with first.connect() as connection:
        connection.get("/")
        first.stop()  # it closes first: its side of the connection stays in TIME-WAIT
        process = subprocess.Popen(command("-p", first.port, "-b", "127.0.0.1", site), stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline().startswith(b"folio ")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)


def test_what_is_not_a_folder_is_named(site):
    run = run_to_end("-p", "0", site / "index.html")
    assert (run.returncode, run.stdout) == (1, "")
    assert str(site / "index.html") in run.stderr and re.search("not a (directory|folder)", run.stderr, re.I)


def test_a_missing_folder_is_named(site):
    run = run_to_end("-p", "0", site / "nothing")
    assert (run.returncode, run.stdout) == (1, "")
    assert str(site / "nothing") in run.stderr


def test_a_folder_that_may_not_be_entered_is_named(site):
    secret = site / "secret"
    secret.mkdir(mode=0o000)
    run = run_to_end("-p", "0", secret, wrap=UNPRIVILEGED if os.geteuid() == 0 else [])
    assert (run.returncode, run.stdout) == (1, "")
    assert str(secret) in run.stderr and re.search("permission", run.stderr, re.I)


def test_a_log_that_cannot_be_written_is_named(site):
    run = run_to_end("-p", "0", "--access-log", site / "nowhere" / "access.log", site)
    assert (run.returncode, run.stdout) == (1, "")
    assert str(site / "nowhere" / "access.log") in run.stderr


def test_a_closed_standard_output_does_not_stop_it(site):
    """As under a supervisor that reads nothing: the lines of the start go nowhere, and the end is still orderly."""
    listener, far = site / "s", None
    process = subprocess.Popen(command("-b", f"unix:{listener}", site), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.stdout.readline()
        process.stdout.close()
        far = Connection(str(listener))
        assert far.get("/").status == 200
    finally:
        if far:
            far.close()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        process.stderr.close()
    assert process.returncode in (0, 1)


def test_the_binary_is_there():
    assert os.access(binary(), os.X_OK), f"{binary()} is missing: run make, or set FOLIO"
