"""When the log goes to the journal by itself."""

import os
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.master import journalled
from quaich.master.journalled import as_before, is_journal, to_journal
from quaich.values import replace

SERVED = Config(master=True)


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, str], int]:
    """A stream that is the journal's, as far as can be told."""
    monkeypatch.setattr(journalled, "JOURNAL", str(tmp_path))
    info = os.fstat(1)
    return {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"}, 1


def test_the_stream_is_told_by_its_numbers(stream: tuple[dict[str, str], int]) -> None:
    variables, fd = stream
    assert is_journal(variables, fd)
    assert not is_journal({}, fd)
    assert not is_journal({"JOURNAL_STREAM": "1:2"}, fd)
    assert not is_journal(variables, 987654)


def test_a_server_there_logs_to_the_journal(stream: tuple[dict[str, str], int]) -> None:
    found = to_journal(SERVED, *stream)
    assert found.logger == ("systemd",)
    assert as_before(SERVED, found) == found
    assert as_before(SERVED, SERVED) == SERVED


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        replace(SERVED, logto="/x"),
        replace(SERVED, daemonize="/x"),
        replace(SERVED, logger=("stdio",)),
        replace(SERVED, logger=("file:/x",)),
        replace(SERVED, log_encoder=("nl",)),
    ],
)
def test_what_is_configured_counts_more(config: Config, stream: tuple[dict[str, str], int]) -> None:
    assert to_journal(config, *stream) == config


def test_not_where_there_is_no_journal(
    stream: tuple[dict[str, str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalled, "JOURNAL", "/nowhere/at/all")
    assert to_journal(SERVED, *stream) == SERVED
