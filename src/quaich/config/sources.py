"""What configuration takes from the machine: files, stdin, and the facts behind magic variables.

The only module of this layer that touches the operating system; the others are given a ``Host``
and are tested with another one.  Reading is bounded in size and, for a pipe, in time, and never
blocks on a fifo that nobody writes to.  A file that cannot be read is a ``ConfigError`` with the
system's own words.
"""

import os
import select
import stat
import time

from quaich import __version__
from quaich.errors import ConfigError

MAX_BYTES = 4 * 1024 * 1024
PIPE_SECONDS = 10.0
STDIN = "-"


class Host:
    """The machine that the configuration is read on.

    One is kept for the life of a server: what stdin held can be read only once, and a reload
    needs it again.
    """

    def __init__(self) -> None:
        self._stdin: bytes | None = None

    def read(self, path: str) -> bytes:
        """The content of a file, or of stdin for ``-``."""
        if path == STDIN:
            if self._stdin is None:
                self._stdin = _read_whole(0, "stdin")
            return self._stdin
        try:
            # Without O_NONBLOCK, opening a fifo would wait for its writer.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            raise ConfigError(_words(error), path) from None
        try:
            return _read_whole(fd, path)
        finally:
            os.close(fd)

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
                raise ConfigError(f"no end of file after {PIPE_SECONDS:.0f} s", name)
        part = os.read(fd, 65536)
        if not part:
            return b"".join(parts)
        room -= len(part)
        if room < 0:
            raise ConfigError(f"larger than {MAX_BYTES >> 20} MiB, so no configuration", name)
        parts.append(part)


def _file_variables(path: str, section: str) -> dict[str, str]:
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
    }
    names = [name for name in directory.split("/") if name]
    variables.update((str(n), names[n] if n < len(names) else "") for n in range(10))
    return variables


def _machine_variables() -> dict[str, str]:
    now = time.time()
    uid, gid = os.getuid(), os.getgid()
    return {
        "v": os.getcwd(),
        "h": os.uname().nodename,
        "t": str(int(now)),
        "T": str(int(now * 1_000_000)),
        "V": __version__,
        "k": str(os.cpu_count() or 1),
        "u": str(uid),
        "U": _user_name(uid),
        "g": str(gid),
        "G": _group_name(gid),
        "[": "\x1b",
    }


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
