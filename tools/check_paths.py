#!/usr/bin/env python3
"""Refuses tracked files that name what only one machine has: somebody's own folders, or a package registry's host.

  check_paths.py [SOURCE_DIR]

Looks at what git tracks, and not at pictures and other files that are no text. Exit status 1, and one line a mistake,
if one is found.
"""
import os
import re
import subprocess
import sys

RULES = [
    (re.compile(r'(?<![\w.~/}-])/(?:work|root)(?:/|\b)'), 'names a path of one machine'),
    (re.compile(r'(?<![\w.~/}-])/(?:home|Users)/\w'), "names somebody's home"),
    (re.compile(r'"resolved":\s*"https?:'), 'a lock file that names where packages are fetched'),
    (re.compile(r'\b(?:registry|deb|security|snapshot)[.][a-z]+[.](?:org|com)\b'), "names a package registry's host"),
]


def tracked(top):
    names = subprocess.run(['git', '-C', top, 'ls-files', '-z'], check=True, stdout=subprocess.PIPE).stdout
    return [os.fsdecode(name) for name in names.split(b'\0') if name]


def check_file(top, name, mistakes):
    path = os.path.join(top, name)
    if os.path.islink(path):
        text = os.readlink(path)
    elif not os.path.isfile(path):
        return
    else:
        with open(path, 'rb') as file:
            content = file.read()
        if b'\0' in content[:8192]:
            return
        text = content.decode('utf-8', errors='replace')
    for number, line in enumerate(text.splitlines(), 1):
        for rule, reason in RULES:
            found = rule.search(line)
            if found:
                mistakes.append(f'{name}:{number}: {reason}: {found.group(0)}')


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else '.'
    mistakes = []
    for name in tracked(top):
        check_file(top, name, mistakes)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == '__main__':
    sys.exit(main())
