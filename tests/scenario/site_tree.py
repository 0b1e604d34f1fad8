"""Folders to serve."""

import os
import random

HOUR_S = 3600


def plant(root, files):
    """Write files given as {path: content}; text is UTF-8, paths may be bytes. Returns `root`."""
    for path, content in files.items():
        place = os.path.join(os.fsencode(root), os.fsencode(path))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    return root


def noise(size, seed):
    """Bytes that differ for each seed, the same in each run."""
    return random.Random(seed).randbytes(size)


def replace(path, content):
    """Put another version in a file's place at once, as careful programs do: written beside it, and renamed."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.rename(path)
