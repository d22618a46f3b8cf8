"""What configuration takes from the machine: files, stdin, and the facts behind magic variables.

The only module of this layer that touches the operating system, with ``remote``, which it loads
when it must; the others are given a ``Host`` and are tested with another one.  Reading is bounded
in size and, for a pipe, in time, and never blocks on a fifo that nobody writes to.  A file that
cannot be read is a ``ConfigError`` with the system's own words.
"""

import os
import re
import select
import stat
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from quaich import __version__
from quaich.config import cpus
from quaich.errors import ConfigError

MAX_BYTES = 4 * 1024 * 1024
PIPE_SECONDS = 10.0
STDIN = "-"


class Fetched(NamedTuple):
    """What a source held, and what there is to say about how it was got."""

    data: bytes
    remark: str = ""


class Host:
    """The machine that the configuration is read on.

    ``stdin`` is what the standard input held, once it was read: a reload needs it again.
    """

    def __init__(self, stdin: bytes | None = None) -> None:
        self.stdin = stdin

    def read(self, path: str) -> bytes:
        """The content of a file, or of stdin for ``-``."""
        if path == STDIN:
            if self.stdin is None:
                self.stdin = _read_whole(0, "stdin")
            return self.stdin
        try:
            # Without O_NONBLOCK, opening a fifo would wait for its writer.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            raise ConfigError(_words(error), path) from None
        try:
            return _read_whole(fd, path)
        finally:
            os.close(fd)

    def fetch(self, scheme: str, name: str) -> Fetched:
        """The content of a source: a file when ``scheme`` is empty."""
        if not scheme:
            return Fetched(self.read(name))
        if scheme == "fd":
            return Fetched(_read_descriptor(name))
        from quaich.config import remote

        if scheme == "exec":
            data, status = remote.execute(name, _read_whole)
            return Fetched(data, f"the command failed with status {status}" if status else "")
        return Fetched(remote.fetch(name, MAX_BYTES))

    def exists(self, path: str) -> bool:
        """Whether there is anything of this name."""
        return os.path.exists(path)

    def is_file(self, path: str) -> bool:
        """Whether there is a regular file of this name."""
        return os.path.isfile(path)

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory of this name."""
        return os.path.isdir(path)

    def hostname(self) -> str:
        """The name of this machine."""
        return os.uname().nodename

    def glob(self, pattern: str) -> list[str]:
        """The files a pattern matches, or the pattern itself when there are none."""
        from glob import glob

        return sorted(glob(pattern)) or [pattern]

    def lines(self, path: str) -> list[str] | None:
        """The lines of a text file, or None when it cannot be read."""
        try:
            text = self.read(path).decode("utf-8", "surrogateescape")
        except ConfigError:
            return None
        return text.removesuffix("\n").split("\n") if text else []

    def resolve(self, name: str) -> str:
        """The IPv4 address of a host."""
        import socket

        try:
            return socket.gethostbyname(name)
        except (OSError, UnicodeError) as error:
            raise ConfigError(_words(error), name) from None

    def somaxconn(self) -> int | None:
        """The longest backlog the kernel grants, if it says."""
        try:
            return int(self.read("/proc/sys/net/core/somaxconn"))
        except (ConfigError, ValueError):
            return None

    def processors(self) -> int:
        """How many processors this process may use."""
        return _processors()

    def variables(self, path: str, key: str, place: str) -> list[tuple[str, str | None]]:
        """The variables that an ``envdir`` or an ``env-file`` sets; None unsets one."""
        try:
            if key == "env-file":
                text = self.read(path).decode("utf-8", "surrogateescape")
                return list(_env_file(text, path))
            return self._env_directory(path)
        except OSError as error:
            raise ConfigError(f"{key}: {path}: {_words(error)}", place, "QX140") from None
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}", place, error.code or "QX140") from None

    def _env_directory(self, path: str) -> list[tuple[str, str | None]]:
        """A variable per file, as daemontools' envdir has it: an empty file unsets it."""
        found: list[tuple[str, str | None]] = []
        for name in sorted(os.listdir(path)):
            whole = os.path.join(path, name)
            if name.startswith(".") or "=" in name or not os.path.isfile(whole):
                continue
            text = self.read(whole).decode("utf-8", "surrogateescape")
            value = text.split("\n", 1)[0].rstrip(" \t").replace("\0", "\n")
            found.append((name, value if text else None))
        return found

    def stdin_is_socket(self) -> bool:
        """Whether a superserver such as inetd passed the listening socket as stdin."""
        try:
            return stat.S_ISSOCK(os.fstat(0).st_mode)
        except OSError:
            return False

    def identity(self, path: str) -> str:
        """A name by which two spellings of one file are the same."""
        return os.path.realpath(path)

    def magic(self, path: str, section: str | None) -> dict[str, str]:
        """The magic variables that tell of a file, by their letter.

        As in uWSGI, ``%x`` is the section only when that was asked for by name.
        """
        return _file_variables(path, section or "")

    def machine_magic(self) -> dict[str, str]:
        """The magic variables that tell of this process and machine."""
        return _machine_variables()


def _words(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _read_whole(fd: int, name: str) -> bytes:
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError("Is a directory", name)
        return _read_bounded(fd, name, waits=not stat.S_ISREG(mode))
    except OSError as error:
        raise ConfigError(_words(error), name) from None


def _read_bounded(fd: int, name: str, waits: bool) -> bytes:
    parts: list[bytes] = []
    room = MAX_BYTES
    deadline = time.monotonic() + PIPE_SECONDS
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while True:
        if waits:
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise ConfigError(f"no end of file after {PIPE_SECONDS:.0f} s", name, "QX141")
        part = os.read(fd, 65536)
        if not part:
            return b"".join(parts)
        room -= len(part)
        if room < 0:
            message = f"larger than {MAX_BYTES >> 20} MiB, so no configuration"
            raise ConfigError(message, name, "QX141")
        parts.append(part)


def _read_descriptor(url: str) -> bytes:
    number = url.removeprefix("fd://")
    if not re.fullmatch("[0-9]{1,6}", number):
        raise ConfigError("expected a descriptor such as fd://3", url, "QX143")
    return _read_whole(int(number), url)


_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def _env_file(text: str, path: str) -> Iterator[tuple[str, str]]:
    """``NAME=value`` lines as systemd's EnvironmentFile has them.

    Comments begin with ``#`` or ``;``, a backslash at the end of a line joins the next one, and a
    value may stand in single or double quotes.
    """
    number = 0
    lines = iter(text.split("\n"))
    for line in lines:
        number += 1
        start = number
        while line.endswith("\\") and not line.lstrip().startswith(("#", ";")):
            number += 1
            line = line[:-1] + next(lines, "")
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise ConfigError("expected NAME=value", f"{path}:{start}", "QX151")
        yield match[1], _unquote(match[2].strip())


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["\\$`])', r"\1", value[1:-1])
    return value


def _file_variables(path: str, section: str) -> dict[str, str]:
    if not path:
        return dict.fromkeys((*"opsdnecxij", *"0123456789"), "")
    whole = os.path.realpath(path)
    directory, base = os.path.split(whole)
    stem, dot, extension = base.rpartition(".")
    variables = {
        "o": path,
        "p": whole,
        "s": base,
        "d": directory.rstrip("/") + "/",
        "n": stem if dot else base,
        "e": extension if dot else "",
        "c": os.path.basename(directory),
        "x": section,
        "i": _inode(whole),
        "j": _djb33x(whole),
    }
    names = [name for name in directory.split("/") if name]
    variables.update((str(n), names[n] if n < len(names) else "") for n in range(10))
    return variables


def _inode(path: str) -> str:
    try:
        return str(os.stat(path).st_ino)
    except OSError:
        return ""


def _djb33x(text: str) -> str:
    """uWSGI's hash of a path, which it prints byte by byte, the lowest first."""
    value = 5381
    for byte in os.fsencode(text):
        value = (value * 33 ^ byte) & 0xFFFFFFFF
    return value.to_bytes(4, "little").hex().upper()


def _machine_variables() -> dict[str, str]:
    now = time.time()
    uid, gid = os.getuid(), os.getgid()
    return {
        "v": os.getcwd(),
        "h": os.uname().nodename,
        "t": str(int(now)),
        "T": str(int(now * 1_000_000)),
        "V": __version__,
        "k": str(_processors()),
        "u": str(uid),
        "U": _user_name(uid),
        "g": str(gid),
        "G": _group_name(gid),
        "b": os.path.realpath(sys.argv[0]) if sys.argv and sys.argv[0] else "",
        "[": "\x1b",
    }


def _processors() -> int:
    def read(path: str) -> str | None:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                return file.read(65536)
        except OSError:
            return None

    return cpus.usable(len(os.sched_getaffinity(0)), read)


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
