"""What can be told of an application from its files: Django, the callable, the layout; pure.

Files are read as text and never imported.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from quaich.errors import QuaichError

_SETTINGS = re.compile(r"""["']DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
_CALLABLE = re.compile(
    r"^(application|app)\b\s*(?::[^=\n]*)?=(?!=)|^def\s+(application|app)\s*\(", re.M
)
_CANDIDATES = ("wsgi.py", "app.py", "main.py")

# Gives the text of a file of the source, None where there is none.
Read = Callable[[str], "str | None"]


class Found(NamedTuple):
    """The application, Django's settings module or nothing, and what to add to sys.path."""

    app: str
    settings: str
    pythonpath: str


def detect(read: Read, names: Collection[str], app: str, django: bool | None) -> Found:
    """What the source is; ``names`` are the entries of its top, ``app`` what is said already."""
    settings = ""
    manage = read("manage.py") if django is not False else None
    if manage is not None:
        match = _SETTINGS.search(manage)
        settings = match[1] if match else ""
    if django and not settings:
        raise QuaichError(
            "django = true, but there is no manage.py with DJANGO_SETTINGS_MODULE in the directory"
        )
    return Found(app or _application(read, settings), settings, _pythonpath(read, names))


def _application(read: Read, settings: str) -> str:
    package = settings.partition(".")[0]
    if package and read(f"{package}/wsgi.py") is not None:
        return f"{package}.wsgi:application"
    for name in _CANDIDATES:
        match = _CALLABLE.search(read(name) or "")
        if match:
            return f"{name.removesuffix('.py')}:{match[1] or match[2]}"
    raise QuaichError(
        f"no application found: no {', '.join(_CANDIDATES)} with a callable named application or "
        "app; name it: --app shop.wsgi:application"
    )


def _pythonpath(read: Read, names: Collection[str]) -> str:
    """Where packages are that a build would put in place: the src layout."""
    return "src" if "src" in names and "pyproject.toml" in names else ""
