"""A site that a usual bundler built (npm's vite), as it is: FallbackResource is all that is configured."""

import gzip
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest

import node_packages
from access_log import records_of
from folio_process import eventually
from web_browser import check_sound, is_left_out, visit

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).with_name("bundled_site")
TIME_LIMIT_S = 120
FALLBACK = ("-c", "FallbackResource /index.html")
NAVIGATION = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
BROWSER_CODINGS = "gzip, deflate, br, zstd"
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module", name="built")
def make_built(lasting_folder):
    """What the bundler writes, without a change."""
    node_packages.install(SOURCE)
    folder = lasting_folder / "built"
    command = ["npm", "run", "build", "--", "--outDir", folder, "--emptyOutDir"]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module", name="server")
def make_server(built, lasting_folio):
    return lasting_folio(built, *FALLBACK)


@pytest.fixture(scope="module", name="assets")
def make_assets(built):
    """The paths of what has a fingerprint in its name. The versions of the bundler are pinned, so these do not change."""
    assets = sorted(f"/assets/{path.name}" for path in (built / "assets").iterdir())
    kinds = {kind: sum(asset.endswith(kind) for asset in assets) for kind in (".js", ".css", ".svg", ".png")}
    assert kinds == {".js": 6, ".css": 2, ".svg": 1, ".png": 1}, "the bundler has split it into chunks"
    return assets


def test_every_asset_is_immutable_and_of_its_own_type(server, built, assets):
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
    for asset in assets:
        answer = server.get(asset)
        assert (answer.status, answer["Cache-Control"]) == (200, IMMUTABLE), asset
        assert answer["Content-Type"].partition(";")[0] == types[Path(asset).suffix]
        assert answer.body == (built / asset[1:]).read_bytes()
        assert server.get(asset, {"If-None-Match": answer["ETag"]}).status == 304


def test_the_page_is_asked_for_again_each_time(server, built):
    answer = server.get("/")
    assert (answer.status, answer["Cache-Control"]) == (200, "no-cache")
    assert answer.body == (built / "index.html").read_bytes()
    again = server.get("/", {"If-None-Match": answer["ETag"]})
    assert (again.status, again["Cache-Control"], again.body) == (304, "no-cache", b"")


def test_what_has_no_fingerprint_may_be_kept_for_a_while_only(server):
    answer = server.get("/icon.svg")
    assert (answer.status, answer["Cache-Control"]) == (200, "max-age=600")


@pytest.mark.parametrize("target", ["/leaves", "/leaves/octavo", "/about", "/no/such/route"])
def test_a_deep_link_is_answered_with_the_page(server, built, target):
    answer = server.get(target, NAVIGATION)
    assert (answer.status, answer["Content-Type"], answer["Cache-Control"]) == (
        200, "text/html; charset=utf-8", "no-cache",
    )
    assert answer.body == (built / "index.html").read_bytes()
    assert "Accept" in [name.strip() for name in answer["Vary"].split(",")]


@pytest.mark.parametrize("accept", ["*/*", NAVIGATION["Accept"]])
def test_a_missing_asset_is_not_found_whoever_asks(server, accept):
    """As the chunks of an older build are, for a page that is still open."""
    for target in ("/assets/index-DiwrgTda.js", "/assets/index-DiwrgTda.css", "/missing.png"):
        answer = server.get(target, {"Accept": accept})
        assert (answer.status, answer["Cache-Control"]) == (404, None), target


def get_compressed(server, target, coding):
    """Forms are made in idle time, and so sooner or later."""
    def answer_in_it():
        answer = server.get(target, {"Accept-Encoding": coding})
        return answer if answer["Content-Encoding"] == coding else None

    return eventually(answer_in_it, f"{target} in {coding}")


def test_texts_are_negotiated_in_compressed_forms(server, built, assets):
    for target in ["/index.html"] + [asset for asset in assets if (built / asset[1:]).stat().st_size >= 512]:
        if target.endswith(".png"):
            continue
        answer = get_compressed(server, target, "gzip")
        assert gzip.decompress(answer.body) == (built / target[1:]).read_bytes()
        assert "Accept-Encoding" in answer["Vary"] and answer["Cache-Control"] in (IMMUTABLE, "no-cache")
        tags = {get_compressed(server, target, coding)["ETag"] for coding in ("gzip", "br", "zstd")}
        assert len(tags | {server.get(target)["ETag"]}) == 4


def test_pictures_are_sent_as_they_are(server, built, assets):
    (picture,) = [asset for asset in assets if asset.endswith(".png")]
    answer = server.get(picture, {"Accept-Encoding": BROWSER_CODINGS})
    assert (answer["Content-Encoding"], answer.body) == (None, (built / picture[1:]).read_bytes())


def test_what_was_compressed_at_the_build_is_what_is_sent(folio, folder, built, assets):
    """As bundlers' plugins lay it beside the files: with a level that is told from what would be made of them here."""
    site = shutil.copytree(built, folder / "site")
    script = next(asset for asset in assets if re.match(r"/assets/index-.*\.js$", asset))
    subprocess.run(["gzip", "-9kn", site / script[1:]], check=True, timeout=TIME_LIMIT_S)
    answer = get_compressed(folio(site, *FALLBACK), script, "gzip")
    assert answer.body == (site / (script[1:] + ".gz")).read_bytes()
    assert answer["Cache-Control"] == IMMUTABLE


def paths_of(seen):
    return [urllib.parse.urlsplit(request).path for request in seen["requests"]]


@pytest.mark.skipif(is_left_out(), reason="FOLIO_NO_BROWSER=1")
def test_a_browser_opens_every_page_of_it_by_its_address(server, assets):
    base = f"http://127.0.0.1:{server.port}"
    pages = {"/": "Leaves: home", "/leaves": "All leaves", "/leaves/quarto": "Leaf: quarto", "/about": "About"}
    visits = visit(*(base + path for path in pages))
    for seen, title in zip(visits, pages.values()):
        check_sound(seen)
        assert seen["title"] == title
    asked = {path for seen in visits for path in paths_of(seen)}
    assert set(assets) <= asked, "some page wants each chunk, style and picture"
    assert "folded twice" in visits[2]["text"]


@pytest.mark.skipif(is_left_out(), reason="FOLIO_NO_BROWSER=1")
def test_a_browser_goes_from_page_to_page_and_asks_for_nothing_twice(folio, folder, built):
    """Links are followed without the server; a page that is opened anew costs one question, whether it is still the same."""
    log = folder / "access.log"
    server = folio(built, *FALLBACK, "--access-log", log, "-c", "LogFormat json")
    base = f"http://127.0.0.1:{server.port}"
    front, leaves, leaf, again = visit(
        f"{base}/", "click:nav a[href='/leaves']", "click:main a[href='/leaves/folio']", f"{base}/leaves/folio"
    )
    check_sound(front)
    for seen, title in ((leaves, "All leaves"), (leaf, "Leaf: folio")):
        check_sound(seen, status=None)
        assert seen["title"] == title
    check_sound(again)
    assert again["text"] == leaf["text"] and again["url"] == leaf["url"] == f"{base}/leaves/folio"
    server.stop()
    asked = [record["target"] for record in records_of(log, 2) if record["target"] != "/icon.svg"]
    assert asked.count("/") == 1 and asked.count("/leaves/folio") == 1  # in whatever order two workers log them
    assert len(asked) == len(set(asked)), "what is immutable is not asked for again"
