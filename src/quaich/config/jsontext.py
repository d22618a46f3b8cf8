"""JSON as configuration: strict, but for comments and trailing commas, each with a warning.

A reader of its own rather than the json module's because every value carries its line, because
what people leave in configuration files (``//``, ``#``, ``/* */``, a comma before a bracket) is
reported and not fatal, and because nesting is bounded.  Anything else that RFC 8259 does not
allow is refused with line and column.  Numbers keep their text; a key may repeat.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from quaich.config.document import (
    MAX_DEPTH,
    MAX_VALUES,
    Document,
    Malformed,
    Remark,
    Setting,
)

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class Number(str):
    """A number, as written."""


class Node(NamedTuple):
    """A value and where it begins.

    ``value`` is a bool, None, ``Number``, str, a list of nodes, or a list of (key, node) pairs
    wrapped in ``Members``.
    """

    value: object
    line: int
    column: int


class Members(list[tuple[str, Node]]):
    """The members of an object, in order."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.values = 0
        self.tolerated: list[tuple[int, int, str]] = []
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, at)
        return line, at - self._line_starts[line - 1] + 1

    def fail(self, message: str, at: int | None = None) -> Malformed:
        return Malformed(message, *self.position(self.at if at is None else at))

    def tolerate(self, at: int, what: str) -> None:
        self.tolerated.append((*self.position(at), what))

    def peek(self) -> str:
        while True:
            space = _SPACE.match(self.text, self.at)
            assert space is not None
            self.at = space.end()
            comment = _COMMENT.match(self.text, self.at)
            if comment is None:
                return self.text[self.at : self.at + 1]
            self.tolerate(self.at, "a comment")
            self.at = comment.end()

    def found(self) -> str:
        return f'"{self.text[self.at]}"' if self.at < len(self.text) else "the end of the file"

    def node(self, depth: int) -> Node:
        first = self.peek()
        line, column = self.position(self.at)
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            message = "nested too deeply" if depth > MAX_DEPTH else "too many values"
            raise Malformed(message, line, column, "QX141")
        return Node(self.value(first, depth), line, column)

    def value(self, first: str, depth: int) -> object:
        if first == "{":
            return self.members(depth)
        if first == "[":
            return self.elements(depth)
        if first == '"':
            return self.string()
        word = _WORD.match(self.text, self.at)
        if word and word.group() in _WORDS:
            self.at = word.end()
            return _WORDS[word.group()]
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            return Number(number.group())
        raise self.fail(f"expected a value, got {self.found()}")

    def elements(self, depth: int) -> list[Node]:
        nodes: list[Node] = []
        self.at += 1
        while not self.closes("]", bool(nodes)):
            nodes.append(self.node(depth + 1))
        return nodes

    def members(self, depth: int) -> Members:
        members = Members()
        self.at += 1
        while not self.closes("}", bool(members)):
            if self.peek() != '"':
                raise self.fail(f"expected a key in double quotes, got {self.found()}")
            key = self.string()
            if self.peek() != ":":
                raise self.fail(f'expected ":" after the key "{key}", got {self.found()}')
            self.at += 1
            members.append((key, self.node(depth + 1)))
        return members

    def closes(self, bracket: str, after_value: bool) -> bool:
        """Whether the container ends here; a comma before the next value is consumed."""
        found = self.peek()
        if found == bracket:
            self.at += 1
            return True
        if not after_value:
            return False
        if found != ",":
            raise self.fail(f'expected "," or "{bracket}", got {self.found()}')
        comma = self.at
        self.at += 1
        if self.peek() != bracket:
            return False
        self.tolerate(comma, "a trailing comma")
        self.at += 1
        return True

    def string(self) -> str:
        start = self.at
        self.at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN.match(self.text, self.at)
            assert plain is not None
            parts.append(plain.group())
            self.at = plain.end()
            end = self.text[self.at : self.at + 1]
            if end == '"':
                self.at += 1
                return _join_surrogates("".join(parts))
            if end != "\\":
                raise self.fail("a string that does not end on its line", start)
            parts.append(self.escape())

    def escape(self) -> str:
        letter = self.text[self.at + 1 : self.at + 2]
        if letter in _ESCAPES:
            self.at += 2
            return _ESCAPES[letter]
        digits = _HEX4.match(self.text, self.at + 2)
        if letter != "u" or digits is None:
            raise self.fail("an escape that JSON does not know")
        self.at += 6
        return chr(int(digits.group(), 16))


def _join_surrogates(text: str) -> str:
    # Two \u escapes may form one character; a lone half is kept out of file names and logs.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse(text: str) -> tuple[Node, list[tuple[int, int, str]]]:
    """The document, and what in it was tolerated: (line, column, what)."""
    reader = _Reader(text)
    root = reader.node(0)
    if reader.peek():
        raise reader.fail(f"expected the end of the file, got {reader.found()}")
    return root, reader.tolerated


def read(text: str, section: str) -> Document:
    """The settings of the object under a name; an array repeats its key."""
    document = Document()
    try:
        root, tolerated = parse(text)
    except Malformed as error:
        raise Malformed(f"malformed JSON: {error}", error.line, error.column, error.code) from None
    for line, column, what in tolerated:
        remark = f"JSON does not allow {what}; it is skipped"
        document.remarks.append(Remark("QX128", remark, line, column))
    if not isinstance(root.value, Members):
        raise Malformed("expected an object", root.line, root.column)
    for name, node in root.value:
        if name != section:
            continue
        document.found = True
        if not isinstance(node.value, Members):
            raise Malformed(f'expected an object as "{section}"', node.line, node.column)
        for key, value in node.value:
            document.settings += _settings(key, value)
    return document


def _settings(key: str, node: Node) -> list[Setting]:
    value = node.value
    if isinstance(value, Members):
        message = f"{key}: expected a value or an array of values, got an object"
        raise Malformed(message, node.line, node.column)
    if isinstance(value, list):
        return [setting for element in value for setting in _settings(key, element)]
    if isinstance(value, str):
        return [Setting(node.line, key, str(value))]
    return [Setting(node.line, key, "1" if value else "0")]
