"""The options that most benchmarks have: what is measured, how often, where tools, results and files go."""
import argparse
import os

import machine

FOLIO = f'{machine.PROJECT}/build/folio'


def parser(what, doc, servers, among=None, rounds=3, seconds=1.0, of='of each run', disk='', cpus=True):
    """A parser for `bench/run WHAT`.

    servers: the default; among: who may be named, if that is to be told; of: what lasts so many seconds; disk: what lies
    in the work folder; cpus: the server has a CPU, and the client another.
    """
    a = argparse.ArgumentParser(prog=f'bench/run {what}', description=doc,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--servers', default=','.join(servers),
                   help=(f'of {", ".join(among)}; ' if among else '') + 'default: %(default)s')
    a.add_argument('--rounds', type=int, default=rounds, help='default: %(default)s')
    a.add_argument('--seconds', type=float, default=seconds, help=f'{of}, default: %(default)s')
    if cpus:
        a.add_argument('--cpus', default='0,1', help="the server's CPU and the client's, default: %(default)s")
    a.add_argument('--folio', default=FOLIO, help='the binary to measure')
    a.add_argument('--out', default=f'{machine.PROJECT}/build/bench', help='where tools and results go')
    a.add_argument('--work', help=f'where {disk}, default: OUT/work' if disk else 'default: OUT/work')
    return a


def add_loads(a, loads):
    a.add_argument('--loads', default=','.join(loads), help='default: %(default)s')
    a.set_defaults(known_loads=list(loads))


def add_extra(a):
    a.add_argument('--extra', action='append', default=[], metavar='NAME=COMMAND',
                   help='one more server: a command with {port} and {www}; repeat it for several')


def read(a):
    """The options, with lists in place of words with commas, and whole paths; o.names are all who are measured."""
    o = a.parse_args()
    o.out, o.folio = os.path.abspath(o.out), os.path.abspath(o.folio)
    o.work = os.path.abspath(o.work or f'{o.out}/work')
    o.extra = dict(extra.split('=', 1) for extra in getattr(o, 'extra', []))
    o.names = [name for name in o.servers.split(',') if name] + list(o.extra)
    if hasattr(o, 'cpus'):
        o.cpus = [int(cpu) for cpu in o.cpus.split(',')]
        if not set(o.cpus) <= os.sched_getaffinity(0) or len(set(o.cpus)) != 2:
            a.error('two CPUs of this machine are needed: one for the server, one for the client')
    if hasattr(o, 'loads'):
        o.keys = o.loads.split(',')
        for key in o.keys:
            if key not in o.known_loads:
                a.error(f'no load is called {key}')
    return o
