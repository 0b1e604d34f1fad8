"""A cgroup that limits memory, of version 1 or 2, whichever lets itself be had."""
import contextlib
import os
import signal
import time

ROOT = '/sys/fs/cgroup'


def mounts(kind):
    """(folder, options) of each mount of this kind of file system."""
    with open('/proc/self/mounts') as lines:
        return [(line.split()[1], line.split()[3].split(',')) for line in lines if line.split()[2] == kind]


def own_path(controllers):
    """Where this process is below the mount: `controllers` as /proc/self/cgroup names them; '' in version 2."""
    with open('/proc/self/cgroup') as lines:
        for line in lines:
            _, names, path = line.strip().split(':', 2)
            if controllers in names.split(','):
                return path
    return '/'


def version_1():
    """The folder below which a memory cgroup of version 1 can be made, or None."""
    folder = next((folder for folder, options in mounts('cgroup') if 'memory' in options), None)
    return folder if folder and os.access(folder, os.W_OK) else None


def version_2():
    """The same for version 2: the memory controller must be given to those below."""
    for folder, _ in mounts('cgroup2'):
        for parent in (folder, folder + own_path('')):
            with contextlib.suppress(OSError):
                with open(f'{parent}/cgroup.subtree_control') as given:
                    if 'memory' in given.read().split() and os.access(parent, os.W_OK):
                        return parent
    return None


def why_not():
    """Why no memory cgroup can be made here; None: one can."""
    if os.geteuid() != 0:
        return 'a memory cgroup needs root'
    if not version_1() and not version_2():
        return 'no memory controller of cgroups is to be had here'
    return None


class MemoryCgroup:
    """So many bytes for whoever is started by `wrap`. When the `with` ends they are ended, and it is gone."""

    def __init__(self, limit_bytes):
        self.is_first = version_1() is not None
        self.limit_bytes = limit_bytes
        self.folder = f'{version_1() or version_2()}/folio-memory-{os.getpid()}'
        self.wrap = ['/bin/sh', '-c', f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', 'sh']

    def __enter__(self):
        os.mkdir(self.folder)
        try:
            self._write('memory.limit_in_bytes' if self.is_first else 'memory.max', self.limit_bytes)
            with contextlib.suppress(OSError):   # no swapping instead; not every kernel has it
                self._write('memory.memsw.limit_in_bytes' if self.is_first else 'memory.swap.max',
                            self.limit_bytes if self.is_first else 0)
        except OSError:
            os.rmdir(self.folder)
            raise
        return self

    def __exit__(self, *_):
        for _ in range(500):
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
                return
            for pid in self._numbers('cgroup.procs'):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        raise OSError(f'{self.folder} is still in use, and stays')

    def _write(self, name, value):
        with open(f'{self.folder}/{name}', 'w') as file:
            file.write(str(value))

    def _numbers(self, name):
        with open(f'{self.folder}/{name}') as file:
            return [int(word) for word in file.read().split()]

    def _facts(self, name):
        with open(f'{self.folder}/{name}') as file:
            return {word[0]: int(word[1]) for word in map(str.split, file) if len(word) == 2}

    def killed(self):
        """How many processes were killed in it for memory."""
        return self._facts('memory.oom_control' if self.is_first else 'memory.events').get('oom_kill', 0)

    def used(self):
        """(bytes of processes, bytes of files in the kernel's memory)."""
        facts = self._facts('memory.stat')
        if self.is_first:
            return facts['total_rss'], facts['total_cache']
        return facts['anon'], facts['file']
