"""The writer of nginx's configuration: what it quotes, what it refuses, and that it reads back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.nginx.tree import Directive as Found
from quaich.nginx.tree import Texts, parse
from quaich.nginx.writing import Directive, Raw, block, line, quoted, write

GOLDEN = """\
upstream app {
    server "unix:/run/a b.sock" weight=2;
}
map $http_cookie $session {
    default "";
    "~(?:^|;) *(?:sid)=" 1;
}
server {
    listen 80;
    location ^~ /static/ {
        alias "/srv/quo\\"te\\\\s;{}#/";
        return 503 "it's closed";
    }
}
"""


def golden() -> list[Directive]:
    return [
        block("upstream", ["app"], [line("server", "unix:/run/a b.sock", "weight=2")]),
        block(
            "map",
            [Raw("$http_cookie"), Raw("$session")],
            [line("default", ""), line(Raw("~(?:^|;) *(?:sid)="), 1)],
        ),
        block(
            "server",
            [],
            [
                line("listen", 80),
                block(
                    "location",
                    ["^~", "/static/"],
                    [line("alias", '/srv/quo"te\\s;{}#/'), line("return", 503, "it's closed")],
                ),
            ],
        ),
    ]


def test_golden() -> None:
    assert write(golden()) == GOLDEN


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0", "\x7f", "\udc80", "a$b", "${a}", "$"])
def test_words_that_cannot_be_written(word: str) -> None:
    with pytest.raises(ValueError):
        quoted(word)


def test_an_expression_keeps_its_variables() -> None:
    assert quoted(Raw("$host:$server_port")) == "$host:$server_port"
    assert quoted(Raw("${a}b")) == '"${a}b"'
    with pytest.raises(ValueError):
        quoted(Raw("$a\n"))


def seen(directive: Found) -> tuple[object, ...]:
    return (directive.name, directive.args, [seen(each) for each in directive.children])


def said(directive: Directive) -> tuple[object, ...]:
    inside = [said(each) for each in directive.block or ()]
    return (str(directive.name), tuple(str(each) for each in directive.args), inside)


PLAIN = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="$").filter(
        str.isprintable
    ),
    max_size=20,
)


@given(st.lists(PLAIN, max_size=4))
def test_words_read_back(words: list[str]) -> None:
    tree = [block("server", [], [line("x", *words), line("y")])]
    text = write(tree)
    found = parse(Texts({"a": text}), "a")
    assert not found.faults
    assert [seen(each) for each in found.children] == [said(each) for each in tree]


def test_another_reader_reads_the_same(tmp_path: Path) -> None:
    crossplane = pytest.importorskip("crossplane")
    path = tmp_path / "nginx.conf"
    path.write_text(GOLDEN)
    found = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)

    def plain(directive: dict[str, object]) -> tuple[object, ...]:
        inside = [plain(each) for each in directive.get("block", [])]  # type: ignore[attr-defined]
        # crossplane leaves two backslashes where nginx reads one.
        args = [each.replace("\\\\", "\\") for each in directive["args"]]  # type: ignore[attr-defined]
        return (directive["directive"], tuple(args), inside)

    assert found["status"] == "ok"
    assert [plain(each) for each in found["config"][0]["parsed"]] == [
        said(each) for each in golden()
    ]
