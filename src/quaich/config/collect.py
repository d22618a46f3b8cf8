"""From several sources to one ordered list of items, files expanded where they are named.

uWSGI's order: the environment, the command line, then the files named without an option.  A file
named by an option (``ini``, ``json``, ``include``) is read at that point.  What a key means is not
decided here, but for the options that read or set others.  Loops of files, and files without end,
are refused.
"""

import re
from collections.abc import Iterable, Mapping

from quaich.config import ini, jsontext, substitute
from quaich.config.base import WARNING, Diagnostic
from quaich.config.item import FILE, PLACEHOLDER, SET, Item
from quaich.config.options import BY_LONG_NAME
from quaich.config.sources import STDIN, Host
from quaich.errors import ConfigError, UsageError

DEFAULT_SECTION = "uwsgi"
MAX_FILES = 1000
MAX_ITEMS = 100_000
_FORMATS = {"ini": "ini", "json": "json", "js": "json"}
_LATER_FORMATS = ("xml", "yaml", "yml")
_FILE_LETTERS = "odspcenx"
_SCHEME = re.compile(r"[a-z]+://")


class Collector:
    """Gathers items in order; ``items`` and ``notes`` are the result."""

    def __init__(self, host: Host, environ: Mapping[str, str]) -> None:
        self.items: list[Item] = []
        self.notes: list[Diagnostic] = []
        self._host = host
        self._environ = environ
        self._files_read = 0
        self._open: list[tuple[str, str]] = []
        self._last_ini = ""
        self._first: tuple[str, str | None] | None = None

    def add_all(self, items: Iterable[Item]) -> None:
        """Take items in order, reading the files they name."""
        for item in items:
            self.add(item)

    def add(self, item: Item) -> None:
        """Take one item; when it names a file, the file's items follow it."""
        if len(self.items) >= MAX_ITEMS:
            raise ConfigError(f"more than {MAX_ITEMS} settings", item.place)
        self.items.append(item)
        option = BY_LONG_NAME.get(item.key)
        if option is None or not option.acts or not item.value:
            return
        if option.name in ("ini", "json", "include"):
            self._read_named(option.name, item)
        elif option.name in ("set", "set-placeholder"):
            self._declare(option.name, item)

    def add_file(self, argument: str) -> None:
        """Take a file that was given without an option; its extension says what it is."""
        self._read(self._format(argument, ""), argument, None, "")

    def _read_named(self, name: str, item: Item) -> None:
        # uWSGI reads the file before it knows $(ENV); a path with a literal "$(" is never meant.
        value = substitute.environment(item.value or "", self._environ, self._warner(item.place))
        scheme = _SCHEME.match(value)
        if scheme:
            raise ConfigError(
                f"{item.key}: reading from {scheme.group()} is not supported yet; "
                "expected a file, or - for stdin",
                item.place,
            )
        path, colon, section = value.partition(":")
        place = item.place if item.source == FILE else ""
        if not path:
            if not self._last_ini:
                raise ConfigError(f"{item.key}: no ini file was read before {value}", item.place)
            path = self._last_ini
        kind = self._format(path, place) if name == "include" else name
        self._read(kind, path, section if colon else None, place)

    def _format(self, path: str, place: str) -> str:
        extension = path.rpartition(".")[2].lower() if "." in path else ""
        if extension in _FORMATS:
            return _FORMATS[extension]
        if extension in _LATER_FORMATS:
            raise ConfigError(f"{path}: {extension} files are not supported yet; use ini", place)
        message = f"unable to load configuration from {path}: expected a file named *.ini or *.json"
        if extension in ("py", "wsgi"):
            message += f"; to serve an application, write --wsgi-file {path}"
        elif path.partition(":")[0].rpartition(".")[2] in _FORMATS:
            message += f"; to choose a section, write --ini {path}"
        elif ":" in path:
            message += f"; to listen on an address, write --http-socket {path}"
        raise UsageError(message, place)

    def _read(self, kind: str, path: str, named: str | None, place: str) -> None:
        """Read a file; ``named`` is the section that was asked for by name."""
        section = DEFAULT_SECTION if named is None else named
        self._files_read += 1
        if self._files_read > MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} files read", place)
        identity = (self._host.identity(path), section)
        if identity in self._open:
            raise ConfigError(f"{path} includes itself", place)
        try:
            data = self._host.read(path)
        except ConfigError as error:
            raise ConfigError(str(error), place) from None
        shown = "stdin" if path == STDIN else path
        text = self._decode(data, shown)
        self._first = self._first or (path, named)
        variables = self._magic(path, named) if "%" in text else {}
        self._open.append(identity)
        if kind == "ini":
            self._last_ini = path
            self._add_ini(text, shown, section, variables)
        else:
            self._add_json(text, shown, section, variables)
        self._open.pop()

    def _decode(self, data: bytes, shown: str) -> str:
        if b"\0" in data:
            line = data.count(b"\n", 0, data.index(b"\0")) + 1
            raise ConfigError("binary data, so no configuration", f"{shown}:{line}")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._warner(f"{shown}:{line}")("not UTF-8; the file is read as latin-1")
            return data.decode("latin-1")

    def _magic(self, path: str, named: str | None) -> dict[str, str]:
        # The capital letters are the same facts about the first file that was read.
        first = self._host.magic(*(self._first or (path, named)))
        capitals = {letter.upper(): first[letter] for letter in _FILE_LETTERS}
        return {**capitals, **self._host.magic(path, named), **self._host.machine_magic()}

    def _add_ini(self, text: str, shown: str, section: str, variables: dict[str, str]) -> None:
        lines, found = ini.parse(text, section)
        if not found:
            self._warner(shown)(f"there is no section [{section}], so nothing is read from it")
        for number, key, value in lines:
            self._add_from_file(f"{shown}:{number}", key, value, variables, ini.BLANK)

    def _add_json(self, text: str, shown: str, section: str, variables: dict[str, str]) -> None:
        try:
            root, tolerated = jsontext.parse(text)
        except jsontext.Malformed as error:
            place = f"{shown}:{error.line}:{error.column}"
            raise ConfigError(f"malformed JSON: {error}", place) from None
        for line, column, what in tolerated:
            self._warner(f"{shown}:{line}:{column}")(f"JSON does not allow {what}; it is skipped")
        if not isinstance(root.value, jsontext.Members):
            raise ConfigError("expected an object", f"{shown}:{root.line}:{root.column}")
        sections = [node for name, node in root.value if name == section]
        if not sections:
            self._warner(shown)(f'there is no object "{section}", so nothing is read from it')
        for node in sections:
            if not isinstance(node.value, jsontext.Members):
                place = f"{shown}:{node.line}:{node.column}"
                raise ConfigError(f'expected an object as "{section}"', place)
            for key, value in node.value:
                for text_value, line in _json_values(key, value, shown):
                    self._add_from_file(f"{shown}:{line}", key, text_value, variables)

    def _add_from_file(
        self, place: str, key: str, value: str, variables: Mapping[str, str], blank: str = ""
    ) -> None:
        report = self._warner(place)
        key = substitute.magic(key, variables, report).strip(blank)
        value = substitute.magic(value, variables, report).strip(blank)
        self.add(Item(key, value, place, FILE))

    def _declare(self, how: str, item: Item) -> None:
        key, equals, value = (item.value or "").partition("=")
        if not equals or not key:
            raise ConfigError(f'{item.key}: expected name=value, got "{item.value}"', item.place)
        if how == "set-placeholder" and key in BY_LONG_NAME:
            raise ConfigError(f"{item.key}: {key} is an option, no placeholder", item.place)
        source = SET if how == "set" else PLACEHOLDER
        self.add(Item(key, value, item.place, source))

    def _warner(self, place: str) -> substitute.Report:
        def warn(text: str) -> None:
            self.notes.append(Diagnostic(WARNING, place, text))

        return warn


def _json_values(key: str, node: jsontext.Node, shown: str) -> list[tuple[str, int]]:
    """The texts that a member stands for: an array repeats its key."""
    value = node.value
    if isinstance(value, jsontext.Members):
        place = f"{shown}:{node.line}:{node.column}"
        raise ConfigError(f"{key}: expected a value or an array of values, got an object", place)
    if isinstance(value, list):
        return [pair for element in value for pair in _json_values(key, element, shown)]
    if isinstance(value, str):
        return [(str(value), node.line)]
    return [("1" if value else "0", node.line)]
