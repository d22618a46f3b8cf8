"""The passes over collected items: ``$(ENV)`` first, then ``%(placeholder)``, in place.

As in uWSGI, a placeholder has the value of the first item of its name as that stands at the
moment: already expanded when it comes earlier, raw when it comes later, and never twice.  Options
that have acted (``ini``, ``set``) and what ``set-placeholder`` declared stay as written.  uWSGI
also skips the options that it applies at once, such as ``listen``, and reads ``$(N)`` there as 0;
here they are expanded like all others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from quaich.config import substitute
from quaich.config.base import WARNING, Diagnostic
from quaich.config.item import PLACEHOLDER, Item
from quaich.config.options import BY_LONG_NAME
from quaich.errors import ConfigError

_FROM_FILE = re.compile(r"@\([^()]+\)")


@dataclass
class Expanded:
    """The items after the passes, what there is to say, and which keys serve as placeholders."""

    items: list[Item]
    notes: list[Diagnostic] = field(default_factory=list)
    referenced: set[str] = field(default_factory=set)


def expand(items: list[Item], environ: Mapping[str, str]) -> Expanded:
    """Run every pass."""
    result = Expanded(list(items))
    for index, item in enumerate(items):
        if item.value and _is_open(item):
            text = substitute.environment(item.value, environ, _warner(result, item))
            result.items[index] = _with(item, text)
    _expand_placeholders(result)
    return result


def _expand_placeholders(result: Expanded) -> None:
    values: dict[str, str] = {}
    first: dict[str, int] = {}
    for index, item in enumerate(result.items):
        if item.key not in first:
            first[item.key] = index
            values[item.key] = "true" if item.value is None else item.value
    for index, item in enumerate(result.items):
        if not item.value or not _is_open(item):
            continue
        found = _FROM_FILE.search(item.value)
        if found:
            raise ConfigError(f"{item.key}: {found.group()} is not supported yet", item.place)
        result.referenced |= substitute.references(item.value)
        text = substitute.placeholders(item.value, values, _warner(result, item))
        result.items[index] = _with(item, text)
        if first[item.key] == index:
            values[item.key] = text


def _is_open(item: Item) -> bool:
    option = BY_LONG_NAME.get(item.key)
    if option is None:
        return item.source != PLACEHOLDER
    return not option.acts


def _with(item: Item, text: str) -> Item:
    return item if text == item.value else replace(item, value=text)


def _warner(result: Expanded, item: Item) -> substitute.Report:
    return lambda text: result.notes.append(Diagnostic(WARNING, item.place, f"{item.key}: {text}"))
