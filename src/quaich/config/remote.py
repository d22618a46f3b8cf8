"""Configuration that is no file: fetched over HTTP, printed by a command, or on a descriptor.

All of it is bounded in size and in time.  A redirect may lead to another address, but not from
``https`` to ``http`` nor to any other scheme, and no proxy is asked.  A command is run by the
shell in a session of its own, which is killed when its time is over.
"""

import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from typing import IO

from quaich.errors import ConfigError

SECONDS = 10.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = newurl.partition(":")[0].lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise urllib.error.URLError(f"it redirects to {scheme}://, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def fetch(url: str, max_bytes: int) -> bytes:
    """What an ``http`` or ``https`` address answers."""
    outcome: list[bytes | str] = []

    def work() -> None:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "quaich"})
            with _opener().open(request, timeout=SECONDS) as response:
                outcome.append(response.read(max_bytes + 1))
        except urllib.error.URLError as error:
            outcome.append(str(error.reason) if error.reason else str(error))
        except (OSError, HTTPException, ValueError) as error:
            outcome.append(str(error) or type(error).__name__)

    # A server that answers a byte now and then never exceeds a socket's own timeout.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if not outcome:
        raise ConfigError(f"no whole answer after {SECONDS:.0f} s", url, "QX141")
    if isinstance(outcome[0], str):
        raise ConfigError(outcome[0], url, "QX140")
    return _bounded(outcome[0], url, max_bytes)


def execute(url: str, read: Callable[[int, str], bytes]) -> tuple[bytes, int]:
    """What a command prints, read by ``read`` within its bounds, and its exit status."""
    command = url.removeprefix("exec://")
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        data = read(process.stdout.fileno(), url)
        return data, process.wait(1)
    except subprocess.TimeoutExpired:
        # It has closed its output and goes on; nobody waits for that.
        return data, 0
    finally:
        process.stdout.close()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def _bounded(data: bytes, name: str, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        message = f"larger than {max_bytes >> 20} MiB, so no configuration"
        raise ConfigError(message, name, "QX141")
    return data
