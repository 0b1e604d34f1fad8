"""Reading an answer of several ranges (RFC 9110, 14.6 and 15.3.7.2), as strictly as the client reads heads."""

import re

from http1_client import FIELD_LINE, ProtocolError

TYPE = re.compile(r"multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


class Part:
    def __init__(self, fields, first, last, length, content):
        self.fields = fields
        self.first, self.last, self.length = first, last, length
        self.content = content


def boundary_of(response):
    match = TYPE.fullmatch(response["Content-Type"] or "")
    if not match:
        raise ProtocolError(f"no multipart/byteranges: {response}")
    if response["Content-Range"] is not None:
        raise ProtocolError("Content-Range around several parts (RFC 9110, 15.3.7.2: MUST NOT)")
    return match[1].encode()


def parts_of(response):
    """The parts of a 206, in their order. Each is as long as its Content-Range says, and nothing stands between them but delimiters."""
    boundary, rest, parts = boundary_of(response), response.body, []
    delimiter = b"--" + boundary
    while True:
        if not rest.startswith(delimiter):
            raise ProtocolError(f"no delimiter: {rest[:100]!r}")
        rest = rest[len(delimiter) :]
        if rest == b"--\r\n" and parts:
            return parts
        if not rest.startswith(b"\r\n"):
            raise ProtocolError(f"a delimiter without end: {rest[:100]!r}")
        head, _, rest = rest[2:].partition(b"\r\n\r\n")
        part = _part(head, rest)
        if part.content.find(delimiter) >= 0:
            raise ProtocolError("the boundary is in a part (RFC 2046, 5.1.1)")
        parts.append(part)
        rest = rest[len(part.content) :]
        if not rest.startswith(b"\r\n"):
            raise ProtocolError(f"a part longer than it says: {rest[:100]!r}")
        rest = rest[2:]


def _part(head, rest):
    lines = [FIELD_LINE.fullmatch(line) for line in head.split(b"\r\n")]
    if None in lines:
        raise ProtocolError(f"a part's head: {head!r}")
    fields = {line[1].decode(): line[2].decode("latin-1") for line in lines}
    said = RANGE.fullmatch(fields.get("Content-Range", ""))
    if not said or len(fields) < len(lines):
        raise ProtocolError(f"a part's head: {head!r}")
    first, last, length = (int(number) for number in said.groups())
    content = rest[: last + 1 - first]
    if len(content) != last + 1 - first:
        raise ProtocolError(f"a part shorter than it says: {len(content)} of {first}-{last}")
    return Part(fields, first, last, length, content)
