#!/usr/bin/python3
"""Which objects stay when not all fit: replays a trace of requests, off-line, through Folio's own eviction.

Beside it run FIFO, LRU, SIEVE, S3-FIFO and exact GDSF, with caches of 1, 5, 10 and 25 % of the bytes of all objects.
Prints object and byte hit ratios in percent, as a table in Markdown. A line of the trace is `time object bytes`; a name
that ends in .xz is unpacked. docs/EVICTION.md says which trace was used.
"""
import argparse

import machine


def main():
    a = argparse.ArgumentParser(prog='bench/run eviction', description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('trace')
    a.add_argument('--build', default=f'{machine.PROJECT}/build', help="meson's folder, default: %(default)s")
    o = a.parse_args()
    return machine.run_built(o.build, 'bench/eviction/eviction', o.trace)


if __name__ == '__main__':
    machine.run_main(main)
