"""The blocks of a configuration: ``for``, ``if-*`` and what ends them.

A block stands between sources and the list of items: what a closed condition holds never becomes
an item, and each line of a loop becomes one per value, line by line, as in uWSGI.  ``%(_)`` is the
value that was tested, or the loop's.  Any closing word ends any block.

uWSGI refuses a block inside a block (and, where the outer one is skipped, takes the inner end for
the outer's), and knows no ``else``.  Neither can be relied on, so both mean here what they say,
with a remark.  A loop whose body holds blocks runs value by value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from quaich.config.item import Item
from quaich.values import dataclass, field, replace

LOOPS = ("for", "for-glob", "for-times", "for-readline")
CLOSERS = frozenset(("endfor", "end-for", "endif", "end-if", "end"))
ELSE = "else"
_ALIASES = {
    "ifenv": "env",
    "ifexists": "exists",
    "ifplugin": "plugin",
    "ifdir": "dir",
    "if-directory": "dir",
}
_TESTS = ("opt", "env", "reload", "hostname", "hostname-match", "exists", "plugin", "file", "dir")
CONDITIONS = {f"if-{test}": (test, True) for test in _TESTS}
CONDITIONS |= {f"if-not-{test}": (test, False) for test in _TESTS}
CONDITIONS |= {name: (test, True) for name, test in _ALIASES.items()}
OPENERS = frozenset((*LOOPS, *CONDITIONS))

MAX_REPETITIONS = 100_000
MAX_NESTING = 16
# How many lines are taken in all; loops in loops multiply.
MAX_LINES = 1_000_000
_PLUGINS = frozenset(("python", "http", "corerouter"))
_LITERAL = re.compile(r"[$%@]\([^)]")
_VALUE = "%(_)"
_NESTED = "a block inside a block, which uWSGI does not have"

Note = Callable[[str, str, Item], None]


class Facts(Protocol):
    """What conditions and loops ask of the machine."""

    def exists(self, path: str) -> bool: ...
    def is_file(self, path: str) -> bool: ...
    def is_directory(self, path: str) -> bool: ...
    def hostname(self) -> str: ...
    def glob(self, pattern: str) -> list[str]: ...
    def lines(self, path: str) -> list[str] | None: ...


class Refusal(ValueError):
    """A block that cannot be carried out; the text says why."""


@dataclass
class _Block:
    """An open block; a loop gathers its ``body``, a condition lets items through or not."""

    item: Item
    values: list[str] | None = None
    body: list[Item] = field(default_factory=list)
    depth: int = 0
    nested: bool = False
    reachable: bool = True
    holds: bool = True
    turned: bool = False
    value: str | None = None


class Logic:
    """Takes raw items one by one and passes on those that apply."""

    def __init__(
        self,
        facts: Facts,
        environ: Mapping[str, str],
        first_value: Callable[[str], str | None],
        emit: Callable[[Item], None],
        note: Note,
    ) -> None:
        self._facts = facts
        self._environ = environ
        self._first_value = first_value
        self._emit = emit
        self._note = note
        self._blocks: list[_Block] = []
        # Blocks below this are those of the file that includes the one being read.
        self._floor = 0
        self._lines = 0
        self._running = 0
        # The value of the loop that runs, for a block in it that has none of its own.
        self._ambient: str | None = None

    def feed(self, item: Item) -> None:
        """Take the next line of a source."""
        self._count()
        block = self._blocks[-1] if len(self._blocks) > self._floor else None
        if block is not None and block.values is not None:
            self._gather(block, item)
        elif item.key in OPENERS:
            self._open(item, block)
        elif item.key in CLOSERS:
            self._close(item, block)
        elif item.key == ELSE and block is not None:
            self._note("QX115", "uWSGI has no else; here it turns the condition around", item)
            block.turned = not block.turned
        elif block is None:
            self._emit(item)
        elif self._applies(block):
            self._inside(_with_value(item, block.value))

    def _applies(self, block: _Block) -> bool:
        if not block.reachable:
            return False
        if CONDITIONS[block.item.key][0] == "opt":
            # As in uWSGI this is asked anew for each line, which may set the option itself.
            block.holds, value = self._test(block.item)
            block.value = block.value if value is None else value
        return block.holds is not block.turned

    def finish(self) -> None:
        """No more lines: loops run, and open blocks are remarked on."""
        while len(self._blocks) > self._floor:
            block = self._blocks.pop()
            self._note("QX117", f"{block.item.key} is never closed", block.item)
            if block.values is not None:
                self._run(block)

    def _inside(self, item: Item) -> None:
        """Pass on a line of a block; files that it includes have blocks of their own."""
        self._count()
        floor, self._floor = self._floor, len(self._blocks)
        try:
            self._emit(item)
            self.finish()
        finally:
            self._floor = floor

    def _count(self, lines: int = 1) -> None:
        self._lines += lines
        if self._lines > MAX_LINES:
            raise Refusal(f"more than {MAX_LINES} lines, with those that loops repeat")

    def _open(self, item: Item, outer: _Block | None) -> None:
        if len(self._blocks) >= MAX_NESTING:
            raise Refusal("blocks are nested too deeply")
        if outer is not None:
            self._note("QX116", _NESTED, item)
            if not self._applies(outer):
                self._blocks.append(_Block(item, reachable=False))
                return
            item = _with_value(item, outer.value)
        self._literal(item)
        block = _Block(item)
        if item.key in LOOPS:
            block.values = self._values(item)
            self._count(len(block.values))
        else:
            block.holds, block.value = self._test(item)
            if block.value is None:
                block.value = outer.value if outer else self._ambient
        self._emit(item)
        self._blocks.append(block)

    def _close(self, item: Item, block: _Block | None) -> None:
        if block is None:
            self._note("QX117", f"{item.key} closes nothing", item)
        else:
            self._blocks.pop()
            if block.values is not None:
                self._run(block)
        # Of a nested block that is skipped nothing is left.
        if block is None or block.reachable:
            self._emit(item)

    def _gather(self, loop: _Block, item: Item) -> None:
        if item.key in OPENERS:
            if not self._running:
                self._note("QX116", _NESTED, item)
            if loop.depth + self._running >= MAX_NESTING:
                raise Refusal("blocks are nested too deeply")
            loop.depth += 1
            loop.nested = True
        elif item.key in CLOSERS:
            if not loop.depth:
                self._close(item, loop)
                return
            loop.depth -= 1
        if len(loop.body) >= MAX_REPETITIONS:
            raise Refusal(f"{loop.item.key}: a loop over more than {MAX_REPETITIONS} lines")
        loop.body.append(item)

    def _run(self, loop: _Block) -> None:
        self._running += 1
        if self._running > MAX_NESTING:
            raise Refusal("blocks are nested too deeply")
        self._repeat(loop)
        self._running -= 1

    def _repeat(self, loop: _Block) -> None:
        assert loop.values is not None
        if len(loop.values) * len(loop.body) > MAX_REPETITIONS:
            text = f"a loop that makes more than {MAX_REPETITIONS} settings"
            raise Refusal(f"{loop.item.key}: {text}")
        if not loop.nested:
            for item in loop.body:
                for value in loop.values:
                    self._inside(_with_value(item, value))
            return
        floor, self._floor = self._floor, len(self._blocks)
        ambient = self._ambient
        for self._ambient in loop.values:
            depth = 0
            for item in loop.body:
                depth -= item.key in CLOSERS
                # Inside an inner block, %(_) is that block's.
                self.feed(item if depth else _with_value(item, self._ambient))
                depth += item.key in OPENERS
            self.finish()
        self._floor, self._ambient = floor, ambient

    def _literal(self, item: Item) -> None:
        found = _LITERAL.search(item.value or "")
        # What a loop passes on is replaced later, in every line it becomes part of.
        if found and item.key != "for":
            text = f'"{item.value}" is taken as it is written: {item.key} is decided while reading'
            self._note("QX119", text, item)

    def _values(self, item: Item) -> list[str]:
        text = item.value or ""
        if item.key == "for":
            return [word for word in text.split(" ") if word]
        if item.key == "for-glob":
            return self._facts.glob(text)
        if item.key == "for-readline":
            lines = self._facts.lines(text)
            if lines is None:
                self._note("QX152", f"{item.key}: {text} cannot be read; nothing is repeated", item)
            return lines or []
        count = re.match(r"[ \t]*\+?([0-9]+)", text)
        times = int(count.group(1)[:9]) if count else 0
        if times > MAX_REPETITIONS:
            raise Refusal(f"{item.key}: more than {MAX_REPETITIONS} repetitions")
        return [str(n) for n in range(1, times + 1)]

    def _test(self, item: Item) -> tuple[bool, str | None]:
        """Whether the condition holds, and the value it was made on."""
        test, wanted = CONDITIONS[item.key]
        holds, value = self._facts_of(test, item.value or "")
        return holds is wanted, value

    def _facts_of(self, test: str, text: str) -> tuple[bool, str | None]:
        if test == "reload":
            return False, None
        if test in ("env", "opt"):
            name, equals, wanted = text.partition("=")
            found = self._environ.get(name) if test == "env" else self._first_value(name)
            return found is not None and (not equals or found == wanted), found
        if test == "hostname":
            return self._facts.hostname() == text, text
        if test == "hostname-match":
            try:
                return re.search(text, self._facts.hostname()) is not None, text
            except re.error:
                raise Refusal(f'if-hostname-match: "{text}" is no pattern') from None
        if test == "plugin":
            return text in _PLUGINS, text
        holds = {
            "exists": self._facts.exists,
            "file": self._facts.is_file,
            "dir": self._facts.is_directory,
        }[test](text)
        return holds, text


def _with_value(item: Item, value: str | None) -> Item:
    if value is None or not item.value or _VALUE not in item.value:
        return item
    return replace(item, value=item.value.replace(_VALUE, value))
