"""The configuration that another process read, and its errors."""

import os
from pathlib import Path

import pytest

from quaich.cli import consult
from quaich.config import resolve
from quaich.config.sources import Host
from quaich.errors import ConfigError, UsageError


def read(*argv: str, stdin: bytes | None = None) -> consult.Reading:
    return consult.begin(consult.COMPATIBLE, ["quaich", *argv], {}, stdin).wait()


def test_the_same_configuration_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "site.ini"
    file.write_text("[uwsgi]\nhttp-socket = :0\nmodule = wsgi\nprint = hello\nshow-config = true\n")
    argv = ["quaich", "--ini", str(file)]
    here = resolve.read_compatible(argv, {}, Host())
    found = read("--ini", str(file))
    assert found.config == here.config
    assert found.printed == ("hello",)
    assert found.shown == resolve.dump(here.items)
    assert (found.action, found.fallback, found.stdin) == ("", "", None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("harakiri = ten\nfallback-config = other.ini", ConfigError), ("", UsageError)],
)
def test_an_error_is_the_same_error(tmp_path: Path, text: str, kind: type[ConfigError]) -> None:
    file = tmp_path / "site.ini"
    file.write_text(f"[uwsgi]\n{text}\n")
    with pytest.raises(kind) as here:
        resolve.read_compatible(["quaich", "--ini", str(file)], {}, Host())
    with pytest.raises(kind) as there:
        read("--ini", str(file))
    assert type(there.value) is type(here.value)
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)


def test_what_stdin_held_is_read_again() -> None:
    text = b"[uwsgi]\nhttp-socket = :0\nmodule = \xff\n"
    again = read("--ini", "-", stdin=text)
    assert again.stdin == text


def test_a_reader_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "read_compatible", lambda *given: os._exit(3))
    with pytest.raises(consult.QuaichError, match="its reader ended with exit=3"):
        read()
