"""The words of an nginx configuration: what nginx's own reader would make of the text.

A word ends at a space, ``;`` or ``{``, and nowhere else: a ``}``, a quote or a ``#`` inside of one
is a character like others, and ``${`` opens no block.  A block of Lua is passed over, to the
brace that closes it by Lua's rules.  Every rule is a pattern that never tries a text
twice, so that no input takes longer than its length.  Refused, with the line: a quote or a block of
code that does not end.
"""

import re
from collections.abc import Iterator

# A word, a sign ("{", "}" or ";"), or a fault, with the line it starts at.
WORD = "word"
SIGN = "sign"
FAULT = "fault"

_TOKEN = re.compile(
    r"""[ \t\r\n]+|\#[^\n]*|(?P<sign>[;{}])"""
    r"""|(?P<quoted>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')"""
    r"""|(?P<quote>["'])"""
    r"""|(?P<word>(?:[^ \t\r\n;{\\$]+|\\.|\$\{?|\\$)+)""",
    re.DOTALL,
)
_LUA = re.compile(
    r"""--\[(?P<note>=*)\[|--[^\n]*|\[(?P<long>=*)\[|(?P<sign>[{}])"""
    r"""|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'|[^-\[{}"']+|(?P<quote>["'])|.""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(["'\\trn])""")
_CONTROL = {"t": "\t", "r": "\r", "n": "\n"}
_CODE = "_by_lua_block"


def words(text: str) -> Iterator[tuple[str, str, int]]:
    """Each word, sign and fault of a text; nothing follows a fault."""
    line = 1
    position = 0
    first = ""
    while match := _TOKEN.match(text, position):
        found = match.group()
        position = match.end()
        kind = match.lastgroup
        if kind == "word":
            yield WORD, _plain(found), line
            first = first or found
        elif kind == "quoted":
            yield WORD, _plain(found[1:-1]), line
            first = first or " "
        elif kind == "quote":
            yield FAULT, f"a {found} that is not closed", line
            return
        elif kind == "sign":
            yield SIGN, found, line
            if found == "{" and first.endswith(_CODE):
                end = _end_of_code(text, position)
                if end < 0:
                    yield FAULT, f"the code of {first} does not end", line
                    return
                line += text.count("\n", position, end)
                yield SIGN, "}", line
                position = end
                found = ""
            first = ""
        line += found.count("\n")


def _plain(word: str) -> str:
    if "\\" not in word:
        return word
    return _ESCAPED.sub(lambda match: _CONTROL.get(match[1], match[1]), word)


def _end_of_code(text: str, position: int) -> int:
    """Behind the brace that closes a block of Lua, or -1."""
    depth = 1
    while match := _LUA.match(text, position):
        position = match.end()
        if match["quote"]:
            return -1
        sign = match["sign"]
        if sign:
            depth += 1 if sign == "{" else -1
            if not depth:
                return position
            continue
        level = match["note"] if match["note"] is not None else match["long"]
        if level is not None:
            closing = f"]{level}]"
            end = text.find(closing, position)
            if end < 0:
                return -1
            position = end + len(closing)
    return -1
