#!/usr/bin/python3
"""What happens when there is four times more to serve than memory?

Each server runs in a cgroup of its own (memory, version 1 or 2), that holds a quarter of what it serves, of what the
kernel keeps for it, too. Sixteen clients ask for files all over it, each as likely as any other; beside them a steady
client asks for one hot file of 1 KiB, a thousand times a second. Prints answers a second and MB/s, the hot client's
latency, how the memory was shared between the process and its files, and how often anything was killed for memory.
Writes build/bench/memory.json. Needs root, a memory controller, and a work folder on a disk of this machine.
"""
import collections
import json
import os
import statistics
import subprocess
import threading
import time

import chart
import machine
import options
from cgroup import MemoryCgroup, why_not
from field import Field, check_body, version
from machine import say
from stall import HOT, HOT_BYTES, ask_hot, forget, summary

TIMES = 4
CLIENTS = 16
WARM_UP_SECONDS = 3
Load = collections.namedtuple('Load', 'title size')
LOADS = {'16k': Load('files of 16 KiB', 16 << 10), '1m': Load('files of 1 MiB', 1 << 20)}
RIVALS = ['folio', 'nginx', 'lighttpd']
FIGURES = ['rps', 'mb_s', 'hot_p50_ms', 'hot_p99_ms', 'cpu_us', 'process_mib', 'files_mib', 'killed']


def pattern(key):
    return f'/{key}/{{folder}}/{{file}}.bin'


def path_of(key, number):
    return f'/{key}/{number // 1000:03}/{number % 1000:03}.bin'


def make_files(www, counts):
    os.makedirs(www, exist_ok=True)
    with open(f'{www}/{HOT}', 'wb') as hot:
        hot.write(os.urandom(HOT_BYTES))
    for key, count in counts.items():
        for number in range(count):
            path = www + path_of(key, number)
            if number % 1000 == 0:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.exists(path) or os.path.getsize(path) != LOADS[key].size:
                with open(path, 'wb') as out:
                    out.write(os.urandom(LOADS[key].size))
    os.sync()


class MemoryField(Field):
    """Every server is started inside `group`."""
    group = None

    def command(self, name, port, www, logs=False, options=()):
        return self.group.wrap + super().command(name, port, www, logs, options)


def drive(field, port, key, count, seconds):
    command = [f'{field.out}/load', '--pattern', pattern(key), '--files', str(count), '--choose', 'uniform', '--size',
               str(LOADS[key].size), '--connections', str(CLIENTS), '--seconds', str(seconds), '--seed',
               str(time.time_ns() % 1_000_000 + 1), f'127.0.0.1:{port}']
    process = machine.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    answer = json.loads(process.communicate()[0] or '{"errors": 1, "first_error": "the load generator gave up"}')
    machine.stop(process)
    return answer


def run(field, name, key, mib, www, seconds):
    """A fresh server in a fresh cgroup. An OSError tells what went wrong."""
    count = TIMES * (mib << 20) // LOADS[key].size
    for number in range(count):
        forget(www + path_of(key, number))
    port, = machine.free_ports(1)
    with MemoryCgroup(mib << 20) as group:
        field.group = group
        server = field.start(name, port, www)
        check_body(port, HOT, f'{www}/{HOT}')
        check_body(port, path_of(key, count // 2)[1:], www + path_of(key, count // 2))
        drive(field, port, key, count, WARM_UP_SECONDS)
        answers = []
        cpu = machine.cpu_seconds(server.pid)
        client = threading.Thread(target=lambda: answers.append(drive(field, port, key, count, seconds)))
        client.start()
        time.sleep(0.2)
        hot = summary(ask_hot(port, seconds - 0.4))
        client.join()
        answer = answers[0]
        cpu = machine.cpu_seconds(server.pid) - cpu
        process_bytes, file_bytes = group.used()
        killed = group.killed()
        alive = server.poll() is None
        error = field.stop(server) if alive else 'the server is gone'
    if answer['errors']:
        error = f'{answer["errors"]} wrong answers, the first: {answer["first_error"]}'
    requests = max(answer.get('requests', 0), 1)
    return {'rps': requests / seconds, 'mb_s': requests * LOADS[key].size / 1e6 / seconds, 'hot_p50_ms': hot['p50_ms'],
            'hot_p99_ms': hot['p99_ms'], 'cpu_us': cpu * 1e6 / requests, 'process_mib': process_bytes / 2**20,
            'files_mib': file_bytes / 2**20, 'killed': killed, 'error': error or ''}


def median_of(rounds):
    row = {figure: statistics.median(one[figure] for one in rounds) for figure in FIGURES}
    row['killed'] = sum(one['killed'] for one in rounds)
    row['rps_range'] = [min(one['rps'] for one in rounds), max(one['rps'] for one in rounds)]
    row['error'] = next((one['error'] for one in rounds if one['error']), '')
    return row


def print_row(name, row):
    low, high = row['rps_range']
    say(f'  {name:10}{row["rps"]:9.0f}{f"({low:.0f}-{high:.0f})":>16}{row["mb_s"]:9.1f}{row["hot_p50_ms"]:9.2f}'
        f'{row["hot_p99_ms"]:9.2f}{row["cpu_us"]:9.1f}{row["process_mib"]:9.1f}{row["files_mib"]:9.1f}'
        f'{row["killed"]:7}{"  ERROR: " + row["error"] if row["error"] else ""}')


def markdown(results):
    """The page's part about it; chart.py keeps it when the race renews the rest."""
    facts, lines = results['machine'], []
    lines += ['## Four times more to serve than memory', '',
              f'Measured by `bench/run memory` on {facts["date"]} ({facts["cpu"]}, {facts["kernel"]}; ' +
              ', '.join(results['versions'].values()) + f'): medians of {results["rounds"]} interleaved rounds of '
              f'{results["seconds"]:g} s.',
              'Each server is in a cgroup that holds a quarter of what it serves; 16 clients ask for all of it alike, and '
              'a steady one for a hot file.', '',
              '| memory | served | server | answers/s | MB/s | hot p50, ms | hot p99, ms | CPU, µs each | process, MiB '
              '| its files, MiB | killed |', '|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|']
    for mib, loads in results['sizes'].items():
        for key, servers in loads.items():
            for name, row in servers.items():
                mark = '**' if name == 'folio' else ''
                cells = [f'{row["rps"]:.0f}', f'{row["mb_s"]:.0f}', f'{row["hot_p50_ms"]:.2f}',
                         f'{row["hot_p99_ms"]:.2f}', f'{row["cpu_us"]:.0f}', f'{row["process_mib"]:.0f}',
                         f'{row["files_mib"]:.0f}', f'{row["killed"]}']
                lines.append(f'| {mib} MiB | {LOADS[key].title} | {name} | ' +
                             ' | '.join(f'{mark}{cell}{mark}' for cell in cells) + ' |')
    return '\n'.join(lines) + '\n'


def parse_options():
    a = options.parser('memory', __doc__, RIVALS, seconds=5, disk='what is served lies (4 GiB)', cpus=False)
    options.add_loads(a, LOADS)
    options.add_extra(a)
    a.add_argument('--sizes', default='64,512', help='of the cgroups, in MiB; default: %(default)s')
    a.add_argument('--publish', action='store_true', help='renew this part of docs/BENCH.md')
    o = options.read(a)
    o.mib = [int(size) for size in o.sizes.split(',')]
    return o


def main():
    o = parse_options()
    if why_not():
        raise SystemExit(why_not())
    field = MemoryField(o.out, o.work, o.folio, o.extra)
    field.prepare(o.names)
    machine.isolate()
    www = f'{field.work}/memory'
    make_files(www, {key: TIMES * (max(o.mib) << 20) // LOADS[key].size for key in o.keys})
    results = {'machine': machine.facts(), 'rounds': o.rounds, 'seconds': o.seconds, 'sizes': {},
               'versions': {name: version(name, field) for name in o.names}}
    for mib in o.mib:
        for key in o.keys:
            say(f'\n{mib} MiB, and {TIMES * mib} MiB of {LOADS[key].title}')
            say(f'  {"":10}{"req/s":>9}{"(range)":>16}{"MB/s":>9}{"hot p50":>9}{"p99 ms":>9}{"CPU us":>9}{"process":>9}'
                f'{"files":>9}{"killed":>7}')
            rounds = {name: [] for name in o.names}
            for _ in range(o.rounds):
                for name in o.names:
                    try:
                        rounds[name].append(run(field, name, key, mib, www, o.seconds))
                    except OSError as reason:
                        say(f'   {name}: {reason}')
            rows = {name: median_of(some) for name, some in rounds.items() if some}
            results['sizes'].setdefault(str(mib), {})[key] = rows
            for name, row in rows.items():
                print_row(name, row)
    with open(f'{o.out}/memory.json', 'w') as out:
        json.dump(results, out, indent=1)
    if o.publish:
        chart.write_part('memory', markdown(results), f'{machine.PROJECT}/docs')
    all_rows = [row for loads in results['sizes'].values() for rows in loads.values() for row in rows.values()]
    whole = len(all_rows) == len(o.mib) * len(o.keys) * len(o.names)
    return 0 if whole and not any(row['error'] or row['killed'] for row in all_rows) else 1


if __name__ == '__main__':
    machine.run_main(main)
