"""A browser opens real pages with no failed request and no error in its console. FOLIO_NO_BROWSER=1 leaves this out."""

import shutil
import subprocess

import pytest

from access_log import records_of
from folio_process import REPOSITORY
from real_site import python_doc
from web_browser import check_sound, is_left_out, visit

pytestmark = [pytest.mark.slow, pytest.mark.skipif(is_left_out(), reason="FOLIO_NO_BROWSER=1")]
TIME_LIMIT_S = 120


def test_the_documentation_of_python_opens(folio, folder):
    """As a copy without links: Debian's leads to JavaScript outside of it, which is forbidden to follow by design."""
    site = shutil.copytree(python_doc(), folder / "site")
    address = folio(site).port
    front, tutorial = visit(f"http://127.0.0.1:{address}/", f"http://127.0.0.1:{address}/tutorial/index.html")
    for seen in (front, tutorial):
        check_sound(seen)
    assert "Documentation" in front["title"] and len(front["requests"]) > 10


def test_what_was_seen_and_has_not_changed_is_not_sent_again(folio, folder):
    """The second visit with one profile: the page is asked for with its entity tag, the rest is kept; it is the same to see.

    Without forms that are made in between: a page that comes compressed has another tag.
    """
    site = shutil.copytree(python_doc(), folder / "site")
    log = folder / "access.log"
    server = folio(site, "--access-log", log, "-c", "LogFormat json", "-c", "Compress off")
    url = f"http://127.0.0.1:{server.port}/"
    first, second = visit(url, url)
    check_sound(first)
    check_sound(second)
    assert first["text"] == second["text"]
    server.stop()
    asked = records_of(log, 2)
    assert len([record for record in asked if record["status"] == 200]) > 10
    assert [record["target"] for record in asked if record["status"] == 304] == ["/"]


def test_the_demonstration_site_opens_page_by_page(folio, folder):
    subprocess.run([REPOSITORY / "tools" / "make-site", folder / "site"], check=True, timeout=TIME_LIMIT_S)
    server = folio(folder / "site")
    base = f"http://127.0.0.1:{server.port}/"
    (front,) = visit(base)
    check_sound(front)
    pages = {link.partition("#")[0] for link in front["links"] if link.startswith(base)}
    pages = sorted(link for link in pages if link.endswith((".html", "/")) and link != base)
    assert len(pages) >= 2
    for seen in visit(*pages):
        check_sound(seen)


HOSTILE_NAMES = [
    "<img src=x onerror=alert(1)>",
    "\"><script>document.title='taken'<",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "a?b#c%64",
    "&lt;b&gt;",
    "line\nbreak",
    "\u202egpj.exe",
    "a/../b".replace("/", "\u2215"),
    "100%",
    " blank ",
    "q\"uote",
]


def test_a_listing_of_hostile_names_is_what_it_says_and_every_link_in_it_leads_to_its_file(folio, folder):
    """No script runs, nothing is asked of anybody else, and what a name says is what it is taken for."""
    for number, name in enumerate(HOSTILE_NAMES):
        (folder / name).write_text(f"content {number}", encoding="utf-8")
    (folder / "<b>folder").mkdir()
    (folder / "<b>folder" / "inner").write_text("inner", encoding="utf-8")
    server = folio(folder, "-c", "Options Indexes")
    base = f"http://127.0.0.1:{server.port}/"
    (seen,) = visit(base)
    check_sound(seen)
    assert seen["title"] == "Index of /" and seen["requests"] == [base]
    shown = " ".join(seen["text"].split())
    for name in HOSTILE_NAMES:
        if name.isprintable():  # the others are shown by pictures of what would not be seen
            assert " ".join(name.split()) in shown, name
    assert "\u202e" not in seen["text"] and "line\u240abreak" in seen["text"]
    links = [link for link in seen["links"] if link.startswith(base) and link != base and "?sort=" not in link]
    assert len(links) == len(HOSTILE_NAMES) + 1
    contents = {server.get(link.removeprefix(base.rstrip("/"))).body.decode() for link in links}
    assert contents >= {f"content {number}" for number in range(len(HOSTILE_NAMES))}
    assert any("inner" in content for content in contents)
