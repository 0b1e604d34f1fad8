#!/usr/bin/python3
"""What idle connections cost: in memory, and for the one client that is active beside them.

Each server, started anew, holds 10, 1,000 and 15,000 keep-alive connections that were answered once; then one client
asks as fast as it can. Prints the user memory per idle connection (the growth of the server's proportional set size),
the active client's latency and the server's CPU time per request. Writes build/bench/connections.json.
"""
import json
import os
import statistics
import subprocess
import sys
import time

import machine
import options
from field import NAMES, Field, check_body
from machine import say

FILE, SIZE = '1k.html', 1024


def drive(o, port, *options):
    command = [f'{o.out}/load', '--path', f'/{FILE}', '--size', str(SIZE), *options, f'127.0.0.1:{port}']
    return machine.start(command, o.cpus[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process, said=''):
    """Its last line, when it has ended by itself."""
    out = process.communicate(said)[0]
    machine.stop(process)
    if not out:
        raise OSError('the load generator gave up')
    return json.loads(out)


def measure(field, name, www, count, o):
    port, = machine.free_ports(1)
    server = field.start(name, port, www, o.cpus[0])
    check_body(port, FILE, f'{www}/{FILE}')
    finish(drive(o, port, '--connections', '64', '--seconds', '0.3'))  # so that what is made once is made
    time.sleep(0.2)
    before = machine.memory_kib(server.pid)
    client = drive(o, port, '--connections', '1', '--idle', str(count), '--hold', '--seconds', str(o.seconds))
    held = json.loads(client.stdout.readline() or '{"held": 0}')['held']
    time.sleep(0.2)
    memory, cpu = machine.memory_kib(server.pid) - before, machine.cpu_seconds(server.pid)
    run = finish(client, '\n')
    cpu = machine.cpu_seconds(server.pid) - cpu
    error = field.stop(server) or run['first_error']
    if held != count:
        error = f'holds {held} at most'
    elif run['idle_lost']:
        error = f'closed {run["idle_lost"]} idle connections'
    return {'bytes_each': memory * 1024 / max(held, 1), 'cpu_us': cpu / max(run['requests'], 1) * 1e6,
            'p50_us': run['latency_us']['p50'], 'p99_us': run['latency_us']['p99'], 'max_us': run['latency_us']['max'],
            'error': error}


def print_rows(results, o):
    say(f'\n{"server":10}{"idle":>8}{"bytes each":>12}{"CPU us/req":>12}{"p50 us":>9}{"p99 us":>9}{"max us":>10}'
        f'{"p99 to the least":>18}')
    for name, rows in results.items():
        least = rows[o.counts[0]]['p99_us']
        for count, row in rows.items():
            each = f'{row["bytes_each"]:.0f}' if count >= 1000 else ''  # below, pages hide connections
            line = f'{name:10}{count:8}{each:>12}'
            if row['p50_us']:
                line += (f'{row["cpu_us"]:12.2f}{row["p50_us"]:9.1f}{row["p99_us"]:9.1f}{row["max_us"]:10.1f}'
                         f'{row["p99_us"] / least:18.2f}')
            say(line + (f'  {row["error"]}' if row['error'] else ''))


def parse_options():
    a = options.parser('connections', __doc__, ['folio', 'nginx', 'lighttpd'], NAMES)
    a.add_argument('--counts', default='10,1000,15000', help='idle connections, 19800 at most; default: %(default)s')
    o = options.read(a)
    o.counts = sorted(int(count) for count in o.counts.split(','))
    return o


def main():
    o = parse_options()
    names = o.names
    field = Field(o.out, o.work, o.folio)
    field.prepare(names)
    machine.isolate()
    www = f'{field.work}/small'
    os.makedirs(www, exist_ok=True)
    with open(f'{www}/{FILE}', 'wb') as out:
        out.write(os.urandom(SIZE))
    runs = {(name, count): [] for name in names for count in o.counts}
    for _ in range(o.rounds):
        for (name, count), done in runs.items():
            try:
                done.append(measure(field, name, www, count, o))
            except OSError as reason:
                sys.exit(f'{name} beside {count} idle connections: {reason}')
    results = {name: {} for name in names}
    for (name, count), done in runs.items():
        row = {figure: statistics.median(run[figure] for run in done) for figure in done[0] if figure != 'error'}
        results[name][count] = dict(row, error=next((run['error'] for run in done if run['error']), ''))
    print_rows(results, o)
    with open(f'{o.out}/connections.json', 'w') as out:
        json.dump({'machine': machine.facts(), 'servers': results}, out, indent=1)
    return 1 if any(row['error'] for row in results.get('folio', {}).values()) else 0


if __name__ == '__main__':
    machine.run_main(main)
