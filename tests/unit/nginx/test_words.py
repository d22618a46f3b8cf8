"""Text to words: nginx's rules, and that no text is too much."""

import random
import time

import pytest

from quaich.nginx.words import FAULT, words


def seen(text: str) -> list[str]:
    return [word for _, word, _ in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b;", ["a", "b", ";"]),
        ("a\r\n\tb ;", ["a", "b", ";"]),
        ("a # b;\nc;", ["a", "c", ";"]),
        ("a b#c;", ["a", "b#c", ";"]),
        ("a 'b c' \"d;e\";", ["a", "b c", "d;e", ";"]),
        ("a b\"c'd;", ["a", "b\"c'd", ";"]),
        (r'a "b\"c" b\ c;', ["a", 'b"c', "b\\ c", ";"]),
        (r"a '\.php$' \d;", ["a", r"\.php$", r"\d", ";"]),
        (r'a "\t\\";', ["a", "\t\\", ";"]),
        ('a "" ;', ["a", "", ";"]),
        ("a ${b}c $d;", ["a", "${b}c", "$d", ";"]),
        ("a b}c;", ["a", "b}c", ";"]),
        ("a{b;}", ["a", "{", "b", ";", "}"]),
        ("if ($a ~ '^b{2}$') {}", ["if", "($a", "~", "^b{2}$", ")", "{", "}"]),
        ("a '\n\n' b;", ["a", "\n\n", "b", ";"]),
        ("", []),
        ("\ufeffa;", ["\ufeffa", ";"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert seen(text) == expected


@pytest.mark.parametrize(
    "code",
    [
        "",
        "local t = { a = { 1 } }",
        'ngx.say("}") ngx.say(\'{\') ngx.say("\\"}")',
        "-- }\nx()",
        "--[[ } ]] x()",
        "--[==[ ]] } ]==] x()",
        "x = [[ } ]] y = [=[ ]] } ]=] z = a[1] - b[i]",
        "x = a--b }\n",
    ],
)
def test_lua_is_passed_over(code: str) -> None:
    text = f"location / {{ content_by_lua_block {{{code}}}\n}}\nb;"
    assert seen(text) == ["location", "/", "{", "content_by_lua_block", "{", "}", "}", "b", ";"]
    *_, (_, _, line) = words(text)
    assert line == text.count("\n") + 1


def test_lines() -> None:
    text = "a 'x\ny'\n# c\nb;\nset_by_lua_block $x {\n return 1\n}\nc;"
    assert [(word, line) for _, word, line in words(text)] == [
        ("a", 1),
        ("x\ny", 1),
        ("b", 4),
        (";", 4),
        ("set_by_lua_block", 5),
        ("$x", 5),
        ("{", 5),
        ("}", 7),
        ("c", 8),
        (";", 8),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a;\nb "c', 2),
        ("a 'b\n", 1),
        ("access_by_lua_block { {", 1),
        ("access_by_lua_block { 'a }", 1),
        ("a;\naccess_by_lua_block { [[ }", 2),
    ],
)
def test_what_does_not_end(text: str, line: int) -> None:
    *_, (kind, _, at) = words(text)
    assert (kind, at) == (FAULT, line)


@pytest.mark.parametrize(
    "text",
    [
        "${" * 50_000,
        "\\" * 100_001,
        "'\\" * 50_000,
        '"' * 50_001,
        "a{" * 50_000,
        "#" * 100_000,
        "x_by_lua_block {" + "[=" * 50_000,
        "x_by_lua_block {" + "'\\" * 50_000,
        "x_by_lua_block {" + "--[" * 50_000,
        "x_by_lua_block {" + "{" * 50_000,
    ],
    ids=range(10),
)
def test_no_text_takes_long(text: str) -> None:
    """A rule that tried a text twice would take minutes for these."""
    before = time.process_time()
    for _ in words(text):
        pass
    assert time.process_time() - before < 2


def test_any_text_ends() -> None:
    dice = random.Random(7)
    pieces = ["a", " ", "\n", ";", "{", "}", '"', "'", "\\", "#", "$", "${", "[[", "]]", "--", "\0"]
    pieces += ["_by_lua_block", "x_by_lua_block {", "include ", "é"]
    for _ in range(3000):
        text = "".join(dice.choices(pieces, k=dice.randrange(1, 40)))
        lines = [line for _, _, line in words(text)]
        assert lines == sorted(lines)
        assert all(line <= text.count("\n") + 1 for line in lines)
