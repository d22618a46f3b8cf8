"""From sources to items: order, places, inclusion, and files that are no configuration."""

from collections.abc import Callable, Mapping

import pytest

from quaich.config.collect import Collector
from quaich.config.item import COMMAND_LINE, FILE, PLACEHOLDER, SET, Item
from quaich.errors import ConfigError

Files = Mapping[str, str | bytes]
Collect = Callable[..., Collector]


@pytest.fixture
def collect(host: Callable[..., object]) -> Collect:
    def run(files: Files, *items: tuple[str, str], positional: str = "") -> Collector:
        collector = Collector(host(files), {"HOME": "/root"})
        for key, value in items:
            collector.add(Item(key, value, "command line", COMMAND_LINE))
        if positional:
            collector.add_file(positional)
        return collector

    return run


def shown(collector: Collector) -> list[str]:
    return [f"{item.place}: {item.key}={item.value}" for item in collector.items]


def test_a_file_is_expanded_where_it_is_named(collect: Collect) -> None:
    result = collect({"a.ini": "[uwsgi]\nx=1\ny"}, ("p", "1"), ("ini", "a.ini"), ("q", "2"))
    assert shown(result) == [
        "command line: p=1",
        "command line: ini=a.ini",
        "a.ini:2: x=1",
        "a.ini:3: y=",
        "command line: q=2",
    ]
    assert [item.source for item in result.items[2:4]] == [FILE, FILE]
    assert result.notes == []


def test_a_positional_file_leaves_no_item_of_its_own(collect: Collect) -> None:
    assert shown(collect({"a.ini": "[uwsgi]\nx=1"}, positional="a.ini")) == ["a.ini:2: x=1"]
    assert shown(collect({"a.js": '{"uwsgi": {"x": 1}}'}, positional="a.js")) == ["a.js:1: x=1"]


@pytest.mark.parametrize(
    ("files", "named", "items"),
    [
        ({"a.ini": "[uwsgi]\nx=1\n[b]\ny=2"}, "a.ini:b", ["a.ini:4: y=2"]),
        (
            {"a.ini": "[uwsgi]\nini=:b\nx=%x\n[b]\nini=:c\np=1\n[c]\nq=%x"},
            "a.ini",
            [
                "a.ini:2: ini=:b",
                "a.ini:5: ini=:c",
                "a.ini:8: q=c",
                "a.ini:6: p=1",
                "a.ini:3: x=",
            ],
        ),
        ({"-": "[uwsgi]\nx=1"}, "-", ["stdin:2: x=1"]),
        (
            {"/e/a.ini": "[uwsgi]\ninclude=%dsub.json", "/e/sub.json": '{"uwsgi":{"x":"%n"}}'},
            "/e/a.ini",
            ["/e/a.ini:2: include=/e/sub.json", "/e/sub.json:1: x=sub"],
        ),
        (
            {"/e/a.ini": "[uwsgi]\nini=/f/b.ini", "/f/b.ini": "[uwsgi]\nx=%N %n %O"},
            "/e/a.ini",
            ["/e/a.ini:2: ini=/f/b.ini", "/f/b.ini:2: x=a b /e/a.ini"],
        ),
        ({"a.ini": "[uwsgi]\n%n.k = %%(x)"}, "a.ini", ["a.ini:2: a.k=%(x)"]),
        ({"a.ini": "[uwsgi]\nx=é"}, "a.ini", ["a.ini:2: x=é"]),
    ],
)
def test_ini(collect: Collect, files: Files, named: str, items: list[str]) -> None:
    result = collect(files, ("ini", named))
    assert shown(result)[1:] == items
    assert result.notes == []


@pytest.mark.parametrize(
    ("document", "items"),
    [
        (
            '{"uwsgi": {"socket": [":1", ":2"], "master": true, "vacuum": false, "x": null}}',
            ["socket=:1", "socket=:2", "master=1", "vacuum=0", "x=0"],
        ),
        ('{"uwsgi": {"n": 5, "f": 1.5, "e": 1e3}}', ["n=5", "f=1.5", "e=1e3"]),
        (
            '{"uwsgi": {"a": 1, "a": 2}, "other": {"b": 3}, "uwsgi": {"c": 4}}',
            ["a=1", "a=2", "c=4"],
        ),
        ('{"uwsgi": {"a": []}}', []),
    ],
)
def test_json(collect: Collect, document: str, items: list[str]) -> None:
    result = collect({"a.json": document}, ("json", "a.json"))
    assert shown(result)[1:] == [f"a.json:1: {item}" for item in items]
    assert result.notes == []


def test_json_values_are_placed_by_line(collect: Collect) -> None:
    text = '{\n  "uwsgi": {\n    "a": 1,\n    "b": [2,\n      3]\n  }\n}'
    result = collect({"a.json": text}, ("json", "a.json"))
    assert shown(result)[1:] == ["a.json:3: a=1", "a.json:4: b=2", "a.json:5: b=3"]


def test_set_makes_items_whose_keys_are_declared(collect: Collect) -> None:
    result = collect({}, ("set", "a=1"), ("set-ph", "b=2=3"))
    assert shown(result) == [
        "command line: set=a=1",
        "command line: a=1",
        "command line: set-ph=b=2=3",
        "command line: b=2=3",
    ]
    assert [item.source for item in result.items] == [
        COMMAND_LINE,
        SET,
        COMMAND_LINE,
        PLACEHOLDER,
    ]


def test_set_may_name_a_file(collect: Collect) -> None:
    result = collect({"a.ini": "[uwsgi]\nx=1"}, ("set", "ini=a.ini"))
    assert shown(result)[-1] == "a.ini:2: x=1"


@pytest.mark.parametrize(
    ("files", "named", "note"),
    [
        (
            {"a.ini": "x=1"},
            ("ini", "a.ini"),
            "a.ini: there is no section [uwsgi], so nothing is read from it",
        ),
        (
            {"a.json": "{}"},
            ("json", "a.json"),
            'a.json: there is no object "uwsgi", so nothing is read from it',
        ),
        (
            {"a.json": '{"uwsgi": {"a": 1,\n}}'},
            ("json", "a.json"),
            "a.json:1:18: JSON does not allow a trailing comma; it is skipped",
        ),
        (
            {"a.json": '{"uwsgi": {\n // x\n}}'},
            ("json", "a.json"),
            "a.json:2:2: JSON does not allow a comment; it is skipped",
        ),
        (
            {"a.ini": b"[uwsgi]\nx=\xe9"},
            ("ini", "a.ini"),
            "a.ini:2: not UTF-8; the file is read as latin-1",
        ),
        (
            {"a.ini": "\ufeff[uwsgi]\nx=1"},
            ("ini", "a.ini"),
            (
                "a.ini:1: begins with a byte order mark, "
                "which uWSGI takes for a part of the first line"
            ),
        ),
        (
            {"/root/a.ini": "[uwsgi]\nx=1"},
            ("ini", "$(HOME)/a.ini"),
            "command line: ini: replaced to /root/a.ini; uWSGI reads it as it is written",
        ),
        (
            {"a.ini": "[uwsgi]\nx=%q"},
            ("ini", "a.ini"),
            'a.ini:2: "%q" is no magic variable and disappears; to keep it, double the %',
        ),
    ],
)
def test_notes(collect: Collect, files: Files, named: tuple[str, str], note: str) -> None:
    assert [str(found).rpartition(" [QX")[0] for found in collect(files, named).notes] == [note]


def test_latin_1_values_keep_their_bytes(collect: Collect) -> None:
    result = collect({"a.ini": b"[uwsgi]\nx=\xe9"}, ("ini", "a.ini"))
    assert result.items[-1].value == "\xe9"


@pytest.mark.parametrize(
    ("files", "named", "message"),
    [
        ({}, ("ini", "no.ini"), "no.ini: No such file or directory"),
        (
            {"a.ini": "[uwsgi]\n\nini=no.ini"},
            ("ini", "a.ini"),
            "a.ini:3: no.ini: No such file or directory",
        ),
        ({"a.ini": "[uwsgi]\nini=a.ini"}, ("ini", "a.ini"), "a.ini:2: a.ini includes itself"),
        (
            {"a.ini": "[uwsgi]\nini=b.ini", "b.ini": "[uwsgi]\nini=a.ini"},
            ("ini", "a.ini"),
            "b.ini:2: a.ini includes itself",
        ),
        ({}, ("ini", ":b"), "command line: ini: no ini file was read before :b"),
        ({"a.ini": b"[uwsgi]\nx=\0"}, ("ini", "a.ini"), "a.ini:2: binary data"),
        (
            {"a.json": '{"uwsgi": {"a" 1}}'},
            ("json", "a.json"),
            'a.json:1:16: malformed JSON: expected ":" after the key "a"',
        ),
        ({"a.json": "[]"}, ("json", "a.json"), "a.json:1:1: expected an object"),
        (
            {"a.json": '{"uwsgi": 1}'},
            ("json", "a.json"),
            'a.json:1:11: expected an object as "uwsgi"',
        ),
        (
            {"a.json": '{"uwsgi": {"a": {"b": 1}}}'},
            ("json", "a.json"),
            "a.json:1:17: a: expected a value or an array of values, got an object",
        ),
        ({"a.json": '{"uwsgi": {"a": [{}]}}'}, ("json", "a.json"), "a.json:1:18: a: expected"),
        ({}, ("ini", "data://0"), "ini: data:// is not supported (data appended to uWSGI"),
        ({}, ("include", "section://x"), "for a section of a file write file.ini:section"),
        ({}, ("include", "a.txt"), "unable to load configuration from a.txt: expected a file"),
        ({}, ("include", "a.ini:x"), "to choose a section, write --ini a.ini:x"),
        ({}, ("ini", "fd://x"), "expected a descriptor such as fd://3"),
        ({}, ("set", "novalue"), 'command line: set: expected name=value, got "novalue"'),
        ({}, ("set-ph", "master=1"), "set-ph: master is an option, no placeholder"),
    ],
)
def test_errors(collect: Collect, files: Files, named: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        collect(files, named)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("app.py", "; to serve an application, write --wsgi-file app.py"),
        (":8080", "to listen on an address, write --http-socket :8080"),
        ("a.ini:prod", "to choose a section, write --ini a.ini:prod"),
        ("a.INI", "the extension must be in small letters"),
        ("false", "unable to load configuration from false"),
        ("", "unable to load configuration from "),
        ("-", "unable to load configuration from -"),
    ],
)
def test_positional_errors(collect: Collect, argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        collect({}).add_file(argument)
    assert message in str(error.value)


def test_the_same_file_twice_is_no_loop(collect: Collect) -> None:
    files = {"a.ini": "[uwsgi]\nini=b.ini\nini=b.ini", "b.ini": "[uwsgi]\nx=1"}
    assert shown(collect(files, ("ini", "a.ini"))).count("b.ini:2: x=1") == 2


def test_files_that_multiply_are_bounded(collect: Collect) -> None:
    files = {f"{n}.ini": f"[uwsgi]\nini={n + 1}.ini\nini={n + 1}.ini" for n in range(40)}
    files["40.ini"] = "[uwsgi]\nx=1"
    with pytest.raises(ConfigError, match="more than 1000 files"):
        collect(files, ("ini", "0.ini"))


def test_settings_are_bounded(collect: Collect) -> None:
    with pytest.raises(ConfigError, match="more than 100000 settings"):
        collect({"a.ini": "[uwsgi]\n" + "x=1\n" * 100_001}, ("ini", "a.ini"))
