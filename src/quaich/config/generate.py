"""Write the files that are made from the option table: ``python -m quaich.config.generate``.

``effective.py`` gives ``Config`` a typed field per implemented option, and the reference pages
describe each.  All are committed; a test fails when one no longer matches the table.
"""

import sys
from pathlib import Path

from quaich.config.options import TABLE
from quaich.config.options.row import Option
from quaich.config.reference import pages

_HEAD = '''"""The frozen configuration: one typed field per implemented option.

Generated from the option table by ``python -m quaich.config.generate``; do not edit.
"""

from quaich.config.base import ConfigBase, Diagnostic, ListenSpec
from quaich.values import dataclass

__all__ = ["FIXED", "Config", "Diagnostic", "ListenSpec"]


@dataclass(frozen=True, kw_only=True)
class Config(ConfigBase):
    """Every effective value, whichever door and sources it came by."""

'''

_FIXED = """

FIXED = (
    # What a reload does not change.
"""


def _field(option: Option) -> str:
    python = option.kind.python
    default: object = () if option.kind.repeats else option.default
    if default is None:
        python += " | None"
    value = f'"{default}"' if isinstance(default, str) else repr(default)
    return f"    {option.target}: {python} = {value}\n"


def effective() -> str:
    """The source of ``effective.py``."""
    fields = "".join(_field(option) for option in TABLE if option.target)
    fixed = [option.target for option in TABLE if option.target and not option.reloadable]
    return _HEAD + fields + _FIXED + "".join(f'    "{name}",\n' for name in fixed) + ")\n"


def outputs(root: Path) -> dict[Path, str]:
    """Each generated file of the source tree at ``root``, with the content it should have."""
    found = {root / "docs/reference" / name: text for name, text in pages().items()}
    found[root / "src/quaich/config/effective.py"] = effective()
    return found


def main() -> int:
    """Write what is stale, naming it."""
    for path, text in outputs(Path(__file__).resolve().parents[3]).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
