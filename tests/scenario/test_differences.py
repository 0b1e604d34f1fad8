"""Folio answers as Debian's Apache, nginx and lighttpd do, request by request, but for what docs/DIFFERENCES.md tells."""

import os
import tempfile
from pathlib import Path

import pytest

import differences
from folio_process import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="found")
def ask_everybody():
    with tempfile.TemporaryDirectory(prefix="folio-differences-") as path:
        os.chmod(path, 0o755)
        return differences.ask_everybody(Path(path))


def test_every_difference_has_a_reason(found):
    without = [one for one in found if differences.reason_of(one) is None]
    assert not without, "\n".join(f"{one.request()}: {one.aspect}: {one.values}" for one in without)


def test_every_reason_has_a_difference(found):
    met = {differences.reason_of(one) for one in found}
    assert [what for number, (what, _, _) in enumerate(differences.REASONS) if number not in met] == []


def test_the_page_tells_what_was_found(found):
    """Or make it anew: tests/scenario/differences.py > docs/DIFFERENCES.md"""
    assert differences.page(found) == (REPOSITORY / "docs" / "DIFFERENCES.md").read_text()
