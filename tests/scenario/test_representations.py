"""Compressed forms of files: beside them, or made in idle time; chosen by Accept-Encoding (RFC 9110, 12.5.3)."""

import gzip
import os
import random
import shutil
import subprocess
import time

import pytest

from folio_process import PATIENCE_S

SCRIPT = b"export const words = 'one two three';\n" * 200
BROWSER = "gzip, deflate, br, zstd"


def write(folder, name, content, age_s=60):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def get(server, target, accepts=BROWSER, **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if accepts is not None:
        headers["Accept-Encoding"] = accepts
    return server.get(target, headers)


def get_once(server, target, coding, accepts=BROWSER):
    """The answer, once it is in that coding (None: as it is), which it will be sooner or later."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = get(server, target, accepts)
        if answer["Content-Encoding"] == coding or time.monotonic() > deadline:
            assert answer["Content-Encoding"] == coding
            return answer
        time.sleep(0.01)


def decoded(answer):
    coding = answer["Content-Encoding"]
    command = {"gzip": ["gzip", "-dc"], "br": ["brotli", "-dc"], "zstd": ["zstd", "-qdc"]}[coding]
    return subprocess.run(command, input=answer.body, capture_output=True, check=True).stdout


@pytest.fixture(name="server")
def make_server(folio, folder):
    write(folder, "script.js", SCRIPT)
    return folio(folder)


@pytest.mark.parametrize("accepts, coding", [
    ("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), (BROWSER, "br"), ("gzip;q=1, br;q=0.5", "gzip"), ("x-gzip", "gzip"),
    ("*", "br"), ("br;q=0, *", "zstd"),
])
def test_a_text_is_compressed_in_idle_time_and_sent_as_the_client_likes_it(server, accepts, coding):
    answer = get_once(server, "/script.js", coding, accepts)
    assert decoded(answer) == SCRIPT
    assert len(answer.body) < len(SCRIPT) / 2
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("accepts", [None, "", "identity", "deflate", "gzip;q=0, br;q=0, zstd;q=0"])
def test_who_does_not_ask_for_a_coding_gets_none(server, accepts):
    get_once(server, "/script.js", "br")
    answer = get(server, "/script.js", accepts)
    assert (answer["Content-Encoding"], answer.body) == (None, SCRIPT)
    assert answer["Vary"] == "Accept-Encoding"


def test_each_form_has_a_strong_tag_of_its_own(server):
    """RFC 9110, 8.8.3.3"""
    tags = {get_once(server, "/script.js", coding, coding or "identity")["ETag"] for coding in ("br", "gzip", "zstd", None)}
    assert len(tags) == 4
    assert all(tag.startswith('"') for tag in tags)


def test_conditions_and_ranges_are_of_the_form_that_is_chosen(server):
    """RFC 9110, 13.1.2, 13.1.5, 14.2 and 12.5.5"""
    whole = get_once(server, "/script.js", "br")
    again = get(server, "/script.js", If_None_Match=whole["ETag"])
    assert (again.status, again["ETag"], again["Vary"]) == (304, whole["ETag"], "Accept-Encoding")
    other = get(server, "/script.js", accepts="identity", If_None_Match=whole["ETag"])
    assert other.status == 200
    part = get(server, "/script.js", Range="bytes=5-9", If_Range=whole["ETag"])
    assert (part.status, part.body) == (206, whole.body[5:10])
    assert part["Content-Range"] == f"bytes 5-9/{len(whole.body)}"
    assert (part["Vary"], part["Content-Encoding"]) == ("Accept-Encoding", "br")
    mixed = get(server, "/script.js", accepts="identity", Range="bytes=5-9", If_Range=whole["ETag"])
    assert (mixed.status, mixed.body) == (200, SCRIPT)


def test_head_tells_of_the_same_form(server):
    """RFC 9110, 9.3.2"""
    whole = get_once(server, "/script.js", "br")
    with server.connect() as connection:
        head = connection.request("HEAD", "/script.js", {"Accept-Encoding": BROWSER})
    for field in ("ETag", "Content-Length", "Content-Encoding", "Content-Type", "Vary", "Last-Modified"):
        assert head[field] == whole[field], field


@pytest.mark.parametrize("name, content", [
    ("picture.png", b"x" * 4000), ("film.mp4", b"x" * 4000), ("archive.zip", b"x" * 4000), ("small.txt", b"x" * 511),
    ("noise.txt", os.urandom(4000)),
])
def test_what_gains_nothing_is_left_as_it_is(folio, folder, name, content):
    write(folder, name, content)
    write(folder, "script.js", SCRIPT)
    server = folio(folder)
    assert get(server, "/" + name)["Content-Encoding"] is None
    get_once(server, "/script.js", "br")  # it was asked for later, and they stand in line
    assert get(server, "/" + name)["Content-Encoding"] is None
    assert get(server, "/" + name).body == content


def test_compress_off_makes_nothing(folio, folder):
    write(folder, "a/script.js", SCRIPT)
    write(folder, "b/script.js", SCRIPT.upper())
    configuration = write(folder, "folio.conf", b"<Location /a>\n Compress off\n</Location>\n")
    server = folio(folder, "-f", configuration)
    assert get(server, "/a/script.js")["Vary"] is None
    get_once(server, "/b/script.js", "br")
    assert get(server, "/a/script.js")["Content-Encoding"] is None


@pytest.mark.parametrize("suffix, coding", [(".gz", "gzip"), (".br", "br"), (".zst", "zstd")])
@pytest.mark.parametrize("name, target", [("page.html", "/page.html"), ("d/index.html", "/d/"), ("code.wasm", "/code.wasm")])
def test_what_lies_beside_a_file_is_its_form(folio, folder, name, target, suffix, coding):
    write(folder, name, SCRIPT)
    write(folder, name + suffix, b"as it lies there " + suffix.encode())
    server = folio(folder, "-c", "Compress off")
    answer = get_once(server, target, coding)
    assert answer.body == b"as it lies there " + suffix.encode()
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Content-Type"] == get(server, target, accepts=None)["Content-Type"]
    assert get(server, target, accepts="identity").body == SCRIPT


def test_an_older_form_is_not_used(folio, folder):
    write(folder, "page.html", SCRIPT, age_s=10)
    write(folder, "page.html.gz", b"of before", age_s=20)
    write(folder, "other.html", SCRIPT, age_s=20)
    write(folder, "other.html.gz", b"of after", age_s=10)
    server = folio(folder, "-c", "Compress off")
    get(server, "/page.html")
    assert get_once(server, "/other.html", "gzip").body == b"of after"
    assert get(server, "/page.html").body == SCRIPT


def test_changes_of_file_and_form_are_seen_at_once(folio, folder):
    write(folder, "page.html", SCRIPT)
    form = write(folder, "page.html.gz", gzip.compress(SCRIPT))
    server = folio(folder, "-c", "Compress off", "-c", "MMapRevalidate 1h")
    assert decoded(get_once(server, "/page.html", "gzip")) == SCRIPT
    # A newer page: the form is older than it.
    (folder / "next").write_bytes(b"<p>new</p>")
    os.replace(folder / "next", folder / "page.html")
    assert get_once(server, "/page.html", None).body == b"<p>new</p>"
    # A newer form.
    (folder / "next").write_bytes(gzip.compress(b"<p>new</p>"))
    os.replace(folder / "next", form)
    assert decoded(get_once(server, "/page.html", "gzip")) == b"<p>new</p>"
    form.unlink()
    assert get_once(server, "/page.html", None).body == b"<p>new</p>"


def test_of_a_new_version_no_old_form_is_sent(folio, folder):
    path = write(folder, "script.js", SCRIPT)
    server = folio(folder, "-c", "MMapRevalidate 1h")
    assert decoded(get_once(server, "/script.js", "br")) == SCRIPT
    (folder / "next").write_bytes(SCRIPT.upper())
    os.replace(folder / "next", path)
    deadline = time.monotonic() + PATIENCE_S
    while get(server, "/script.js", accepts="identity").body == SCRIPT and time.monotonic() < deadline:
        time.sleep(0.001)
    for _ in range(200):
        answer = get(server, "/script.js")
        assert (decoded(answer) if answer["Content-Encoding"] else answer.body) == SCRIPT.upper()


def test_a_pinned_file_has_its_forms_before_the_server_is_ready(folio, folder):
    write(folder, "page.html", SCRIPT)
    write(folder, "page.html.br", b"beside it")
    server = folio(folder, "-c", f"MMapDir {folder}")
    assert get(server, "/page.html").body == b"beside it"


def test_big_files_are_compressed_too(folio, folder):
    content = SCRIPT * 40
    write(folder, "big.js", content)
    server = folio(folder, "-c", "MMapMaxFileSize 16K")
    answer = get_once(server, "/big.js", "gzip", "gzip")
    assert decoded(answer) == content


def test_without_room_files_are_sent_as_they_are(folio, folder):
    for i in range(40):
        write(folder, f"{i}.txt", bytes([65 + i % 26, 32]) * 30000)
    server = folio(folder, "-c", "MMapMaxBytes 1M", "--threads", 1)
    for _ in range(3):
        for i in range(40):
            answer = get(server, f"/{i}.txt", "gzip")
            body = decoded(answer) if answer["Content-Encoding"] else answer.body
            assert body == bytes([65 + i % 26, 32]) * 30000


def test_a_stop_does_not_wait_until_something_big_is_compressed(folio, folder):
    words = random.Random(1).choices(["alpha", "beta", "gamma", "delta", "omega\n", "0x17"], k=1_000_000)
    write(folder, "big.txt", " ".join(words).encode())
    server = folio(folder)
    get(server, "/big.txt")
    time.sleep(0.5)  # so that it is at it; else nothing is tested, and nothing fails
    assert server.stop()["references"] == 0


def test_the_tools_of_these_tests_are_there():
    assert all(shutil.which(tool) for tool in ("gzip", "brotli", "zstd"))
