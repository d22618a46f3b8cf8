"""Whether the application can be imported, found out in a process that may hang or crash.

The child (this module run with ``-m``) does what a server does before it forks, as the configured
user when this one is root.
"""

import contextlib
import os
import sys
import threading
import time

from quaich.cli import child
from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.config.effective import Config
from quaich.config.options.app import SERVES
from quaich.errors import ConfigError, LoadError
from quaich.worker import startup

_IMPORTED = (
    "module",
    "wsgi_file",
    "mount",
    "eval",
    "paste",
    "ini_paste",
    "ini_paste_logged",
    "pecan",
)


def is_imported(config: Config) -> bool:
    """Whether it names one that can be imported, and not only a program to run."""
    return any(getattr(config, name) for name in _IMPORTED)


def has_application(config: Config) -> bool:
    """Whether the configuration names an application at all."""
    return any(getattr(config, name) for name in SERVES)


def examine(config: Config, limit: float) -> tuple[list[Diagnostic], list[str]]:
    """Import the application elsewhere: the findings, and facts worth a line."""
    with contextlib.suppress(LoadError):
        # What is wrong with the environment is found again below, and said there.
        python = startup.interpreter(config)
        if python is not None:
            return [], [f"application not imported: it is run by {python}"]
    place = next((found for found in map(config.place_of, SERVES) if found), "")
    answer, status = child.ask("quaich.cli.checkapp", config.to_json(), limit)
    if answer is None and status is None:
        text = f"the application is not imported after {limit:g} s"
        return [diagnose("QX504", text, place)], []
    if answer is None:
        how = f"signal {-status}" if status and status < 0 else f"exit status {status}"
        text = f"importing the application ends the process with {how}"
        return [diagnose("QX505", text, place)], []
    findings = [_failure(each, place) for each in answer["failures"]]
    if answer["threads"]:
        names = ", ".join(answer["threads"])
        text = f"threads run after the import and would be lost by the fork: {names}"
        findings.append(diagnose("QX503", text, place))
    facts = []
    if answer["applications"]:
        facts.append(f"application imported in {answer['seconds']:.2f} s")
    for failure in answer["failures"]:
        facts += [f"| {line}" for line in failure["detail"].splitlines()]
    return findings, facts


def _failure(failure: dict[str, str], place: str) -> Diagnostic:
    own, colon, rest = failure["text"].partition(": ")
    if colon and own.rpartition(":")[2].isdigit():
        place, text = own, rest
    else:
        text = failure["text"]
    return diagnose("QX501" if failure["detail"] else "QX502", text, place)


def _child(writer: int) -> None:
    from quaich.sys import privileges
    from quaich.wsgi import loader

    config = Config.from_json(sys.stdin.read())
    # What the application imports is not reported as a thread of its own.
    before = set(threading.enumerate())
    started = time.monotonic()
    failures: list[LoadError] = []
    applications = 0
    try:
        identity = privileges.find(config.uid, config.gid)
        if os.geteuid() == 0:
            privileges.drop(identity)
        config = loader.prepare(config)
        apps = loader.load(config)
        failures += apps.failed
        applications = len(apps.mounts) + (apps.default is not None)
    except LoadError as error:
        failures.append(error)
    except ConfigError as error:
        failures.append(LoadError(error.message))
    answer = {
        "applications": applications,
        "seconds": time.monotonic() - started,
        "threads": [each.name for each in threading.enumerate() if each not in before],
        "failures": [{"text": str(each), "detail": each.detail[-20_000:]} for each in failures],
    }
    child.answer(writer, answer)


if __name__ == "__main__":
    _child(int(sys.argv[1]))
