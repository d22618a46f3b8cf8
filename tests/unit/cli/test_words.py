import pytest

from quaich.cli import words
from quaich.errors import UsageError

SAID = ("shop", "--flask", "--static", "/a=/b", "--static=/c=/d", "--bind=x", "-", "--", "-y")


def split(*arguments: str) -> words.Words:
    return words.split(["new", *arguments], ("--flask", "--json"), ("--bind", "--static"))


def test_what_is_said() -> None:
    said = split(*SAID)
    assert said.flags == {"--flask"}
    assert said.values == {"--static": ["/a=/b", "/c=/d"], "--bind": ["x"]}
    assert said.rest == ["shop", "-", "-y"]
    assert (said.last("--bind"), said.last("--none", "d")) == ("x", "d")
    assert split("-h").flags == {"--help"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--flaks",), "unknown option --flaks; did you mean --flask"),
        (("--bind",), "--bind needs a value"),
        (("--bind=",), "--bind needs a value"),
        (("-x",), "unknown option -x"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        split(*arguments)
