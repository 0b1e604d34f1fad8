"""Headless Chromium: pages opened as people see them."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import node_packages

HERE = Path(__file__).with_name("browser")
TIME_LIMIT_S = 120


def is_left_out():
    return os.environ.get("FOLIO_NO_BROWSER") == "1"


def visit(*steps):
    """Take these steps, one after the other with one profile, and tell of each what visit.mjs tells."""
    node_packages.install(HERE)
    with tempfile.TemporaryDirectory(prefix="folio-browser-", ignore_cleanup_errors=True) as profile:
        run = subprocess.run(
            ["node", "visit.mjs", profile, *steps],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def check_sound(seen, status=200):
    """Nothing failed, and there is something to read. status: None where no page was asked for."""
    assert seen.get("status") == status
    assert seen["problems"] == [], seen["url"]
    assert seen["broken"] == [], seen["url"]
    assert seen["title"] and seen["text"]
