"""SIGRTMIN and StatsInterval: one line that tells what was done, and what is kept."""

import signal

from folio_process import eventually
from site_tree import noise, plant, replace
from stats_line import ask, lines_of
from steady_load import hand_over


def test_a_signal_has_the_counts_told(folio, folder):
    plant(folder, {"small": "small", "sub/big": noise(200_000, 1), "pinned": "pinned"})
    directives = ("-c", f"MMapFile {folder}/pinned", "-c", "MMapExpire 5m")
    server = folio(folder, "--threads", "2", *directives, expects_errors=True)
    first = ask(server)
    assert first["requests"] == first["hits"] == first["misses"] == 0
    assert first["pinned"] == first["entries"] == 1 and first["bytes"] > 0 and first["expiry-age-s"] == 300
    with server.connect() as connection:
        for target in ["/small", "/small", "/sub/big", "/pinned", "/missing", "/small"]:
            connection.get(target)
        now = ask(server)
        assert now["connections"] == 1 and now["descriptors"] > first["descriptors"]
    assert (now["requests"], now["hits"]) == (6, 3) and now["misses"] >= 2
    assert now["entries"] >= 3 and now["streams"] == 1 and now["pinned"] == 1
    assert now["bytes"] > first["bytes"] and now["folders"] >= 2
    replace(folder / "small", b"another")
    eventually(lambda: server.get("/small").body == b"another", "the new version")
    assert ask(server)["invalidations"] >= 1


def test_folders_that_are_looked_at_by_age_are_told(folio, folder):
    """By way of a symbolic link: what it names may be changed by another name."""
    plant(folder, {"sub/page": "page"})
    (folder / "link").symlink_to("sub")
    server = folio(folder, expects_errors=True)
    assert server.get("/sub/page").status == 200
    assert ask(server)["folders-by-age"] == 0
    assert server.get("/link/page").status == 200
    assert ask(server)["folders-by-age"] == 1


def test_every_question_has_its_line_and_the_one_that_serves_answers(folio, folder):
    plant(folder, {"www/page": "page", "folio.conf": "DocumentRoot www\n"})
    server = folio(None, "-f", folder / "folio.conf", expects_errors=True)
    for _ in range(20):
        server.send_signal(signal.SIGRTMIN)
    eventually(lambda: len(lines_of(server)) == 20, "twenty lines")
    server.get("/page")
    assert ask(server)["requests"] == 1
    hand_over(server)
    assert ask(server)["requests"] == 0
