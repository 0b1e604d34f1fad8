"""Packages of npm that tests use: those that a folder's package-lock.json names, and no others."""

import subprocess
from pathlib import Path

TIME_LIMIT_S = 120


def install(folder):
    """Where it has not been done. That they cannot be had is a failure: nothing is left out for it."""
    if (Path(folder) / "node_modules" / ".package-lock.json").is_file():
        return
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=TIME_LIMIT_S
    )
