"""The line of counts that SIGRTMIN and StatsInterval have a server write on standard error."""

import re
import signal

from folio_process import eventually

NAMES = (
    "connections descriptors requests hits misses aborts entries pinned bytes streams published loads evictions expired"
    " expiry-age-s fallbacks invalidations settles checks folders folders-by-age unwatched events overflows leases recalls copied throttled turned-away"
).split()


def lines_of(server):
    return [line for line in server.errors().splitlines() if line.startswith("folio: stats:")]


def ask(server):
    """The counts, as numbers by name."""

    def next_line():
        seen = len(lines_of(server))
        server.send_signal(signal.SIGRTMIN)
        return eventually(lambda: lines_of(server)[seen:], "a line")[0]

    # A server process answers requests a moment before its supervisor hears that it does.
    line = next_line()
    while line == "folio: stats: no server process is ready":
        line = next_line()
    facts = re.findall(r" ([a-z-]+)=(\d+)", line)
    assert line == "folio: stats:" + "".join(f" {name}={value}" for name, value in facts)
    assert [name for name, _ in facts] == NAMES
    return {name: int(value) for name, value in facts}
