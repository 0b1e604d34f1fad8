"""An answer that takes several look-ups is found even if nothing of them can be kept."""

import pytest

from preloads import SlowDisk
from site_tree import plant

# One entry is kept at the most, so that each look-up throws out what the one before it found.
NO_ROOM = ("-c", "MMapMaxFiles 1")


@pytest.mark.threads
@pytest.mark.parametrize(
    "directives, target, status, content",
    [
        ([], "/deep/er/gone.js", 404, b"nearest"),
        (["ErrorDocument 404 /errors/404.html"], "/gone", 404, b"document"),
        (["RewriteClean on"], "/about", 200, b"about"),
        (["RewriteClean on", "FallbackResource /app.html"], "/route", 200, b"app"),
        (["RewriteClean on", "FallbackResource /none.html"], "/deep/er/gone", 404, b"nearest"),
    ],
)
def test_each_part_is_found_where_every_look_up_waits_and_nothing_is_kept(
    folio, folder, directives, target, status, content
):
    plant(
        folder / "site",
        {
            "deep/404.html": "nearest",
            "deep/er/there": "",
            "errors/404.html": "document",
            "about.html": "about",
            "app.html": "app",
        },
    )
    disk = SlowDisk(folder)
    options = [word for directive in directives for word in ("-c", directive)]
    server = folio(folder / "site", "--threads", "1", *NO_ROOM, *options, env=disk.environment)
    disk.bar()
    with server.connect() as connection:
        for _ in range(3):
            answer = connection.get(target)
            assert (answer.status, answer.body) == (status, content)
