"""Run a ``gunicorn.conf.py`` and answer with its settings; only ever started as a process.

The file is a program of the operator's and may do anything; that is why it does it here.  What is
no plain value, such as a hook, is answered as its name.
"""

import sys
import traceback
from types import ModuleType


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return getattr(value, "__name__", None) or type(value).__name__


def _settings(path: str) -> dict[str, object]:
    with open(path, "rb") as file:
        source = file.read()
    names: dict[str, object] = {
        "__builtins__": __builtins__,
        "__name__": "__config__",
        "__file__": path,
        "__doc__": None,
    }
    exec(compile(source, path, "exec"), names)
    return {name: _plain(value) for name, value in names.items() if _is_setting(name, value)}


def _is_setting(name: str, value: object) -> bool:
    """Whether gunicorn would take a name for a setting: lower case, and no helper."""
    from quaich.cli.migrate.gunicorn import KNOWN

    return name in KNOWN and not isinstance(value, ModuleType)


def _main(writer: int) -> None:
    from quaich.cli import child

    path = sys.stdin.read()
    try:
        data = {"values": _settings(path), "error": ""}
    except BaseException as error:  # the file may even exit
        frames = [
            each for each in traceback.extract_tb(error.__traceback__) if each.filename == path
        ]
        line = frames[-1].lineno if frames else getattr(error, "lineno", 0)
        shown = f"line {line}: " if line else ""
        data = {"values": {}, "error": f"{shown}{type(error).__name__}: {error}"}
    child.answer(writer, data)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
