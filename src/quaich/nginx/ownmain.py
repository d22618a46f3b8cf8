"""The main file of an nginx of quaich's own, and the directories below its prefix.

It runs without privileges and writes nothing outside of its prefix.
"""

import os

from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx
from quaich.nginx.writing import Directive, block, line, write

_DIRECTORIES = ("", "/sites", "/quaich", "/tmp")
# What Python applications commonly have as files.
_TYPES = (
    ("text/html", "html htm"),
    ("text/css", "css"),
    ("text/javascript", "js mjs"),
    ("text/plain", "txt"),
    ("text/xml", "xml"),
    ("text/csv", "csv"),
    ("text/markdown", "md"),
    ("application/json", "json map"),
    ("application/manifest+json", "webmanifest"),
    ("application/atom+xml", "atom"),
    ("application/rss+xml", "rss"),
    ("application/pdf", "pdf"),
    ("application/wasm", "wasm"),
    ("application/zip", "zip"),
    ("application/gzip", "gz"),
    ("image/avif", "avif"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpeg jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg svgz"),
    ("image/webp", "webp"),
    ("image/x-icon", "ico"),
    ("font/otf", "otf"),
    ("font/ttf", "ttf"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
)
_HASH_BUCKET = 128
_CONNECTIONS = 1024


def main_file(nginx: Nginx, is_root: bool) -> str:
    """The text of the main file."""
    prefix = nginx.prefix
    temporary = [line("client_body_temp_path", f"{prefix}/tmp/body")]
    for each in ("proxy", "uwsgi", "scgi", "fastcgi"):
        if nginx.abilities.has(f"http_{each}"):
            temporary.append(line(f"{each}_temp_path", f"{prefix}/tmp/{each}"))
    http = [
        block("types", [], [line(kind, *names.split()) for kind, names in _TYPES]),
        line("default_type", "application/octet-stream"),
        line("access_log", f"{prefix}/access.log"),
        *temporary,
        line("sendfile", "on"),
        line("tcp_nopush", "on"),
        line("server_tokens", "off"),
        line("server_names_hash_bucket_size", _HASH_BUCKET),
        line("include", f"{prefix}/sites/*.conf"),
    ]
    # Another user could not open the sockets of a root that keeps all below one prefix.
    user = [line("user", "root")] if is_root else []
    lines: list[Directive] = [
        *user,
        *(line("load_module", each) for each in nginx.loads),
        line("worker_processes", "auto"),
        line("worker_rlimit_nofile", 4 * _CONNECTIONS),
        line("pid", nginx.pidfile),
        line("error_log", nginx.error_log, "notice"),
        block("events", [], [line("worker_connections", _CONNECTIONS)]),
        block("http", [], http),
    ]
    return write(lines)


def prepare(nginx: Nginx) -> bool:
    """Make the directories and the main file; whether an existing main file has changed."""
    if not nginx.prefix.isprintable() or set("$*?[") & set(nginx.prefix):
        raise NginxError(f"{nginx.prefix}: expected a path that nginx can write, without $ * ? [")
    for each in _DIRECTORIES:
        os.makedirs(f"{nginx.prefix}{each}", mode=0o755, exist_ok=True)
    text = main_file(nginx, os.geteuid() == 0)
    try:
        with open(nginx.config, encoding="utf-8") as file:
            before = file.read()
    except FileNotFoundError:
        before = ""
    if before == text:
        return False
    new = f"{nginx.config}.new"
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(new, nginx.config)
    return bool(before)
