#!/usr/bin/python3
"""What a request costs when there are many files.

Serves trees of 100, 10,000 and 1,000,000 files of 1 KiB, asks for every file once, and then for hot sets (the same
number of files in each tree, evenly spread over it) and for all files at random. Prints the server's CPU time per
request and its ratio to the smallest tree's in the same round; and for Folio its resident memory beside what it may
use: the budget (MMapMaxBytes) and 256 bytes for each known file. Writes build/bench/files.json.
"""
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time

import machine
import options
from field import NAMES, Field, check_body
from machine import say

SIZE, FOLDER = 1024, 1000
PATTERN = '/{folder}/{file}.html'
PER_FILE = 256
UNITS = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}


def path_of(number):
    """The path that bench/load makes of PATTERN."""
    return f'/{number // FOLDER:03}/{number % FOLDER:03}.html'


def content_of(number):
    return f'This is file {number}.\n'.encode().ljust(SIZE, b'.')


def make_folder(task):
    tree, folder, count = task
    os.makedirs(f'{tree}/{folder:03}', exist_ok=True)
    for number in range(folder * FOLDER, min((folder + 1) * FOLDER, count)):
        with open(f'{tree}{path_of(number)}', 'wb', buffering=0) as out:
            out.write(content_of(number))


def make_tree(work, count):
    """The tree's folder; a tree that is there already is used again."""
    tree, made = f'{work}/tree-{count}', f'{work}/tree-{count}.made'
    if not os.path.exists(made):
        began = time.monotonic()
        with multiprocessing.Pool() as pool:
            pool.map(make_folder, [(tree, folder, count) for folder in range(-(-count // FOLDER))], chunksize=1)
        open(made, 'w').close()
        say(f'made {count:,} files in {time.monotonic() - began:.1f} s')
    return tree


def drive(o, port, count, *options):
    command = [f'{o.out}/load', '--pattern', PATTERN, '--files', str(count), '--size', str(SIZE), *options,
               f'127.0.0.1:{port}']
    process = machine.start(command, o.cpus[1], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    answer = json.loads(process.communicate()[0] or '{"errors": 1, "first_error": "the load generator gave up"}')
    machine.stop(process)
    if answer['errors']:
        raise OSError(answer['first_error'])
    return answer


def bytes_of(text):
    return int(text[:-1]) * UNITS[text[-1].upper()] if text[-1].upper() in UNITS else int(text)


def ask_for_all(o, process, count):
    """Every file once. The figures of that."""
    before = machine.cpu_seconds(process.pid)
    run = drive(o, process.port, count, '--choose', 'turn', '--requests', str(count), '--seconds', '600')
    spent = machine.cpu_seconds(process.pid) - before
    if run['requests'] != count:
        raise OSError(f'{run["requests"]} of {count} files were answered')
    for number in range(0, count, max(1, count // 100)):
        check_body(process.port, path_of(number)[1:], f'{process.tree}{path_of(number)}')
    return {'first_seconds': run['seconds'], 'first_cpu_us': spent / count * 1e6,
            'first_p99_us': run['latency_us']['p99']}


def choose(how, o, process, count):
    before = machine.cpu_seconds(process.pid)
    run = drive(o, process.port, count, '--choose', how, '--seconds', str(o.seconds))
    return (machine.cpu_seconds(process.pid) - before) / max(run['requests'], 1) * 1e6


def measure(field, name, budget, trees, o):
    """All trees with one server. {count: figures}"""
    options = [part for option in ([f'MMapMaxBytes {budget}'] + o.option) for part in ('-c', option)]
    running, rows = {}, {}
    for (count, tree), port in zip(trees.items(), machine.free_ports(len(trees))):
        running[count] = field.start(name, port, tree, o.cpus[0], options=options)
        running[count].tree = tree
        rows[count] = ask_for_all(o, running[count], count)
        rows[count]['cost'] = {}
    for how in o.choose:
        rounds = [{count: choose(how, o, process, count) for count, process in running.items()}
                  for _ in range(o.rounds + 1)][1:]   # the first one warms up
        for count in trees:
            ratios = [one[count] / one[o.trees[0]] for one in rounds]
            rows[count]['cost'][how] = {'cpu_us': statistics.median(one[count] for one in rounds),
                                        'to_smallest': statistics.median(ratios)}
    for count, process in running.items():
        rows[count]['rss_bytes'] = machine.memory_kib(process.pid, 'Rss') << 10
        rows[count]['limit_bytes'] = bytes_of(budget) + PER_FILE * count if name == 'folio' else None
        rows[count]['error'] = field.stop(process) or ''
    return rows


def print_rows(name, budget, rows, o):
    say(f'\n{name}{f", MMapMaxBytes {budget}" if name == "folio" else ""}')
    say(f'  {"files":>10}{"first us/req":>14}' + ''.join(f'{how + " us/req":>20}{"x":>6}' for how in o.choose) +
        f'{"RSS MiB":>10}{"limit":>9}')
    for count, row in rows.items():
        costs = ''.join(f'{cost["cpu_us"]:20.2f}{cost["to_smallest"]:6.2f}' for cost in row['cost'].values())
        limit = f'{row["limit_bytes"] / 2**20:9.1f}' if row['limit_bytes'] else ''
        over = '  OVER' if row['limit_bytes'] and row['rss_bytes'] > row['limit_bytes'] else ''
        say(f'  {count:10,}{row["first_cpu_us"]:14.2f}{costs}{row["rss_bytes"] / 2**20:10.1f}{limit}{over}'
            f'{"  ERROR: " + row["error"] if row["error"] else ""}')


def parse_options():
    a = options.parser('files', __doc__, ['folio'], NAMES, disk='the trees lie (4 KiB and an inode for each file)')
    a.add_argument('--trees', default='100,10000,1000000', help='numbers of files, default: %(default)s')
    a.add_argument('--choose', default='hot:100,hot:1000,uniform', help='default: %(default)s')
    a.add_argument('--budgets', default='2G,64M', help='MMapMaxBytes, one run each; default: %(default)s')
    a.add_argument('--option', action='append', default=[], help="one more directive for Folio's -c; repeatable")
    o = options.read(a)
    o.trees = sorted(int(count) for count in o.trees.split(','))
    o.choose = o.choose.split(',')
    return o


def main():
    o = parse_options()
    names = o.names
    field = Field(o.out, o.work, o.folio)
    field.prepare(names)
    machine.isolate()
    trees = {count: make_tree(field.work, count) for count in o.trees}
    results, failed = {'machine': machine.facts(), 'runs': []}, False
    for name in names:
        for budget in o.budgets.split(',') if name == 'folio' else ['']:
            try:
                rows = measure(field, name, budget or '0', trees, o)
            except OSError as reason:
                sys.exit(f'{name}: {reason}')
            print_rows(name, budget, rows, o)
            results['runs'].append({'server': name, 'budget': budget, 'trees': rows})
            failed |= any(row['error'] or (row['limit_bytes'] and row['rss_bytes'] > row['limit_bytes'])
                          for row in rows.values())
    with open(f'{o.out}/files.json', 'w') as out:
        json.dump(results, out, indent=1)
    return 1 if failed else 0


if __name__ == '__main__':
    machine.run_main(main)
