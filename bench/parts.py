#!/usr/bin/python3
"""What single parts of Folio cost that need no server: nanoseconds a call, as a table in Markdown.

Fields of a request, paths, fingerprints, patterns, and a listing of 50,000 names, through Folio's own code.
"""
import argparse

import machine


def main():
    a = argparse.ArgumentParser(prog='bench/run parts', description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--build', default=f'{machine.PROJECT}/build', help="meson's folder, default: %(default)s")
    o = a.parse_args()
    return machine.run_built(o.build, 'bench/parts/parts')


if __name__ == '__main__':
    machine.run_main(main)
