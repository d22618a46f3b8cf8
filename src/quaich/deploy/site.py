"""What a site is: ``site.toml`` and the flags of a command, merged into one frozen ``Site``; pure.

Three tables: ``[site]`` is the application and how it is deployed, ``[server]`` further options of
quaich, ``[nginx]`` what stands in front and is judged by ``quaich.nginx``.  What is said later
outranks what is said earlier: the file beside the application, the file of the machine, the flags.
Refused: keys that nobody knows, values of another type, options that deploy writes itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from quaich.config import tomltext
from quaich.config.document import Malformed
from quaich.config.options import BY_LONG_NAME
from quaich.config.suggest import hint
from quaich.errors import ConfigError
from quaich.values import asdict, dataclass, replace

TABLES = ("site", "server", "nginx")
HOOKS = ("pre_deploy", "migrate", "post_deploy")

# What [server] may not say, and where it is said instead.
_OWN = {
    "module": "[site] app",
    "wsgi": "[site] app",
    "wsgi-file": "[site] app",
    "callable": "[site] app",
    "chdir": "[site] chdir",
    "processes": "[site] processes",
    "workers": "[site] processes",
    "threads": "[site] threads",
    "harakiri": "[site] harakiri",
    "uid": "[site] user",
    "gid": "[site] group",
    "ready-path": "[site] health",
    "startup-timeout": "[site] start_timeout",
    "home": "[site] python",
    "virtualenv": "[site] python",
    "env": "quaich env set",
    "env-file": "quaich env set",
    "socket": "[nginx]",
}
_OWN |= dict.fromkeys(
    ("master", "control", "daemonize", "daemonize2", "pidfile", "vacuum", "need-app"), ""
)


@dataclass(frozen=True)
class Health:
    """The request that shows that a release works.

    ``statuses`` empty: any answer below 400 where a path was named, below 500 where none was.
    """

    path: str = ""
    statuses: tuple[int, ...] = ()
    timeout: float = 10.0

    @property
    def target(self) -> str:
        """The path that is requested."""
        return self.path or "/"

    def accepts(self, status: int) -> bool:
        """Whether an answer with this status is healthy."""
        if self.statuses:
            return status in self.statuses
        return 200 <= status < (400 if self.path else 500)

    @property
    def expectation(self) -> str:
        """What ``accepts`` accepts, in words."""
        if self.statuses:
            return " or ".join(map(str, self.statuses))
        return "a status below 400" if self.path else "a status below 500"


@dataclass(frozen=True)
class Site:
    """One site; empty strings and None are what is found out from the application."""

    name: str
    app: str = ""
    chdir: str = ""
    processes: int = 2
    threads: int = 1
    harakiri: int = 30
    python: str = ""
    user: str = ""
    group: str = ""
    keep: int = 5
    start_timeout: int = 60
    health: Health = Health()
    pre_deploy: tuple[str, ...] = ()
    migrate: tuple[str, ...] = ()
    post_deploy: tuple[str, ...] = ()
    django: bool | None = None
    wheelhouse: str = ""
    server: tuple[tuple[str, str], ...] = ()
    nginx: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Said:
    """One source of settings: the file, or nothing for flags, its text and its tables."""

    place: str
    text: str
    tables: Mapping[str, Any]


def read(text: str, place: str) -> Said:
    """The tables of a ``site.toml``; raises ConfigError where it is none."""
    try:
        tables = tomltext.parse(text)
    except Malformed as error:
        line = f":{error.line}" if error.line else ""
        raise ConfigError(str(error), f"{place}{line}") from None
    return Said(place, text, tables)


def flags(tables: Mapping[str, Any]) -> Said:
    """What the command line says, in the same tables."""
    return Said("", "", tables)


def merge(name: str, sources: Sequence[Said]) -> Site:
    """The site that the sources describe together, the last one outranking those before."""
    site = Site(name)
    server: dict[str, tuple[str, ...]] = {}
    nginx: dict[str, Any] = {}
    for said in sources:
        for table, content in said.tables.items():
            if table not in TABLES:
                meant = hint(table, TABLES)
                raise _error(said, "", table, f"unknown table [{table}]{meant}")
            if not isinstance(content, dict):
                raise _error(said, "", table, f"expected a table [{table}]")
        site = _apply(site, said, said.tables.get("site", {}))
        for key, value in said.tables.get("server", {}).items():
            server[_option(said, key)] = _texts(said, "server", key, value)
        nginx |= said.tables.get("nginx", {})
    pairs = tuple((key, value) for key, values in server.items() for value in values)
    return replace(site, server=pairs, nginx=nginx)


def to_data(site: Site) -> dict[str, Any]:
    """The site as JSON has it."""
    return {**asdict(site), "nginx": dict(site.nginx)}


def from_data(data: Mapping[str, Any]) -> Site:
    """The site that ``to_data`` told; raises KeyError or TypeError for anything else."""
    values: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in data.items()
    }
    values["server"] = tuple((key, value) for key, value in data["server"])
    health = dict(data["health"])
    health["statuses"] = tuple(health["statuses"])
    values["health"] = Health(**health)
    return Site(**values)


def _error(said: Said, table: str, key: str, message: str) -> ConfigError:
    if not said.place:
        return ConfigError(message)
    start = tomltext.header(said.text, table) if table else 0
    place = f"{said.place}:{tomltext.line_of(said.text, key, start)}"
    if not table:
        header = tomltext.header(said.text, key)
        place = f"{said.place}:{said.text.count(chr(10), 0, header) + 1}"
    return ConfigError(message, place)


def _apply(site: Site, said: Said, table: Mapping[str, Any]) -> Site:
    changes: dict[str, Any] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        kind = _KINDS.get(key)
        if kind is None:
            meant = hint(written, _KINDS)
            where = hint_table(key)
            raise _error(said, "site", written, f"[site] {written}: unknown key{meant or where}")
        if key == "health":
            changes[key] = _health(said, value)
        else:
            changes[key] = _value(said, written, value, kind)
    return replace(site, **changes)


def hint_table(key: str) -> str:
    """A word for a key of [site] that is an option of the server."""
    if key.replace("_", "-") in BY_LONG_NAME:
        return "; as an option of the server it belongs in [server]"
    return f": expected one of {', '.join(_KINDS)}"


def _value(said: Said, key: str, value: Any, kind: str) -> Any:
    ok = False
    if kind in ("count", "positive"):
        ok = isinstance(value, int) and not isinstance(value, bool)
        ok = ok and (0 if kind == "count" else 1) <= value <= 100_000
    elif kind == "flag":
        ok = isinstance(value, bool)
    elif kind == "commands":
        return _texts(said, "site", key, value)
    else:
        ok = isinstance(value, str) and (kind == "any" or _PLAIN[kind].fullmatch(value) is not None)
    if not ok:
        raise _error(said, "site", key, f"[site] {key}: expected {_WORDS[kind]}, got {value!r}")
    return value


def _texts(said: Said, table: str, key: str, value: Any) -> tuple[str, ...]:
    found = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, bool):
            each = "true" if each else "false"
        if not isinstance(each, (str, int, float)) or "\n" in str(each) or "\0" in str(each):
            raise _error(
                said, table, key, f"[{table}] {key}: expected a text on one line, got {each!r}"
            )
        found.append(str(each))
    return tuple(found)


def _health(said: Said, value: Any) -> Health:
    table = {"path": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        expected = 'a path like "/healthz", or a table with path, status and timeout'
        raise _error(said, "site", "health", f"[site] health: expected {expected}, got {value!r}")
    for key in table:
        if key not in ("path", "status", "timeout"):
            meant = hint(key, ("path", "status", "timeout"))
            raise _error(said, "site.health", key, f"[site.health] {key}: unknown key{meant}")
    path = table.get("path", "")
    if not isinstance(path, str) or not re.fullmatch(r"(?:/[!-~]*)?", path):
        raise _error(
            said, "site", "health", f'[site] health: expected a path like "/healthz", got {path!r}'
        )
    status = table.get("status", [])
    statuses = status if isinstance(status, list) else [status]
    for each in statuses:
        if not isinstance(each, int) or not 100 <= each <= 599:
            raise _error(
                said, "site.health", "status", f"[site.health] status: expected 200, got {each!r}"
            )
    timeout = table.get("timeout", Health.timeout)
    if not isinstance(timeout, (int, float)) or not 0 < timeout <= 3600:
        message = f"[site.health] timeout: expected seconds, got {timeout!r}"
        raise _error(said, "site.health", "timeout", message)
    return Health(path, tuple(statuses), float(timeout))


def _option(said: Said, written: str) -> str:
    key = written.replace("_", "-")
    if key in _OWN:
        instead = f"; say it by {_OWN[key]}" if _OWN[key] else ""
        raise _error(said, "server", written, f"[server] {written}: deploy writes it{instead}")
    if key not in BY_LONG_NAME:
        meant = hint(key, BY_LONG_NAME)
        raise _error(said, "server", written, f"[server] {written}: unknown option{meant}")
    return key


_KINDS = {
    "app": "app",
    "chdir": "below",
    "processes": "positive",
    "threads": "positive",
    "harakiri": "count",
    "python": "any",
    "user": "name",
    "group": "name",
    "keep": "positive",
    "start_timeout": "positive",
    "health": "",
    "pre_deploy": "commands",
    "migrate": "commands",
    "post_deploy": "commands",
    "django": "flag",
    "wheelhouse": "any",
}
_PLAIN = {
    "app": re.compile(r"[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*)?"),
    "below": re.compile(r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\0-\x1f]*"),
    "name": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"),
}
_WORDS = {
    "app": 'an application like "shop.wsgi:application"',
    "below": "a directory inside the application's, as a relative path",
    "name": "a name of a user or a group",
    "count": "a number, 0 or more",
    "positive": "a number, 1 or more",
    "flag": "true or false",
    "any": "a text",
}
