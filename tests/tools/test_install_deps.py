"""tools/install-deps installs what is missing, or says what to type. Debian's tools are played by small scripts."""
import os
import subprocess

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
PLAYED = {
    'dpkg-query': 'for name; do :; done; grep -qx "$name" "$STATE/installed" && echo installed',
    'apt-get': 'echo "apt-get $*" >> "$STATE/log"; test ! -e "$STATE/broken" || { echo no network; exit 100; }',
    'sudo': 'test -e "$STATE/sudo" || exit 1; shift; case $1 in true) ;; *) echo "sudo" >> "$STATE/log"; "$@" ;; esac',
    'id': 'cat "$STATE/id"',
    'update-rc.d': 'echo "update-rc.d $*" >> "$STATE/log"',
    'rm': 'case "$*" in *policy*) exit 0 ;; *) exec /bin/rm "$@" ;; esac',
    'sh': 'case "$2" in *policy*) exit 0 ;; *) exec /bin/sh "$@" ;; esac',
    'wrk': 'exit 0',
    'node': 'exit 0',
    'npm': 'exit 0',
}
TOOLS = ['cat', 'env', 'grep', 'mktemp', 'tr']


class Machine:
    """A machine that has what is told, and a record of what was done to it."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / 'bin'
        self.path.mkdir()
        for name, script in PLAYED.items():
            (self.path / name).write_text(f'#!/bin/sh\n{script}\n', encoding='ascii')
            (self.path / name).chmod(0o755)
        for name in TOOLS:
            (self.path / name).symlink_to(f'/usr/bin/{name}')
        self.has()
        self.is_user(0)

    def has(self, *packages):
        (self.folder / 'installed').write_text(''.join(f'{name}\n' for name in packages), encoding='ascii')

    def is_user(self, number):
        (self.folder / 'id').write_text(f'{number}\n', encoding='ascii')

    def run(self, *groups, **environment):
        environment = {'PATH': str(self.path), 'STATE': str(self.folder), 'TMPDIR': str(self.folder), **environment}
        return subprocess.run(['/bin/sh', os.path.join(TOP, 'tools', 'install-deps'), *groups], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)

    @property
    def done(self):
        log = self.folder / 'log'
        return log.read_text(encoding='ascii').splitlines() if log.exists() else []


BUILD = ['gcc', 'libc6-dev', 'meson', 'ninja-build', 'pkgconf', 'liburcu-dev', 'libxxhash-dev', 'libpcre2-dev', 'libcrypt-dev', 'libdeflate-dev', 'libbrotli-dev', 'libzstd-dev', 'media-types']


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_nothing_is_done_where_nothing_is_missing(machine):
    machine.has(*BUILD)
    answer = machine.run('build')
    assert (answer.returncode, answer.stdout, machine.done) == (0, '', [])


def test_root_installs_only_what_is_missing(machine):
    machine.has(*(name for name in BUILD if name not in ('meson', 'liburcu-dev')))
    assert machine.run('build').returncode == 0
    assert machine.done == ['apt-get update -qq', 'apt-get install -y -q --no-install-recommends meson liburcu-dev']


def test_a_command_that_is_there_stands_for_its_package(machine):
    assert machine.run('test').returncode == 0
    installed = next(line for line in machine.done if ' install ' in line).split()
    assert 'clang' in installed and 'nodejs' not in installed and 'npm' not in installed


def test_others_install_through_sudo_if_it_asks_for_nothing(machine):
    machine.is_user(1000)
    (machine.folder / 'sudo').touch()
    assert machine.run('build').returncode == 0
    assert 'sudo' in machine.done
    assert 'apt-get update -qq' in machine.done


@pytest.mark.parametrize('user, environment', [(1000, {}), (0, {'INSTALL_DEPS': 'no'})])
def test_whoever_may_not_or_will_not_install_is_told_what_to_type(machine, user, environment):
    machine.is_user(user)
    machine.has(*(name for name in BUILD if name not in ('gcc', 'media-types')))
    answer = machine.run('build', **environment)
    assert answer.returncode == 1
    assert 'apt-get update && apt-get install --no-install-recommends gcc media-types\n' in answer.stdout
    assert machine.done == []


def test_a_failure_of_apt_is_shown_and_passed_on(machine):
    (machine.folder / 'broken').touch()
    answer = machine.run('build')
    assert answer.returncode == 1
    assert 'no network' in answer.stdout


def test_services_that_came_along_are_disabled_and_those_that_were_there_are_not(machine):
    machine.has('h2o')
    assert machine.run('bench').returncode == 0
    assert [line for line in machine.done if line.startswith('update-rc.d')] == [
        'update-rc.d nginx disable', 'update-rc.d lighttpd disable']


def test_an_unknown_group_is_a_mistake_of_the_caller(machine):
    answer = machine.run('nonsense')
    assert answer.returncode == 2
    assert "'nonsense'" in answer.stdout
