#!/usr/bin/python3
"""Does one request's cold read from the disk delay everybody else's hot hits?

A steady client asks for a hot file of 1 KiB over four connections, a thousand times a second, first alone, and then
beside 16 others who fetch files that are in nobody's memory, from a device that is slow. It is the disk, for a server in
a cgroup (blkio, version 1) whose reads are throttled; or, for `fuse-big` and `fuse-small`, a file system of the tests' own
(tests/fuse), which reads one thing after the other as fast as it is told to. `big`: files of 8 MiB at 32 MiB/s, each client its own; `shared`: the same
files, but all clients ask for all of them, one after the other; `small`: files of 4 KiB at 1 MB/s. Prints the hot
client's latency alone and beside the cold reads, the ratio of the two at p99, and what the cold readers got together.
Writes build/bench/stall.json. Needs root, and a work folder on a disk of this machine.
"""
import collections
import contextlib
import json
import multiprocessing
import os
import pathlib
import select
import socket
import statistics
import sys
import threading
import time

import chart
import machine
import options
from field import NAMES, Field, check_body, version
from machine import say

sys.path.insert(0, f'{machine.PROJECT}/tests/scenario')
import slow_file_system  # noqa: E402 pylint: disable=wrong-import-position

CONNECTIONS, INTERVAL = 4, 1 / 250     # of the hot client: so many, each asking so often
COLD_CLIENTS, PATIENCE = 16, 30
HOT, HOT_BYTES = 'hot.html', 1024
AIO = 'nginx-aio'                       # nginx again, with its thread pool
APART = 'folio-apart'                   # Folio twice: one is asked for what is hot, another for what is cold
VARIANTS = {AIO: 'nginx', APART: 'folio'}
RIVALS = [NAMES[0], APART, NAMES[1], AIO] + NAMES[2:]
SLOW = 'slow'                           # where the file system of the tests' own is mounted, below the root
Load = collections.namedtuple('Load', 'title files count size shared rate')   # rate: bytes a second that the device gives
LOADS = {'big': Load('8 MiB at 32 MiB/s', 'big', 32, 8 << 20, False, 32 << 20),
         'shared': Load('8 MiB at 32 MiB/s, the same for all', 'big', 32, 8 << 20, True, 32 << 20),
         'small': Load('4 KiB at 1 MB/s', 'small', 4000, 4096, False, 1_000_000),
         'fuse-big': Load('8 MiB at 32 MiB/s, FUSE', f'{SLOW}/big', 32, 8 << 20, False, 32 << 20),
         'fuse-small': Load('4 KiB at 1 MB/s, FUSE', f'{SLOW}/small', 4000, 4096, False, 1_000_000)}


# ---- the slow disk ----

def blkio_mount():
    """Where the blkio controller of cgroup version 1 is mounted, or None."""
    with open('/proc/self/mounts') as mounts:
        for line in mounts:
            _, folder, kind, options, *_ = line.split()
            if kind == 'cgroup' and 'blkio' in options.split(','):
                return folder
    return None


def disk_of(path):
    """The number of the whole disk that holds `path`, as major:minor."""
    device = os.stat(path).st_dev
    number = f'{os.major(device)}:{os.minor(device)}'
    known = os.path.realpath(f'/sys/dev/block/{number}')
    if not os.path.exists(known):
        raise SystemExit(f'{path} is on no disk of this machine: name a folder that is, with --work')
    if os.path.exists(f'{known}/partition'):
        known = os.path.dirname(known)
    with open(f'{known}/dev') as disk:
        return disk.read().strip()


class SlowDisk:
    """A cgroup whose processes read so many bytes a second. When the `with` ends they are ended, and it is gone."""

    def __init__(self, mount, disk, bytes_per_second):
        self.folder = f'{mount}/folio-stall-{os.getpid()}'
        self.disk, self.bytes_per_second = disk, bytes_per_second

    def __enter__(self):
        os.mkdir(self.folder)
        self.give(self.bytes_per_second)
        return self

    def give(self, bytes_per_second):
        """0: as many as the disk has."""
        with open(f'{self.folder}/blkio.throttle.read_bps_device', 'w') as limit:
            limit.write(f'{self.disk} {bytes_per_second}')

    def take(self, pid):
        """Everything of the process, and of those that it started; what they start from now on is in it as well."""
        for each in machine.process_tree(pid):
            with open(f'{self.folder}/cgroup.procs', 'w') as processes:
                processes.write(str(each))

    def __exit__(self, *_):
        machine.end_all()
        self.give(0)   # what still waits for the disk is in the way of the next round's files
        for _ in range(200):   # those that are waiting for the disk end when they have what they wait for
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
                return
            time.sleep(0.05)
        say(f'{self.folder} is still in use, and stays')


class SlowMount:
    """The files of `www` a second time, below it, from a device that gives so many bytes a second."""

    def __init__(self, program, www, bytes_per_second):
        self.program, self.www, self.bytes_per_second = program, pathlib.Path(www), bytes_per_second
        self.device = None

    def __enter__(self):
        control = self.www.parent / f'{self.www.name}.control'
        self.device = slow_file_system.SlowFileSystem(self.program, self.www, self.www / SLOW, control, known_for_s=60)
        self.give(self.bytes_per_second)
        return self

    def give(self, bytes_per_second):
        self.device.give(bytes_per_second)

    def take(self, pid):
        """It is slow for everybody."""

    def __exit__(self, *_):
        machine.end_all()
        self.device.end()


def names_of(load):
    return [f'{load.files}{number}.bin' for number in range(load.count)]


def make_files(www):
    os.makedirs(www, exist_ok=True)
    with open(f'{www}/{HOT}', 'wb') as hot:
        hot.write(os.urandom(HOT_BYTES))
    for load in LOADS.values():
        for name in names_of(load) if not load.files.startswith(SLOW) else []:
            path = f'{www}/{name}'
            if not os.path.exists(path) or os.path.getsize(path) != load.size:
                with open(path, 'wb') as cold:
                    cold.write(os.urandom(load.size))
    os.sync()


def forget(path):
    """Out of the kernel's memory."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


# ---- the clients ----

class HotConnection:
    """Asks once in an interval. What is asked late, for want of the answer before, counts from when it was due."""

    def __init__(self, port, due):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due, self.asked, self.answered, self.got = due, None, 0.0, b''

    def fileno(self):
        return self.socket.fileno()

    def ask(self, now):
        self.asked = self.due if self.due < self.answered else now
        self.due += INTERVAL
        self.got = b''
        self.socket.sendall(f'GET /{HOT} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.encode())

    def take(self):
        """The latency, if the answer is whole now."""
        block = self.socket.recv(65536)
        self.got += block
        if not block or not self.got.startswith(b'HTTP/1.1 200 '[:len(self.got)]):
            raise OSError(f'a hot request was answered with {self.got[:40]!r}')
        head = self.got.find(b'\r\n\r\n')
        if head < 0 or len(self.got) < head + 4 + HOT_BYTES:
            return None
        self.answered = time.perf_counter()
        latency, self.asked = self.answered - self.asked, None
        return latency


def ask_hot(port, seconds):
    """Latencies in ms, sorted; what has no answer at the end has waited at least until then."""
    began, latencies = time.perf_counter(), []
    connections = [HotConnection(port, began + i * INTERVAL / CONNECTIONS) for i in range(CONNECTIONS)]
    while (now := time.perf_counter()) < began + seconds:
        for connection in connections:
            if connection.asked is None and connection.due <= now:
                connection.ask(now)
        waits = min([connection.due for connection in connections if connection.asked is None] + [began + seconds])
        for connection in select.select(connections, [], [], max(0, waits - time.perf_counter()))[0]:
            latency = connection.take()
            if latency is not None:
                latencies.append(latency * 1e3)
    for connection in connections:
        if connection.asked is not None:
            latencies.append((time.perf_counter() - connection.asked) * 1e3)
        connection.socket.close()
    return sorted(latencies)


def fetch_cold(port, names, size, got, errors):
    """One client: every file once. What goes wrong is counted."""
    for name in names:
        answer, first = 0, b''
        try:
            with socket.create_connection(('127.0.0.1', port), PATIENCE) as connection:
                connection.sendall(f'GET /{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'.encode())
                while block := connection.recv(1 << 18):
                    first = first or block[:13]
                    answer += len(block)
                    with got.get_lock():
                        got.value += len(block)
        except OSError:
            answer = 0
        if answer < size or not first.startswith(b'HTTP/1.1 200 '):
            with errors.get_lock():
                errors.value += 1


def fetch_all_cold(port, load, got, errors):
    """A process of its own, so that the hot client never waits for it; and one that gives way, as clients elsewhere would."""
    os.nice(19)
    names = names_of(load)
    parts = [names if load.shared else names[i::COLD_CLIENTS] for i in range(COLD_CLIENTS)]
    clients = [threading.Thread(target=fetch_cold, args=(port, part, load.size, got, errors)) for part in parts]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


# ---- one round ----

class StallField(Field):
    def command(self, name, port, www, logs=False, options=()):
        command = super().command(VARIANTS.get(name, name), port, www, logs, options)
        if name != AIO:
            return command
        with open(command[-1]) as conf:
            text = conf.read()
        with open(command[-1], 'w') as conf:
            conf.write(text.replace('sendfile on;', 'sendfile on; aio threads;'))
        return command


def summary(latencies):
    return {'p50_ms': statistics.median(latencies), 'p99_ms': latencies[int(len(latencies) * 0.99)],
            'max_ms': latencies[-1], 'answers': len(latencies)}


def run(field, name, key, www, device_of, o):
    """A fresh server, alone and beside the cold readers. An OSError tells what went wrong."""
    load = LOADS[key]
    port, cold_port = machine.free_ports(2)
    got, errors = multiprocessing.Value('q'), multiprocessing.Value('q')
    with device_of(key, o.bytes_per_second or load.rate) as slow:
        servers = [field.start(name, port, www)]
        if name == APART:
            servers.append(field.start(name, cold_port, www))
        else:
            cold_port = port
        for server in servers:
            slow.take(server.pid)
        check_body(port, HOT, f'{www}/{HOT}')
        ask_hot(port, 0.5)
        alone = summary(ask_hot(port, o.seconds / 2))
        for cold in names_of(load):
            forget(f'{www}/{cold}')
        clients = multiprocessing.Process(target=fetch_all_cold, args=(cold_port, load, got, errors), daemon=True)
        clients.start()
        try:
            time.sleep(0.5)
            began, before = time.monotonic(), got.value
            beside = summary(ask_hot(port, o.seconds))
            cold_mb_s = (got.value - before) / 1e6 / (time.monotonic() - began)
            was_enough = clients.is_alive()
        finally:
            clients.kill()
            clients.join()
            slow.give(0)
        error = ' '.join(filter(None, [field.stop(server) for server in servers]))
    if errors.value:
        error = f'{errors.value} cold answers were not what was asked for'
    if not was_enough:
        error = 'the cold files were all read before the time was over: ask for fewer --seconds'
    return {'alone': alone, 'beside': beside, 'ratio': beside['p99_ms'] / alone['p99_ms'], 'cold_mb_s': cold_mb_s,
            'error': error or ''}


def median_of(rounds):
    row = {when: {figure: statistics.median(one[when][figure] for one in rounds) for figure in rounds[0][when]}
           for when in ('alone', 'beside')}
    row.update({figure: statistics.median(one[figure] for one in rounds) for figure in ('ratio', 'cold_mb_s')})
    row.update(ratio_range=[min(one['ratio'] for one in rounds), max(one['ratio'] for one in rounds)],
               error=next((one['error'] for one in rounds if one['error']), ''))
    return row


def print_row(name, row):
    figures = ''.join(f'{row[when][figure]:10.2f}' for when in ('alone', 'beside')
                      for figure in ('p50_ms', 'p99_ms', 'max_ms'))
    low, high = row['ratio_range']
    say(f'  {name:11}{figures}{row["ratio"]:9.2f}{f"({low:.2f}-{high:.2f})":>18}{row["cold_mb_s"]:10.1f}'
        f'{"  ERROR: " + row["error"] if row["error"] else ""}')


def markdown(results):
    """The page's part about it; chart.py keeps it when the race renews the rest."""
    facts = results['machine']
    lines = ['## Hot files beside cold ones', '',
             f'Measured by `bench/run stall` on {facts["date"]} ({facts["cpu"]}, {facts["kernel"]}; '
             + ', '.join(results['versions'].values()) + f'): medians of {results["rounds"]} interleaved rounds of '
             f'{results["seconds"]:g} s.',
             'A steady client asks for a hot file of 1 KiB, first alone, and then beside 16 who fetch what is in nobody\'s memory from '
             'a slow device. In milliseconds; the ratio is that of the two p99.',
             '`folio-apart` is two processes of Folio, one for the hot file and '
             'another for the cold ones: what the hot client waits longer there, it waits for a machine that has clients and servers '
             'on the same CPUs, and not for the server.', '',
             '| cold files | server | alone p50 | alone p99 | beside p50 | beside p99 | beside max | p99 beside / alone | cold MB/s |',
             '|---|---|--:|--:|--:|--:|--:|--:|--:|']
    for key, servers in results['loads'].items():
        for name, row in servers.items():
            mark = '**' if name == 'folio' else ''
            alone, beside = row['alone'], row['beside']
            cells = [f'{value:.2f}' for value in (alone['p50_ms'], alone['p99_ms'], beside['p50_ms'], beside['p99_ms'],
                                                  beside['max_ms'], row['ratio'])] + [f'{row["cold_mb_s"]:.1f}']
            lines.append(f'| {LOADS[key].title} | {name} | ' + ' | '.join(f'{mark}{cell}{mark}' for cell in cells) + ' |')
    return '\n'.join(lines) + '\n'


def parse_options():
    a = options.parser('stall', __doc__, RIVALS, seconds=5, of='beside the cold reads, and half of it alone',
                       disk='what is served lies (300 MiB)', cpus=False)
    options.add_loads(a, LOADS)
    options.add_extra(a)
    a.add_argument('--bytes-per-second', type=int, help='what the disk gives, in place of what is said above')
    a.add_argument('--publish', action='store_true', help='renew this part of docs/BENCH.md')
    return options.read(a)


def main():
    o = parse_options()
    mount, why_not = blkio_mount(), slow_file_system.why_not()
    o.keys = [key for key in o.keys if not (why_not and LOADS[key].files.startswith(SLOW))]
    if why_not:
        say(f'nothing is measured on a file system of the tests\' own: {why_not}')
    if os.geteuid() != 0 or not mount:
        raise SystemExit('slowing the disk down needs root, and the blkio controller of cgroup version 1')
    field = StallField(o.out, o.work, o.folio, o.extra)
    field.prepare(list(dict.fromkeys(VARIANTS.get(name, name) for name in o.names)))
    disk = disk_of(field.work)
    machine.isolate()
    www = f'{field.work}/stall'
    make_files(www)
    program = slow_file_system.build(o.out) if not why_not else None

    def device_of(key, rate):
        return SlowMount(program, www, rate) if LOADS[key].files.startswith(SLOW) else SlowDisk(mount, disk, rate)

    results = {'machine': machine.facts(), 'rounds': o.rounds, 'seconds': o.seconds,
               'versions': {name: version(name, field) for name in o.names if name not in VARIANTS}, 'loads': {}}
    for key in o.keys:
        load = LOADS[key]
        rate = (o.bytes_per_second or load.rate) / 1e6
        say(f'\n{key}: {load.count} cold files of {load.size:,} bytes, {COLD_CLIENTS} clients, {rate:.1f} MB/s')
        say(f'  {"hot ms":11}{"alone p50":>10}{"p99":>10}{"max":>10}{"beside p50":>11}{"p99":>9}{"max":>10}{"p99 x":>9}'
            f'{"(range)":>18}{"cold MB/s":>10}')
        rounds = {name: [] for name in o.names}
        for _ in range(o.rounds):
            for name in o.names:
                try:
                    rounds[name].append(run(field, name, key, www, device_of, o))
                except OSError as reason:
                    say(f'   {name}: {reason}')
        results['loads'][key] = {name: median_of(rows) for name, rows in rounds.items() if rows}
        for name, row in results['loads'][key].items():
            print_row(name, row)
    with open(f'{o.out}/stall.json', 'w') as out:
        json.dump(results, out, indent=1)
    if o.publish:
        chart.write_part('stall', markdown(results), f'{machine.PROJECT}/docs')
    whole = all(set(rows) == set(o.names) for rows in results['loads'].values())
    return 0 if whole and not any(row['error'] for rows in results['loads'].values() for row in rows.values()) else 1


if __name__ == '__main__':
    machine.run_main(main)
