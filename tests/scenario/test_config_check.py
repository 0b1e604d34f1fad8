"""folio check, -T and -S: every mistake at once, what is hardly meant, and what holds."""

import json
import os
import signal

import pytest

from folio_process import eventually, run_to_end
from site_tree import plant


def check(*arguments):
    return run_to_end("check", *arguments)


def test_a_mistake_is_shown_with_its_line_and_a_caret(folder):
    plant(folder, {"folio.conf": 'Define big 99\n\n  Threads\t"${big}"\nLogFormat comon # no\n'})
    run = check(folder / "folio.conf")
    assert (run.returncode, run.stdout) == (78, "")
    assert run.stderr == (
        f"folio: {folder}/folio.conf:3: Threads: 99 is out of range; at least 1 and at most 64\n"
        '    Threads "${big}"\n'
        "            ^~~~~~~~\n"
        f"folio: {folder}/folio.conf:4: LogFormat takes one or two arguments: LogFormat combined|common|json|TEXT NAME\n"
        "    LogFormat comon # no\n"
        "                      ^~\n"
    )


def test_a_long_line_is_shown_around_the_mistake(folder):
    plant(folder, {"folio.conf": f"MMapFile {'a' * 200} \"\" {'b' * 200}\n"})
    shown, caret = check(folder / "folio.conf").stderr.splitlines()[1:]
    assert shown.startswith("    ...aaa") and shown.endswith("bbb...") and len(shown) < 120
    assert shown[caret.index("^") :].startswith('"" bbb')


@pytest.mark.parametrize("how", [["check"], ["check", "-f"], ["-t", "-f"], ["-t"], ["--check", "--file"]])
def test_a_file_is_checked_however_it_is_named(folder, how):
    plant(folder, {"www/page": "", "folio.conf": "DocumentRoot www\n"})
    run = run_to_end(*how, folder / "folio.conf")
    assert (run.returncode, run.stdout, run.stderr) == (0, "folio: the configuration is right\n", "")
    plant(folder, {"folio.conf": "DocumentRoot www\nBogus\n"})
    assert run_to_end(*how, folder / "folio.conf").returncode == 78


def test_a_folder_is_checked_as_it_would_be_served(folder):
    plant(folder, {"page": ""})
    assert check(folder).returncode == 0
    assert check(folder / "missing").returncode == 78


@pytest.mark.parametrize("arguments", [["a", "b"], ["-f", "a", "-f", "b"], ["--bogus"]])
def test_a_wrong_command_line_is_told(folder, arguments):
    run = check(*arguments)
    assert run.returncode == 2 and "--help" in run.stderr


def test_mistakes_are_told_as_json(folder):
    plant(folder, {"www/a": "", "folio.conf": 'Listn 80\nLogFormat "x\ty" é\n'})
    run = check("--json", folder / "folio.conf")
    told = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (78, "")
    assert (told["mistakes_count"], told["warnings_count"], told["warnings"]) == (2, 0, [])
    assert told["mistakes"][0] == {
        "file": f"{folder}/folio.conf",
        "line": 1,
        "column": 1,
        "text": "Listn 80",
        "message": "there is no directive Listn",
        "suggestion": "Listen",
    }
    assert told["mistakes"][1]["text"] == 'LogFormat "x\ty" é'


def test_warnings_are_no_mistakes_unless_strict(folder):
    plant(folder, {"folio.conf": "DocumentRoot missing\n"})
    run = check(folder / "folio.conf")
    assert (run.returncode, run.stdout) == (0, "folio: the configuration is right, with 1 warning\n")
    assert f"folio.conf:1: warning: DocumentRoot: {folder}/missing: No such file" in run.stderr
    run = check("--strict", folder / "folio.conf")
    assert (run.returncode, run.stdout) == (78, "") and "--strict" in run.stderr
    run = check("--strict", "--json", folder / "folio.conf")
    told = json.loads(run.stdout)
    assert (run.returncode, told["mistakes_count"], told["warnings_count"]) == (78, 0, 1)
    assert (told["warnings"][0]["line"], told["warnings"][0]["column"]) == (1, 14)


# The configuration, and what is warned of: the line, and some of the words. Files that are there: see `site`.
WARNINGS = [
    ("DocumentRoot www/page", [(1, "www/page is not a folder")]),
    ("DocumentRoot www", []),
    ("DocumentRoot www\n<Directory www/below>\nRewriteClean on\n</Directory>\n<Directory />\nRewriteClean on\n</Directory>", []),
    ("DocumentRoot www\n<Directory other>\nRewriteClean on\n</Directory>", [(2, "nothing is served from there")]),
    ("DocumentRoot www\n<Directory ot*/er>\nRewriteClean on\n</Directory>", []),
    ("DocumentRoot www\nAlias /o other\n<Directory other/x>\nRewriteClean on\n</Directory>", []),
    ("Redirect /a /b\nRedirect /a/c /d\nDocumentRoot www", [(2, "/a/c is never reached: Redirect /a, at ")]),
    ("Redirect /a /b\nRedirect /ac /d\nDocumentRoot www", []),
    ("Redirect /a/c /b\nRedirect /a /d\nDocumentRoot www", []),
    ("Alias /x/y other\nRedirect /x /d\nDocumentRoot www", [(1, "/x/y is never reached: Redirect /x, at ")]),
    ("Alias /x missing\nDocumentRoot www", [(1, "Alias: ")]),
    ("AliasMatch ^/u/(.*) missing/$1\nDocumentRoot www", [(1, "AliasMatch: ")]),
    ("ExpiresByType text/css A1\nDocumentRoot www", [(1, "ExpiresActive is off")]),
    ("ExpiresByType text/css A1\nExpiresActive on\nDocumentRoot www", []),
    ("ExpiresActive on\n<Files *.css>\nExpiresByType text/css A1\n</Files>\nDocumentRoot www", []),
    ("Require ip 10.1.2.3/8\nDocumentRoot www", [(1, "10.1.2.3/8 names an address in a network")]),
    ("Listen 80\nDocumentRoot www\n<VirtualHost *:81>\nServerName a\n</VirtualHost>", [(3, "no Listen is for port 81")]),
    ("Listen 80\nDocumentRoot www\n<VirtualHost *:80 *>\nServerName a\n</VirtualHost>", []),
    (
        "Listen 80\nDocumentRoot www\n<VirtualHost *:80>\nServerName a\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName b\nServerAlias A\n</VirtualHost>",
        [(8, "a at *:80 is the site of ")],
    ),
    (
        "Listen 80\nDocumentRoot www\n<VirtualHost 127.0.0.1:80>\nServerName a\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName a\n</VirtualHost>",
        [],
    ),
    (
        "Listen 80\nDocumentRoot www\n<VirtualHost *:80>\n</VirtualHost>\n<VirtualHost *:80>\n</VirtualHost>",
        [(5, "it has no ServerName, and at *:80 another one comes first")],
    ),
]


@pytest.fixture
def site(folder):
    plant(folder, {"www/page": "", "www/below/page": "", "other/x/page": ""})
    return folder


def warnings_of(run):
    return [(told["line"], told["message"]) for told in json.loads(run.stdout)["warnings"]]


@pytest.mark.parametrize("text, wanted", WARNINGS)
def test_what_is_legal_but_hardly_meant_is_warned_of(site, text, wanted):
    plant(site, {"folio.conf": text + "\n"})
    run = check("--json", site / "folio.conf")
    told = warnings_of(run)
    assert run.returncode == 0, run.stdout
    assert [line for line, _ in told] == [line for line, _ in wanted], told
    for (_, message), (_, words) in zip(told, wanted, strict=True):
        assert words in message


# What is below the root, and whether it is warned of.
EXPOSED = {
    "index.html~": True,
    "page.bak": True,
    "deep/er/dump.sql": True,
    "dump.sql.gz": True,
    "id_rsa": True,
    "server.pem": True,
    "page.html": False,
    "sql": False,
    "bak.html": False,
    ".git/config.bak": False,
    ".env": False,
    ".htpasswd": False,
}


@pytest.mark.parametrize("name", EXPOSED)
def test_files_that_should_not_be_had_are_warned_of(folder, name):
    plant(folder, {f"www/{name}": "x", "folio.conf": "DocumentRoot www\n"})
    told = warnings_of(check("--json", folder / "folio.conf"))
    wanted = [(1, f"{folder}/www/{name} can be had by everybody; move it away, or deny it with <Files>")]
    assert told == (wanted if EXPOSED[name] else [])


def test_what_is_denied_is_not_exposed(folder):
    plant(folder, {"www/page.bak": "x"})
    plant(folder, {"folio.conf": "DocumentRoot www\n<Files *.bak>\nRequire all denied\n</Files>\n"})
    assert check("--strict", folder / "folio.conf").returncode == 0


def test_so_many_exposed_files_are_told_of_each_root(folder):
    plant(folder, {f"www/{number}.bak": "" for number in range(30)})
    plant(folder, {"folio.conf": "DocumentRoot www\n"})
    told = warnings_of(check("--json", folder / "folio.conf"))
    assert len(told) == 10 and told[-1][1].endswith("(more of this root is not told)")


@pytest.mark.parametrize("suffix", ["gz", "br", "zst"])
def test_a_compressed_form_that_is_older_than_its_file_is_warned_of(folder, suffix):
    plant(folder, {"www/a.css": "x", f"www/a.css.{suffix}": "x", f"www/b.{suffix}": "x", "folio.conf": "DocumentRoot www\n"})
    os.utime(folder / "www" / "a.css", (1000, 1000))
    os.utime(folder / "www" / f"a.css.{suffix}", (1000, 1000))
    assert warnings_of(check("--json", folder / "folio.conf")) == []
    os.utime(folder / "www" / f"a.css.{suffix}", (999, 999))
    [(line, message)] = warnings_of(check("--json", folder / "folio.conf"))
    assert line == 1 and message.startswith(f"{folder}/www/a.css.{suffix} is older than the file")


def test_pins_beyond_the_limits_are_warned_of(folder):
    plant(folder, {f"www/{number}": bytes(50000) for number in range(30)})
    pins = "DocumentRoot www\nMMapFile www/0 www/none\nMMapDir www\n"
    plant(folder, {"folio.conf": pins + "MMapMaxBytes 1M\nMMapMaxFiles 20\n"})
    told = warnings_of(check("--json", folder / "folio.conf"))
    assert [line for line, _ in told] == [2, 2, 2]
    for (_, message), words in zip(told, ["cannot pin ", "bytes of memory, and 1048576 are allowed", "20 are allowed"]):
        assert words in message
    plant(folder, {"folio.conf": pins.replace(" www/none", "")})
    assert check("--strict", folder / "folio.conf").returncode == 0


EVERYTHING = """
Define who main
ServerName ${who}.example
ServerAlias *.${who}.example
DocumentRoot www
Listen 127.0.0.1:8001
KeepAliveTimeout 7
MMapMaxBytes 64M
CustomLog log json
AddType text/x-y .y
DirectoryIndex home.html index.html
ErrorDocument 404 "Nothing \\"here\\"."
Header always set X-Price "5 \\${EUR} 100%%"
Redirect permanent /a "https://www.example.org/b"
AliasMatch ^/u/([a-z]+)$ /srv/$1
<Directory "other">
    Require ip 10.0.0.0/8
    <Files *.b>
        Require all denied
    </Files>
</Directory>
<VirtualHost *:8001>
    ServerName two.example:81
    <Location /x>
        CacheControl "no-store" *.js text/css
    </Location>
</VirtualHost>
"""


def test_what_holds_can_be_read_again_and_means_the_same(site):
    plant(site, {"folio.conf": EVERYTHING})
    first = run_to_end("-T", "-f", site / "folio.conf")
    assert (first.returncode, first.stderr) == (0, "")
    for line in (
        f"DocumentRoot {site}/www",
        "KeepAliveTimeout 7s",
        "MMapMaxBytes 67108864",
        f"CustomLog {site}/log json",
        'Header always set X-Price "5 \\${EUR} 100%%"',
        'ErrorDocument 404 "Nothing \\"here\\"."',
        f"<Directory {site}/other>",
        "        Require all denied",
        "    ServerName two.example:81",
    ):
        assert line in first.stdout.splitlines(), line
    (site / "elsewhere").mkdir()
    plant(site / "elsewhere", {"again.conf": first.stdout})
    again = run_to_end("-T", "-f", site / "elsewhere" / "again.conf")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == first.stdout


@pytest.mark.parametrize("option", ["-T", "-S"])
def test_nothing_is_printed_of_what_is_wrong(folder, option):
    plant(folder, {"folio.conf": "Bogus\n"})
    run = run_to_end(option, "-f", folder / "folio.conf")
    assert (run.returncode, run.stdout) == (78, "") and "Bogus" in run.stderr


def test_virtual_hosts_are_printed_by_address(site):
    plant(site, {"folio.conf": EVERYTHING})
    assert run_to_end("-S", "-f", site / "folio.conf").stdout == (
        "*:8001\n"
        f"  default  two.example:81  ({site}/folio.conf:22)\n"
        f"           {site}/www\n"
        "every other address\n"
        f"  main     main.example *.main.example\n"
        f"           {site}/www\n"
    )


BAD = {
    "a section that is not closed": ("<Directory www>\nOptions None\n", "<Directory> is not closed"),
    "a section that was not begun": ("</Directory>\n", "closes nothing"),
    "a directive in the wrong place": ("<Files x>\nThreads 1\n</Files>\n", "may not stand in <Files>"),
    "a variable that is not defined": ("ServerName ${NOBODY_DEFINES_THIS}\n", "is not defined"),
    "a bad value in a virtual host": ("<VirtualHost *>\nStrictHost maybe\n</VirtualHost>\n", "is not one of off|on"),
    "a format that nobody named": ("CustomLog - mine\n", "mine"),
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_configuration_neither_starts_nor_replaces_a_good_one(folio, site, why):
    text, told = BAD[why]
    plant(site, {"www/page": "page", "folio.conf": "DocumentRoot www\n"})
    server = folio(None, "-f", site / "folio.conf", expects_errors=True)
    pids = server.serving_pids
    plant(site, {"folio.conf": "DocumentRoot other\n" + text})
    server.send_signal(signal.SIGHUP)
    eventually(lambda: "serving goes on as before" in server.errors(), "the refusal")
    assert told in server.errors()
    assert server.get("/page").body == b"page" and server.serving_pids == pids
    run = run_to_end("-f", site / "folio.conf", "-p", "0", "-b", "127.0.0.1")
    assert (run.returncode, run.stdout) == (78, "") and told in run.stderr
