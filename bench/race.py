#!/usr/bin/python3
"""Race Folio against the floors and Debian's nginx, h2o, lighttpd and Apache on one machine.

Every server has one worker on one CPU, the load generator has another. The rounds are interleaved (A B C A B C ...),
so that a machine that drifts drifts for all. What counts is the server's own CPU time per request, over all threads
of its process tree, and its ratio to the floor's in the same round: it means something also where the client is the
bottleneck.

Writes build/bench/results.json, and a chart and tables of it. A whole race (every load and server, no fewer rounds or
seconds than by default) on a quiet machine also renews docs/bench.svg and docs/BENCH.md.
"""
import collections
import json
import os
import statistics
import subprocess
import time

import chart
import machine
import options
from field import NAMES, Field, check_body, version
from machine import say

Load = collections.namedtuple('Load', 'title file size connections floors options logs', defaults=((), False))
# The first floor named is the one that the ratio is to.
LOADS = {
    '1k': Load('1 KiB', '1k.html', 1 << 10, 64, ('copy',)),
    'pipe': Load('1 KiB, 16 pipelined', '1k.html', 1 << 10, 64, ('copy',), ('--pipeline', '16')),
    'log': Load('1 KiB, access log on', '1k.html', 1 << 10, 64, ('copy',), (), True),
    'close': Load('1 KiB, a connection each', '1k.html', 1 << 10, 64, ('close',), ('--close',)),
    '16k': Load('16 KiB', '16k.html', 16 << 10, 64, ('copy',)),
    '100k': Load('100 KiB', '100k.bin', 100 << 10, 32, ('sendfile', 'copy')),
    '1m': Load('1 MiB', '1m.bin', 1 << 20, 16, ('sendfile',)),
    '1g': Load('1 GiB', '1g.bin', 1 << 30, 4, ('sendfile',)),
}
DOCS = f'{machine.PROJECT}/docs'
ROUNDS, SECONDS = 5, 1.5
QUIET = 0.1   # of one CPU: what other processes may take while the docs' figures are made


def make_files(www, keys=tuple(LOADS)):
    os.makedirs(www, exist_ok=True)
    for load in (LOADS[key] for key in keys):
        path = f'{www}/{load.file}'
        if os.path.exists(path) and os.path.getsize(path) == load.size:
            continue
        block = os.urandom(min(load.size, 1 << 20))
        with open(path, 'wb') as out:
            for _ in range(load.size // len(block)):
                out.write(block)


def drive(out, load, port, seconds, cpu):
    """One run of the load generator."""
    command = [f'{out}/load', '--path', f'/{load.file}', '--size', str(load.size), '--seconds', str(seconds),
               '--connections', str(load.connections), *load.options, f'127.0.0.1:{port}']
    process = machine.start(command, cpu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    answer = json.loads(process.communicate()[0] or '{"errors": 1, "first_error": "the load generator gave up"}')
    machine.stop(process)
    return answer


def measure(process, load, o):
    """One round of one server: what it did, and what that cost."""
    before, began, others = machine.cpu_seconds(process.pid), time.monotonic(), machine.busy_seconds(o.cpus)
    run = drive(o.out, load, process.port, o.seconds, o.cpus[1])
    time.sleep(0.02)  # let it see that the connections are closed: that belongs to the run
    spent = machine.cpu_seconds(process.pid) - before
    others = machine.busy_seconds(o.cpus) - others - spent - run.get('cpu_seconds', 0)
    answers = run.get('body_bytes', 0) / load.size  # the begun ones count in part: a GiB takes a while
    seconds = run.get('seconds', 0) or 1
    return {'rps': answers / seconds, 'mb_s': run.get('mb', 0) / seconds, 'cpu_us': spent / max(answers, 1e-9) * 1e6,
            'busy': spent / seconds, 'client_busy': run.get('cpu_seconds', 0) / seconds,
            'others_busy': max(0, others / (time.monotonic() - began)),
            'p50_us': run.get('latency_us', {}).get('p50', 0), 'p99_us': run.get('latency_us', {}).get('p99', 0),
            'error': run['first_error'] if run['errors'] else ''}


def start_all(field, key, load, www, names, o):
    """Start the field of one load; who cannot be started, or gives wrong bytes, is told and left out."""
    running = {}
    floors = ['floor'] + [f'floor ({kind})' for kind in load.floors[1:]]
    for name, port in zip(floors + names, machine.free_ports(len(floors) + len(names))):
        try:
            if name in floors:
                kind = load.floors[floors.index(name)]
                floor = {'copy': ['copy', str(load.size)], 'close': ['copy', str(load.size), 'close'],
                         'sendfile': ['sendfile', f'{www}/{load.file}']}
                running[name] = field.start_floor(floor[kind], port, o.cpus[0])
                continue
            process = field.start(name, port, www, o.cpus[0], load.logs)
            running[name] = process
            check_body(port, load.file, f'{www}/{load.file}')
        except OSError as reason:
            say(f'   {name} does not race on {key}: {reason}')
            if name in running:
                field.stop(running.pop(name))
    return running


def ratios(runs, others):
    """Of CPU times by round: how much more each is than the others' in the same round."""
    return [run / other for run, other in zip(runs, others) if other] or [0]


def race(field, key, load, www, names, o):
    """Everything of one load: by server, a row of medians."""
    running = start_all(field, key, load, www, names, o)
    for process in running.values():
        drive(o.out, load, process.port, min(1, o.seconds), o.cpus[1])
    rounds = {name: [] for name in running}
    for _ in range(o.rounds):
        for name, process in running.items():
            rounds[name].append(measure(process, load, o))
    memory = {name: machine.memory_kib(process.pid) for name, process in running.items()}
    ends = {name: field.stop(process) for name, process in running.items()}
    servers, cpu_us = {}, {name: [run['cpu_us'] for run in runs] for name, runs in rounds.items()}
    for name, runs in rounds.items():
        row = {figure: statistics.median(run[figure] for run in runs)
               for figure in ('rps', 'mb_s', 'cpu_us', 'busy', 'client_busy', 'others_busy', 'p50_us', 'p99_us')}
        to_floor = ratios(cpu_us[name], cpu_us['floor'])
        row.update(to_floor=statistics.median(to_floor), to_floor_range=[min(to_floor), max(to_floor)],
                   pss_kib=memory[name], rounds_us=cpu_us[name],
                   error=next((run['error'] for run in runs if run['error']), '') or ends[name] or '')
        servers[name] = row
    for name in names:
        if load.logs and os.path.exists(field.log(name)):
            os.unlink(field.log(name))
    return {'title': load.title, 'size': load.size, 'connections': load.connections, 'floor': load.floors[0],
            'servers': servers}


def print_load(result):
    say(f'\n{result["title"]} ({result["connections"]} connections; the floor: {result["floor"]})')
    say(f'  {"server":17}{"CPU us/req":>11}{"x floor":>9}{"(range)":>14}{"req/s":>11}{"MB/s":>8}{"busy":>7}'
        f'{"p50 ms":>9}{"p99 ms":>9}{"MiB":>8}')
    for name, row in result['servers'].items():
        low, high = row['to_floor_range']
        say(f'  {name:17}{row["cpu_us"]:11.2f}{row["to_floor"]:9.2f}{f"({low:.2f}-{high:.2f})":>14}{row["rps"]:11.0f}'
            f'{row["mb_s"]:8.0f}{row["busy"]:7.0%}{row["p50_us"] / 1e3:9.2f}{row["p99_us"] / 1e3:9.2f}'
            f'{row["pss_kib"] / 1024:8.1f}{"  ERROR: " + row["error"] if row["error"] else ""}')


def is_whole(results):
    """Whether these results may stand in the docs."""
    return (results['rounds'] >= ROUNDS and results['seconds'] >= SECONDS and set(results['loads']) == set(LOADS) and
            all({'floor', *NAMES} <= set(load['servers']) for load in results['loads'].values()))


def parse_options():
    a = options.parser('race', __doc__, NAMES, rounds=ROUNDS, seconds=SECONDS, disk='what is served lies (1.2 GiB)')
    options.add_loads(a, LOADS)
    options.add_extra(a)
    return options.read(a)


def main():
    o = parse_options()
    field = Field(o.out, o.work, o.folio, o.extra)
    field.prepare(o.names)
    machine.isolate()
    www = f'{field.work}/www'
    make_files(www)
    results = {'machine': machine.facts(), 'rounds': o.rounds, 'seconds': o.seconds,
               'versions': {name: version(name, field) for name in o.names}, 'loads': {}}
    for key in o.keys:
        results['loads'][key] = race(field, key, LOADS[key], www, o.names, o)
        print_load(results['loads'][key])
    with open(f'{o.out}/results.json', 'w') as out:
        json.dump(results, out, indent=1)
    chart.write(results, o.out)
    written = [f'{o.out}/{name}' for name in ('results.json', 'bench.svg', 'BENCH.md')]
    rows = [row for load in results['loads'].values() for row in load['servers'].values()]
    failed, others = any(row['error'] for row in rows), statistics.mean(row['others_busy'] for row in rows)
    if others > QUIET:
        say(f'\nother processes took {others:.0%} of a CPU: the ratios are good to some 10 % only, and the docs stay')
    elif is_whole(results) and not failed and o.folio == options.FOLIO:
        chart.write(results, DOCS)
        written += [f'{DOCS}/bench.svg', f'{DOCS}/BENCH.md']
    say('\nwritten: ' + ' '.join(os.path.relpath(path) for path in written))
    return 1 if failed else 0


if __name__ == '__main__':
    machine.run_main(main)
