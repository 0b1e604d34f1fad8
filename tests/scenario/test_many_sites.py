"""Hundreds of sites and aliases, each a tree of its own: what one process may have little of is shared by all."""

import subprocess

import pytest

from folio_process import eventually
from site_tree import plant, replace
from steady_load import hand_over
from stats_line import ask

pytestmark = pytest.mark.threads
SITES, ALIASES = 150, 150
REVALIDATE_S = 0.1


def with_instances(number):
    """Whoever is started by this may have so many inotify instances, together with what it starts."""
    limit = f'echo {number} > /proc/sys/user/max_inotify_instances && exec "$@"'
    wrap = ["unshare", "--map-root-user", "sh", "-c", limit, "sh"]
    done = subprocess.run([*wrap, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a namespace of users is not permitted here: {done.stderr.strip()}")
    return wrap


class Sites:
    """A configuration with many folders that are served from, and each one's file."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {}  # where to ask for what: (host, target) -> path
        plant(folder, {"main/page": "main"})
        lines = ["DocumentRoot main"]
        for number in range(ALIASES):
            self._add(f"alias{number}", "folio.test", f"/at{number}/folder/page")
            lines.append(f"Alias /at{number} {folder}/alias{number}")
        for number in range(SITES):
            self._add(f"site{number}", f"site{number}.test", "/folder/page")
            lines += ["<VirtualHost *>", f"ServerName site{number}.test", f"DocumentRoot site{number}", "</VirtualHost>"]
        self.config = folder / "folio.conf"
        self.config.write_text("\n".join(["ServerName folio.test", *lines]) + "\n")

    def _add(self, name, host, target):
        plant(self.folder, {f"{name}/folder/page": name})
        self.files[host, target] = self.folder / name / "folder" / "page"

    def change(self, word):
        """Each file is another one from now on."""
        for path in self.files.values():
            replace(path, f"{word} {path}".encode())

    def wrong(self, server, word):
        """Where another answer comes than what the last change has put there."""
        with server.connect() as connection:
            return [
                place
                for place, path in self.files.items()
                if connection.request("GET", place[1], host=place[0]).body != f"{word} {path}".encode()
            ]


@pytest.fixture(name="sites")
def make_sites(folder):
    return Sites(folder)


def test_changes_in_hundreds_of_trees_are_seen_at_once_also_after_a_reload(folio, sites):
    """Two instances are enough for a process, and during a reload there are two."""
    server = folio(None, "-f", sites.config, "--threads", "2", "-c", "MMapRevalidate 1h", wrap=with_instances(4))
    for word in ("first", "second"):
        sites.change(word)
        assert sites.wrong(server, word) == []
    hand_over(server)
    assert sites.wrong(server, "second") == []
    sites.change("third")
    assert sites.wrong(server, "third") == []


def test_one_instance_is_enough(folio, sites):
    """What is on the ways to the roots is then told by the same."""
    server = folio(None, "-f", sites.config, "--threads", "2", "-c", "MMapRevalidate 1h", wrap=with_instances(1))
    for word in ("first", "second"):
        sites.change(word)
        assert sites.wrong(server, word) == []


def test_without_an_instance_files_are_looked_at_by_age_and_that_is_said(folio, sites):
    server = folio(
        None, "-f", sites.config, "--threads", "2", "-c", f"MMapRevalidate {int(REVALIDATE_S * 1000)}ms",
        expects_errors=True, wrap=with_instances(0),
    )  # fmt: skip
    told = "no change is told of, as there is no inotify instance to be had: files are looked at every 100 ms"
    assert told in server.errors()
    for word in ("first", "second"):
        sites.change(word)
        eventually(lambda now=word: sites.wrong(server, now) == [], "every change")
    counts = ask(server)
    assert 0 < counts["folders-by-age"] == counts["folders"]
