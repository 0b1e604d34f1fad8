"""Reads the access log as its readers would, and strictly."""

import json
import re
from pathlib import Path

from folio_process import eventually

QUOTED = r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\bnrtfv]|\\x[0-9a-f]{2})*)"'
COMMON = r"(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] " + QUOTED + r" (\d{3}) (-|[1-9]\d*)"
COMMON_LINE = re.compile(COMMON)
COMBINED_LINE = re.compile(COMMON + " " + QUOTED + " " + QUOTED)
JSON_KEYS = ["time", "client", "method", "target", "status", "bytes", "duration", "referer", "agent", "cache"]


def lines_of(path, count):
    """All lines, once there are `count`: another thread writes them after the answers are sent."""

    def all_lines():
        data = Path(path).read_bytes() if Path(path).exists() else b""
        return data.decode("utf-8").split("\n")[:-1] if data.count(b"\n") >= count else None

    if count == 0:
        return []
    return eventually(all_lines, f"{count} lines in the log")


def records_of(path, count):
    """The lines of a log in JSON, as objects."""
    records = [json.loads(line) for line in lines_of(path, count)]
    for record in records:
        assert list(record) == JSON_KEYS
    return records


def outcomes_of(path, count):
    """What the cache had to do for each request."""
    return [record["cache"] for record in records_of(path, count)]
