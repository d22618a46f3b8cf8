"""``quaich config``: the effective configuration, each value with its source, secrets masked."""

import json
import os
import sys
from collections.abc import Iterator, Sequence

from quaich.cli import secrets
from quaich.config.effective import Config
from quaich.config.options import TABLE
from quaich.config.resolve import read_compatible, read_modern
from quaich.config.sources import Host
from quaich.values import dataclass

USAGE = """\
Usage: quaich config [--origin] [--json] FILE|OPTIONS...
       quaich config [--origin] [--json] serve ...

    --origin    show where each value was written
    --json      print JSON

Passwords, keys, tokens and the like are masked.
"""
_FLAGS = ("--origin", "--json", "--help")
DEFAULT = "default"


@dataclass(frozen=True)
class Value:
    """One effective value as it would be written, and where it comes from."""

    name: str
    text: str
    source: str


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    flags = {each for each in argv[1:] if each in _FLAGS}
    rest = [each for each in argv[1:] if each not in _FLAGS]
    if "--help" in flags or not rest:
        (sys.stdout if "--help" in flags else sys.stderr).write(USAGE)
        return 0 if "--help" in flags else 1
    host = Host()
    if rest[0] == "serve":
        config = read_modern(rest, os.environ, host).config
    else:
        config = read_compatible(["quaich", *rest], os.environ, host).config
    found = list(values(config))
    if "--json" in flags:
        sys.stdout.write(as_json(found, "--origin" in flags))
    else:
        sys.stdout.write(as_text(found, "--origin" in flags))
    return 0


def values(config: Config) -> Iterator[Value]:
    """Every effective value: the addresses as they were written, then the options by table."""
    for spec in config.listeners:
        name = spec.option
        if spec.protocol == "http" and not name.startswith("http") and name != "bind":
            name = "http-socket"
        yield Value(name, secrets.mask(name, spec.address), spec.place or DEFAULT)
    for option in TABLE:
        if not option.target:
            continue
        held = getattr(config, option.target)
        place = config.place_of(option.name) or DEFAULT
        if option.kind.repeats:
            for each in held:
                hide = secrets.mask_pair if option.kind.name == "key=value" else None
                text = hide(each) if hide else secrets.mask(option.name, each)
                yield Value(option.name, text, place)
        elif held is not None:
            yield Value(option.name, secrets.mask(option.name, option.kind.write(held)), place)


def as_text(found: Sequence[Value], origin: bool) -> str:
    """As ini lines; with their sources in a column before them, when asked for."""
    if not origin:
        return "[uwsgi]\n" + "".join(f"{each.name} = {each.text}\n" for each in found)
    width = max((len(each.source) for each in found), default=0)
    return "".join(f"{each.source:<{width}}  {each.name} = {each.text}\n" for each in found)


def as_json(found: Sequence[Value], origin: bool) -> str:
    """As a list in order, since names repeat."""
    rows = []
    for each in found:
        row = {"name": each.name, "value": each.text}
        if origin:
            row["source"] = each.source
        rows.append(row)
    return json.dumps(rows, indent=2) + "\n"
