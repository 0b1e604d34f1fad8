"""The checks of the source refuse what they are there to refuse, and the build runs the one of the floors."""
import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120, check=False)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def check_floors(tree):
    return run(sys.executable, os.path.join(TOP, 'tools/check_floors.py'), str(tree))


@pytest.mark.parametrize('file, line', [
    ('base/arena.h', '#include "cache/table.h"'),
    ('base/arena.h', '#  include "cli/command.h"'),
    ('cache/table.c', '#include "http/date.h"'),
    ('http/date.c', '#include "net/loop.h"'),
    ('net/loop.c', '#include "server/site.h"'),
    ('platform/file.c', '#include "server/log_line.h"'),
    ('http/date.c', '#include "date.h"'),
    ('http/date.c', '#include "../net/loop.h"'),
])
def test_an_include_that_goes_upward_or_names_no_floor_is_refused(tmp_path, file, line):
    write(tmp_path / 'src' / file, f'{line}\n')
    answer = check_floors(tmp_path)
    assert answer.returncode == 1
    assert f'src/{file}:1: ' in answer.stdout


@pytest.mark.parametrize('file, line', [
    ('http/date.c', '#include "http/date.h"'),
    ('http/date.c', '#include "base/span.h"'),
    ('cli/command.c', '#include "platform/file.h"'),
    ('http/date.c', '#include <stdint.h>'),
    ('platform/file.c', '#ifdef RESOLVE_CACHED'),
])
def test_an_include_that_stays_or_goes_down_is_accepted(tmp_path, file, line):
    write(tmp_path / 'src' / file, f'{line}\n')
    answer = check_floors(tmp_path)
    assert (answer.returncode, answer.stdout) == (0, '')


@pytest.mark.parametrize('line', ['#ifdef __linux__', '#if 1', '#elif defined(X)', '# ifndef SPEED'])
def test_a_condition_outside_the_lowest_floor_is_refused(tmp_path, line):
    write(tmp_path / 'src/net/loop.c', f'{line}\n')
    assert check_floors(tmp_path).returncode == 1


def test_the_build_itself_refuses_an_include_that_goes_upward(tmp_path):
    tree = tmp_path / 'tree'
    for name in ('src', 'tools', 'tests/unit', 'tests/fuzz', 'tests/faults', 'bench/eviction', 'bench/parts'):
        shutil.copytree(os.path.join(TOP, name), tree / name)
    for name in ('meson.build', 'meson_options.txt'):
        shutil.copy(os.path.join(TOP, name), tree / name)
    assert run('meson', 'setup', str(tmp_path / 'build'), str(tree)).returncode == 0
    build = ['ninja', '-C', str(tmp_path / 'build'), 'floors.checked']
    assert run(*build).returncode == 0

    with open(tree / 'src/base/status.c', 'a', encoding='utf-8') as source:
        source.write('#include "net/loop.h"\n')
    answer = run(*build)
    assert answer.returncode != 0
    assert 'net is a higher floor' in answer.stdout


@pytest.mark.parametrize('line', [
    'see /' + 'work/main',
    "cp '/" + "root/x' .",
    'at /' + 'home/ada/folio',
    '  "resolved' + '": "https://example.org/left-pad.tgz"',
    'from http:' + '//registry.' + 'example.org/left-pad',
])
def test_a_tracked_file_that_names_one_machines_paths_is_refused(tmp_path, line):
    write(tmp_path / 'notes.txt', f'fine\n{line}\n')
    assert run('git', 'init', '-q', cwd=tmp_path).returncode == 0
    check = [sys.executable, os.path.join(TOP, 'tools/check_paths.py'), str(tmp_path)]
    assert run(*check).returncode == 0, 'what git does not track is nobody\'s business'

    assert run('git', 'add', 'notes.txt', cwd=tmp_path).returncode == 0
    answer = run(*check)
    assert answer.returncode == 1
    assert answer.stdout.startswith('notes.txt:2: ')


def test_ordinary_paths_and_addresses_are_accepted(tmp_path):
    write(tmp_path / 'notes.txt', 'serve /srv/www or {top}/work/www at http:' + '//127.0.0.1:8080/ from src/net/homework/rooted.c\n')
    assert run('git', 'init', '-q', cwd=tmp_path).returncode == 0
    assert run('git', 'add', 'notes.txt', cwd=tmp_path).returncode == 0
    answer = run(sys.executable, os.path.join(TOP, 'tools/check_paths.py'), str(tmp_path))
    assert (answer.returncode, answer.stdout) == (0, '')
