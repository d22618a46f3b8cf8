"""A question to a fresh interpreter that may hang, crash or fork: bounded in time and in answer.

The child runs a module of this package with the number of a descriptor; it reads the question from
stdin and writes one line of JSON to the descriptor.  Afterwards it is killed with everything that
it started.  Whatever it prints is dropped.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

MAX_ANSWER = 1024 * 1024


class Answer(NamedTuple):
    """What came of it: the data; or the exit status; or neither when the time was over."""

    data: Any = None
    status: int | None = None


def ask(module: str, question: str, limit: float) -> Answer:
    """Run a module and wait for its answer no longer than ``limit`` seconds."""
    reader, writer = os.pipe()
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(writer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
            start_new_session=True,
            env=_environment(),
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        deadline = time.monotonic() + limit
        _send(child, question)
        data = _receive(reader, deadline)
        if data.endswith(b"\n"):
            return Answer(data=json.loads(data))
        return Answer(status=child.wait(max(0.0, deadline - time.monotonic())))
    except subprocess.TimeoutExpired:
        return Answer()
    finally:
        os.close(reader)
        _kill(child)


def answer(writer: int, data: object) -> None:
    """Called in the child: answer and leave at once, whatever threads run."""
    os.set_blocking(writer, True)
    left = memoryview(json.dumps(data).encode() + b"\n")
    while left:
        left = left[os.write(writer, left) :]
    os._exit(0)


def _send(child: "subprocess.Popen[bytes]", question: str) -> None:
    assert child.stdin is not None
    try:
        child.stdin.write(question.encode())
        child.stdin.close()
    except BrokenPipeError:
        pass  # its exit status tells


def _environment() -> dict[str, str]:
    # The package is found where this one is, whatever the current directory holds.
    environ = dict(os.environ)
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [home, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    # Looking leaves nothing behind.
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return environ


def _receive(reader: int, deadline: float) -> bytes:
    data = b""
    while len(data) < MAX_ANSWER and not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            break
        part = os.read(reader, 65536)
        if not part:
            break
        data += part
    return data


def _kill(child: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
