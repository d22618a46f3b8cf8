"""nginx's configuration as a tree, read far enough to see where requests are passed.

Words, quotes, comments, blocks and ``include`` with patterns; nothing is interpreted.  The text
comes from files, or from what ``nginx -T`` printed, which holds every file.  Reading is bounded in
files, bytes, depth and directives.  What cannot be read is left out, and ``faults`` of the root
says what and where; nginx itself would refuse most of it.
"""

import fnmatch
import glob
import os
import re
from collections.abc import Iterator
from typing import Protocol

from quaich.nginx.words import FAULT, WORD, words
from quaich.values import dataclass, field

# Where nginx looks by default, for a file that is checked apart from its surroundings.
_PREFIXES = ("/etc/nginx", "/usr/share/nginx")
# A file counts as often as it is included: uwsgi_params, by every location of a large machine.
_MAX_FILES = 20_000
_MAX_BYTES = 64 * 1024 * 1024
_MAX_INCLUDES = 20
_MAX_BLOCKS = 50
_MAX_DIRECTIVES = 300_000
_HEADER = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
# Their content are pairs of values, not directives.
_TABLES = ("map", "geo", "types", "split_clients", "charset_map", "match")


@dataclass(eq=False)
class Directive:
    """A directive with its arguments, its place, and what it encloses.

    ``is_partial`` is set when a file that it includes could not be found; ``named`` is what it
    encloses by name, since a server of thousands is looked through for each of them.
    """

    name: str
    args: tuple[str, ...]
    place: str
    parent: "Directive | None" = None
    children: list["Directive"] = field(default_factory=list)
    is_partial: bool = False
    is_block: bool = False
    named: dict[str, list["Directive"]] = field(default_factory=dict)

    def add(self, child: "Directive") -> None:
        """Enclose one more directive."""
        self.children.append(child)
        self.named.setdefault(child.name, []).append(child)

    def all(self, name: str) -> list["Directive"]:
        """The enclosed directives of a name."""
        return self.named.get(name, [])

    def walk(self) -> Iterator["Directive"]:
        """Everything enclosed, at any depth, in the order of the text."""
        waiting = self.children[::-1]
        while waiting:
            found = waiting.pop()
            yield found
            if found.name not in _TABLES:
                waiting += found.children[::-1]

    def outward(self) -> Iterator["Directive"]:
        """The enclosing blocks, the nearest first."""
        block = self.parent
        while block is not None:
            yield block
            block = block.parent

    @property
    def file(self) -> str:
        """The file that it is written in."""
        return self.place.rpartition(":")[0]

    def shown(self) -> str:
        """The directive as one line, without what it encloses."""
        return " ".join((self.name, *(each or '""' for each in self.args)))


@dataclass(eq=False)
class Tree(Directive):
    """The root; ``faults`` are (place, text) of what could not be read."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


class Source(Protocol):
    """Where the text of files comes from."""

    def find(self, pattern: str) -> list[str]:
        """The paths of existing files that match, in nginx's order."""

    def text(self, path: str) -> str | None:
        """A file's text; None when it cannot be read."""


class Disk:
    """The files of this machine."""

    def find(self, pattern: str) -> list[str]:
        """See ``Source``."""
        if "\0" in pattern:
            return []
        return sorted(path for path in glob.glob(pattern) if os.path.isfile(path))

    def text(self, path: str) -> str | None:
        """See ``Source``."""
        try:
            if not os.path.isfile(path):
                return None
            with open(path, encoding="utf-8", errors="replace", newline="") as file:
                return file.read(_MAX_BYTES + 1)
        except (OSError, ValueError):
            return None


class Texts:
    """Files that are held in memory, such as those of a dump; the first is the main one."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def find(self, pattern: str) -> list[str]:
        """See ``Source``."""
        if not glob.has_magic(pattern):
            return [pattern] if pattern in self.files else []
        slashes = pattern.count("/")
        return sorted(
            path
            for path in self.files
            if path.count("/") == slashes and fnmatch.fnmatchcase(path, pattern)
        )

    def text(self, path: str) -> str | None:
        """See ``Source``."""
        return self.files.get(path)


def dumped(text: str) -> dict[str, str]:
    """The files of what ``nginx -T`` printed, the main one first; none when it is no dump."""
    pieces = _HEADER.split(text)
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return {path: body.removeprefix("\n") for path, body in pairs}


class _Reader:
    def __init__(self, source: Source, root: Tree, prefixes: tuple[str, ...]) -> None:
        self.source = source
        self.root = root
        self.prefixes = prefixes
        self.files = self.bytes = self.directives = 0

    def fault(self, place: str, text: str) -> None:
        self.root.faults.append((place, text))

    def read(
        self, path: str, block: Directive, chain: tuple[str, ...] = (), place: str = ""
    ) -> None:
        if path in chain:
            self.fault(place, f"{path} includes itself")
            return
        text = self.source.text(path)
        if text is None:
            self.fault(place or path, f"{path} cannot be read")
            return
        self.files += 1
        self.bytes += len(text)
        if self.files > _MAX_FILES or self.bytes > _MAX_BYTES or len(chain) > _MAX_INCLUDES:
            self.fault(place or path, f"{path} is left out: the configuration is too large")
            return
        self.parse(text, path, block, (*chain, path))

    def parse(self, text: str, path: str, block: Directive, chain: tuple[str, ...]) -> None:
        outermost = block
        depth = sum(1 for _ in block.outward())
        current: list[str] = []
        start = line = 1
        for kind, word, line in words(text):
            if kind == WORD:
                start = start if current else line
                current.append(word)
            elif kind == FAULT:
                self.fault(f"{path}:{line}", word)
                return
            elif word == "}":
                if current:
                    self.fault(f"{path}:{start}", f"{_short(current[0])} does not end with ;")
                    current = []
                if block is outermost or block.parent is None:
                    self.fault(f"{path}:{line}", "a } that closes nothing")
                    return
                block = block.parent
                depth -= 1
            elif not current:
                if word == "{":
                    self.fault(f"{path}:{line}", "a { without a directive")
                    return
            else:
                found = Directive(current[0], tuple(current[1:]), f"{path}:{start}", block)
                current = []
                self.directives += 1
                if self.directives > _MAX_DIRECTIVES or depth > _MAX_BLOCKS:
                    self.fault(found.place, "the configuration is too large")
                    return
                block.add(found)
                if word == "{":
                    found.is_block = True
                    block = found
                    depth += 1
                elif found.name == "include" and found.args:
                    self.include(found, block, chain)
        if current:
            self.fault(f"{path}:{start}", f"{_short(current[0])} does not end with ;")
        elif block is not outermost:
            self.fault(block.place, f"{_short(block.name)} {{ is not closed")

    def include(self, directive: Directive, block: Directive, chain: tuple[str, ...]) -> None:
        pattern = directive.args[0]
        for prefix in self.prefixes:
            paths = self.source.find(os.path.normpath(os.path.join(prefix, pattern)))
            for path in paths:
                self.read(path, block, chain, directive.place)
            if paths:
                return
        if not glob.has_magic(pattern):
            block.is_partial = True
            self.root.missing.append((directive.place, pattern))


def _short(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}..."


def parse(source: Source, path: str, prefix: str = "") -> Tree:
    """The tree of one file and of what it includes."""
    root = Tree("", (), path, is_block=True)
    prefixes = (prefix or os.path.dirname(path), *_PREFIXES)
    _Reader(source, root, prefixes).read(path, root)
    return root


def read(path: str) -> Tree:
    """The tree of a file, or of a directory such as ``/etc/nginx``."""
    main = os.path.join(path, "nginx.conf")
    if not os.path.isdir(path):
        return parse(Disk(), path)
    if os.path.exists(main):
        return parse(Disk(), main)
    root = Tree("", (), path, is_block=True)
    reader = _Reader(Disk(), root, (path, *_PREFIXES))
    for pattern in ("conf.d/*.conf", "sites-enabled/*", "*.conf"):
        for each in Disk().find(os.path.join(path, pattern)):
            reader.read(each, root)
    return root
