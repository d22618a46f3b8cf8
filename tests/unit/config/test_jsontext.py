"""The JSON reader: what it makes of a document, what it tolerates, and where it finds faults."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.config.jsontext import Malformed, Members, Node, Number, parse


def plain(node: Node) -> object:
    """A node as the json module would give it, numbers as their text."""
    if isinstance(node.value, Members):
        return {key: plain(value) for key, value in node.value}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("[]", []),
        (' {"a" : [1, -2.5e3, true, false, null] } ', {"a": ["1", "-2.5e3", True, False, None]}),
        ('"\\u00e9\\n\\"\\/"', 'é\n"/'),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', "\ufffd"),
        ('{"a": {"b": {}}}', {"a": {"b": {}}}),
    ],
)
def test_documents(text: str, value: object) -> None:
    root, tolerated = parse(text)
    assert plain(root) == value
    assert tolerated == []


@pytest.mark.parametrize(
    ("text", "value", "tolerated"),
    [
        ('{"a": 1,}', {"a": "1"}, [(1, 8, "a trailing comma")]),
        ("[1,\n2,\n]", ["1", "2"], [(2, 2, "a trailing comma")]),
        ("// c\n[1]", ["1"], [(1, 1, "a comment")]),
        ("# c\n[1] # d", ["1"], [(1, 1, "a comment"), (2, 5, "a comment")]),
        ("[1 /* a\nb */, 2]", ["1", "2"], [(1, 4, "a comment")]),
        ("[1, /* x */ ]", ["1"], [(1, 5, "a comment"), (1, 3, "a trailing comma")]),
    ],
)
def test_what_is_tolerated(text: str, value: object, tolerated: list[tuple[int, int, str]]) -> None:
    root, found = parse(text)
    assert plain(root) == value
    assert found == tolerated


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "expected a value, got the end of the file"),
        ('{"a": 1', 1, 8, 'expected "," or "}", got the end of the file'),
        ('{"a" 1}', 1, 6, 'expected ":" after the key "a", got "1"'),
        ('{"a": 1 "b": 2}', 1, 9, 'expected "," or "}", got """'),
        ("{\n  a: 1}", 2, 3, 'expected a key in double quotes, got "a"'),
        ("{'a': 1}", 1, 2, "expected a key in double quotes"),
        ("[1,,2]", 1, 4, 'expected a value, got ","'),
        ("[,]", 1, 2, 'expected a value, got ","'),
        ("{,}", 1, 2, "expected a key"),
        ("[01]", 1, 3, 'expected "," or "]", got "1"'),
        ("[+1]", 1, 2, "expected a value"),
        ("[True]", 1, 2, "expected a value"),
        ("[nulls]", 1, 2, "expected a value"),
        ("[NaN]", 1, 2, "expected a value"),
        ('["a\nb"]', 1, 2, "a string that does not end on its line"),
        ('["a', 1, 2, "a string that does not end on its line"),
        ('["\\x"]', 1, 3, "an escape that JSON does not know"),
        ('["\\u12"]', 1, 3, "an escape that JSON does not know"),
        ("[1] 2", 1, 5, "expected the end of the file"),
        ("[" * 100, 1, 34, "nested too deeply"),
        ("[" * 100_000, 1, 34, "nested too deeply"),
        ("/* never closed", 1, 1, "expected a value"),
        ("[" + "1," * 200_000 + "1]", 1, 200_000, "too many values"),
    ],
    ids=range(23),
)
def test_faults_are_placed(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(Malformed) as fault:
        parse(text)
    assert message in str(fault.value)
    assert (fault.value.line, fault.value.column) == (line, column)


def test_values_carry_their_place() -> None:
    root, _ = parse('{\n  "a": 1,\n  "b": [2,\n    3]\n}')
    assert isinstance(root.value, Members)
    (_, a), (_, b) = root.value
    assert (a.line, a.column) == (2, 8)
    assert isinstance(a.value, Number)
    assert isinstance(b.value, list)
    assert [(node.line, node.column) for node in b.value] == [(3, 9), (4, 5)]


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, st.sampled_from([None, 2]))
def test_agrees_with_the_json_module(document: object, indent: int | None) -> None:
    root, tolerated = parse(json.dumps(document, indent=indent))
    assert plain(root) == document
    assert tolerated == []


@given(st.text(alphabet='{}[],:"\\/*#tfn01-.eE \n\tu', max_size=60))
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        root, tolerated = parse(text)
    except Malformed:
        return
    if not tolerated and "\\u" not in text:
        json.loads(text)
    assert isinstance(root, Node)
