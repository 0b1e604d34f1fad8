"""A site that nobody here wrote: Debian's documentation of Python, a thousand pages and more."""

import os
from pathlib import Path

import pytest

PYTHON_DOC = Path("/usr/share/doc/python3-doc/html")


def python_doc():
    """Its folder, itself no link."""
    if not PYTHON_DOC.is_dir():
        pytest.fail("Debian's package python3-doc is missing: apt-get install python3-doc")
    return PYTHON_DOC.resolve()


def walk(root):
    """All below `root`, as (path beneath it, what it is): "folder", "bare folder", "file", "hidden", "leaves"."""
    for folder, folders, files in os.walk(root):
        beneath = os.path.relpath(folder, root)
        if beneath != ".":
            yield beneath, "folder" if "index.html" in files else "bare folder"
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            place = os.path.join(folder, name)
            path = os.path.normpath(os.path.join(beneath, name))
            if any(part.startswith(".") for part in path.split(os.sep)):
                yield path, "hidden"
            elif not os.path.realpath(place).startswith(str(root) + os.sep):
                yield path, "leaves"
            else:
                yield path, "file"
