"""What is generated from the table is committed as the table says it now."""

from pathlib import Path

from quaich.config import generate

ROOT = Path(__file__).parents[3]


def test_generated_files_are_not_stale() -> None:
    for path, text in generate.outputs(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path} is stale: run python -m quaich.config.generate"
        )
