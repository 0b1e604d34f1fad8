#!/usr/bin/python3
"""How long after a change has ended is the old answer still given?

A file is changed in one way after the other, and asked for all the time over one connection. Two times are taken of
each change, both from the moment when its last system call had returned: when the first answer with the new content
was there (`seen`), and when the last request was sent that was still answered with the old one (`old until`; 0: none
was). `seen` holds the machine's and this program's own delays too; `old until` is what the server must answer for: at
most 50 ms where the file system tells of changes, and 50 ms more than MMapRevalidate where it does not.

Without --on: on a disk, in memory, on an overlay and on FUSE (bindfs), as far as this user may mount those. Writes
build/bench/staleness.json.
"""
import argparse
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / 'tests' / 'scenario'))
import machine                      # noqa: E402
from folio_process import Folio     # noqa: E402

BOUND_MS = 50
GIVE_UP_S = 20
TEXT = 'content of version %08d\n'


# ---- what changes ----

class Change:
    """One way to change what `target` leads to. Versions are numbers; version 0 is there when it begins."""

    target = '/file'

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / self.target[1:]

    def content(self, version):
        return (TEXT % version).encode()

    def begin(self):
        self.path.write_bytes(self.content(0))

    def make(self, version):
        """Do all but the last call, and return that."""
        raise NotImplementedError

    def is_seen(self, version, answer):
        return answer.status == 200 and answer.body == self.content(version)


class Replace(Change):
    """another file is renamed over it"""

    def make(self, version):
        apart = self.folder / 'apart'
        apart.write_bytes(self.content(version))
        return lambda: apart.rename(self.path)


class Flip(Change):
    """the symbolic link that its folder is is turned to another folder"""
    target = '/current/file'

    def begin(self):
        self.make(0)()

    def make(self, version):
        release, link = self.folder / f'release-{version}', self.folder / 'next'
        release.mkdir()
        (release / 'file').write_bytes(self.content(version))
        link.symlink_to(release.name)
        return lambda: link.rename(self.folder / 'current')


class Root(Change):
    """the symbolic link that DocumentRoot names is turned to another folder"""

    def begin(self):
        self.make(0)()

    def make(self, version):
        above = self.folder.parent
        release, link = above / f'release-{version}', above / 'next'
        release.mkdir()
        (release / 'file').write_bytes(self.content(version))
        link.symlink_to(release.name)
        return lambda: link.rename(self.folder)


class InPlace(Change):
    """overwritten in place, the same size, several times a second"""
    flags = os.O_WRONLY

    def make(self, version):
        file = os.open(self.path, self.flags)
        os.write(file, self.content(version))
        return lambda: os.close(file)


class Truncate(InPlace):
    """opened with O_TRUNC, and written"""
    flags = os.O_WRONLY | os.O_TRUNC

    def content(self, version):
        return (TEXT % version).encode() * (1 + version % 7)


class Append(InPlace):
    """written to at the end"""
    flags = os.O_WRONLY | os.O_APPEND

    def make(self, version):
        file = os.open(self.path, self.flags)
        os.write(file, (TEXT % version).encode())
        return lambda: os.close(file)

    def content(self, version):
        return b''.join((TEXT % number).encode() for number in range(version + 1))


class Recreate(Change):
    """unlinked, and made anew"""

    def make(self, version):
        self.path.unlink()
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, self.content(version))
        return lambda: os.close(file)


class ComeAndGo(Change):
    """removed (404), and there again"""

    def make(self, version):
        if version % 2:
            return self.path.unlink
        apart = self.folder / 'apart'
        apart.write_bytes(self.content(version))
        return lambda: apart.rename(self.path)

    def is_seen(self, version, answer):
        return answer.status == 404 if version % 2 else super().is_seen(version, answer)


class MoveFolder(Change):
    """its folder is moved away, and another to its place"""
    target = '/deep/er/file'

    def begin(self):
        self.path.parent.mkdir(parents=True)
        super().begin()

    def make(self, version):
        other = self.folder / f'other-{version}'
        (other / 'er').mkdir(parents=True)
        (other / 'er' / 'file').write_bytes(self.content(version))
        (self.folder / 'deep').rename(self.folder / f'away-{version}')
        return lambda: other.rename(self.folder / 'deep')


class MakeFolder(Change):
    """a folder is made (301), and removed (404)"""
    target = '/folder'

    def begin(self):
        self.path.mkdir()

    def make(self, version):
        return self.path.rmdir if version % 2 else self.path.mkdir

    def is_seen(self, version, answer):
        return answer.status == (404 if version % 2 else 301)


class Index(Change):
    """the index of a folder comes and goes"""
    target = '/folder/'

    def begin(self):
        self.path.mkdir()
        (self.path / 'index.html').write_bytes(self.content(0))

    def make(self, version):
        if version % 2:
            return (self.path / 'index.html').unlink
        (self.path / 'apart').write_bytes(self.content(version))
        return lambda: (self.path / 'apart').rename(self.path / 'index.html')

    def is_seen(self, version, answer):
        return answer.status == 403 if version % 2 else super().is_seen(version, answer)


class Permissions(Change):
    """its permissions are taken away (403), and given back"""

    def make(self, version):
        return lambda: self.path.chmod(0 if version % 2 else 0o644)

    def is_seen(self, version, answer):
        return answer.status == (403 if version % 2 else 200)


class FolderPermissions(Permissions):
    """those of its folder are"""
    target = '/deep/file'

    def begin(self):
        self.path.parent.mkdir()
        super().begin()

    def make(self, version):
        return lambda: self.path.parent.chmod(0 if version % 2 else 0o755)


class Touch(Change):
    """its time of modification is set"""

    def begin(self):
        super().begin()
        self.make(0)()

    def make(self, version):
        return lambda: os.utime(self.path, (1_000_000_000 + version, 1_000_000_000 + version))

    def is_seen(self, version, answer):
        told = time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime(1_000_000_000 + version))
        return answer.status == 200 and f'Last-Modified: {told}'.encode() in answer.head


CHANGES = {
    'replace': Replace, 'flip': Flip, 'flip-root': Root, 'in-place': InPlace, 'truncate': Truncate, 'append': Append,
    'recreate': Recreate, 'come-and-go': ComeAndGo, 'move-folder': MoveFolder, 'make-folder': MakeFolder,
    'index': Index, 'permissions': Permissions, 'folder-permissions': FolderPermissions, 'touch': Touch,
}
NEED_PERMISSIONS = {'permissions', 'folder-permissions'}


# ---- asking ----

class Answer:
    def __init__(self, head, body):
        self.status, self.head, self.body = int(head[9:12]), head, body


class Asker:
    """One connection, and one request after the other; as little work as can be."""

    def __init__(self, address, target):
        self.socket = socket.create_connection(address, GIVE_UP_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = f'GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n'.encode()

    def ask(self):
        self.socket.sendall(self.request)
        got = b''
        while b'\r\n\r\n' not in got:
            got += self.receive()
        head, _, body = got.partition(b'\r\n\r\n')
        length = int(head.lower().partition(b'content-length:')[2].split(b'\r\n')[0])
        while len(body) < length:
            body += self.receive()
        return Answer(head, body)

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit('the server closed the connection')
        return data

    def ask_until(self, is_seen):
        """Returns when the last request was sent that was answered otherwise (None: none was), and when the first
        answer was there for which it is so."""
        last_old, give_up = None, time.monotonic() + GIVE_UP_S
        while True:
            sent = time.monotonic()
            if is_seen(self.ask()):
                return last_old, time.monotonic()
            last_old = sent
            if sent > give_up:
                raise SystemExit(f'not seen within {GIVE_UP_S} s')


def measure(change, asker, count, pause_s):
    """For `count` changes: (ms until it was seen, ms for which the old one was still answered)."""
    samples = []
    for version in range(1, count + 1):
        asker.ask_until(lambda answer, before=version - 1: change.is_seen(before, answer))
        time.sleep(random.uniform(0, pause_s))
        finish = change.make(version)
        asker.ask()     # what is seen half-way is in the cache now
        finish()
        ended = time.monotonic()
        last_old, seen = asker.ask_until(lambda answer, now=version: change.is_seen(now, answer))
        samples.append(((seen - ended) * 1e3, (last_old - ended) * 1e3 if last_old else 0.0))
    return samples


def at(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row_of(samples):
    seen, old = [sample[0] for sample in samples], [sample[1] for sample in samples]
    return {'samples': len(samples), 'seen': [at(seen, 0.5), at(seen, 0.99), max(seen)],
            'old': [at(old, 0.5), at(old, 0.99), max(old)]}


# ---- where ----

@contextlib.contextmanager
def plain(parent):
    with tempfile.TemporaryDirectory(prefix='folio-staleness-', dir=parent) as folder:
        yield Path(folder)


@contextlib.contextmanager
def mounted(command, folder, unmount=('umount',)):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr else f'{command[0]} failed')
    try:
        yield folder
    finally:
        for _ in range(50):
            if subprocess.run([*unmount, folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)


@contextlib.contextmanager
def overlay(parent):
    with plain(parent) as above:
        for name in ('lower', 'upper', 'work', 'merged'):
            (above / name).mkdir()
        options = f'lowerdir={above}/lower,upperdir={above}/upper,workdir={above}/work'
        with mounted(['mount', '-t', 'overlay', 'overlay', '-o', options, above / 'merged'], above / 'merged') as folder:
            yield folder


@contextlib.contextmanager
def fuse(parent):
    if not shutil.which('bindfs'):
        raise Unavailable('bindfs is not installed')
    with plain(parent) as above:
        for name in ('below', 'mounted'):
            (above / name).mkdir()
        command = ['bindfs', '-o', 'attr_timeout=0,entry_timeout=0,negative_timeout=0', above / 'below', above / 'mounted']
        with mounted(command, above / 'mounted') as folder:
            yield folder


class Unavailable(Exception):
    """This place cannot be had here, for the reason given."""


# name: how to make it, where, whether it tells of changes
PLACES = {'disk': (plain, '/var/tmp', True), 'memory': (plain, '/dev/shm', True), 'overlay': (overlay, '/var/tmp', False),
          'fuse': (fuse, '/var/tmp', False)}


TITLES = {'disk': 'On a disk', 'memory': 'In memory (tmpfs)', 'overlay': 'On an overlay', 'fuse': 'On FUSE (bindfs)'}


# ---- all of it ----

def serve(folder, options, needs_permissions):
    """Root reads what nobody may, unless it gives that up."""
    wrap = ()
    if needs_permissions and os.geteuid() == 0:
        wrap = ('setpriv', '--bounding-set=-dac_override,-dac_read_search')
    return Folio(folder, '--threads', '2', '-c', f'MMapRevalidate {options.revalidate}ms', wrap=wrap)


def one(name, place, options):
    """Every row of one kind of change on one file system."""
    make, parent, _ = PLACES[place]
    with make(parent) as above:
        site = above / 'site'
        if name != 'flip-root':
            site.mkdir()
        change = CHANGES[name](site)
        change.begin()
        os.sync()
        time.sleep(0.1)     # nothing of it is so young that it would be looked at again
        server = serve(site, options, name in NEED_PERMISSIONS)
        try:
            asker = Asker(server.address, change.target)
            count = options.samples if PLACES[place][2] else options.samples_by_age
            samples = measure(change, asker, count, options.pause / 1e3)
            asker.socket.close()
            server.stop()
        finally:
            server.give_up()
    return row_of(samples)


def line_of(name, row, bound):
    return (f"| {name:18} | {row['samples']:7} | " + ' | '.join(f'{value:8.2f}' for value in row['seen']) + ' | '
            + ' | '.join(f'{value:8.2f}' for value in row['old']) + (' |' if row['old'][2] <= bound else ' | passed |'))


HEADER = ('| change             | changes | seen p50 | seen p99 | seen max | old p50  | old p99  | old max  |\n'
          '|---|---|---|---|---|---|---|---|')


@contextlib.contextmanager
def busy(count):
    """So many processes that never rest."""
    processes = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(options):
    results, passed = {}, False
    for place in options.on:
        bound = BOUND_MS if PLACES[place][2] else BOUND_MS + options.revalidate
        print(f'\n{place}: at most {bound} ms\n\n{HEADER}', flush=True)
        results[place] = {'bound': bound, 'rows': {}}
        for name in options.changes:
            try:
                row = one(name, place, options)
            except Unavailable as reason:
                print(f'| cannot be had here: {reason} |')
                results[place]['reason'] = str(reason)
                break
            results[place]['rows'][name] = row
            print(line_of(name, row, bound), flush=True)
            passed |= row['old'][2] > bound
    return results, passed


def page(results):
    """docs/STALENESS.md."""
    facts = machine.facts()
    lines = ['# How long is the old version served?', '',
             f'Measured by `bench/run staleness` on {facts["date"]} ({facts["cpu"]}, {facts["kernel"]}); the page is written by it.', '',
             'A file is changed in one way after the other, while it is asked for all the time over one connection. Of each change',
             'two times are taken, in milliseconds, from the moment when its last system call had returned: when the first answer',
             'with the new content was there (`seen`: the delays of the machine and of the program that asks are in it), and when the last',
             'request was sent that was still answered with the old content (`old`; 0: none was). The latter is what the server must',
             'answer for: at most 50 ms where the file system tells of changes, and 50 ms more than `MMapRevalidate`, here 200 ms, where it',
             'does not.', '']
    for place, result in results.items():
        lines += [f'## {TITLES[place]}', '', f'The bound: {result["bound"]} ms.', '']
        if 'reason' in result:
            lines += [f'Not measured: {result["reason"]}.', '']
            continue
        lines += [HEADER] + [line_of(name, row, result['bound']) for name, row in result['rows'].items()] + ['']
    return '\n'.join(lines).rstrip() + '\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda known: lambda text: [name for name in text.split(',') if name in known or parser.error(name)]
    parser.add_argument('--folio', help='the binary; without it, what FOLIO names, or build/folio')
    parser.add_argument('--on', type=names(PLACES), default=list(PLACES), help=f"of {','.join(PLACES)}")
    parser.add_argument('--changes', type=names(CHANGES), default=list(CHANGES), help=f"of {','.join(CHANGES)}")
    parser.add_argument('--samples', type=int, default=300, help='changes of each kind (300)')
    parser.add_argument('--samples-by-age', type=int, default=60, help='where nothing tells of changes (60)')
    parser.add_argument('--revalidate', type=int, default=200, help='MMapRevalidate, in ms (200)')
    parser.add_argument('--pause', type=int, default=20, help='between two changes, at most, in ms (20)')
    parser.add_argument('--busy', type=int, default=0, help='so many processes beside it that never rest (0)')
    parser.add_argument('--publish', action='store_true', help='renew docs/STALENESS.md')
    options = parser.parse_args()
    if options.folio:
        os.environ['FOLIO'] = options.folio
    with busy(options.busy):
        results, passed = run(options)
    out = TOP / 'build' / 'bench'
    out.mkdir(parents=True, exist_ok=True)
    (out / 'staleness.json').write_text(json.dumps(results, indent=1))
    if options.publish:
        (TOP / 'docs' / 'STALENESS.md').write_text(page(results))
    return int(passed)


if __name__ == '__main__':
    sys.exit(main())
