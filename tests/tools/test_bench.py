"""The benchmarks count right answers and nothing else, ask this machine only, and draw what was measured."""
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(TOP, 'bench'))
import chart     # noqa: E402
import field     # noqa: E402
import files     # noqa: E402
import machine   # noqa: E402
import sites     # noqa: E402

GOOD = b'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'


@pytest.fixture(scope='module')
def tools(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bench')
    machine.build_tools(str(folder))
    return folder


@pytest.fixture
def load(tools):
    """Runs the load generator; gives its status and its JSON, or what it said on standard error."""
    def run(*arguments):
        done = subprocess.run([tools / 'load', '--seconds', '20', *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else done.stderr
    return run


@pytest.fixture
def floor(tools):
    """Starts a floor; gives its port."""
    started = []

    def run(*arguments):
        port, = machine.free_ports(1)
        started.append(subprocess.Popen([tools / 'floor', str(port), *map(str, arguments)]))
        machine.wait_for_port(started[-1], port)
        return port
    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def server():
    """Starts a server that gives each request to a function, which writes the answer and says whether to go on."""
    listeners = []

    def serve(connection, answer):
        rest = b''
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while b'\r\n\r\n' in rest or (block := connection.recv(65536)):
                rest += block if b'\r\n\r\n' not in rest else b''
                head, blank, rest = rest.partition(b'\r\n\r\n')
                if not blank:
                    rest = head
                elif not answer(connection, head.decode()):
                    return

    def accept(listener, answer):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(connection, answer), daemon=True).start()

    def start(answer):
        listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, answer), daemon=True).start()
        return listener.getsockname()[1]
    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize('target', ['10.0.0.1:80', '128.0.0.1:80', '0.0.0.0:80', 'localhost:80', '[::1]:80', '0',
                                    '70000'])
def test_only_this_machine_is_asked(load, target):
    status, said = load(target)
    assert status == 2 and 'load: ' in said


@pytest.mark.parametrize('arguments', [
    ['--connections', '0'], ['--pipeline', '65'], ['--seconds', '601'], ['--seconds', '0'], ['--idle', '19900'],
    ['--close', '--pipeline', '2'], ['--pattern', '/{file}'], ['--path', 'x'], ['--choose', 'any'], ['--host', 'a b'], ['--what'],
])
def test_what_is_out_of_bounds_is_refused(load, arguments):
    status, said = load(*arguments, '9')
    assert status == 2 and said


@pytest.mark.parametrize('kind, options', [
    (['copy', 1024], []),
    (['copy', 1024], ['--pipeline', '16']),
    (['copy', 0], ['--pipeline', '3']),
    (['copy', 300000], ['--pipeline', '2']),
    (['copy', 1024, 'close'], ['--close']),
    (['sendfile', 'big'], []),
])
def test_every_answer_of_the_floor_is_counted_once(load, floor, tmp_path, kind, options):
    if kind[0] == 'sendfile':
        (tmp_path / 'big').write_bytes(bytes(1 << 20))
        kind = ['sendfile', tmp_path / 'big']
    size = 1 << 20 if kind[0] == 'sendfile' else kind[1]
    status, run = load(*options, '--requests', 101, '--connections', 4, '--size', size, floor(*kind))
    assert (status, run['requests'], run['errors'], run['body_bytes']) == (0, 101, 0, 101 * size)
    assert run['opened'] == (101 if '--close' in options else 4)
    assert 0 < run['latency_us']['p50'] <= run['latency_us']['p99']


@pytest.mark.parametrize('answer, reason', [
    (b'HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello', 'another status'),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell', 'another Content-Length'),
    (b'HTTP/1.1 200 OK\r\nX-Content-Length: 5\r\n\r\nhello', 'not HTTP with a Content-Length'),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell', 'ended before its answer'),
    (b'HTTP/1.1 200 OK\r\n', 'ended before its answer'),
    (b'', 'ended before its answer'),
    (b'x' * 5000, 'not HTTP with a Content-Length'),
])
def test_a_wrong_answer_is_an_error_and_does_not_count(load, server, answer, reason):
    port = server(lambda connection, head: connection.sendall(answer))
    status, run = load('--requests', 1, '--connections', 1, '--size', 5, port)
    assert (status, run['requests'], run['errors']) == (1, 0, 1)
    assert reason in run['first_error']


def test_more_than_was_asked_for_is_an_error(load, server):
    status, run = load('--requests', 1, '--connections', 1, server(lambda c, head: c.sendall(GOOD + b'x') or True))
    assert status == 1 and 'more was sent' in run['first_error']


def test_a_connection_that_the_server_does_not_close_does_not_count(load, floor):
    status, run = load('--close', '--connections', 2, '--seconds', '0.2', floor('copy', 10))
    assert (run['requests'], run['body_bytes']) == (0, 20)


def test_an_answer_may_come_in_any_pieces(load, server):
    def answer(connection, head):
        for at in range(len(GOOD)):
            connection.sendall(GOOD[at:at + 1])
        return True
    status, run = load('--requests', 20, '--connections', 2, '--pipeline', 5, '--size', 5, server(answer))
    assert (status, run['requests'], run['body_bytes']) == (0, 20, 100)


@pytest.mark.parametrize('choice, most, wanted', [
    ('turn', 2500, set(range(2500))),
    ('hot:5', 200, {0, 500, 1000, 1500, 2000}),
    ('hot:9999', 3000, None),
    ('uniform', 3000, None),
])
def test_files_are_chosen_as_told(load, server, choice, most, wanted):
    asked = []

    def answer(connection, head):
        asked.append(head.split()[1])
        connection.sendall(GOOD)
        return True
    status, run = load('--pattern', files.PATTERN, '--files', 2500, '--choose', choice, '--requests', most,
                       '--pipeline', 16, '--connections', 1, server(answer))
    assert (status, run['requests'], len(asked)) == (0, most, most)
    if wanted:
        assert set(asked) == {files.path_of(number) for number in wanted}
    else:
        assert len(set(asked)) > 1500 and set(asked) <= {files.path_of(number) for number in range(2500)}


@pytest.mark.parametrize('options, host', [([], 'localhost'), (['--host', 'site1.test'], 'site1.test')])
def test_the_site_that_is_asked_can_be_named(load, server, options, host):
    heads = []

    def answer(connection, head):
        heads.append(head)
        connection.sendall(GOOD)
        return True
    status, _ = load(*options, '--requests', 1, '--connections', 1, server(answer))
    assert status == 0 and f'\r\nHost: {host}\r\n' in heads[0] + '\r\n'


def test_idle_connections_that_the_server_closes_are_told(load, server):
    numbers, closed = iter(range(1000)), threading.Semaphore(0)

    def answer(connection, head):
        number = next(numbers)
        if number == 10:   # the first of the active one: the three are closed by then
            assert all([closed.acquire(timeout=30) for _ in range(3)])
        connection.sendall(GOOD)
        if 7 <= number < 10:
            connection.shutdown(socket.SHUT_WR)
            closed.release()
        return True
    status, run = load('--idle', 10, '--connections', 1, '--requests', 5, server(answer))
    assert (status, run['idle'], run['idle_lost'], run['requests']) == (1, 10, 3, 5)


def test_idle_connections_are_held_until_told_to_go_on(tools, floor):
    command = [tools / 'load', '--idle', '300', '--hold', '--connections', '1', '--requests', '5']
    command.append(str(floor('copy', 10)))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline()) == {'held': 300, 'errors': 0}
    run = json.loads(process.communicate('\n', timeout=60)[0])
    assert (process.returncode, run['opened'], run['requests'], run['idle_lost']) == (0, 301, 5, 0)


def test_the_body_of_a_server_is_compared_with_the_file(server, tmp_path):
    (tmp_path / 'right').write_bytes(b'hello')
    (tmp_path / 'wrong').write_bytes(b'hellO')
    port = server(lambda connection, head: connection.sendall(GOOD) or True)
    field.check_body(port, 'any', tmp_path / 'right')
    with pytest.raises(OSError, match='other bytes'):
        field.check_body(port, 'any', tmp_path / 'wrong')


def test_a_process_costs_what_its_children_cost_too_and_ends_with_them():
    spin = 'import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()'
    script = f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", {spin!r}])'
    process = machine.start([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    child, = machine.process_tree(process.pid)[1:]
    assert machine.cpu_seconds(process.pid) >= 0.2
    assert machine.memory_kib(process.pid) > machine.memory_kib(child) > 0
    ended = os.pidfd_open(child)
    machine.stop(process)
    assert select.select([ended], [], [], 30)[0]
    os.close(ended)


def test_a_tree_of_files_has_each_once(tmp_path):
    tree = files.make_tree(str(tmp_path), 2001)
    assert sum(len(names) for _, _, names in os.walk(tree)) == 2001
    assert all(os.path.getsize(tree + files.path_of(number)) == files.SIZE for number in (0, 999, 1000, 2000))


def test_the_sites_of_the_benchmark_are_as_many_as_it_says_with_all_their_rules():
    text = sites.configuration('/www', 80)
    names = re.findall(r'^    ServerName (.*)$', text, re.M)
    inside = re.findall(r'<VirtualHost [^\n]*\n(.*?)</VirtualHost>', text, re.S)
    # Sections and what is in them are one rule.
    rules = [line for site in inside for line in site.splitlines()
             if re.match(r'    \S', line) and not re.match(r'    (</|Server|DocumentRoot)', line)]
    assert (len(names), len(set(names)), len(rules)) == (sites.SITES, sites.SITES, sites.RULES) == (20, 20, 200)
    assert sites.name_of(sites.ASKED) in names


def results():
    row = {'cpu_us': 4.56, 'rps': 250_000, 'mb_s': 250, 'pss_kib': 1000}
    servers = {'floor': dict(row, to_floor=1.0), 'folio': dict(row, to_floor=1.07), 'h<&>2o': dict(row, to_floor=17.4)}
    return {'machine': {'cpu': 'a <fast> one', 'cores': 2, 'memory_gib': 4, 'system': 'Debian', 'kernel': 'Linux 6.1',
                        'congestion': 'reno', 'date': '2026-01-02'},
            'versions': {'folio': 'folio 1.2.3'}, 'rounds': 3, 'seconds': 1.5,
            'loads': {'1k': {'title': '1k', 'size': 1024, 'servers': servers},
                      '1g': {'title': '1g', 'size': 1 << 30, 'servers': servers}}}


def test_the_chart_is_xml_that_says_every_ratio():
    top = xml.etree.ElementTree.fromstring(chart.svg(results()))
    space = '{http://www.w3.org/2000/svg}'
    texts = [text.text for text in top.iter(f'{space}text')]
    bars = [float(bar.get('width')) for bar in top.iter(f'{space}rect') if bar.get('rx')]
    assert [texts.count(ratio) for ratio in ('1.00', '1.07', '17.4')] == [2, 2, 2]
    assert 'prefers-color-scheme: dark' in chart.svg(results())
    assert len(bars) == 6 and max(bars) == chart.BAR and bars[1] == pytest.approx(1.07 * bars[0], abs=0.1)
    assert len([path for path in top.iter(f'{space}path') if path.get('class') == 'cut']) == 2


def test_the_tables_say_every_figure():
    page = chart.markdown(results())
    assert len(re.findall(r'^\| \*?\*?(?:server|floor|folio|h<&>2o)\b', page, re.M)) == 12
    assert '| folio | **1.07** | **1.07** |' in page and '**250.0 k** | **0.2 GB/s**' in page
    for fact in ('a <fast> one', '2026-01-02', 'reno', 'folio 1.2.3', '3 interleaved rounds of 1.5 s'):
        assert fact in page
