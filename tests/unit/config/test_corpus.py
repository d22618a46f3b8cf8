"""The corpus of configurations: each has the effect that uWSGI gives it, or a code says why not."""

import json
from pathlib import Path

import pytest
from bench.config_differential import by_quaich

CORPUS = Path(__file__).parents[2] / "corpus" / "config"
EXPECTED: dict[str, dict[str, object]] = json.loads((CORPUS / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_configuration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CORPUS / "cases")
    expected = EXPECTED[name]
    found = by_quaich([name])
    effect = None if found.refused else found.effect
    assert effect == expected.get("quaich", expected["uwsgi"])
    if "quaich" in expected:
        codes = expected["codes"]
        assert isinstance(codes, list)
        assert codes
        assert found.codes >= set(codes)


def test_every_difference_has_a_code() -> None:
    different = [name for name, entry in EXPECTED.items() if "quaich" in entry]
    assert all(EXPECTED[name]["codes"] for name in different)
    assert len(different) < len(EXPECTED) / 8


def test_the_corpus_is_whole() -> None:
    assert len(EXPECTED) >= 350
    assert all((CORPUS / "cases" / name).is_file() for name in EXPECTED)
