"""Fixtures: servers that are always stopped and checked, and folders to serve that are gone afterwards."""

import resource
import tempfile
from pathlib import Path

import pytest

from folio_process import Fleet


# A server is stopped before its folder goes: whoever is starting just then could not serve it.
@pytest.fixture
def folio(folder):  # pylint: disable=unused-argument
    """Start servers: folio(ROOT, OPTIONS..., bind=..., wrap=..., env=..., expects_errors=...)."""
    fleet = Fleet()
    yield fleet.start
    fleet.stop()


@pytest.fixture(scope="module")
def lasting_folio(lasting_folder):  # pylint: disable=unused-argument
    """The same, for a server that all tests of a file share."""
    fleet = Fleet()
    yield fleet.start
    fleet.stop()


@pytest.fixture
def folder():
    """An empty folder."""
    with tempfile.TemporaryDirectory(prefix="folio-scenario-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def lasting_folder():
    """An empty folder that all tests of a file share."""
    with tempfile.TemporaryDirectory(prefix="folio-scenario-") as path:
        yield Path(path)


def pytest_configure(config):  # pylint: disable=unused-argument
    """Clients need descriptors too, thousands in some scenarios."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_make_parametrize_id(config, val, argname):  # pylint: disable=unused-argument
    """Rows of tables are named by what they hold, in short."""
    if isinstance(val, dict):
        return ", ".join(f"{name}: {value}" for name, value in val.items())[:80] or "nothing"
    if isinstance(val, bytes):
        return repr(val[:40])[2:-1]
    return None
