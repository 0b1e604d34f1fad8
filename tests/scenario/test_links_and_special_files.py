"""Nothing outside the root is served, and only regular files are opened: links, FIFOs, sockets, devices, modes."""

import os
import socket
import stat

import pytest

from folio_process import eventually
from site_tree import noise, plant
from test_start_up import UNPRIVILEGED

BIG = 300_000


@pytest.fixture
def site(folder):
    root = plant(folder / "root", {"index.html": "front", "real/file.txt": "real", "real/big": noise(BIG, 1)})
    plant(folder, {"outside/secret.txt": "secret", "outside/index.html": "secret", "rootless/secret.txt": "secret"})
    return root


@pytest.mark.parametrize(
    "name, points_to, target, content",
    [
        ("link.txt", "real/file.txt", "/link.txt", b"real"),
        ("real/near", "file.txt", "/real/near", b"real"),
        ("real/up", "../index.html", "/real/up", b"front"),
        ("folder-link", "real", "/folder-link/file.txt", b"real"),
        ("real/here", ".", "/real/here/here/file.txt", b"real"),
        ("big-link", "real/big", "/big-link", noise(BIG, 1)),
        ("real/index.html", "file.txt", "/real/", b"real"),
        ("hop1", "hop2", "/hop1", None),
    ],
)
def test_a_link_that_stays_inside_is_followed(folio, site, name, points_to, target, content):
    (site / name).symlink_to(points_to)
    (site / "hop2").symlink_to("real/file.txt")
    response = folio(site).get(target)
    assert (response.status, response.body) == (200, content or b"real")


def test_a_link_to_a_folder_redirects_like_a_folder(folio, site):
    (site / "folder-link").symlink_to("real")
    response = folio(site).get("/folder-link")
    assert (response.status, response["Location"].endswith("/folder-link/")) == (301, True)


@pytest.mark.parametrize(
    "name, points_to, target",
    [
        ("leak", "../outside/secret.txt", "/leak"),
        ("leak", "../outside", "/leak/secret.txt"),
        ("leak", "../outside", "/leak/"),
        ("leak", "../outside", "/leak"),
        ("leak", "../rootless/secret.txt", "/leak"),
        ("real/leak", "../../outside/secret.txt", "/real/leak"),
        ("leak", "/etc/hostname", "/leak"),
        ("leak", "/etc", "/leak/hostname"),
        ("leak", "/", "/leak/etc/hostname"),
        ("out-and-in", "../root/index.html", "/out-and-in"),
        ("magic", "/proc/self/exe", "/magic"),
        ("magic", "/proc/self/root", "/magic/etc/hostname"),
    ],
)
def test_a_link_that_leaves_the_root_is_forbidden(folio, site, name, points_to, target):
    """Also one that comes back in: what decides is the way, not the end of it (openat2, RESOLVE_BENEATH)."""
    (site / name).symlink_to(points_to)
    response = folio(site).get(target)
    assert response.status == 403
    assert b"secret" not in response.body


def test_an_absolute_link_is_forbidden_wherever_it_leads(folio, site):
    (site / "absolute").symlink_to(site / "real" / "file.txt")
    assert folio(site).get("/absolute").status == 403


@pytest.mark.parametrize("target", ["/loop", "/loop/", "/loop/x", "/a", "/long0"])
def test_links_in_a_circle_end(folio, site, target):
    (site / "loop").symlink_to("loop")
    (site / "a").symlink_to("b")
    (site / "b").symlink_to("a")
    for i in range(60):  # more than the 40 links that Linux follows
        (site / f"long{i}").symlink_to(f"long{i + 1}")
    (site / "long60").write_text("too far")
    assert folio(site).get(target).status in (403, 404)


def test_a_link_to_nothing_is_not_found(folio, site):
    (site / "dangling").symlink_to("nothing")
    assert folio(site).get("/dangling").status == 404


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_device(path):
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_device])
def test_what_is_not_a_regular_file_is_forbidden_and_hangs_nothing(folio, site, make):
    make(site / "special")
    (site / "link").symlink_to("special")
    (site / "folder").mkdir()
    make(site / "folder" / "index.html")
    server = folio(site, "--threads", "1")
    for target in ("/special", "/link", "/folder/", "/special"):
        assert server.get(target).status == 403
        assert server.get("/index.html").status == 200
    assert server.get("/special/").status in (403, 404)


def test_a_fifo_is_not_even_opened(folio, site):
    """Opening a FIFO without waiting for its writer would still wake that writer."""
    os.mkfifo(site / "fifo")
    server = folio(site)
    assert server.get("/fifo").status == 403
    with pytest.raises(OSError):
        os.close(os.open(site / "fifo", os.O_WRONLY | os.O_NONBLOCK))  # ENXIO: nobody reads


@pytest.mark.parametrize("size", [10, BIG])
def test_a_file_that_may_not_be_read_is_forbidden(folio, site, size):
    plant(site, {"secret": noise(size, 2), "closed/file.txt": "x", "no-index/index.html": "x"})
    (site / "secret").chmod(0o000)
    (site / "no-index" / "index.html").chmod(0o000)
    (site / "closed").chmod(0o000)
    server = folio(site, wrap=UNPRIVILEGED if os.geteuid() == 0 else [])
    try:
        for target in ("/secret", "/closed/file.txt", "/no-index/", "/no-index/index.html"):
            assert server.get(target).status == 403, target
        assert server.get("/index.html").status == 200
    finally:
        (site / "closed").chmod(0o700)


def allowing(folder, what, *others):
    """A configuration by which links may lead to folder/outside."""
    text = f"DocumentRoot {folder}/root\n<Directory {folder}/outside>\n    Options {what}\n</Directory>\n"
    file = folder / "folio.conf"
    file.write_text(text + "\n".join(others))
    return "-f", file


@pytest.mark.parametrize("what, status", [("FollowSymLinks", 200), ("All", 200), ("Indexes", 403), ("None", 403)])
def test_a_link_may_lead_to_a_folder_that_follow_symlinks_names(folio, folder, site, what, status):
    (site / "link.txt").symlink_to("../outside/secret.txt")
    (site / "shared").symlink_to(folder / "outside")
    (site / "elsewhere").symlink_to(folder / "rootless")
    (site / "hop").symlink_to("shared")
    server = folio(site, *allowing(folder, what))
    for target in ("/link.txt", "/shared/secret.txt", "/shared/", "/hop/secret.txt"):
        response = server.get(target)
        assert response.status == status, target
        assert status == 403 or response.body == b"secret", target
    assert server.get("/elsewhere/secret.txt").status == 403
    assert server.get("/shared/../rootless/secret.txt").status == 404


def test_what_a_link_leads_to_outside_is_as_fresh_as_its_file(folio, folder, site):
    (site / "link.txt").symlink_to(folder / "outside/secret.txt")
    server = folio(site, *allowing(folder, "FollowSymLinks"))
    assert server.get("/link.txt").body == b"secret"
    (folder / "next").write_bytes(b"another")
    os.replace(folder / "next", folder / "outside/secret.txt")
    eventually(lambda: server.get("/link.txt").body == b"another", "the new file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("owner, status", [(0, 200), (65534, 403)])
def test_the_owner_of_a_link_and_of_what_it_leads_to_may_have_to_be_one(folio, folder, site, owner, status):
    (site / "link.txt").symlink_to(folder / "outside/secret.txt")
    (site / "near").symlink_to("real")
    for link in ("link.txt", "near"):
        os.lchown(site / link, owner, owner)
    server = folio(site, *allowing(folder, "SymLinksIfOwnerMatch", f"<Directory {site}>", "Options SymLinksIfOwnerMatch",
                                   "</Directory>"))
    assert server.get("/link.txt").status == status
    assert server.get("/near/file.txt").status == status
    assert server.get("/real/file.txt").status == 200
