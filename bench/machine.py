"""What the benchmarks need of this machine: processes and their cost, ports, packages, tools, facts.

Every process that a benchmark starts is started here, in a group of its own, and ended here by its id: when the
benchmark says so, and at the latest when it ends, also by Ctrl-C or TERM.
"""
import atexit
import ctypes
import fcntl
import os
import platform
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)
SEARCH = os.environ.get('PATH', '') + ':/usr/local/sbin:/usr/sbin:/sbin'
LIVE = []


def say(text=''):
    print(text, flush=True)


# ---- processes ----

def end_all():
    for process in LIVE:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run_main(main):
    """Call main(); whatever ends it, nothing that it started is left."""
    atexit.register(end_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def start(command, cpu=None, **options):
    """Start `command` in a group of its own, on one CPU if one is named."""
    if cpu is not None:
        command = ['taskset', '-c', str(cpu)] + command
    process = subprocess.Popen(command, start_new_session=True, **options)
    LIVE.append(process)
    return process


def stop(process, patience=5):
    """TERM, and KILL for the whole group if that was not enough."""
    try:
        process.terminate()
        process.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    LIVE.remove(process)


def wait_for_port(process, port, seconds=15):
    """Wait until `process` listens. An OSError tells why not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise OSError(f'it ended with status {process.returncode}')
        try:
            socket.create_connection(('127.0.0.1', port), 0.3).close()
            return
        except OSError:
            time.sleep(0.02)
    raise OSError(f'it does not listen on port {port}')


def free_ports(count):
    """Ports below the range that the kernel gives to clients, free at this moment."""
    ports = []
    for port in random.sample(range(20000, 32000), 2000):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                ports.append(port)
            except OSError:
                continue
        if len(ports) == count:
            return ports
    raise SystemExit('no free ports between 20000 and 32000')


# ---- the network ----

CONGESTION = '/proc/sys/net/ipv4/tcp_congestion_control'


def isolate():
    """Move to a network of our own, as root; else stay. Everything started from here on lives there.

    It has a loopback interface and nothing else, and Reno for congestion control: BBR, the default of some machines,
    paces by timers, whose cost swings by a factor of two and is none of the servers'. Call it when all is installed.
    """
    new_network, set_flags, up = 0x40000000, 0x8914, 0x1
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(new_network) != 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack('16sh14x', b'lo', up))
    with open(CONGESTION, 'w') as control:
        control.write('reno')


# ---- what a process costs ----

def process_tree(pid):
    pids = [pid]
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children') as children:
                for child in children.read().split():
                    pids += process_tree(int(child))
    except FileNotFoundError:
        pass
    return pids


def cpu_seconds(pid):
    """What every thread of the process and its descendants has run so far, to the nanosecond."""
    total = 0
    for each in process_tree(pid):
        try:
            for task in os.listdir(f'/proc/{each}/task'):
                with open(f'/proc/{each}/task/{task}/schedstat') as stat:
                    total += int(stat.read().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def busy_seconds(cpus):
    """How long these CPUs have worked so far, for anybody."""
    total = 0
    with open('/proc/stat') as stat:
        for line in stat:
            name, *ticks = line.split()
            if name in [f'cpu{cpu}' for cpu in cpus]:
                user, nice, system, _, _, irq, softirq, *_ = map(int, ticks)
                total += user + nice + system + irq + softirq
    return total / os.sysconf('SC_CLK_TCK')


def memory_kib(pid, what='Pss'):
    """'Pss' (shared pages divided among their users) or 'Rss', summed over the process and its descendants."""
    total = 0
    for each in process_tree(pid):
        try:
            with open(f'/proc/{each}/smaps_rollup') as rollup:
                total += sum(int(line.split()[1]) for line in rollup if line.startswith(what + ':'))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


# ---- tools and packages ----

def find(program):
    return shutil.which(program, path=SEARCH)


def build_tools(out):
    """The floors and the load generator, compiled when their source is newer."""
    os.makedirs(out, exist_ok=True)
    for tool, sources in (('floor', ['floor.c']), ('load', ['load.c', 'load_options.c', 'load_options.h'])):
        target, paths = f'{out}/{tool}', [f'{HERE}/{source}' for source in sources]
        if os.path.exists(target) and os.path.getmtime(target) > max(map(os.path.getmtime, paths)):
            continue
        subprocess.run(['cc', '-std=gnu17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-o', target] +
                       [path for path in paths if path.endswith('.c')], check=True)


def run_built(build, target, *arguments):
    """Run what meson builds as `target` in the folder `build`, once it is up to date. Returns its exit status."""
    if not os.path.exists(f'{build}/build.ninja'):
        subprocess.run(['meson', 'setup', build, PROJECT, '--buildtype=release'], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['ninja', '--quiet', '-C', build, target], check=True, stdout=sys.stderr)
    return subprocess.run([f'{build}/{target}', *arguments]).returncode


def install_peers():
    """What the race needs of Debian; what is missing and cannot be installed is named, and this is the end."""
    if subprocess.run([f'{PROJECT}/tools/install-deps', 'bench']).returncode:
        raise SystemExit('or leave out who is missing, with --servers')


def facts():
    cpu = ''
    with open('/proc/cpuinfo') as cpuinfo:
        for line in cpuinfo:
            if line.startswith('model name'):
                cpu = line.partition(':')[2].strip()
                break
    system = platform.freedesktop_os_release().get('PRETTY_NAME', '')
    with open(CONGESTION) as control:
        congestion = control.read().strip()
    return {'kernel': f'{platform.system()} {platform.release()}', 'cpu': cpu, 'cores': os.cpu_count(),
            'memory_gib': round(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30, 1), 'system': system,
            'congestion': congestion, 'date': time.strftime('%Y-%m-%d')}
