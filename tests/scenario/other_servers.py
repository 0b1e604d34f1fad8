"""Debian's Apache, nginx and lighttpd, to be compared with: started on a port of the loopback, ended by their own number."""

import http.client
import os
import pwd
import socket
import subprocess
import time

from http1_client import Connection, request_bytes

PATIENCE_S = 60
MODULES = "/usr/lib/apache2/modules"
APACHE_MODULES = "mpm_event authz_core authz_host dir alias autoindex mime headers expires negotiation setenvif env filter deflate".split()


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OtherServer:
    """One of them; `folder` is its own, for what it writes. Use it with `with`."""

    def __init__(self, folder, command, port):
        self.address = ("127.0.0.1", port)
        self._log = open(folder / "output", "wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, cwd=folder
        )
        self._folder = folder

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                Connection(self.address).close()
                return self
            except OSError:
                ended = self._process.poll()
                if ended is not None or time.monotonic() > deadline:
                    self.__exit__()
                    told = "\n".join(path.read_text(errors="replace") for path in self._folder.glob("*output*"))
                    raise AssertionError(f"not ready ({ended}): {told}") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def ask(address, method, target, fields, host):
    """One request on a connection of its own: (status, fields, content), read by a client that forgives; None: no answer."""
    with socket.create_connection(address, PATIENCE_S) as connection:
        connection.sendall(request_bytes(method, target.encode(), [*fields, ("Connection", "close")], host=host))
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            answer.begin()
            return answer.status, answer.getheaders(), answer.read()
        except (http.client.HTTPException, OSError):
            return None


def _owner():
    """Whom a server started by root serves as: it refuses to be root, or is asked not to be."""
    return "www-data" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def apache(folder, sites):
    """`sites` is its configuration but for what every one has; {port} in it is filled in."""
    port = free_port()
    loads = "".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in APACHE_MODULES
        if os.path.exists(f"{MODULES}/mod_{name}.so")
    )
    (folder / "apache.conf").write_text(
        f"ServerRoot {folder}\n{loads}Listen 127.0.0.1:{port}\nServerName localhost\nPidFile {folder}/pid\n"
        f"User {_owner()}\nErrorLog {folder}/error-output\nTypesConfig /etc/mime.types\nServerTokens Prod\n"
        f"StartServers 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4\n"
        f"<Directory />\n    Options FollowSymLinks\n    AllowOverride None\n</Directory>\n"
        + sites.replace("{port}", str(port))
    )
    return OtherServer(folder, ["/usr/sbin/apache2", "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"], port)


def nginx(folder, server):
    """`server` is the inside of its http block; {port} in it is filled in."""
    port = free_port()
    user = f"user {_owner()};\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error-output;\n"
        "events {}\nhttp {\n    access_log off;\n"
        + temporary
        + "    include /etc/nginx/mime.types;\n    default_type application/octet-stream;\n"
        + server.replace("{port}", str(port))
        + "}\n"
    )
    return OtherServer(folder, ["/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port)


def lighttpd(folder, text):
    """`text` is its configuration but for the port and what every one has."""
    port = free_port()
    (folder / "lighttpd.conf").write_text(
        f'server.port = {port}\nserver.bind = "127.0.0.1"\nserver.errorlog = "{folder}/error-output"\n'
        f'server.pid-file = "{folder}/pid"\n' + text
    )
    return OtherServer(folder, ["/usr/sbin/lighttpd", "-D", "-f", str(folder / "lighttpd.conf")], port)
