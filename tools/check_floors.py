#!/usr/bin/env python3
"""Refuses an include that goes upward, and preprocessor conditions outside src/platform.

  check_floors.py SOURCE_DIR [STAMP]

Floors, from the ground: platform, base, cache, http, net, server, cli. A file includes only from its own floor or from
lower ones; src/main.c may include from cli. Exit status 1, and one line a mistake, if one is found.
"""
import os
import re
import sys

FLOORS = ['platform', 'base', 'cache', 'http', 'net', 'server', 'cli']
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
CONDITION = re.compile(r'^\s*#\s*(?:if|ifdef|ifndef|elif)\b\s*(.*)')


def check_file(path, floor, rel, mistakes):
    # The ground floor has macros and no OS calls of its own to offer: span, check and compiler are words, not floors.
    words = {'base/compiler.h', 'base/span.h', 'base/status.h', 'base/check.h'}
    guard = 'FOLIO_' + re.sub(r'[^A-Z0-9]', '_', rel[len('src/'):].upper())
    with open(path, encoding='utf-8') as text:
        for number, line in enumerate(text, 1):
            include = INCLUDE.match(line)
            if include and include.group(1) == '"':
                target = include.group(2)
                top = target.split('/')[0]
                if top not in FLOORS:
                    mistakes.append(f'{rel}:{number}: include "{target}" names no floor; write "floor/file.h"')
                elif FLOORS.index(top) > floor and target not in words:
                    mistakes.append(f'{rel}:{number}: {FLOORS[floor]} may not include "{target}": '
                                    f'{top} is a higher floor')
            condition = CONDITION.match(line)
            if condition and floor > 0 and condition.group(1).strip() != guard:
                mistakes.append(f'{rel}:{number}: preprocessor condition outside src/platform: {line.strip()}')


def main():
    top = sys.argv[1]
    mistakes = []
    for folder, _, names in os.walk(os.path.join(top, 'src')):
        floor_name = os.path.relpath(folder, os.path.join(top, 'src')).split(os.sep)[0]
        floor = FLOORS.index(floor_name) if floor_name in FLOORS else len(FLOORS) - 1
        for name in sorted(names):
            if name.endswith(('.c', '.h')):
                path = os.path.join(folder, name)
                check_file(path, floor, os.path.relpath(path, top), mistakes)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if not mistakes and len(sys.argv) > 2:
        with open(sys.argv[2], 'w', encoding='utf-8') as stamp:
            stamp.write('ok\n')
    return 1 if mistakes else 0


if __name__ == '__main__':
    sys.exit(main())
