"""A browser opens real pages with no failed request and no error in its console. FOLIO_NO_BROWSER=1 leaves this out."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from folio_process import REPOSITORY
from real_site import python_doc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("FOLIO_NO_BROWSER") == "1", reason="FOLIO_NO_BROWSER=1"),
]
HERE = Path(__file__).with_name("browser")
TIME_LIMIT_S = 120


@pytest.fixture(scope="module")
def browser():
    """Returns a function that visits pages, and tells of each what visit.mjs tells."""
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=TIME_LIMIT_S
        )

    def visit(*urls):
        with tempfile.TemporaryDirectory(prefix="folio-browser-", ignore_cleanup_errors=True) as profile:
            run = subprocess.run(
                ["node", "visit.mjs", profile, *urls],
                cwd=HERE,
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT_S,
                check=False,
            )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return visit


def check_sound(seen):
    assert seen["status"] == 200
    assert seen["problems"] == [], seen["url"]
    assert seen["broken"] == [], seen["url"]
    assert seen["title"] and seen["text"]


def test_the_documentation_of_python_opens(folio, folder, browser):
    """As a copy without links: Debian's leads to JavaScript outside of it, which is forbidden to follow by design."""
    site = shutil.copytree(python_doc(), folder / "site")
    address = folio(site).port
    front, tutorial = browser(f"http://127.0.0.1:{address}/", f"http://127.0.0.1:{address}/tutorial/index.html")
    for seen in (front, tutorial):
        check_sound(seen)
    assert "Documentation" in front["title"] and len(front["requests"]) > 10


def test_a_style_sheet_and_scripts_that_were_seen_are_asked_for_conditionally(folio, folder, browser):
    """The second visit with one profile: what has not changed need not be sent again, and the page is the same."""
    site = shutil.copytree(python_doc(), folder / "site")
    log = folder / "access.log"
    server = folio(site, "--access-log", log)
    url = f"http://127.0.0.1:{server.port}/"
    first, second = browser(url, url)
    check_sound(first)
    check_sound(second)
    assert first["text"] == second["text"]


def test_the_demonstration_site_opens_page_by_page(folio, folder, browser):
    subprocess.run([REPOSITORY / "tools" / "make-site", folder / "site"], check=True, timeout=TIME_LIMIT_S)
    server = folio(folder / "site")
    base = f"http://127.0.0.1:{server.port}/"
    (front,) = browser(base)
    check_sound(front)
    pages = {link.partition("#")[0] for link in front["links"] if link.startswith(base)}
    pages = sorted(link for link in pages if link.endswith((".html", "/")) and link != base)
    assert len(pages) >= 2
    for seen in browser(*pages):
        check_sound(seen)
