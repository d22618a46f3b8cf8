"""Words to a tree: blocks, includes, dumps, and the limits of reading."""

import random
from pathlib import Path

import pytest

from quaich.nginx.tree import Directive, Texts, Tree, dumped, parse, read


def tree(text: str, **others: str) -> Tree:
    return parse(
        Texts({"/n/main": text, **{f"/n/{name}": each for name, each in others.items()}}), "/n/main"
    )


def outline(block: Directive) -> list[object]:
    return [
        (child.shown(), outline(child)) if child.is_block else child.shown()
        for child in block.children
    ]


def test_blocks() -> None:
    root = tree("a;\nb c {\n d 'e f';\n}\ng { }")
    assert outline(root) == ["a", ("b c", ["d e f"]), ("g", [])]
    assert [each.place for each in root.walk()] == [
        "/n/main:1",
        "/n/main:2",
        "/n/main:3",
        "/n/main:5",
    ]
    assert root.faults == []


def test_includes() -> None:
    root = tree("x { include a*; include none*; } include b;", a1="one;", a2="two;")
    assert outline(root) == [("x", ["include a*", "one", "two", "include none*"]), "include b"]
    assert root.missing == [("/n/main:1", "b")]
    assert root.is_partial
    assert not root.children[0].is_partial


def test_a_pattern_stays_in_its_directory() -> None:
    source = Texts({"/n/main": "include d/*;", "/n/d/a": "a;", "/n/d/e/b": "b;"})
    assert [each.name for each in parse(source, "/n/main").walk()] == ["include", "a"]


def test_a_table_holds_no_directives() -> None:
    root = tree("map $a $b { uwsgi_pass x; } geo $c { server y; } z;")
    assert [each.name for each in root.walk()] == ["map", "geo", "z"]


def test_a_dump() -> None:
    text = (
        "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
        "# configuration file /e/nginx.conf:\nhttp {\n  include sites/*;\n}\n\n"
        "# configuration file /e/sites/a:\n\nserver {\n}\n"
    )
    files = dumped(text)
    root = parse(Texts(files), "/e/nginx.conf")
    assert outline(root) == [("http", ["include sites/*", ("server", [])])]
    assert [each.place for each in root.walk()][-1] == "/e/sites/a:2"
    assert dumped("http { }\n# a remark\n") == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a {\n b;\n", ("/n/main:1", "a { is not closed")),
        ("a;\n}", ("/n/main:2", "a } that closes nothing")),
        ("a {\n b }\n", ("/n/main:2", "b does not end with ;")),
        ("a;\nb", ("/n/main:2", "b does not end with ;")),
        (" {", ("/n/main:1", "a { without a directive")),
        ('a "', ("/n/main:1", 'a " that is not closed')),
        ("include main;", ("/n/main:1", "/n/main includes itself")),
    ],
)
def test_faults(text: str, fault: tuple[str, str]) -> None:
    assert tree(text).faults == [fault]


def test_files_that_include_each_other() -> None:
    root = tree("include a;", a="x; include b;", b="y; include a;")
    assert [each.name for each in root.walk()] == ["include", "x", "include", "y", "include"]
    assert root.faults == [("/n/b:1", "/n/a includes itself")]


def test_includes_that_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quaich.nginx.tree._MAX_FILES", 500)
    files = {f"f{n}": "include f?; a;" for n in range(9)}
    root = tree("include f0;", **files)
    assert any("too large" in text for _, text in root.faults)
    assert sum(1 for _ in root.walk()) < 5000


def test_depth_is_bounded() -> None:
    root = tree("a{" * 100_000)
    assert root.faults == [("/n/main:1", "the configuration is too large")]
    assert sum(1 for _ in root.walk()) < 100


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quaich.nginx.tree._MAX_BYTES", 1000)
    path = tmp_path / "big"
    path.write_text("a;\n" * 1000)
    assert read(str(path)).faults == [
        (str(path), f"{path} is left out: the configuration is too large")
    ]


@pytest.mark.parametrize("what", ["none", "directory", "unreadable"])
def test_what_cannot_be_read(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "directory":
        path.mkdir()
        assert read(str(path)).children == []
    elif what == "none":
        assert read(str(path)).faults == [(str(path), f"{path} cannot be read")]
    else:
        (tmp_path / "main").write_text("include x;")
        path.mkdir()
        assert read(str(tmp_path / "main")).missing == [(f"{tmp_path}/main:1", "x")]


def test_a_directory_without_a_main_file(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").write_text("a;")
    (tmp_path / "b.conf").write_text("b;")
    assert [each.name for each in read(str(tmp_path)).walk()] == ["a", "b"]


def test_mutations() -> None:
    """Whatever a text is made into, reading ends, and what it makes is consistent."""
    dice = random.Random(3)
    base = (
        "http { upstream u { server unix:/r/s; zone u 64k; } map $a $b { default 1; '~x' 2; }\n"
        "server { listen 80; location ~ \\.php$ { include a; uwsgi_pass u; }\n"
        'content_by_lua_block { x("}") } if ($a = "b") { return 200 "c;{d}"; } } }\n'
    )
    signs = "{};\"'\\#$ \n\0a"
    for _ in range(700):
        text = list(base)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(text))
            action = dice.randrange(3)
            if action == 0:
                text[at] = dice.choice(signs)
            elif action == 1:
                text.insert(at, dice.choice(signs))
            else:
                del text[at : at + dice.randrange(1, 30)]
                text = text or ["a"]
        root = tree("".join(text), a="uwsgi_param A b; include main;")
        for each in root.walk():
            assert each.parent is not None
            assert each in each.parent.children
