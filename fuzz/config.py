"""Random damage to configurations: the reader ends in time, and with no exception but its own.

``python fuzz/config.py [--seconds N] [--seed N] [FILE...]`` takes the files (or the corpus of the
tests), mutates them byte by byte and line by line, and reads each as every format.  The first
exception that is not a ``ConfigError``, or reading that takes too long, is printed with the input
that caused it, and ends the run with status 1.
"""

import argparse
import os
import random
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from quaich.config.resolve import read_compatible
from quaich.config.sources import Fetched, Host
from quaich.errors import ConfigError

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "corpus" / "config" / "cases"
FORMATS = ("ini", "json", "yml", "xml", "toml")
MAX_SECONDS = 5.0
_PIECES = (
    b"%(", b"$(", b"@(", b")", b"%", b"%%", b"=", b"\n", b"[uwsgi]", b"[", b"]", b"{", b"}", b":",
    b",", b'"', b"'", b"\\", b"\0", b"\xff", b"\xc3\xa9", b"<uwsgi>", b"</uwsgi>", b"&amp;",
    b"<!--", b"<!DOCTYPE a [", b"- ", b"uwsgi:\n  a: b", b"for = 1 2 3\n", b"for-times = 99999\n",
    b"endfor\n",
    b"if-env = HOME\n", b"else\n", b"endif\n", b"include = ", b"case.ini", b"inherit = case.ini\n",
    b"ini = :uwsgi\n", b"set = a=b\n", b"declare-option = d=d=$1\nd = 1\n", b"x = %(x)%(x)\n",
    b"exit = 1\n", b"[[", b"{{", b"((", b"99999999999999999999", b"-1", b"&a ", b"*a",
)  # fmt: skip


class OneFile(Host):
    """A machine whose only file is the input; no command is run and nothing is fetched."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__()
        self._name = name
        self._content = content

    def read(self, path: str) -> bytes:
        if path == self._name:
            return self._content
        raise ConfigError("No such file or directory", path)

    def fetch(self, scheme: str, name: str) -> Fetched:
        if scheme:
            raise ConfigError("not here", name)
        return Fetched(self.read(name))

    def glob(self, pattern: str) -> list[str]:
        return [pattern]

    def resolve(self, name: str) -> str:
        raise ConfigError("not here", name)


def mutate(content: bytes, chance: random.Random) -> bytes:
    """The content with a few random edits."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.randint(0, 12))
        what = chance.random()
        if what < 0.35:
            data[at:at] = chance.choice(_PIECES)
        elif what < 0.5:
            data[at:to] = b""
        elif what < 0.65 and data:
            data[at : at + 1] = bytes((chance.randrange(256),))
        elif what < 0.8:
            data[at:at] = bytes(data[at:to]) * chance.choice((1, 2, 50))
        elif what < 0.9:
            lines = bytes(data).split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            data[at:at] = chance.choice(_PIECES) * chance.choice((10, 300, 3000))
        del data[200_000:]
    return bytes(data)


def fault(content: bytes, extension: str) -> str:
    """What is wrong with how the content is read, or the empty string."""
    name = f"case.{extension}"
    # The processor's time: a machine that is busy with something else reads no worse.
    started = time.process_time()
    try:
        argv = ["quaich", "--module=x", name]
        read_compatible(argv, {"HOME": "/root"}, OneFile(name, content), [])
    except ConfigError as error:
        if "\n" in str(error).strip() and len(str(error)) > 10_000:
            return f"a message of {len(str(error))} characters"
    except Exception:
        return traceback.format_exc()
    seconds = time.process_time() - started
    return f"read in {seconds:.1f} s" if seconds > MAX_SECONDS else ""


def seeds(paths: Sequence[str]) -> list[bytes]:
    """The contents to begin with."""
    found = [Path(path) for path in paths] or [
        path for path in sorted(CORPUS.rglob("*")) if path.is_file()
    ]
    return [path.read_bytes() for path in found] or [b"[uwsgi]\n"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("files", nargs="*")
    wishes = parser.parse_args()
    seed = wishes.seed if wishes.seed is not None else int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    begin = seeds(wishes.files)
    end = time.monotonic() + wishes.seconds
    count = 0
    while time.monotonic() < end:
        content = chance.choice(begin)
        if chance.random() < 0.1:
            content += b"\n" + chance.choice(begin)
        content = mutate(content, chance)
        extension = chance.choice(FORMATS)
        found = fault(content, extension)
        count += 1
        if found:
            print(f"seed={seed} number={count} format={extension}\n{found}\n{content[:4000]!r}")
            return 1
    print(f"seed={seed} inputs={count} faults=0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
