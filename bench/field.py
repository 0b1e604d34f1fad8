"""The servers that race, each with one worker: how they are configured, started and asked for their version."""
import http.client
import os
import re
import subprocess

import machine

# name: program; Folio and the floors are built here
PEERS = {'nginx': 'nginx', 'h2o': 'h2o', 'lighttpd': 'lighttpd', 'apache': 'apache2'}
NAMES = ['folio'] + list(PEERS)
HELD = 600     # seconds that an idle connection is kept, where a server lets us say so
MODULES = '/usr/lib/apache2/modules'


class Field:
    """Configurations and logs live under `work`; what is served is named for each start.

    extra: {name: command} of further servers, with {port} and {www} to fill in (no access log).
    """

    def __init__(self, out, work, folio, extra=None):
        self.out, self.work, self.folio, self.extra = out, work, folio, extra or {}
        os.makedirs(work, exist_ok=True)

    def prepare(self, names):
        """Build and install what is missing for `names`."""
        machine.build_tools(self.out)
        for name in names:
            if name not in NAMES and name not in self.extra:
                raise SystemExit(f'no server is called {name}; there are: {", ".join(NAMES + list(self.extra))}')
        if 'folio' in names and not os.access(self.folio, os.X_OK):
            raise SystemExit(f'{self.folio} is not there: build it first (make), or leave folio out with --servers')
        if not all(machine.find(PEERS[name]) for name in names if name in PEERS):
            machine.install_peers()

    def conf(self, name, port, text):
        path = f'{self.work}/{name}-{port}.conf'
        with open(path, 'w') as conf:
            conf.write(text)
        return path

    def log(self, name):
        return f'{self.work}/{name}.access.log'

    def command(self, name, port, www, logs=False, options=()):
        """`options` are appended to Folio's own."""
        if name == 'folio':
            command = [self.folio, '-b', '127.0.0.1', '-p', str(port), '--threads', '1']
            command += ['-c', f'KeepAliveTimeout {HELD}']
            return command + (['--access-log', self.log(name)] if logs else []) + list(options) + [www]
        if name in self.extra:
            return [part.format(port=port, www=www) for part in self.extra[name].split()]
        return getattr(self, name)(port, www, logs)

    def nginx(self, port, www, logs):
        os.makedirs(f'{self.work}/nginx.d', exist_ok=True)
        log = f'{self.log("nginx")} combined buffer=64k flush=1s' if logs else 'off'
        user = 'user root;' if os.geteuid() == 0 else ''
        temporary = ' '.join(f'{kind}_temp_path {self.work}/nginx.d/{kind};'
                             for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        return [machine.find('nginx'), '-p', f'{self.work}/nginx.d', '-e', f'{self.work}/nginx.err', '-c',
                self.conf('nginx', port, f"""{user} daemon off; worker_processes 1; pid {self.work}/nginx-{port}.pid;
error_log {self.work}/nginx.err; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
    types {{ text/html html; application/octet-stream bin; }}
    sendfile on; tcp_nopush on; tcp_nodelay on; access_log {log}; {temporary}
    keepalive_requests 1000000000; keepalive_timeout {HELD}s;
    open_file_cache max=100000 inactive=600s; open_file_cache_valid 600s;
    server {{ listen 127.0.0.1:{port} backlog=4096; root {www}; }}
}}
""")]

    def h2o(self, port, www, logs):
        log = f'access-log: {self.log("h2o")}' if logs else ''
        user = 'user: root' if os.geteuid() == 0 else ''
        return [machine.find('h2o'), '-c', self.conf('h2o', port, f"""num-threads: 1
{user}
max-connections: 19000
http1-request-timeout: {HELD}
{log}
listen: {{host: 127.0.0.1, port: {port}}}
hosts:
  default:
    paths:
      /: {{file.dir: {www}}}
""")]

    def lighttpd(self, port, www, logs):
        """It allows half as many connections as descriptors, and a process often has 20,000 at most."""
        log = f'server.modules=("mod_accesslog")\naccesslog.filename="{self.log("lighttpd")}"' if logs else ''
        return [machine.find('lighttpd'), '-D', '-f', self.conf('lighttpd', port, f"""server.document-root="{www}"
server.port={port}
server.bind="127.0.0.1"
server.max-fds=19900
server.max-connections=9900
server.max-keep-alive-requests=1000000000
server.max-keep-alive-idle={HELD}
server.network-backend="sendfile"
server.stat-cache-engine="simple"
mimetype.assign=(".html"=>"text/html",""=>"application/octet-stream")
{log}
""")]

    def apache(self, port, www, logs):
        log = f'BufferedLogs On\nCustomLog {self.log("apache")} combined' if logs else ''
        user = 'User www-data\nGroup www-data' if os.geteuid() == 0 else ''
        pinned = ' '.join(f'{www}/{name}' for name in ('1k.html', '16k.html') if os.path.exists(f'{www}/{name}'))
        mapped = f'MMapFile {pinned}' if pinned else ''
        types = self.conf('types', port, 'text/html html\n')
        return [machine.find('apache2'), '-DFOREGROUND', '-f', self.conf('apache', port, f"""ServerRoot {self.work}
PidFile {self.work}/apache-{port}.pid
DefaultRuntimeDir {self.work}
Listen 127.0.0.1:{port}
ServerName localhost
LoadModule mpm_event_module {MODULES}/mod_mpm_event.so
LoadModule authz_core_module {MODULES}/mod_authz_core.so
LoadModule mime_module {MODULES}/mod_mime.so
LoadModule file_cache_module {MODULES}/mod_file_cache.so
{user}
StartServers 1
ServerLimit 1
ThreadsPerChild 128
ThreadLimit 128
MaxRequestWorkers 128
AsyncRequestWorkerFactor 20
MaxKeepAliveRequests 0
KeepAliveTimeout {HELD}
TypesConfig {types}
DocumentRoot {www}
ErrorLog {self.work}/apache.err
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
{log}
EnableSendfile On
{mapped}
<Directory {www}>
Require all granted
</Directory>
""")]

    def start(self, name, port, www, cpu=None, logs=False, options=()):
        """Start it and wait until it listens. An OSError tells why it does not."""
        said = f'{self.work}/{name}-{port}.out'
        with open(said, 'w') as out:
            process = machine.start(self.command(name, port, www, logs, options), cpu, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=subprocess.STDOUT)
        try:
            machine.wait_for_port(process, port)
        except OSError as reason:
            machine.stop(process)
            with open(said) as out:
                raise OSError(f'{reason}: {out.read().strip()[-300:]}') from None
        process.name, process.said, process.port = name, said, port
        return process

    def start_floor(self, kind, port, cpu=None):
        """kind: the floor's arguments behind the port."""
        process = machine.start([f'{self.out}/floor', str(port)] + kind, cpu, stdin=subprocess.DEVNULL)
        machine.wait_for_port(process, port)
        process.name, process.said, process.port = 'floor', None, port
        return process

    def stop(self, process):
        """Stop it. Folio must say that it has left nothing open; the sentence that says otherwise is returned."""
        machine.stop(process)
        if self.folio not in process.args:
            return None
        with open(process.said) as out:
            last = (out.read().strip().splitlines() or [''])[-1]
        clean = 'connections=0 references=0 descriptors=0' in last
        return None if clean else f'folio did not end cleanly: {last}'


def version(name, field):
    """What `name` calls itself, as 'name number'."""
    if name == 'folio':
        command = [field.folio, '-V']
    elif name in PEERS:
        command = [machine.find(PEERS[name]), '-v']
    else:
        return name
    done = subprocess.run(command, capture_output=True, text=True)
    number = re.search(r'\d+\.\d+(\.\d+)*', done.stdout + done.stderr)
    return f'{name} {number.group()}' if number else name


def check_body(port, name, path):
    """Ask for /name: the answer must be 200, and the bytes of `path`. An OSError tells what is wrong."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    try:
        connection.request('GET', f'/{name}')
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f'/{name} is answered with {answer.status}')
        with open(path, 'rb') as wanted:
            while True:
                block = answer.read(1 << 20)
                if block != wanted.read(1 << 20):
                    raise OSError(f'/{name} is answered with other bytes than the disk has')
                if not block:
                    break
    except http.client.HTTPException as reason:
        raise OSError(f'/{name} is answered wrongly: {reason!r}') from None
    finally:
        connection.close()
