"""What the file beside an application may say where root deploys it; pure.

Whoever can write the application need not be who may be root, so its ``site.toml`` says how the
application is run and nothing that would be done with root's rights: not as whom, no program of the
server's own, no file or address outside the release.  The machine's file may say everything.
"""

from collections.abc import Iterator
from typing import Any

from quaich.config import tomltext
from quaich.config.options import BY_LONG_NAME
from quaich.deploy.site import Said
from quaich.errors import ConfigError

_SITE = ("user", "group", "python", "wheelhouse")
_SERVER = ("apps", "cheaper", "harakiri", "limits", "python", "threads")
_NGINX = ("include", "servers", "tls", "resolver", "listen", "real-ip")
_WITH_PATHS = ("static", "internal")


def check(said: Said, definition: str) -> None:
    """Raise ConfigError for what only ``definition``, the file of the machine, may say."""
    for table, key in _too_much(said):
        start = tomltext.header(said.text, table)
        line = tomltext.line_of(said.text, key, start)
        raise ConfigError(
            f"[{table}] {key}: where root deploys, only {definition} may say that",
            f"{said.place}:{line}",
        )


def _too_much(said: Said) -> Iterator[tuple[str, str]]:
    for key in _keys(said, "site"):
        if key in _SITE and not (key == "wheelhouse" and _is_inside(said.tables["site"][key])):
            yield "site", key
    for key in _keys(said, "server"):
        option = BY_LONG_NAME.get(key.replace("_", "-"))
        if option is not None and option.group not in _SERVER:
            yield "server", key
    for key in _keys(said, "nginx"):
        if key in _NGINX:
            yield "nginx", key
        elif key in _WITH_PATHS and not all(map(_is_inside, _paths(said.tables["nginx"][key]))):
            yield "nginx", key


def _keys(said: Said, table: str) -> list[str]:
    found = said.tables.get(table, {})
    return list(found) if isinstance(found, dict) else []


def _paths(entries: Any) -> list[Any]:
    if not isinstance(entries, list):
        return []
    return [each.get("path", "") for each in entries if isinstance(each, dict)]


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and not path.startswith("/") and ".." not in path.split("/")
