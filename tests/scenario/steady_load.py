"""Clients that ask without a pause while something happens to the server, and what went wrong for them."""

import signal
import threading

from folio_process import eventually
from http1_client import Connection, Ended


class Load:
    """Clients that ask again and again: every second one over new connections, unless all are to keep theirs.

    fields: what client N sends with its I-th request, fields(N, I).
    """

    def __init__(self, server, count=6, address=None, *, path="/page", fields=lambda client, i: (), keeps_all=False):
        self.address, self.path, self.fields = address or server.address, path, fields
        self.ends, self.answered, self.failures = threading.Event(), [0] * count, []
        self.threads = [
            threading.Thread(target=self._run, args=(client, keeps_all or client % 2 == 0)) for client in range(count)
        ]

    @property
    def asked(self):
        return sum(self.answered)

    def _run(self, client, keeps):
        connection = None
        while not self.ends.is_set():
            try:
                connection = connection or Connection(self.address)
                answer = connection.get(self.path, self.fields(client, self.answered[client]))
                self.answered[client] += 1
                if answer.status != 200:
                    self.failures.append(answer.status)
                if answer.closes() or not keeps:
                    connection.close()
                    connection = None
            except (OSError, Ended) as error:
                self.failures.append(error)
                return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()


def reload_and_wait(server, number=signal.SIGHUP):
    """Returns the process that served before; the new one was started, and may not be ready yet."""
    before = server.serving_pids
    server.send_signal(number)
    eventually(lambda: set(server.serving_pids) - set(before), "another server process")
    return before[-1]


def hand_over(server, number=signal.SIGHUP):
    """Reload, and return once the process before has left."""
    before = reload_and_wait(server, number)
    eventually(lambda: before not in server.serving_pids, "the end of the process before")
