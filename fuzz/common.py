"""What every fuzzer here has in common: seeds, random damage, a clock, and a report of what broke.

The quaich of the environment that runs it is fuzzed, compiled or not as it was installed.  A fuzzer
is a ``check`` that returns when an input was handled as it should be and raises when it was not.
"""

import argparse
import faulthandler
import inspect
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.corpus import reader  # noqa: E402

Check = Callable[[bytes, random.Random], None]
Mutate = Callable[[bytes, random.Random], bytes]

MAX_SECONDS = 60
"""A hang: no input takes a thousandth of it."""

MAX_GROWTH = 64 * 1024
"""KiB of memory that may be added after the first tenth of a run: what is remembered is bounded."""


def corpus(folder: str, longest: int = 3000) -> list[bytes]:
    """The inputs of a corpus of the tests; long ones only cost time."""
    return [case.data for case in reader.read(folder) if len(case.data) <= longest]


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main(description: str, seeds: Sequence[bytes], mutate: Mutate, check: Check) -> int:
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--inputs", type=int, default=0, help="end after so many")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--atheris", action="store_true", help="inputs by coverage; needs atheris")
    parser.add_argument("files", nargs="*", type=Path, help="inputs to try instead, once each")
    wishes = parser.parse_args()
    if wishes.files:
        for path in wishes.files:
            check(path.read_bytes(), random.Random(wishes.seed))
        return 0
    if wishes.atheris:
        _by_coverage(seeds, check, wishes.seconds)
    return _at_random(seeds, mutate, check, wishes)


def _at_random(seeds: Sequence[bytes], mutate: Mutate, check: Check, wishes: Any) -> int:
    chance = random.Random(wishes.seed)
    begun = time.monotonic()
    end = begun + wishes.seconds
    count = 0
    warm = 0
    while time.monotonic() < end and not (wishes.inputs and count >= wishes.inputs):
        faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)
        for _ in range(200):
            data = chance.choice(seeds)
            if chance.random() < 0.1:
                data += chance.choice(seeds)
            data = mutate(data, chance)
            count += 1
            try:
                check(data, chance)
            except Exception:
                traceback.print_exc()
                print(f"seed={wishes.seed} number={count}\n{data!r}")
                return 1
        if not warm and time.monotonic() > begun + wishes.seconds / 10:
            warm = _memory()
    faulthandler.cancel_dump_traceback_later()
    growth = _memory() - warm if warm else 0
    print(f"seed={wishes.seed} inputs={count} faults=0 growth={growth}KiB")
    if growth > MAX_GROWTH:
        print(f"memory grew by more than {MAX_GROWTH} KiB")
        return 1
    return 0


def _functions() -> list[Any]:
    """The functions whose branches count: those of the parsers and of what feeds them."""
    names = ("quaich.wire.", "quaich.wsgi.call", "quaich.worker.intake")
    found = []
    for name, module in list(sys.modules.items()):
        if name.startswith(names):
            owners = [each for each in vars(module).values() if isinstance(each, type)]
            for owner in (module, *owners):
                found += [
                    each
                    for each in vars(owner).values()
                    if inspect.isfunction(each) and each.__module__ == name
                ]
    return found


def _by_coverage(seeds: Sequence[bytes], check: Check, seconds: float) -> None:
    import atheris

    folder = Path(tempfile.mkdtemp(prefix="quaich-fuzz-"))
    for number, data in enumerate(seeds):
        (folder / str(number)).write_bytes(data)

    def one(data: bytes) -> None:
        check(data, random.Random(len(data)))

    for function in _functions():
        atheris.instrument_func(function)
    found = tempfile.mkdtemp(prefix="quaich-fuzz-found-")
    options = [f"-max_total_time={int(seconds)}", "-max_len=4096", f"-artifact_prefix={found}/"]
    options += ["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one)
    atheris.Fuzz()  # does not return
