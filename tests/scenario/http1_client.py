"""A client of HTTP/1.1 on a raw socket that forgives nothing (RFC 9112): it accounts for every byte."""

import re
import socket
import struct

TIMEOUT_S = 60
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\x20-\x7e]*)")
FIELD_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*"
    rb"((?:[\x21-\x7e\x80-\xff](?:[\x20\t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
DAY_AND_TIME = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}"
    r" [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT"
)
# RFC 9110: fields that are not lists come once.
SINGLE = {
    "content-length",
    "content-type",
    "content-range",
    "date",
    "etag",
    "last-modified",
    "location",
    "server",
    "retry-after",
}
HEAD_BYTES_MAX = 32 * 1024
TCP_CLOSE = 7  # linux/tcp_states.h


class ProtocolError(AssertionError):
    """The server broke a rule of the protocol."""


class Ended(ProtocolError):
    """The connection ended where an answer, or the rest of one, was due. `received` is what came of it."""

    def __init__(self, received, how):
        super().__init__(f"ended ({how}) after {len(received)} bytes of an answer: {bytes(received[:200])!r}")
        self.received = received


class Response:
    def __init__(self, status, reason, fields, body):
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {len(self.body)} bytes>"

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name):
        """The value of a field, or None."""
        values = self.values(name)
        return ", ".join(values) if values else None

    def names(self):
        return sorted(name.lower() for name, _ in self.fields)

    def closes(self):
        return "close" in [option.strip().lower() for option in (self["Connection"] or "").split(",")]


def request_bytes(method, target, fields=(), host="folio.test", version="HTTP/1.1", content=b""):
    """A request; `target` may be bytes or text, `fields` a mapping or pairs; host None leaves Host out."""

    def raw(text):
        return text if isinstance(text, bytes) else str(text).encode()

    pairs = list(fields.items() if isinstance(fields, dict) else fields)
    if host is not None:
        pairs.insert(0, ("Host", host))
    lines = [b" ".join([raw(method), raw(target), raw(version)])]
    lines += [raw(name) + b": " + raw(value) for name, value in pairs]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


class Connection:
    """One connection. `address` is (host, port) or the path of a Unix socket; `source` the address that it comes from."""

    def __init__(self, address, timeout_s=TIMEOUT_S, receive_buffer=None, source=None):
        if isinstance(address, tuple):
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        else:
            family = socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if source is not None:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._received = bytearray()
        self._is_last = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def vanish(self):
        """Go away by a reset, as a client that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, fields=(), **more):
        """Send one request, and receive its answer."""
        self.send(request_bytes(method, target, fields, **more))
        return self.receive(method)

    def get(self, target, fields=()):
        return self.request("GET", target, fields)

    def head(self, target, fields=()):
        return self.request("HEAD", target, fields)

    def receive(self, method="GET"):
        """The next final or interim answer, which answers a request with `method`."""
        if self._is_last:
            raise ProtocolError("another answer is waited for, after the one with Connection: close")
        head = self._receive_head()
        lines = head.split(b"\r\n")
        status_line = STATUS_LINE.fullmatch(lines[0])
        if not status_line:
            raise ProtocolError(f"status line {lines[0][:200]!r}")
        fields = [self._field(line) for line in lines[1:]]
        response = Response(int(status_line[1]), status_line[2].decode(), fields, b"")
        check_fields(response)
        self._is_last = response.closes()
        length = content_length(response, method)
        if length:
            response.body = self._receive_exactly(length)
        return response

    @staticmethod
    def _field(line):
        match = FIELD_LINE.fullmatch(line)
        if not match:
            raise ProtocolError(f"field line {line[:200]!r}")
        return match[1].decode(), match[2].decode("latin-1")

    def _receive_head(self):
        while True:
            end = self._received.find(b"\r\n\r\n")
            if end >= 0:
                head = bytes(self._received[:end])
                del self._received[: end + 4]
                if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
                    raise ProtocolError(f"a bare CR or LF in the head: {head!r}")
                return head
            if len(self._received) > HEAD_BYTES_MAX:
                raise ProtocolError(f"a head without end: {bytes(self._received[:200])!r}")
            self._receive_more(65536)

    def _receive_more(self, size):
        try:
            data = self.socket.recv(size)
        except ConnectionError as error:
            raise Ended(self._received, error.strerror) from None
        if not data:
            raise Ended(self._received, "closed")
        self._received += data

    def _receive_exactly(self, length):
        body = bytearray(length)
        have = min(length, len(self._received))
        body[:have] = self._received[:have]
        del self._received[:have]
        view = memoryview(body)
        while have < length:
            try:
                size = self.socket.recv_into(view[have:])
            except ConnectionError as error:
                raise Ended(bytes(view[:have]), error.strerror) from None
            if size == 0:
                raise Ended(bytes(view[:have]), "closed")
            have += size
        return bytes(body)

    def receive_some(self, size):
        """Bytes as they come, past all rules; b"" at the end."""
        if self._received:
            data = bytes(self._received[:size])
            del self._received[:size]
            return data
        return self.socket.recv(size)

    def receive_end(self):
        """The server ends the connection, and sends nothing before that.

        Not by a reset: that can destroy an answer on its way to us (RFC 9112, 9.6: a server closes in stages).
        """
        if self._received:
            raise ProtocolError(f"bytes after the last answer: {bytes(self._received[:200])!r}")
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise ProtocolError("reset instead of an orderly end") from None
        if data:
            raise ProtocolError(f"bytes after the last answer: {data[:200]!r}")

    def is_ended(self):
        """Whether the server has ended it by now, without waiting."""
        self.socket.setblocking(False)
        try:
            return not self._received and self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)

    def is_broken(self):
        """Whether the connection was reset (RFC 9293), though bytes may lie here that were not received."""
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE

    def has_input(self):
        """Whether anything has come that was not received yet, without waiting."""
        self.socket.setblocking(False)
        try:
            return bool(self._received) or self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT_S)


def check_fields(response):
    """What holds for the fields of every answer."""
    for name in SINGLE:
        if len(response.values(name)) > 1:
            raise ProtocolError(f"{name} is repeated: {response.fields}")
    if response["Transfer-Encoding"] is not None:
        raise ProtocolError("nothing that Folio sends needs a transfer coding")
    for name in ("Date", "Last-Modified"):
        if response[name] is not None and not DAY_AND_TIME.fullmatch(response[name]):
            raise ProtocolError(f"{name}: {response[name]!r}")
    # RFC 9110, 6.6.1: an origin server with a clock MUST send Date in all 2xx, 3xx and 4xx.
    if 200 <= response.status < 500 and response["Date"] is None:
        raise ProtocolError(f"{response.status} without Date")


def content_length(response, method):
    """How many bytes of content follow the head (RFC 9112, section 6.3)."""
    text = response["Content-Length"]
    if text is not None and not re.fullmatch("0|[1-9][0-9]*", text):
        raise ProtocolError(f"Content-Length: {text!r}")
    if response.status < 200 or response.status == 204:
        if text is not None:
            raise ProtocolError(f"Content-Length in a {response.status} (RFC 9110, 8.6)")
        return 0
    if response.status == 304 or method == "HEAD":
        return 0
    if text is None:
        raise ProtocolError(f"{response.status} without Content-Length: {response.fields}")
    return int(text)
