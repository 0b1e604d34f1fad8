"""Fixtures of the fault tests: the scenarios' servers, with faults.c between them and the system."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scenario"))

# pylint: disable=wrong-import-position
from faults import FaultBoard, program  # noqa: E402
from folio_process import Fleet  # noqa: E402
from rounds import make_site  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="every n, also where some are enough to see")


def pytest_collection_modifyitems(items):
    if program():
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason="no folio-faults is built: -Dtests=true"))


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="folio-faults-") as path:
        yield Path(path)


@pytest.fixture
def site(folder):
    (folder / "site").mkdir()
    return make_site(folder / "site")


@pytest.fixture
def board(folder):
    return FaultBoard(folder / "board")


@pytest.fixture
def folio(board):
    """Start servers whose calls can be made to fail; what they say of it is said on standard error."""
    fleet = Fleet()

    def start(root, *options, **more):
        environment = {**board.environment, **more.pop("env", {})}
        return fleet.start(root, *options, env=environment, program=str(program()), expects_errors=True, **more)

    yield start
    fleet.stop()
