"""A private nginx: its own prefix, configuration, port and temporary files, run as this user."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.net import accepts
from tests.support.ports import free_port
from tests.support.processes import wait_until

# What nginx's own package ships; written out so that a machine whose /etc differs tests the same.
UWSGI_PARAMS = """\
uwsgi_param  QUERY_STRING       $query_string;
uwsgi_param  REQUEST_METHOD     $request_method;
uwsgi_param  CONTENT_TYPE       $content_type;
uwsgi_param  CONTENT_LENGTH     $content_length;
uwsgi_param  REQUEST_URI        $request_uri;
uwsgi_param  PATH_INFO          $document_uri;
uwsgi_param  DOCUMENT_ROOT      $document_root;
uwsgi_param  SERVER_PROTOCOL    $server_protocol;
uwsgi_param  REQUEST_SCHEME     $scheme;
uwsgi_param  HTTPS              $https if_not_empty;
uwsgi_param  REMOTE_ADDR        $remote_addr;
uwsgi_param  REMOTE_PORT        $remote_port;
uwsgi_param  SERVER_PORT        $server_port;
uwsgi_param  SERVER_NAME        $server_name;
"""

MAIN = """\
daemon off;
{user}
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log info;
events {{ worker_connections 1024; }}
http {{
    include mime.types;
    default_type application/octet-stream;
    access_log {prefix}/access.log;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    uwsgi_temp_path {prefix}/uwsgi;
    fastcgi_temp_path {prefix}/fastcgi;
    scgi_temp_path {prefix}/scgi;
{http}
}}
"""


def program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def version() -> tuple[int, ...]:
    found = program()
    assert found is not None
    done = subprocess.run([found, "-v"], capture_output=True, text=True, timeout=20, check=True)
    match = re.search(r"nginx/([0-9.]+)", done.stderr)
    assert match is not None, done.stderr
    return tuple(int(part) for part in match[1].split("."))


class Nginx:
    def __init__(self, prefix: Path, http: str, address: tuple[str, int] | None = None) -> None:
        """``http`` goes inside ``http { }``; ``PORT`` in it becomes the port to listen on."""
        found = program()
        assert found is not None
        self.binary = found
        self.prefix = prefix
        self.address = address or ("127.0.0.1", free_port())
        prefix.mkdir(parents=True, exist_ok=True)
        (prefix / "uwsgi_params").write_text(UWSGI_PARAMS)
        types = Path("/etc/nginx/mime.types")
        (prefix / "mime.types").write_text(
            types.read_text() if types.exists() else "types { text/css css; }"
        )
        owner = pwd.getpwuid(os.getuid()).pw_name
        text = MAIN.format(
            user=f"user {owner};" if os.getuid() == 0 else "",
            prefix=prefix,
            http=re.sub(r"\bPORT\b", str(self.address[1]), http),
        )
        self.config = prefix / "nginx.conf"
        self.config.write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    def _argv(self) -> list[str]:
        return [self.binary, "-p", f"{self.prefix}/", "-c", str(self.config), "-e", "stderr"]

    def check(self) -> None:
        """``nginx -t``: the configuration is accepted, and without a warning."""
        done = subprocess.run(
            [*self._argv(), "-t"], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "[warn]" not in done.stderr, done.stderr

    def start(self) -> "Nginx":
        self.check()
        with (self.prefix / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self._argv(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        wait_until(lambda: accepts(self.address), 20, f"nginx listens: {self.errors()}")
        return self

    def errors(self) -> str:
        logs = (self.prefix / "output", self.prefix / "error.log")
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
