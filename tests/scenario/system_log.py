"""A system's log of a test's own: a Unix socket that takes datagrams."""

import re
import socket
import threading

# RFC 3164, 4.1: <facility * 8 + severity>, time, tag with process, text.
MESSAGE = re.compile(r"<(\d+)>([A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d) ([\w.-]+)\[(\d+)\]: (.*)", re.S)


class SystemLog:
    """Reads in a thread of its own until it is closed."""

    def __init__(self, path):
        self.path, self.messages = path, []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.05)
        self._ends = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while not self._ends.is_set():
            try:
                data = self._socket.recv(1 << 18)
            except TimeoutError:
                continue
            found = MESSAGE.fullmatch(data.decode())
            assert found, data
            self.messages.append((int(found[1]) // 8, int(found[1]) % 8, found[3], int(found[4]), found[5]))

    def texts(self):
        return [message[4] for message in self.messages]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._reader.join()
        self._socket.close()
        self.path.unlink()
