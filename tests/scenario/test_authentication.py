"""AuthType Basic, AuthName, AuthUserFile, Require valid-user and user (RFC 7617; RFC 9110, 11 and 15.5.2)."""

import base64
import crypt
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from access_log import lines_of
from folio_process import PATIENCE_S, eventually
from http1_client import request_bytes
from site_tree import plant



def hash_with(form, password):
    if form == "apr1":
        command = ["openssl", "passwd", "-apr1", "-salt", "q3Wx/.z9", password]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout.strip()
    salts = {"bcrypt": "$2y$04$abcdefghijklmnopqrstuu", "sha256": "$5$saltsalt", "sha512": "$6$saltsalt"}
    return crypt.crypt(password, salts[form])


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


class Site:
    def __init__(self, folder):
        self.folder, self.users = folder, folder / "users"
        plant(folder, {"www/open": "open", "www/in/page.html": "secret", "www/in/app-3f9a2c1b.js": "code"})

    def write_users(self, **users):
        beside = self.users.with_suffix(".new")
        beside.write_text("# a comment\n\n" + "".join(f"{name}:{text}\n" for name, text in users.items()))
        beside.rename(self.users)

    def configure(self, require="Require valid-user", more=""):
        config = self.folder / "folio.conf"
        config.write_text(
            f"DocumentRoot {self.folder}/www\n{more}\n<Location /in>\nAuthType Basic\nAuthName \"the vault\"\n"
            f"AuthUserFile {self.users}\n{require}\n</Location>\n"
        )
        return "-f", config


@pytest.fixture
def site(folder):
    return Site(folder)


@pytest.mark.parametrize("form", ["bcrypt", "sha256", "sha512", "apr1"])
def test_every_form_of_hash_is_understood(folio, site, form):
    site.write_users(anna=hash_with(form, "a long passphrase: ä€"))
    server = folio(None, *site.configure())
    assert server.get("/in/page.html", basic("anna", "a long passphrase: ä€")).body == b"secret"
    assert server.get("/in/page.html", basic("anna", "a long passphrase: ä")).status == 401


def test_whoever_says_nothing_is_asked(folio, site):
    site.write_users(anna=hash_with("bcrypt", "anna"))
    server = folio(None, *site.configure())
    answer = server.get("/in/page.html")
    assert answer.status == 401
    assert answer["WWW-Authenticate"] == 'Basic realm="the vault", charset="UTF-8"'
    assert server.get("/open").status == 200
    assert server.get("/in/missing").status == 401  # nor is it told what there is


@pytest.mark.parametrize(
    "user, password",
    [("anna", "wrong"), ("anna", ""), ("nobody", "anna"), ("", "anna"), ("ANNA", "anna"), ("anna", "anna\u0000")],
)
def test_a_wrong_password_or_name_is_asked_again(folio, site, user, password):
    site.write_users(anna=hash_with("bcrypt", "anna"))
    server = folio(None, *site.configure())
    for _ in range(2):
        assert server.get("/in/page.html", basic(user, password)).status == 401


@pytest.mark.parametrize("scheme", ["Basic ", "basic ", "BASIC ", "Basic   "])
def test_the_name_of_the_scheme_is_the_same_in_any_case(folio, site, scheme):
    """RFC 9110, 11.1; 11.4: one blank or more follow it."""
    site.write_users(anna=hash_with("bcrypt", "anna"))
    server = folio(None, *site.configure())
    credentials = basic("anna", "anna")[0][1].removeprefix("Basic ")
    assert server.get("/in/page.html", {"Authorization": scheme + credentials}).body == b"secret"


@pytest.mark.parametrize("value", ["", "Basic", "Basic ", "Basic YW5uYQ==", "Basic !!!!", "Bearer YW5uYTphbm5h", "BasicYW5uYTphbm5h",
                                   "YW5uYTphbm5h", "Basic YW5uYTphbm5h, Basic YW5uYTphbm5h"])  # fmt: skip
def test_what_are_no_credentials_are_asked_for_again(folio, site, value):
    """RFC 9110, 11.6.2 and 15.5.2: invalid, or partial."""
    site.write_users(anna=hash_with("bcrypt", "anna"))
    server = folio(None, *site.configure())
    answer = server.get("/in/page.html", {"Authorization": value})
    assert answer.status == 401 and answer["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("text", ["anna", "{SHA}8AsAbj5u0b/3iNtQVXTx/Gs1Tzk=", "", "*", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"])
def test_what_is_no_such_hash_is_nobodys_password(folio, site, text):
    site.write_users(anna=text)
    server = folio(None, *site.configure())
    for password in ("anna", "password", ""):
        assert server.get("/in/page.html", basic("anna", password)).status == 401


def test_require_user_lets_in_whom_it_names(folio, site):
    site.write_users(anna=hash_with("bcrypt", "a"), bert=hash_with("bcrypt", "b"), carl=hash_with("bcrypt", "c"))
    server = folio(None, *site.configure("Require user anna bert"))
    assert server.get("/in/page.html", basic("anna", "a")).status == 200
    assert server.get("/in/page.html", basic("bert", "b")).status == 200
    assert server.get("/in/page.html", basic("carl", "c")).status == 403
    assert server.get("/in/page.html", basic("carl", "a")).status == 401


def test_one_require_suffices(folio, site):
    """Whose address lets him in is not asked for a name."""
    site.write_users(anna=hash_with("bcrypt", "anna"))
    assert folio(None, *site.configure("Require valid-user\nRequire ip 127.0.0.1")).get("/in/page.html").status == 200
    server = folio(None, *site.configure("Require ip 192.0.2.1\nRequire valid-user"))
    assert server.get("/in/page.html").status == 401
    assert server.get("/in/page.html", basic("anna", "anna")).status == 200


def test_a_file_that_changed_is_read_again_and_what_it_let_in_is_forgotten(folio, site):
    site.write_users(anna=hash_with("bcrypt", "old"))
    server = folio(None, *site.configure(), expects_errors=True)  # it tells of the missing file
    assert server.get("/in/page.html", basic("anna", "old")).status == 200
    site.write_users(anna=hash_with("bcrypt", "new"))
    assert server.get("/in/page.html", basic("anna", "new")).status == 200  # whoever is checked meets the new file
    eventually(lambda: server.get("/in/page.html", basic("anna", "old")).status == 401, "the old one is forgotten")
    site.users.unlink()
    eventually(lambda: server.get("/in/page.html", basic("anna", "new")).status == 500, "there is no file")
    site.write_users(bert=hash_with("bcrypt", "b"))
    eventually(lambda: server.get("/in/page.html", basic("bert", "b")).status == 200, "it is back")
    assert server.get("/in/page.html", basic("anna", "new")).status == 401


def test_the_same_client_is_checked_once(folio, site):
    """Of a hundred requests only the first takes the time that a check takes."""
    site.write_users(anna=crypt.crypt("anna", "$2y$11$abcdefghijklmnopqrstuu"))
    server = folio(None, "--threads", "1", *site.configure())
    with server.connect() as connection:
        for _ in range(100):
            assert connection.get("/in/page.html", basic("anna", "anna")).status == 200
    with open(f"/proc/{server.serving_pid}/stat", encoding="utf-8") as stat:
        used = [int(word) for word in stat.read().rsplit(")", 1)[1].split()[11:13]]
    print(f"{sum(used)} ticks for a hundred requests")
    assert sum(used) < 300, "a check of this cost takes some ten ticks"


def test_while_passwords_are_checked_others_are_answered(folio, site):
    """One worker: it waits for no check."""
    site.write_users(anna=crypt.crypt("anna", "$2y$12$abcdefghijklmnopqrstuu"))
    server = folio(None, "--threads", "1", *site.configure())
    with server.connect() as guesser, server.connect() as other:
        guesser.send(request_bytes("GET", "/in/page.html", basic("anna", "guess")))
        for _ in range(20):
            assert other.get("/open").body == b"open"
        assert not guesser.has_input()
        assert guesser.receive().status == 401


def test_many_who_ask_at_once_are_all_answered(folio, site):
    site.write_users(anna=hash_with("bcrypt", "anna"))
    server = folio(None, *site.configure())
    guesses = ["anna" if number % 4 == 0 else f"guess {number}" for number in range(60)]
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda guess: server.get("/in/page.html", basic("anna", guess)).status, guesses))
    assert answers == [200 if guess == "anna" else 401 for guess in guesses]


def test_who_it_was_is_in_the_log(folio, site):
    site.write_users(anna=hash_with("bcrypt", "anna"))
    log = site.folder / "log"
    server = folio(None, "--threads", "1", *site.configure(more=f'LogFormat "%h %l %u" mine\nCustomLog {log} common\nCustomLog {log}.mine mine'))
    server.get("/in/page.html", basic("anna", "anna"))
    server.get("/in/page.html", basic("anna", "wrong"))
    server.stop()
    for path in (log, f"{log}.mine"):
        assert [line.split()[2] for line in lines_of(path, 2)] == ["anna", "-"]
    assert b"wrong" not in log.read_bytes()


def test_the_log_in_json_names_users(folio, site):
    site.write_users(anna=hash_with("bcrypt", "anna"))
    log = site.folder / "log"
    server = folio(None, "--threads", "1", *site.configure(more=f"CustomLog {log} json"))
    server.get("/in/page.html", basic("anna", "anna"))
    server.get("/open")
    server.stop()
    records = [json.loads(line) for line in lines_of(log, 2)]
    assert records[0]["user"] == "anna" and "user" not in records[1]


def test_shared_caches_are_not_told_to_keep_what_only_some_may_have(folio, site):
    """RFC 9111, 3.5"""
    site.write_users(anna=hash_with("bcrypt", "anna"))
    answer = folio(None, *site.configure()).get("/in/app-3f9a2c1b.js", basic("anna", "anna"))
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_stop_does_not_wait_for_those_who_wait(folio, site):
    site.write_users(anna=crypt.crypt("anna", "$2y$12$abcdefghijklmnopqrstuu"))
    server = folio(None, *site.configure())
    connections = [server.connect() for _ in range(10)]
    for number, connection in enumerate(connections):
        connection.send(request_bytes("GET", "/in/page.html", basic("anna", f"guess {number}")))
    server.settle()
    server.stop()
    for connection in connections:
        connection.close()
