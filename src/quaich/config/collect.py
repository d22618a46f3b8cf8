"""From several sources to one ordered list of items, files expanded where they are named.

uWSGI's order: the environment, the command line, then the files named without an option.  A file
named by an option (``ini``, ``json``, ``include``) is read at that point, and what a block of
logic leaves out never becomes an item.  What a key means is not decided here, but for the options
that act while they are read: those that read or set others, forbid others, print or exit.  Loops
of files, and files without end, are refused.
"""

from collections.abc import Callable, Iterable, Mapping

from quaich.config import arithmetic, declare, reading, substitute
from quaich.config.base import Diagnostic
from quaich.config.codes import WARNING, diagnose
from quaich.config.document import Malformed
from quaich.config.ini import BLANK
from quaich.config.item import FILE, PLACEHOLDER, SET, Item
from quaich.config.logic import Logic, Refusal
from quaich.config.options import BY_LONG_NAME
from quaich.config.sources import STDIN, Host
from quaich.errors import ConfigError
from quaich.values import replace

MAX_FILES = 1000
MAX_ITEMS = 100_000
MAX_DECLARATIONS = 10
MAX_CHARACTERS = 16 * 1024 * 1024
_FILE_LETTERS = "odspcenxij"
_READS = {
    "ini": "ini",
    "json": "json",
    "yaml": "yaml",
    "xmlconfig": "xml",
    "ini-paste": "ini",
    "ini-paste-logged": "ini",
}
_BY_EXTENSION = ("include", "config")
_VARIABLES = ("early-envdir", "env-file")


class Exit(Exception):
    """The option ``exit`` was read; ``status`` is what to exit with."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit {status}")
        self.status = status


class Collector:
    """Gathers items in order; ``items`` and ``notes`` are the result.

    ``environ`` is what the environment has become by the ``variables`` that options added to it,
    ``printed`` what is to be shown at once, ``declared`` the templates of declared options
    (``declared_later`` those that wait until options are applied), and ``fallback`` the
    configuration to use if this one fails.  What a declared option stands for is ``early``: it is
    applied before all items, and the items of those numbers are ``done``.
    """

    def __init__(self, host: Host, environ: Mapping[str, str]) -> None:
        self.items: list[Item] = []
        self.notes: list[Diagnostic] = []
        self.environ = dict(environ)
        self.variables: list[tuple[str, str | None]] = []
        self.printed: list[str] = []
        self.declared: dict[str, str] = {}
        self.declared_later: dict[str, str] = {}
        self.done: set[int] = set()
        self.early: list[Item] = []
        self.fallback = ""
        self._host = host
        self._files_read = 0
        self._characters = 0
        self._open: list[tuple[str, str]] = []
        self._last_ini: reading.Source | None = None
        self._first: tuple[str, str | None] | None = None
        self._last_file: tuple[str, str | None] = ("", None)
        self._values: dict[str, str] = {}
        self._allowed: frozenset[str] | None = None
        self._forbidden: frozenset[str] = frozenset()
        self._logic = Logic(host, self.environ, self._values.get, self._take, self._note)
        self._actions: dict[str, Callable[[Item], None]] = {
            **dict.fromkeys(_READS, self._read_named),
            **dict.fromkeys(_BY_EXTENSION, self._read_named),
            **dict.fromkeys(_VARIABLES, self._add_variables),
            "set": self._declare,
            "set-placeholder": self._declare,
            "declare-option": self._declare_option,
            "declare-option2": self._declare_option,
            "resolve": self._resolve,
            "blacklist": self._permissions,
            "whitelist": self._permissions,
            "end-blacklist": self._permissions,
            "end-whitelist": self._permissions,
            "fallback-config": self._set_fallback,
            "inject-before": self._inject,
            "inject-after": self._inject,
            "iprint": lambda item: self.printed.append(item.value or ""),
            "exit": self._exit,
        }
        self._injected: dict[str, list[tuple[str, str]]] = {"inject-before": [], "inject-after": []}

    def add_all(self, items: Iterable[Item]) -> None:
        """Take items in order, reading the files they name."""
        for item in items:
            self.add(item)

    def add(self, item: Item) -> None:
        """Take one item; when it names a file, the file's items follow it."""
        if item.key in self._forbidden or (
            self._allowed is not None and item.key not in self._allowed
        ):
            listed = "blacklist" if item.key in self._forbidden else "whitelist"
            hint = ""
            if item.key in ("end-whitelist", "endwhitelist"):
                hint = "; a whitelist can only be ended when it names end-whitelist"
            raise ConfigError(f'"{item.key}" is forbidden by {listed}{hint}', item.place, "QX146")
        try:
            self._logic.feed(item)
        except Refusal as refusal:
            raise ConfigError(str(refusal), item.place, "QX141") from None

    def add_file(self, argument: str) -> None:
        """Take a file that was given without an option; its extension says what it is."""
        # As in uWSGI, the capital magic variables are empty behind a file without an option.
        self._first = self._first or ("", None)
        scheme = reading.scheme_of(argument, "")
        kind = reading.format_of(argument, "", argument)
        self._read(kind, reading.Source(scheme, argument), "")

    def finish(self) -> None:
        """All sources are read: run what is still open."""
        try:
            self._logic.finish()
        except Refusal as refusal:
            raise ConfigError(str(refusal), "", "QX141") from None

    def add_inherited(self, item: Item) -> None:
        """Read the file that an ``inherit`` names, behind everything else."""
        self._read_at(item, item.value or "", "include")
        self.finish()

    def fetch(self, name: str, place: str) -> str:
        """What ``@(name)`` stands for."""
        source = reading.Source(reading.scheme_of(name, place), name)
        return self._text(source, place)

    def _take(self, item: Item) -> None:
        if len(self.items) >= MAX_ITEMS:
            raise ConfigError(f"more than {MAX_ITEMS} settings", item.place, "QX141")
        self.items.append(item)
        self._values.setdefault(item.key, item.value or "")
        if not self.act(item) and item.key in self.declared:
            self.done.add(len(self.items) - 1)
            self._instantiate(item, 0)

    def _expand(self, item: Item) -> str:
        """The value of an option that acts at once, with what is known by now.

        uWSGI takes such a value as it is written, and fails; a path with "$(" is never meant.
        """
        value = item.value or ""
        report = self._warner(item.place)
        try:
            text = substitute.environment(value, self.environ, report)
            text = substitute.placeholders(text, self._values, report)
        except substitute.Endless as error:
            raise ConfigError(f"{item.key}: {error}", item.place, "QX141") from None
        if text != value:
            message = f"{item.key}: replaced to {text}; uWSGI reads it as it is written"
            self._note("QX119", message, item)
        return text

    def _read_named(self, item: Item) -> None:
        name = BY_LONG_NAME[item.key].name
        if name == "config":
            text = f"{item.key}: uWSGI leaves this to plugins, and refuses it without one"
            self.notes.append(diagnose("QX143", text, item.place, item.key, WARNING))
        self._read_at(item, self._expand(item), name)

    def _read_at(self, item: Item, value: str, name: str) -> None:
        place = item.place if item.source == FILE else ""
        if name in _BY_EXTENSION:
            scheme = reading.scheme_of(value, item.place, item.key)
            kind = reading.format_of(value, place, value)
            self._read(kind, reading.Source(scheme, value), place)
            return
        kind = _READS[name]
        source = reading.locate(value, item.place, item.key)
        if not source.name and source.section is not None:
            if self._last_ini is None:
                message = f"{item.key}: no ini file was read before {value}"
                raise ConfigError(message, item.place, "QX140")
            source = self._last_ini._replace(section=source.section)
        self._read(kind, source, place)

    def _read(self, kind: str, source: reading.Source, place: str) -> None:
        section = reading.DEFAULT_SECTION if source.section is None else source.section
        self._files_read += 1
        if self._files_read > MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} files read", place, "QX141")
        is_file = not source.scheme and source.name != STDIN
        identity = (self._host.identity(source.name) if is_file else source.name, section)
        if identity in self._open:
            raise ConfigError(f"{source.name} includes itself", place, "QX142")
        text = self._text(source, place)
        for how in ("inject-before", "inject-after"):
            for path, where in self._injected[how]:
                more = self._text(reading.Source("", path), where)
                text = more + text if how == "inject-before" else text + more
        if is_file:
            self._last_file = (source.name, source.section)
            self._first = self._first or self._last_file
        if kind == "ini":
            self._last_ini = source
        last_file = self._last_file
        self._open.append(identity)
        self._add_document(kind, text, source)
        self._open.pop()
        self._last_file = last_file

    def _text(self, source: reading.Source, place: str) -> str:
        try:
            data, remark = self._host.fetch(source.scheme, source.name)
        except ConfigError as error:
            raise ConfigError(str(error), place, error.code or "QX140") from None
        if remark:
            self._warner(place)("QX152", f"{source.name}: {remark}")
        if source.scheme == "http":
            self._warner(place)("QX148", f"{source.name}: anybody on the way can change it")
        shown = source.shown
        if b"\0" in data:
            line = data.count(b"\n", 0, data.index(b"\0")) + 1
            raise ConfigError("binary data, so no configuration", f"{shown}:{line}", "QX129")
        self._characters += len(data)
        if self._characters > MAX_CHARACTERS:
            raise ConfigError(f"more than {MAX_CHARACTERS >> 20} MiB read", place, "QX141")
        if data.startswith(b"\xef\xbb\xbf"):
            remark = "begins with a byte order mark, which uWSGI takes for a part of the first line"
            self._warner(f"{shown}:1")("QX130", remark)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._warner(f"{shown}:{line}")("QX130", "not UTF-8; the file is read as latin-1")
            return data.decode("latin-1")

    def _add_document(self, kind: str, text: str, source: reading.Source) -> None:
        shown = source.shown
        try:
            document = reading.parse(kind, text, source.section)
        except Malformed as error:
            position = f":{error.line}" + (f":{error.column}" if error.column else "")
            raise ConfigError(str(error), shown + position, error.code) from None
        for remark in document.remarks:
            position = f":{remark.line}" + (f":{remark.column}" if remark.column else "")
            self._warner(shown + position)(remark.code, remark.text)
        if not document.found:
            section = reading.DEFAULT_SECTION if source.section is None else source.section
            self._warner(shown)("QX108", reading.missing(kind, section))
        variables = self._magic(source) if "%" in text else {}
        blank = BLANK if kind == "ini" else ""
        for line, key, value in document.settings:
            report = self._warner(f"{shown}:{line}")
            key = substitute.magic(key, variables, report).strip(blank)
            value = substitute.magic(value, variables, report).strip(blank)
            self.add(Item(key, value, f"{shown}:{line}", FILE))

    def _magic(self, source: reading.Source) -> dict[str, str]:
        # The capital letters are the same facts about the first file that was read.  What is no
        # file has the facts of the file it is read from.
        first = self._host.magic(*(self._first or self._last_file))
        capitals = {letter.upper(): first[letter] for letter in _FILE_LETTERS}
        of_file = {**self._host.magic(*self._last_file), "o": source.name}
        return {**capitals, **of_file, **self._host.machine_magic()}

    def _declare(self, item: Item) -> None:
        key, equals, value = (item.value or "").partition("=")
        if not equals:
            message = f'{item.key}: expected name=value, got "{item.value or ""}"'
            raise ConfigError(message, item.place, "QX151")
        if BY_LONG_NAME[item.key].name == "set":
            self.add(Item(key, value, item.place, SET))
            return
        if key in BY_LONG_NAME:
            message = f"{item.key}: {key} is an option, no placeholder"
            raise ConfigError(message, item.place, "QX147")
        self.add(Item(key, value, item.place, PLACEHOLDER))

    def _declare_option(self, item: Item) -> None:
        key, equals, template = (item.value or "").partition("=")
        if not equals:
            message = f'{item.key}: expected name=option=value, got "{item.value or ""}"'
            raise ConfigError(message, item.place, "QX151")
        if key in BY_LONG_NAME:
            text = f"{item.key}: {key} is an option already, and keeps its meaning"
            self.notes.append(diagnose("QX147", text, item.place, item.key, WARNING))
            return
        later = BY_LONG_NAME[item.key].name == "declare-option2"
        (self.declared_later if later else self.declared).setdefault(key, template)

    def _instantiate(self, item: Item, depth: int) -> None:
        """Carry out a declared option, as uWSGI does the moment it reads it."""
        if depth > MAX_DECLARATIONS:
            message = f"{item.key}: options that are declared by each other"
            raise ConfigError(message, item.place, "QX142")
        for key, value in declare.instances(self.declared[item.key], item.value or ""):
            made = Item(key, value, item.place, SET)
            if key in self.declared:
                self._instantiate(made, depth + 1)
            elif not self.act(made):
                self.early.append(replace(made, value=self._expand(made)))

    def act(self, item: Item) -> bool:
        """Carry out an option that acts while it is read; whether it is one."""
        option = BY_LONG_NAME.get(item.key)
        if option is None or option.name not in self._actions:
            return False
        self._actions[option.name](item)
        return True

    def _inject(self, item: Item) -> None:
        path = self._expand(item)
        self._injected[BY_LONG_NAME[item.key].name].append((path, item.place))

    def _resolve(self, item: Item) -> None:
        key, equals, name = (item.value or "").partition("=")
        if not equals:
            message = f'{item.key}: expected placeholder=host, got "{item.value or ""}"'
            raise ConfigError(message, item.place, "QX151")
        try:
            address = self._host.resolve(name)
        except ConfigError as error:
            raise ConfigError(f"{item.key}: {error}", item.place, "QX140") from None
        self.add(Item(key, address, item.place, PLACEHOLDER))

    def _permissions(self, item: Item) -> None:
        words = frozenset((item.value or "").split(" ")) - {""}
        if item.key == "blacklist":
            self._forbidden = words
        elif item.key == "whitelist":
            self._allowed = words
        elif item.key == "end-blacklist":
            self._forbidden = frozenset()
        else:
            self._allowed = None

    def _set_fallback(self, item: Item) -> None:
        self.fallback = self._expand(item)

    def _add_variables(self, item: Item) -> None:
        found = self._host.variables(self._expand(item), item.key, item.place)
        self.variables += found
        for name, value in found:
            if value is None:
                self.environ.pop(name, None)
            else:
                self.environ[name] = value

    def _exit(self, item: Item) -> None:
        raise Exit(arithmetic.number(item.value or "") & 0xFF)

    def _note(self, code: str, text: str, item: Item) -> None:
        self.notes.append(diagnose(code, text, item.place, item.key))

    def _warner(self, place: str) -> substitute.Report:
        def warn(code: str, text: str) -> None:
            self.notes.append(diagnose(code, text, place))

        return warn
