"""folio -f: directives from files, and what is wrong with them, told with its place."""

import subprocess

import pytest

from folio_process import PATIENCE_S, binary
from site_tree import plant


def check(*arguments):
    return subprocess.run([str(binary()), "-t", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S)


def test_a_file_of_directives_is_served_by(folio, folder):
    plant(folder, {"www/page": "page", "folio.conf": "# a comment\n\nlisten 127.0.0.1:0\n documentroot \"www\"\n"})
    server = folio(None, "-f", folder / "folio.conf")
    assert server.get("/page").body == b"page"


def test_the_command_line_has_the_last_word(folio, folder):
    plant(folder, {"one/page": "one", "two/page": "two", "folio.conf": "DocumentRoot one\n"})
    assert folio(folder / "two", "-f", folder / "folio.conf").get("/page").body == b"two"


def test_a_backslash_at_the_end_joins_lines(folder):
    plant(folder, {"folio.conf": "MMapMaxBytes \\\n  64M\n"})
    assert check("-f", folder / "folio.conf").returncode == 0


def test_every_mistake_is_told_with_file_and_line(folder):
    plant(
        folder,
        {
            "folio.conf": "MMapMaxBytes lots\nListn 80\nInclude parts/*.conf\nInclude none.conf\nIncludeOptional none.conf\n",
            "parts/a.conf": "\n\nLogFormat xml\n",
        },
    )
    run = check("-f", folder / "folio.conf")
    assert (run.returncode, run.stdout) == (78, "")
    lines = [line for line in run.stderr.splitlines() if line.startswith("folio: ")]
    for line, (place, named) in zip(
        lines,
        [
            ("folio.conf:1:", '"lots" is not an amount of bytes'),
            ("folio.conf:2:", "did you mean Listen?"),
            ("a.conf:3:", "one of combined|common|json"),
            ("folio.conf:4:", "none.conf"),
        ],
        strict=True,
    ):
        assert place in line and named in line


def test_files_that_include_each_other_are_an_error(folder):
    plant(folder, {"folio.conf": "Include folio.conf\n"})
    run = check("-f", folder / "folio.conf")
    assert run.returncode == 78 and "deep" in run.stderr


@pytest.mark.parametrize("name", ["missing.conf", "."])
def test_a_file_that_cannot_be_read_is_an_error(folder, name):
    run = check("-f", folder / name)
    assert run.returncode == 78 and "folio:" in run.stderr
