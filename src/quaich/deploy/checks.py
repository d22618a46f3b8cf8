"""What a release must pass before a server of it is started: check, hooks, Django's commands.

Everything runs as the site's user, in the release's environment and directory, with the site's
variables.  A release that fails has changed nothing, unless a migration ran: that is said.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from quaich.config.sources import Host
from quaich.deploy import commands
from quaich.deploy.faults import ApplicationFault, Unhealthy
from quaich.deploy.ini import Release
from quaich.values import dataclass

_HOOK_SECONDS = 1800.0
# The first sentence will do: the code is in Django's documentation.
_WARNED = re.compile(r"\?: (\([\w.]+\) .*?[.](?=\s|$))")
_SLOW_IMPORT = "QX504"
_SETTINGS = (
    "import json; from django.conf import settings as s; "
    "print(json.dumps([str(s.STATIC_ROOT or ''), str(s.STATIC_URL or '')]))"
)
_COPIED = re.compile(r"^(\d+) static files? (?:copied|symlinked)", re.MULTILINE)
_APPLIED = re.compile(r"^  Applying .*OK$", re.MULTILINE)


@dataclass(frozen=True)
class Bench:
    """Where the checks of a release run."""

    release: Release
    by: commands.Actor
    env: Mapping[str, str]

    def python(self, *words: str, what: str, timeout: float = _HOOK_SECONDS) -> str:
        """Run the release's python; its output."""
        argv = [f"{self.release.environment}/bin/python", *words]
        return self._run(argv, what, timeout)

    def shell(self, command: str, what: str) -> str:
        """Run a command line of the operator's."""
        return self._run(["/bin/sh", "-c", command], what, _HOOK_SECONDS)

    def _run(self, argv: Sequence[str], what: str, timeout: float) -> str:
        cwd = self.release.directory
        return commands.run(argv, what=what, by=self.by, env=self.env, cwd=cwd, timeout=timeout)


def bench(
    release: Release, by: commands.Actor, base: Mapping[str, str], variables: str, data: str
) -> Bench:
    """The bench of a release; ``variables`` is the site's file of them."""
    return Bench(release, by, variables_of(release, base, variables, data))


def variables_of(
    release: Release, base: Mapping[str, str], variables: str, data: str
) -> dict[str, str]:
    """The environment of whatever runs in a release."""
    own: dict[str, str] = {}
    if os.path.exists(variables):
        own = {name: value or "" for name, value in Host().variables(variables, "env-file", "")}
    env = {**base, **own}
    env["PATH"] = f"{release.environment}/bin:{env.get('PATH', '')}"
    env |= {
        "VIRTUAL_ENV": release.environment,
        "QUAICH_SITE": release.site.name,
        "QUAICH_RELEASE": release.id,
        "QUAICH_DATA": data,
        # What a check compiles would be left in the release, by another user than the server's.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if release.pythonpath:
        env["PYTHONPATH"] = f"{release.root}/{release.pythonpath}"
    return env


def compile_all(at: Bench) -> None:
    """Compile the application; files that are no Python of this version are left as they are."""
    argv = [f"{at.release.environment}/bin/python", "-m", "compileall", "-qq", at.release.root]
    commands.outcome(
        argv, what="compileall", by=at.by, env=at.env, cwd=at.release.root, timeout=_HOOK_SECONDS
    )


def configuration(
    path: str, release: Release, seconds: float, environ: Mapping[str, str]
) -> tuple[bool, list[str]]:
    """``quaich check`` of a configuration, with the import: whether that was made, and warnings.

    Raises ApplicationFault with the first error, and Unhealthy where the import takes too long.
    """
    argv = [*commands.quaich_command(), "check", "--json", "--no-nginx"]
    argv += ["--import-timeout", f"{seconds:g}", path]
    base = commands.environment(commands.actor("", ""), environ)
    _, output = commands.outcome(
        argv,
        what="quaich check",
        by=commands.Actor(),
        env=commands.quaich_environment(base),
        cwd="/",
        timeout=seconds + 60,
    )
    try:
        (report,) = json.loads(output[output.index("{") :])["reports"]
    except (ValueError, KeyError):
        raise ApplicationFault("quaich check gave no report", output[-4000:]) from None
    detail = "\n".join(each[2:] for each in report["facts"] if each.startswith("| "))
    for found in report["findings"]:
        if found["severity"] == "error":
            raise ApplicationFault(_failure(found, release), detail)
        if found["code"] == _SLOW_IMPORT:
            raise Unhealthy(f"{found['text']}; start_timeout = {seconds:g}")
    warnings = [
        f"{found['text']} [{found['code']}]"
        for found in report["findings"]
        if found["severity"] == "warning"
    ]
    is_imported = any(each.startswith("application imported") for each in report["facts"])
    return is_imported, warnings


def _failure(found: Mapping[str, Any], release: Release) -> str:
    text: str = found["text"].replace(f"{release.root}/", "")
    if found["code"] == "QX501":
        _, _, said = text.partition(": ")
        return f"importing {release.app}: {said}"
    return f"{text} [{found['code']}]"


def hooks(at: Bench, name: str, lines: Sequence[str]) -> str:
    """Run a hook's command lines; a fact, or nothing where there are none."""
    for line in lines:
        at.shell(line, name)
    return f"{name} ok" if lines else ""


def static_facts(at: Bench, settings: str) -> tuple[str, str]:
    """Django's STATIC_ROOT as a path inside the release, and STATIC_URL; empty where not so."""
    at_settings = Bench(at.release, at.by, {"DJANGO_SETTINGS_MODULE": settings, **at.env})
    output = at_settings.python("-c", _SETTINGS, what="Django settings", timeout=300)
    try:
        root, url = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return "", ""
    inside = (
        os.path.relpath(os.path.join(at.release.directory, root), at.release.root) if root else ""
    )
    if inside.startswith("..") or not url.startswith("/"):
        return "", ""
    return inside, url if url.endswith("/") else f"{url}/"


def deploy_check(at: Bench) -> list[str]:
    """Django's ``check --deploy``: its warnings; raises ApplicationFault for its errors."""
    output = at.python("manage.py", "check", "--deploy", "--no-color", what="check --deploy")
    return [match[1] for match in map(_WARNED.match, output.splitlines()) if match]


def migrate(at: Bench) -> str:
    """Django's migrations; a fact."""
    output = at.python("manage.py", "migrate", "--noinput", "--no-color", what="migrate")
    return f"migrate {len(_APPLIED.findall(output)) or 'ok'}"


def collect_static(at: Bench) -> str:
    """Django's static files to their place in the release; a fact."""
    output = at.python(
        "manage.py", "collectstatic", "--noinput", "--no-color", what="collectstatic"
    )
    match = _COPIED.search(output)
    return f"collectstatic {match[1]} files" if match else "collectstatic ok"
