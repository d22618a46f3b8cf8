"""The virtual environment of a release: made once for each set of inputs, and used again.

What decides is hashed: the Python, the files that say what is needed, and what is in the
wheelhouse.  An environment is whole when its mark is in it, which is written last; one without is
rest of an interrupted build and made anew.  uv does the work where it is on the PATH, else venv and
pip do.  A ``requirements.txt`` outranks ``uv.lock``, that outranks ``pyproject.toml``.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from quaich.config import tomltext
from quaich.config.document import Malformed
from quaich.deploy import commands, records
from quaich.deploy.faults import ApplicationFault
from quaich.errors import QuaichError
from quaich.values import dataclass

MARK = "quaich-environment.json"
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]+(\S+)", re.MULTILINE)
_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.implementation.cache_tag)"
# pip installs for another interpreter since 22.3.
_PIP = "import pip, sys; sys.exit(tuple(map(int, pip.__version__.split('.')[:2])) < (22, 3))"
_SECONDS = 1800.0


@dataclass(frozen=True)
class Recipe:
    """What an environment is made of; ``kind`` says how, ``items`` are its files or packages."""

    kind: str
    python: str
    version: str
    items: tuple[str, ...]
    wheelhouse: str
    hash: str


@dataclass(frozen=True)
class Made:
    """An environment that can be used."""

    path: str
    version: str
    packages: int
    is_reused: bool


def recipe(app: str, wheel: str, python: str, wheelhouse: str) -> Recipe:
    """What the environment of the application in ``app`` is to be; raises ApplicationFault."""
    program, version = _python(python)
    parts: list[str] = [program, version]
    if wheel:
        kind, items, texts = _wheel(wheel)
    else:
        kind, items, texts = _needs(app)
    parts += texts
    if wheelhouse:
        if not os.path.isdir(wheelhouse):
            raise ApplicationFault(f"wheelhouse: {wheelhouse}: there is no such directory")
        for name in sorted(os.listdir(wheelhouse)):
            parts.append(f"{name} {os.stat(f'{wheelhouse}/{name}').st_size}")
    digest = hashlib.sha256(json.dumps([kind, parts]).encode()).hexdigest()[:16]
    return Recipe(kind, program, version.split()[0], items, wheelhouse, digest)


def make(wanted: Recipe, directory: str, app: str, by: commands.Actor, env: dict[str, str]) -> Made:
    """The environment below ``directory``, made if there is none; raises ApplicationFault."""
    path = f"{directory}/{wanted.hash}"
    mark = records.read_json(f"{path}/{MARK}") if os.path.isdir(path) else None
    if mark is not None and os.path.exists(f"{path}/bin/python"):
        return Made(path, wanted.version, mark["packages"], True)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path, 0o755, exist_ok=True)
    owner = by.owner()
    if owner is not None:
        os.chown(path, *owner)
    uv = commands.program("uv", by, env)
    # A tool that keeps a cache needs a home for it.
    env = {**env, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    if by.uid is not None and not _is_home_of(by):
        env |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}

    def call(*argv: str, what: str = "requirements") -> str:
        return commands.run(argv, what=what, by=by, env=env, cwd=app, timeout=_SECONDS)

    try:
        _create(wanted, path, uv, call)
        _install(wanted, path, uv, call)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    packages = _packages(path)
    facts: dict[str, Any] = {"packages": packages, "python": wanted.version, "kind": wanted.kind}
    records.write(f"{path}/{MARK}", json.dumps(facts) + "\n")
    return Made(path, wanted.version, packages, False)


def _is_home_of(by: commands.Actor) -> bool:
    try:
        return os.stat(by.home).st_uid == by.uid
    except OSError:
        return False


def _python(wanted: str) -> tuple[str, str]:
    """The interpreter's path and its version."""
    if not wanted:
        # Not the environment that quaich itself may be installed in.
        base = getattr(sys, "_base_executable", "") or sys.executable
        version = ".".join(map(str, sys.version_info[:3]))
        return os.path.realpath(base), f"{version} {sys.implementation.cache_tag}"
    found = shutil.which(wanted)
    if found is None:
        raise ApplicationFault(f"python: {wanted}: there is no such program")
    try:
        done = subprocess.run(
            [found, "-I", "-c", _VERSION], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ApplicationFault(f"python: {found}: {error}") from None
    if done.returncode:
        raise ApplicationFault(f"python: {found} is no Python", done.stderr)
    return os.path.realpath(found), done.stdout.strip()


def _needs(app: str) -> tuple[str, tuple[str, ...], list[str]]:
    """How the application says what it needs: the kind, the items, and all that this depends on."""
    path = f"{app}/requirements.txt"
    if os.path.exists(path):
        return "requirements", (path,), list(_requirement_texts(path, app, set()))
    project = records.read(f"{app}/pyproject.toml")
    if project is None:
        return "nothing", (), []
    lock = records.read(f"{app}/uv.lock")
    if lock is not None:
        if shutil.which("uv") is None:
            raise ApplicationFault(
                "uv.lock: uv is not on the PATH; install it, or write requirements.txt by "
                "uv export --frozen --no-emit-project"
            )
        return "lock", (), [project, lock]
    try:
        table = tomltext.parse(project).get("project", {})
    except Malformed as error:
        raise ApplicationFault(f"pyproject.toml:{error.line}: {error}") from None
    if "dependencies" in table.get("dynamic", ()):
        raise ApplicationFault(
            "pyproject.toml: its dependencies are dynamic; build a wheel and deploy that, or add "
            "requirements.txt"
        )
    items = tuple(table.get("dependencies", ()))
    return ("packages", items, list(items)) if items else ("nothing", (), [])


def _requirement_texts(path: str, app: str, seen: set[str]) -> Iterator[str]:
    if path in seen:
        return
    seen.add(path)
    text = records.read(path)
    if text is None:
        raise ApplicationFault(f"requirements: {os.path.relpath(path, app)}: there is no such file")
    yield text
    for match in _INCLUDE.finditer(text):
        if "://" not in match[1]:
            yield from _requirement_texts(
                os.path.normpath(os.path.join(os.path.dirname(path), match[1])), app, seen
            )


def _wheel(path: str) -> tuple[str, tuple[str, ...], list[str]]:
    with open(path, "rb") as file:
        return "wheel", (path,), [hashlib.sha256(file.read()).hexdigest()]


def _create(wanted: Recipe, path: str, uv: str | None, call: Any) -> None:
    if wanted.kind == "lock":
        return
    if uv:
        call(
            uv,
            "venv",
            "--quiet",
            "--allow-existing",
            "--python",
            wanted.python,
            path,
            what="uv venv",
        )
    else:
        call(wanted.python, "-m", "venv", "--without-pip", path, what="python -m venv")


def _install(wanted: Recipe, path: str, uv: str | None, call: Any) -> None:
    if wanted.kind == "nothing":
        return
    python = f"{path}/bin/python"
    words = ["-r", *wanted.items] if wanted.kind == "requirements" else ["--", *wanted.items]
    house = ["--no-index", "--find-links", wanted.wheelhouse] if wanted.wheelhouse else []
    if wanted.kind == "lock":
        assert uv is not None
        env = f"UV_PROJECT_ENVIRONMENT={path}"
        sync = ("sync", "--quiet", "--frozen", "--no-dev", "--no-install-project")
        call(
            "/usr/bin/env",
            env,
            uv,
            *sync,
            "--compile-bytecode",
            "--python",
            wanted.python,
            what="uv sync",
        )
    elif uv:
        quiet = ("--quiet", "--compile-bytecode", "--python", python)
        call(uv, "pip", "install", *quiet, *house, *words)
    else:
        call(*_pip(wanted, python, call), "install", "--quiet", *house, *words)


def _pip(wanted: Recipe, python: str, call: Any) -> list[str]:
    """A pip for the environment: that of its base Python, since another copy takes seconds."""
    for each in (wanted.python, sys.executable):
        with contextlib.suppress(ApplicationFault):
            call(each, "-I", "-c", _PIP, what="pip")
            return [each, "-m", "pip", "--python", python]
    try:
        call(python, "-m", "ensurepip", what="ensurepip")
    except ApplicationFault as fault:
        raise QuaichError(
            f"neither uv nor pip is there: {fault}; install python3-venv (quaich setup does)"
        ) from None
    return [python, "-m", "pip"]


def _packages(path: str) -> int:
    library = f"{path}/lib"
    return sum(
        name.endswith(".dist-info")
        for python in os.listdir(library)
        if os.path.isdir(f"{library}/{python}/site-packages")
        for name in os.listdir(f"{library}/{python}/site-packages")
    )
