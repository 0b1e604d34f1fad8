"""A changed file is seen once MMapRevalidate has passed, whatever way it changed, and no answer mixes two versions."""

import mmap
import os
import shutil
import subprocess
import threading
import time

import pytest

from access_log import outcomes_of
from folio_process import eventually
from http1_client import Ended, request_bytes
from site_tree import noise, plant, replace

pytestmark = pytest.mark.threads
REVALIDATE_S = 0.1
SIZES = [500, 200_000]  # a snapshot, a stream
OPTIONS = ("-c", f"MMapRevalidate {int(REVALIDATE_S * 1000)}ms", "-c", "MMapMaxFileSize 65536")


@pytest.fixture
def server(folio, folder):
    plant(folder, {"other": "other"})
    return folio(folder, "--threads", "2", *OPTIONS)


def let_it_age():
    """From now on, whatever was looked at before must be looked at again before it is used."""
    time.sleep(REVALIDATE_S + 0.05)


def check_seen(server, target, content):
    """On new connections of both workers, and as one version: 20 of them meet both."""
    let_it_age()
    answers = [server.get(target) for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {content}
    assert len({answer["ETag"] for answer in answers}) == 1
    return answers[0]


def rename_over(path, content):
    replace(path, content)


def write_in_place(path, content):
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def remove_and_create(path, content):
    path.unlink()
    path.write_bytes(content)


def move_another_here(path, content):
    """With a time of modification older than the present version's."""
    other = path.with_name("older")
    other.write_bytes(content)
    os.utime(other, (1_000_000_000, 1_000_000_000))
    other.rename(path)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("new_size", ["the same size", "shorter", "longer", "empty", "the other kind"])
@pytest.mark.parametrize("change", [rename_over, write_in_place, remove_and_create, move_another_here])
def test_a_changed_file_is_seen(server, folder, size, new_size, change):
    path = folder / "file"
    old = noise(size, "old")
    path.write_bytes(old)
    first = check_seen(server, "/file", old)
    by_name = {
        "the same size": size,
        "shorter": size - 100,
        "longer": size + 100,
        "empty": 0,
        "the other kind": SIZES[size == SIZES[0]],
    }
    new = noise(by_name[new_size], "new")
    change(path, new)
    second = check_seen(server, "/file", new)
    assert second["ETag"] != first["ETag"]
    with server.connect() as connection:
        assert connection.get("/file", {"If-None-Match": first["ETag"]}).status == 200
        assert connection.get("/file", {"If-None-Match": second["ETag"]}).status == 304


@pytest.mark.parametrize("size", SIZES)
def test_a_touched_file_has_its_new_date(server, folder, size):
    path = folder / "file"
    path.write_bytes(noise(size, "same"))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert check_seen(server, "/file", noise(size, "same"))["Last-Modified"] == "Sun, 09 Sep 2001 01:46:40 GMT"
    os.utime(path, (1_200_000_000, 1_200_000_000))
    assert check_seen(server, "/file", noise(size, "same"))["Last-Modified"] == "Thu, 10 Jan 2008 21:20:00 GMT"


@pytest.mark.parametrize("size", SIZES)
def test_a_removed_file_is_not_found_and_a_created_one_is(server, folder, size):
    path = folder / "file"
    for version in range(2):
        let_it_age()
        assert server.get("/file").status == 404
        path.write_bytes(noise(size, version))
        check_seen(server, "/file", noise(size, version))
        path.unlink()
    let_it_age()
    assert server.get("/file").status == 404


def test_a_folder_becomes_a_file_and_a_folder_again(server, folder):
    plant(folder, {"thing/index.html": "index"})
    assert (server.get("/thing").status, server.get("/thing/").body) == (301, b"index")
    shutil.rmtree(folder / "thing")
    (folder / "thing").write_text("file")
    let_it_age()
    assert (server.get("/thing").body, server.get("/thing/").status) == (b"file", 404)
    (folder / "thing").unlink()
    plant(folder, {"thing/index.html": "index again"})
    let_it_age()
    assert (server.get("/thing").status, server.get("/thing/").body) == (301, b"index again")


def test_an_index_comes_and_goes(server, folder):
    (folder / "dir").mkdir()
    assert server.get("/dir/").status == 403
    (folder / "dir" / "index.html").write_text("index")
    check_seen(server, "/dir/", b"index")
    (folder / "dir" / "index.html").unlink()
    let_it_age()
    assert server.get("/dir/").status == 403


def test_a_flipped_link_is_seen(server, folder):
    plant(folder, {"release-1/page": "one", "release-2/page": "two"})
    (folder / "current").symlink_to("release-1")
    check_seen(server, "/current/page", b"one")
    (folder / "next").symlink_to("release-2")
    (folder / "next").rename(folder / "current")
    check_seen(server, "/current/page", b"two")


def test_a_link_turned_outward_is_forbidden(server, folder):
    plant(folder, {"page": "inside"})
    (folder / "link").symlink_to("page")
    check_seen(server, "/link", b"inside")
    (folder / "next").symlink_to("/etc/hostname")
    (folder / "next").rename(folder / "link")
    let_it_age()
    assert server.get("/link").status == 403


def test_what_a_link_leads_to_appears_later(server, folder):
    plant(folder, {"deep/other": "other"})
    (folder / "link").symlink_to("deep/target")
    (folder / "index.html").symlink_to("deep/target")
    assert (server.get("/link").status, server.get("/").status) == (404, 403)
    (folder / "deep/target").write_text("content")
    check_seen(server, "/link", b"content")
    check_seen(server, "/", b"content")


def test_a_folder_moved_away_takes_its_files_along(server, folder):
    plant(folder, {"a/b/page": "page", "a/b/big": noise(SIZES[1], 1)})
    check_seen(server, "/a/b/page", b"page")
    check_seen(server, "/a/b/big", noise(SIZES[1], 1))
    (folder / "a").rename(folder / "c")
    let_it_age()
    assert [server.get(target).status for target in ("/a/b/page", "/a/b/big", "/a/b/", "/a/b", "/a/")] == [404] * 5
    check_seen(server, "/c/b/page", b"page")


def test_a_change_is_seen_at_once_without_looking(folio, folder):
    """An hour will not pass here: the system tells of it."""
    plant(folder, {"file": "old"})
    server = folio(folder, "--threads", "1", "-c", "MMapRevalidate 1h")
    assert server.get("/file").body == b"old"
    replace(folder / "file", b"new")
    eventually(lambda: server.get("/file").body == b"new", "the new file")


def test_while_a_file_is_written_in_place_its_old_version_is_served(folio, folder):
    """Nobody sees half of it: the new version is served from when its writer closes it."""
    plant(folder, {"file": b"old" * 1000})
    server = folio(folder, "--threads", "1", "-c", "MMapSettle 1m")
    assert server.get("/file").body == b"old" * 1000
    with open(folder / "file", "r+b", buffering=0) as writer:
        writer.write(b"new" * 500)
        time.sleep(2.5)  # where nobody says how long, it is 2 s
        assert server.get("/file").body == b"old" * 1000
        writer.write(b"new" * 500)
    eventually(lambda: server.get("/file").body == b"new" * 1000, "the new version")


def test_a_writer_that_does_not_end_is_not_waited_for_beyond_the_settling_time(folio, folder):
    plant(folder, {"file": b"old" * 1000})
    server = folio(folder, "--threads", "1", "-c", "MMapSettle 300ms")
    assert server.get("/file").body == b"old" * 1000
    with open(folder / "file", "r+b", buffering=0) as writer:
        writer.write(b"new" * 500)
        eventually(lambda: server.get("/file").body == b"new" * 500 + b"old" * 500, "what there is")


def test_the_log_tells_what_the_cache_had_to_do(folio, folder):
    plant(folder, {"site/file": "file"})
    os.link(folder / "site" / "file", folder / "other-name")  # by that it may be changed where nobody watches: it ages
    log = folder / "access.log"
    server = folio(folder / "site", "--threads", "1", *OPTIONS, "--access-log", log, "-c", "LogFormat json")
    asked, began_s = [], 0
    with server.connect() as connection:

        def get(target, what):
            nonlocal began_s
            before_s, began_s = began_s, time.monotonic()
            connection.get(target)
            asked.append(what)
            return time.monotonic() - before_s

        def get_before_it_ages(target, what):
            """Where the machine kept us or the server waiting too long, what was just looked at is asked for once more."""
            eventually(lambda: get(target, what) < REVALIDATE_S, "two requests in time")

        get("/file", "first")
        get_before_it_ages("/file", "second")
        let_it_age()
        get("/file", "aged")
        replace(folder / "site" / "file", b"another")
        let_it_age()
        get("/file", "changed")
        get_before_it_ages("/file", "after")
        get("/missing", "missing")
        get_before_it_ages("/missing", "still missing")
        connection.request("OPTIONS", "*")
    outcome = dict(zip([*asked, "none"], outcomes_of(log, len(asked) + 1)))  # of several tries the last
    assert {outcome.pop(what) for what in ("first", "changed", "missing")} <= {"miss", "load"}
    assert outcome == {"second": "hit", "aged": "revalidated", "after": "hit", "still missing": "hit", "none": "none"}


@pytest.mark.parametrize("size", [3_000, 150_000])
def test_beside_a_writer_that_renames_every_answer_is_one_whole_version(server, folder, size):
    """Each version is one repeated number; the validator has to tell each from each."""

    def version(number):
        return b"%08d" % number * (size // 8)

    path = folder / "file"
    path.write_bytes(version(0))
    by_etag, failures, is_over = {}, [], threading.Event()

    def read():
        try:
            read_on()
        except Ended as end:
            failures.append(str(end))

    def read_on():
        with server.connect() as connection:
            while not is_over.is_set():
                answer = connection.get("/file")
                number = answer.body[:8]
                if answer.status != 200 or answer.body != number * (size // 8):
                    failures.append("an answer of two versions")
                if by_etag.setdefault(answer["ETag"], number) != number:
                    failures.append("one validator for two versions")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 400):
        replace(path, version(number))
        time.sleep(0.005)
    is_over.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(by_etag) > 3
    check_seen(server, "/file", version(399))


def test_a_stream_that_shrinks_while_it_is_sent_is_cut_off_visibly(server, folder):
    """Its length was promised: the connection ends before it. Of what is gone, zeros may have been on their way."""
    content = noise(16 << 20, "stream")
    path = folder / "stream"
    path.write_bytes(content)
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/stream") + request_bytes("GET", "/other"))
        got = connection.receive_some(4096)
        os.truncate(path, 1 << 20)
        try:
            while data := connection.receive_some(1 << 20):
                got += data
        except ConnectionResetError:
            pass
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(content) in head + b"\r\n"
    assert len(body) < len(content) and content.startswith(body[: 1 << 20])
    assert server.get("/other").body == b"other"


def test_a_stream_that_is_rewritten_while_it_is_sent_never_looks_complete(server, folder):
    """Of the same length: only the cut tells the client that it has parts of two versions."""
    path = folder / "stream"
    path.write_bytes(noise(16 << 20, "old"))
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/stream"))
        eventually(connection.has_input, "the beginning of the answer")
        with open(path, "r+b") as file:
            file.write(noise(16 << 20, "new"))
        with pytest.raises(Ended) as end:
            connection.receive()
        assert len(end.value.received) < 16 << 20
    let_it_age()
    assert server.get("/stream").body == noise(16 << 20, "new")


def test_a_stream_that_was_found_changed_is_not_offered_again(folio, folder):
    """Rewritten in place, and nobody looks for an hour: one answer may be cut off, as its length was promised."""
    path = folder / "stream"
    path.write_bytes(noise(200_000, "old"))
    server = folio(folder, "--threads", "1", "-c", "MMapRevalidate 1h")
    assert server.get("/stream").body == noise(200_000, "old")
    path.write_bytes(noise(200_000, "new"))
    try:
        assert server.get("/stream").body == noise(200_000, "new")
    except Ended:
        pass
    for _ in range(3):
        assert server.get("/stream").body == noise(200_000, "new")


def test_a_stream_that_is_replaced_while_it_is_sent_is_finished_as_it_was(server, folder):
    content = noise(16 << 20, "stream")
    path = folder / "stream"
    path.write_bytes(content)
    with server.connect(receive_buffer=16384) as connection:
        connection.send(request_bytes("GET", "/stream"))
        eventually(connection.has_input, "the beginning of the answer")
        replace(path, b"another")
        let_it_age()
        assert server.get("/stream").body == b"another"
        try:
            assert connection.receive().body == content
        except Ended:
            pytest.fail("a version that is still whole was cut off")


def mount_or_skip(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


@pytest.fixture(name="mounted")
def mount_point(folder):
    """A folder to mount on, with a file; whatever is mounted there is unmounted in the end."""
    plant(folder, {"dir/file": "below", "dir/deep/file": "deep below", "other": "other"})
    yield folder / "dir"
    while subprocess.run(["umount", "-l", folder / "dir"], capture_output=True, check=False).returncode == 0:
        pass


def test_what_is_mounted_over_a_folder_is_seen_at_once_and_so_is_its_going(folio, folder, mounted):
    """No event of the folders tells of it."""
    server = folio(folder, "--threads", "2", "-c", "MMapRevalidate 1h")
    mount_or_skip("-t", "tmpfs", "tmpfs", mounted)
    subprocess.run(["umount", mounted], check=True)
    for _ in range(3):
        eventually(lambda: server.get("/dir/file").body == b"below", "what is below")
        assert server.get("/dir/deep/file").body == b"deep below"
        mount_or_skip("-t", "tmpfs", "tmpfs", mounted)
        eventually(lambda: server.get("/dir/deep/file").status == 404, "nothing")
        assert server.get("/dir/file").status == 404
        (mounted / "file").write_text("above")
        eventually(lambda: server.get("/dir/file").body == b"above", "what is mounted")
        assert server.get("/other").body == b"other"
        subprocess.run(["umount", mounted], check=True)
    eventually(lambda: server.get("/dir/file").body == b"below", "what is below")


def test_what_is_mounted_over_document_root_is_seen_at_once(folio, folder, mounted):
    server = folio(mounted, "--threads", "1", "-c", "MMapRevalidate 1h")
    assert server.get("/file").body == b"below"
    mount_or_skip("-t", "tmpfs", "tmpfs", mounted)
    eventually(lambda: server.get("/file").status == 404, "nothing")
    (mounted / "file").write_text("above")
    eventually(lambda: server.get("/file").body == b"above", "what is mounted")
    subprocess.run(["umount", "-l", mounted], check=True)
    eventually(lambda: server.get("/file").body == b"below", "what is below")


def test_a_file_that_is_reached_by_two_mounts_is_seen_to_change_by_either(folio, folder, mounted):
    server = folio(folder, "--threads", "1", "-c", "MMapRevalidate 1h")
    (folder / "original").mkdir()
    (folder / "original" / "file").write_text("one")
    mount_or_skip("--bind", folder / "original", mounted)
    for way, text in ((mounted, "two"), (folder / "original", "three"), (mounted, "four")):
        for target in ("/dir/file", "/original/file"):
            eventually(lambda at=target: server.get(at).status == 200, "the file")
        (way / "file").write_text(text)
        for target in ("/dir/file", "/original/file"):
            eventually(lambda at=target, now=text: server.get(at).body == now.encode(), "the change")


def test_the_files_of_an_overlay_are_looked_at_by_age(folio, folder, mounted):
    """Also of what was changed in a layer behind it, as far as the overlay itself shows that."""
    for name in ("lower", "upper", "work"):
        (folder / name).mkdir()
    (folder / "lower" / "low").write_text("low 1")
    (folder / "lower" / "over").write_text("over 1")
    (folder / "upper" / "up").write_text("up 1")
    layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    mount_or_skip("-t", "overlay", "overlay", "-o", layers, mounted)
    server = folio(mounted, "--threads", "1", *OPTIONS)
    for name in ("low", "over", "up"):
        assert server.get(f"/{name}").body == f"{name} 1".encode()
    (mounted / "over").write_text("over 2")  # copied up
    (folder / "lower" / "low").write_text("low 2")
    (folder / "upper" / "up").write_text("up 2")
    for name in ("low", "over", "up"):
        eventually(lambda at=name: server.get(f"/{at}").body == f"{at} 2".encode(), name)


def as_one_who_needs_permissions():
    """What is put before the server so that root needs them, too."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.parametrize("changed", ["dir", "dir/deep", "dir/deep/file"])
def test_permissions_that_go_and_come_are_seen_at_once(folio, folder, changed):
    plant(folder, {"dir/deep/file": "content"})
    server = folio(folder, "--threads", "1", "-c", "MMapRevalidate 1h", wrap=as_one_who_needs_permissions())
    before = (folder / changed).stat().st_mode
    for _ in range(3):
        eventually(lambda: server.get("/dir/deep/file").body == b"content", "the file")
        (folder / changed).chmod(0)
        eventually(lambda: server.get("/dir/deep/file").status == 403, "no permission")
        (folder / changed).chmod(before)
    eventually(lambda: server.get("/dir/deep/file").body == b"content", "the file")


def test_who_writes_by_way_of_a_map_is_seen_when_the_map_is_gone(folio, folder):
    """Not before: the kernel tells nobody of what is written so."""
    plant(folder, {"file": b"old" * 100})
    server = folio(folder, "--threads", "1", "-c", "MMapRevalidate 1h")
    assert server.get("/file").body == b"old" * 100
    with open(folder / "file", "r+b") as file:
        pages = mmap.mmap(file.fileno(), 300)
    pages[:] = b"new" * 100
    pages.close()
    eventually(lambda: server.get("/file").body == b"new" * 100, "the new content")


def test_a_root_whose_way_cannot_be_watched_is_looked_at_by_age(folio, folder):
    """A folder that may be passed through, and not be read, may not be watched either."""
    plant(folder, {"closed/release-1/file": "one", "closed/release-2/file": "two"})
    (folder / "closed" / "current").symlink_to("release-1")
    (folder / "closed").chmod(0o311)
    server = folio(folder / "closed" / "current", "--threads", "1", *OPTIONS, wrap=as_one_who_needs_permissions())
    assert server.get("/file").body == b"one"
    (folder / "closed" / "next").symlink_to("release-2")
    (folder / "closed" / "next").rename(folder / "closed" / "current")
    eventually(lambda: server.get("/file").body == b"two", "the other release")
    (folder / "closed").chmod(0o755)
