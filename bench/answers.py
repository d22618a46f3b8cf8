"""Whether a server answers a scenario as it should, before anybody measures how fast.

Asked as the load will ask, several times over one connection where one may be kept: status, length
and every octet.
"""

import hashlib
import http.client
import time
from collections.abc import Callable

from bench.scenarios import Scenario, body

PATIENCE = 15.0


def judge(scenario: Scenario, status: int, reply: bytes) -> str:
    """What is wrong with one reply, or nothing."""
    if status != 200:
        return f"answers {status} {reply[:60]!r}"
    if len(reply) != scenario.length:
        return f"answers {len(reply)} octets where {scenario.length} were expected"
    if hashlib.sha256(reply).hexdigest() != scenario.digest:
        return f"answers other octets than expected: {reply[:60]!r}"
    return ""


def _ask(connection: http.client.HTTPConnection, scenario: Scenario) -> str:
    method, path = ("POST", f"{scenario.path}?hash") if scenario.post else ("GET", scenario.path)
    connection.request(
        method,
        path,
        body=body(scenario.post) if scenario.post else None,
        headers=dict(scenario.headers),
    )
    with connection.getresponse() as reply:
        return judge(scenario, reply.status, reply.read())


def check(
    scenario: Scenario, port: int, keeps: bool, ended: Callable[[], str], times: int = 3
) -> tuple[str, str]:
    """What is wrong with a server's answers, and what is remarkable about them; or nothing.

    ``ended`` says how the server did, if it has.
    """
    remark = ""
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            for _ in range(times):
                wrong = _ask(connection, scenario)
                if wrong.startswith("answers 502") and time.monotonic() < deadline and not ended():
                    raise ConnectionRefusedError(wrong)  # nginx, of a server that starts yet
                if wrong:
                    return wrong, ""
                if connection.sock is None and keeps and not scenario.close:
                    remark = "closes the connection after each of these answers"
                if not keeps or scenario.close:
                    connection.close()
            return "", remark
        except (OSError, http.client.HTTPException) as error:
            # It may listen before it can answer, and not listen yet.
            refused = isinstance(error, ConnectionError)
            if ended() or not refused or time.monotonic() > deadline:
                return ended() or f"{type(error).__name__}: {error}", ""
            time.sleep(0.05)
        finally:
            connection.close()
