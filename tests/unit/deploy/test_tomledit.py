"""Keys are set in a site.toml that keeps its comments, or not at all."""

import sys

import pytest

from quaich.deploy import tomledit
from quaich.errors import QuaichError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs Python 3.11")

TEXT = """\
# ours
[site]
app = "a:b"  # the application
processes = 4

[nginx]
hosts = ["a.example"]
"""


def put(text: str, **wanted: dict[str, object]) -> str:
    return tomledit.put(text, wanted, "site.toml")


def test_a_key_that_is_there_is_replaced_and_the_rest_stays() -> None:
    expected = TEXT.replace("processes = 4", "processes = 8")
    assert put(TEXT, site={"processes": 8}) == expected


def test_what_is_said_already_is_not_touched() -> None:
    assert put(TEXT, site={"app": "a:b"}, nginx={"hosts": ["a.example"]}) == TEXT


def test_a_new_key_goes_to_the_end_of_its_table() -> None:
    expected = TEXT.replace("processes = 4\n", "processes = 4\nkeep = 3\n")
    assert put(TEXT, site={"keep": 3}) == expected
    expected = f'{TEXT}tls = {{ kind = "acme" }}\n'
    assert put(TEXT, nginx={"tls": {"kind": "acme"}}) == expected


def test_a_new_table_goes_to_the_end() -> None:
    assert put("", nginx={"hosts": ["a", "b"]}) == '[nginx]\nhosts = ["a", "b"]\n'
    assert put("[site]\n", nginx={"x": True}) == "[site]\n\n[nginx]\nx = true\n"


@pytest.mark.parametrize(
    "text",
    [
        '[nginx]\nhosts = [\n  "a",\n]\n',
        '[site]\napp = """\nkeep = 1\n"""\nkeep = 2\n',
        "site.processes = 4\n",
    ],
)
def test_what_cannot_be_done_line_by_line_is_refused(text: str) -> None:
    with pytest.raises(QuaichError, match=r"^site\.toml: .* cannot be set there line by line"):
        put(text, site={"keep": 7, "processes": 3}, nginx={"hosts": ["b"]})


def test_text_is_quoted() -> None:
    text = put("", site={"python": 'a"b\\c\td\x7f'})
    assert put(text, site={"python": 'a"b\\c\td\x7f'}) == text
