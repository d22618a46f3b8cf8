"""The passes over collected items: ``$(ENV)``, then ``@(source)``, then ``%(placeholder)``.

As in uWSGI, a placeholder has the value of the first item of its name as that stands at the
moment: already expanded when it comes earlier, raw when it comes later.  Options that have acted
(``ini``, ``set``) and what ``set-placeholder`` declared stay as written.  uWSGI also skips the
options that it applies at once, such as ``listen``, and reads ``$(N)`` there as 0; here they are
expanded like all others, with a remark.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from quaich.config import substitute
from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.config.item import PLACEHOLDER, Item
from quaich.config.options import BY_LONG_NAME
from quaich.errors import ConfigError
from quaich.values import dataclass, field, replace

# What uWSGI applies while it reads, and quaich does not.
AT_ONCE = frozenset(
    (
        "listen",
        "umask",
        "spooler-processes",
        "plugins",
        "plugins-dir",
        "command-mode",
        "immediate-uid",
        "immediate-gid",
        "flock",
        "flock-wait",
        "flock2",
        "flock-wait2",
        "strict",
    )
)
# What has variables of its own in the form of placeholders, to be filled for each request.
HAS_VARIABLES = frozenset(("log-format", "logformat"))
# What acts, but only when options are applied.
AT_THE_END = ("print", "inherit", "envdir", "unenv", "get")
MAX_CHARACTERS = 16 * 1024 * 1024

# Reads what ``@(name)`` stands for; the second argument is the place.
Fetch = Callable[[str, str], str]


@dataclass
class Expanded:
    """The items after the passes, what there is to say, and which keys serve as placeholders."""

    items: list[Item]
    notes: list[Diagnostic] = field(default_factory=list)
    referenced: set[str] = field(default_factory=set)
    characters: int = 0

    def put(self, index: int, text: str) -> None:
        """Give an item the value it has become."""
        item = self.items[index]
        if text == item.value:
            return
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise ConfigError("the replaced values are too long together", item.place, "QX141")
        self.items[index] = replace(item, value=text)


def expand(
    items: list[Item],
    environ: Mapping[str, str],
    fetch: Fetch,
    known: int = 0,
    done: AbstractSet[int] = frozenset(),
) -> Expanded:
    """Run every pass over the items from number ``known`` on; those before have had theirs.

    The items of the numbers ``done`` have acted, and stay as they are written.
    """
    result = Expanded(list(items))
    open_items = [
        index
        for index in range(known, len(items))
        if items[index].value and _is_open(items[index]) and index not in done
    ]
    with_sources = []
    for index in open_items:
        item = result.items[index]
        assert item.value is not None
        result.put(index, _endless(substitute.environment, item, environ, _warner(result, item)))
        if "@(" in (result.items[index].value or ""):
            with_sources.append(index)
    for index in with_sources:
        item = result.items[index]
        result.put(index, _endless(substitute.sources, item, _reader(fetch, item)))
    _expand_placeholders(result, open_items)
    _remark_at_once(result, items)
    return result


def _expand_placeholders(result: Expanded, open_items: list[int]) -> None:
    values: dict[str, str] = {}
    first: dict[str, int] = {}
    for index, item in enumerate(result.items):
        if item.key not in first:
            first[item.key] = index
            values[item.key] = "true" if item.value is None else item.value
    for index in open_items:
        item = result.items[index]
        if "%(" not in (item.value or ""):
            continue
        result.referenced |= substitute.references(item.value or "")
        text = _endless(substitute.placeholders, item, values, _warner(result, item))
        result.put(index, text)
        if first[item.key] == index:
            values[item.key] = text


def _remark_at_once(result: Expanded, before: list[Item]) -> None:
    for index, item in enumerate(before):
        if result.items[index] is item:
            continue
        option = BY_LONG_NAME.get(item.key)
        if option is not None and option.name in AT_ONCE:
            text = f'{item.key}: read as {result.items[index].value}; uWSGI reads "{item.value}"'
            result.notes.append(diagnose("QX119", text, item.place, item.key))


def _endless(apply: Callable[..., str], item: Item, *arguments: object) -> str:
    try:
        return apply(item.value, *arguments)
    except substitute.Endless as error:
        raise ConfigError(f"{item.key}: {error}", item.place, "QX141") from None


def _reader(fetch: Fetch, item: Item) -> Callable[[str], str]:
    return lambda name: fetch(name, item.place)


def _is_open(item: Item) -> bool:
    option = BY_LONG_NAME.get(item.key)
    if option is None:
        return item.source != PLACEHOLDER
    return not option.acts or option.name in AT_THE_END


def _warner(result: Expanded, item: Item) -> substitute.Report:
    def warn(code: str, text: str) -> None:
        if code == "QX111" and item.key in HAS_VARIABLES:
            return
        result.notes.append(diagnose(code, f"{item.key}: {text}", item.place, item.key))

    return warn
