"""folio directives, and folio.conf(5) which is made of it."""

import re
from pathlib import Path

import pytest

from folio_process import REPOSITORY, run_to_end
from site_tree import plant

SAMPLE = (REPOSITORY / "docs" / "folio.conf.sample").read_text()


def names():
    run = run_to_end("directives")
    assert (run.returncode, run.stderr) == (0, "")
    return [re.match(r"<?\w+", line).group().lstrip("<") for line in run.stdout.split("\n\n")[0].splitlines()]


def test_the_manual_page_is_that_of_this_version():
    """After a change of the table: make manual."""
    assert run_to_end("directives", "--man").stdout == (REPOSITORY / "packaging" / "folio.conf.5").read_text()


def test_every_directive_is_told_about():
    assert len(names()) > 30 and {"Include", "Listen", "MMapFile"} <= set(names())
    for name in names():
        run = run_to_end("directives", name)
        assert run.returncode == 0 and run.stdout.lstrip("<").startswith(name) and "may stand" in run.stdout


def test_what_every_directive_does_is_seen_in_a_scenario():
    """In one that is about more than how it is written."""
    about_writing = ("test_config", "steady", "bench")
    scenarios = [path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith(about_writing)]
    text = "".join(path.read_text() for path in scenarios)
    assert [name for name in names() if not re.search(rf"(?:(?<![A-Za-z])|(?<=\\n)){name}[ >]", text)] == []


def test_one_directive_is_told_in_full():
    run = run_to_end("directives", "keepalivetimeout")
    assert run.stdout == (
        "KeepAliveTimeout TIME\n    may stand  outside of all sections\n    default    75s\n\n"
        "How long a connection may wait for its next request.\n"
    )
    assert "For example:\n\n    Listen 80\n" in run_to_end("directives", "Listen").stdout


def test_a_line_is_no_longer_than_a_terminal_is_wide():
    for name in names():
        assert max(map(len, run_to_end("directives", name).stdout.splitlines())) <= 100


@pytest.mark.parametrize("name, near", [("Lisen", "Listen"), ("Zzz", None)])
def test_what_is_no_directive_is_said_to_be_none(name, near):
    run = run_to_end("directives", name)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"folio: there is no directive {name}{f'; did you mean {near}?' if near else ''}\n"


def test_two_names_are_too_many():
    assert run_to_end("directives", "Listen", "Threads").returncode == 2


def test_the_sample_has_nothing_said_against_it_where_its_folders_exist(folder):
    plant(folder, {name: "" for name in ("main/index.html", "main/assets/a.css", "main/internal/a", "docs/a", "app/a", "people/a", "users")})
    text = SAMPLE.replace("Define srv /srv\n", f"Define srv {folder}\n")
    text = text.replace("Define logs /var/log/folio\n", f"Define logs {folder}\n")
    assert text.count(str(folder)) == 2
    plant(folder, {"folio.conf": text})
    run = run_to_end("check", "--strict", folder / "folio.conf")
    assert (run.returncode, run.stdout, run.stderr) == (0, "folio: the configuration is right\n", "")


def test_the_sample_shows_every_directive():
    missing = [name for name in names() if not re.search(rf"^\s*(# )?<?{name}\b", SAMPLE, re.M)]
    assert missing == [], "docs/folio.conf.sample does not show them"
