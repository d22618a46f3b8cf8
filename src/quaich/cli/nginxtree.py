"""nginx's configuration as a tree, read far enough to see where requests are passed.

Words, quotes, comments, blocks and ``include`` with patterns; nothing is interpreted.  Reading is
bounded in files and depth, and what cannot be read is left out: nginx itself reports it.
"""

import glob
import os
import re
from collections.abc import Iterator

from quaich.values import dataclass, field

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<sign>[;{}])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'"""
    r"""|(?P<word>(?:\\.|\$\{[^}]*\}|[^\s;{}"'\\])(?:\\.|\$\{[^}]*\}|[^\s;{}\\])*)|.""",
    re.DOTALL,
)
# Where nginx looks by default, for a file that is checked apart from its surroundings.
_PREFIXES = ("/etc/nginx", "/usr/share/nginx")
_MAX_FILES = 500
_MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 20


@dataclass
class Directive:
    """A directive with its arguments, its place, and what it encloses.

    ``is_partial`` is set when a file that it includes could not be found.
    """

    name: str
    args: tuple[str, ...]
    place: str
    parent: "Directive | None" = None
    children: list["Directive"] = field(default_factory=list)
    is_partial: bool = False

    def all(self, name: str) -> list["Directive"]:
        """The enclosed directives of a name."""
        return [child for child in self.children if child.name == name]

    def walk(self) -> Iterator["Directive"]:
        """Everything enclosed, at any depth."""
        for child in self.children:
            yield child
            yield from child.walk()

    def outward(self) -> Iterator["Directive"]:
        """The enclosing blocks, the nearest first."""
        block = self.parent
        while block is not None:
            yield block
            block = block.parent


class _Reader:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.files = 0

    def read(self, path: str, block: Directive, depth: int) -> None:
        self.files += 1
        if self.files > _MAX_FILES or depth > _MAX_DEPTH:
            return
        try:
            if not os.path.isfile(path) or os.path.getsize(path) > _MAX_BYTES:
                return
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            return
        self.parse(text, path, block, depth)

    def parse(self, text: str, path: str, block: Directive, depth: int) -> None:
        outermost = block
        words: list[str] = []
        start = line = 1
        for match in _TOKEN.finditer(text):
            word = match["word"] or match["double"] or match["single"]
            if word is None and match.group()[:1] in "\"'" and len(match.group()) > 1:
                word = ""
            if word is not None:
                start = start if words else line
                words.append(word)
            elif match["sign"] == "}":
                block = block.parent if block.parent and block is not outermost else block
            elif match["sign"] and words:
                found = Directive(words[0], tuple(words[1:]), f"{path}:{start}", block)
                block.children.append(found)
                words = []
                if match["sign"] == "{":
                    block = found
                elif found.name == "include" and found.args:
                    self.include(found.args[0], block, depth)
            line += match.group().count("\n")

    def include(self, pattern: str, block: Directive, depth: int) -> None:
        for prefix in (self.prefix, *_PREFIXES):
            paths = sorted(glob.glob(os.path.join(prefix, pattern)))
            for path in paths:
                self.read(path, block, depth + 1)
            if paths:
                return
        if not glob.has_magic(pattern):
            block.is_partial = True


def read(path: str) -> Directive:
    """The tree of a file, or of a directory such as ``/etc/nginx``."""
    root = Directive("", (), path)
    if not os.path.isdir(path):
        _Reader(os.path.dirname(path)).read(path, root, 0)
        return root
    reader = _Reader(path)
    main = os.path.join(path, "nginx.conf")
    if os.path.exists(main):
        reader.read(main, root, 0)
        return root
    for pattern in ("conf.d/*.conf", "sites-enabled/*", "*.conf"):
        for each in sorted(glob.glob(os.path.join(path, pattern))):
            reader.read(each, root, 0)
    return root
