"""Reading the configuration in a process of its own, that ends when it has been read.

What a configuration is read with, the table of options first, is needed once at the start and once
for each reload, and has no place in the memory of a master in between.  What comes back is the
effective configuration, or the error just as it was raised there.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from quaich import errors
from quaich.config.effective import Config
from quaich.errors import ConfigError, QuaichError
from quaich.sys import process
from quaich.values import dataclass

COMPATIBLE = "read_compatible"
MODERN = "read_modern"


@dataclass(frozen=True)
class Reading:
    """What came of it: the parts of a ``Resolution`` that are needed to act on it.

    ``shown`` is what ``show-config`` prints, ``stdin`` what the standard input held, if it was
    read: it can be read only once.
    """

    config: Config
    action: str
    status: int
    output: tuple[str, ...]
    printed: tuple[str, ...]
    fallback: str
    shown: str
    stdin: bytes | None


class Pending:
    """A reading that has begun, in process ``pid``; ``fd`` is where it answers."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self.fd = fd

    def wait(self) -> Reading:
        """What came of it; raises QuaichError."""
        with os.fdopen(self.fd, "rb") as file:
            data = file.read()
        end = "no status"
        # Where SIGCHLD was ignored by who started us, the call fails after it has waited.
        with suppress(ChildProcessError):
            end = process.describe_end(os.waitpid(self.pid, 0)[1])
        return decoded(data, end)


class Again:
    """A reading that somebody else waits for; ``accept`` makes of it what is asked for."""

    def __init__(self, pending: Pending, accept: Callable[[Reading], Config]) -> None:
        self.pid = pending.pid
        self.fd = pending.fd
        self._accept = accept

    def finish(self, data: bytes, end: str) -> Config:
        """By what was written and how the process ended; raises QuaichError."""
        return self._accept(decoded(data, end))


def decoded(data: bytes, end: str) -> Reading:
    """What was read, by what its reader wrote before this end; raises QuaichError."""
    try:
        values = json.loads(data)
    except ValueError:
        # Nothing, or not all of it.
        text = f"the configuration cannot be read: its reader ended with {end}"
        raise QuaichError(text) from None
    if "error" in values:
        raise _error(values)
    values["config"] = Config.from_json(values["config"])
    for name in ("output", "printed"):
        values[name] = tuple(values[name])
    if values["stdin"] is not None:
        values["stdin"] = values["stdin"].encode("latin-1")
    return Reading(**values)


def begin(
    door: str, argv: Sequence[str], environ: Mapping[str, str], stdin: bytes | None = None
) -> Pending:
    """Begin to read; ``stdin`` is what an earlier reading found there.

    SIGTERM ends it, with the programs that it has started.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    # A signal for the child must not run the handlers of a master in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _read(door, argv, environ, stdin, writer, parent)
    except OSError as error:
        os.close(reader)
        reason = (error.strerror or str(error)).lower()
        raise QuaichError(f"the configuration cannot be read: no process: {reason}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writer)
    return Pending(pid, reader)


def _read(
    door: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    stdin: bytes | None,
    writer: int,
    parent: int,
) -> NoReturn:
    """In the child: read, answer, end."""
    try:
        signal.set_wakeup_fd(-1)
        process.reset_handlers()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.signal(signal.SIGTERM, _leave)
        if process.die_with_parent(parent, signal.SIGTERM):
            answer = json.dumps(_answer(door, argv, environ, stdin)).encode()
            with os.fdopen(writer, "wb") as file:
                file.write(answer)
    except SystemExit:
        pass  # told to leave
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(1)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit


def _answer(
    door: str, argv: Sequence[str], environ: Mapping[str, str], stdin: bytes | None
) -> dict[str, Any]:
    from quaich.config import resolve
    from quaich.config.sources import Host

    host = Host(stdin)
    try:
        found = getattr(resolve, door)(argv, environ, host)
    except QuaichError as error:
        return {"error": type(error).__name__, "text": str(error), **vars(error)}
    return {
        "config": found.config.to_json(),
        "action": found.action,
        "status": found.status,
        "output": found.output,
        "printed": found.printed,
        "fallback": found.fallback,
        "shown": resolve.dump(found.items) if found.config.show_config else "",
        "stdin": None if host.stdin is None else host.stdin.decode("latin-1"),
    }


def _error(values: dict[str, Any]) -> QuaichError:
    kind: type[QuaichError] = getattr(errors, values.pop("error"), QuaichError)
    text = values.pop("text")
    if issubclass(kind, ConfigError):
        error: QuaichError = kind(values["message"], values["place"], values["code"])
    else:
        error = kind(text)
    vars(error).update(values)
    return error
