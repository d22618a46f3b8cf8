"""A metric of the operator's, as it is written: text → what is meant.

    metric = NAME
    metric = name=NAME[,type=TYPE][,collector=HOW][,children=A;B][,arg1=FILE][,arg1n=NUMBER]...

A metric without a collector stays what it begins with.  What is not understood raises ValueError,
whose text says what was expected.
"""

from quaich.patterns import pattern
from quaich.values import dataclass

COUNTER, GAUGE, ABSOLUTE, ALIAS = 0, 1, 2, 3
TYPES = {"counter": COUNTER, "gauge": GAUGE, "absolute": ABSOLUTE, "alias": ALIAS}
OF_CHILDREN = ("sum", "accumulator", "multiplier", "adder", "avg")
COLLECTORS = ("file", *OF_CHILDREN)
EXPECTED = "NAME, or name=NAME and with commas between them type, collector, children, arg1, ..."
_KEYS = (
    *("name", "oid", "type", "collector", "freq", "children", "alias", "initial_value"),
    *("reset_after_push", "arg1", "arg2", "arg3", "arg1n", "arg2n", "arg3n"),
)
_NAME = pattern(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_NUMBER = pattern(r"-?[0-9]{1,18}")
_OID = pattern(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True)
class Metric:
    """One metric: every ``freq`` seconds its value is made of its children, or of a file."""

    name: str
    kind: int = COUNTER
    collector: str = ""
    children: tuple[str, ...] = ()
    file: str = ""
    number: int = 0
    freq: int = 1
    oid: str = ""
    alias: str = ""
    initial: int = 0
    reset: bool = False


def metric(text: str) -> Metric:
    """What a row of ``metric`` means."""
    if "=" not in text:
        text = f"name={text}"
    values: dict[str, str] = {}
    for part in text.split(","):
        key, sign, value = part.strip().partition("=")
        if not sign or key not in _KEYS:
            raise ValueError(f"one of {', '.join(_KEYS)} before the = of each part, not {key!r}")
        values[key] = value
    name = values.get("name", "")
    if not _NAME.fullmatch(name):
        raise ValueError("a name of letters, digits, - and _, with dots between its parts")
    kind, collector = values.get("type", "counter"), values.get("collector", "")
    if kind not in TYPES:
        raise ValueError(f"type= one of {', '.join(TYPES)}")
    if collector and collector not in COLLECTORS:
        raise ValueError(f"collector= one of {', '.join(COLLECTORS)}")
    numbers = {key: values.get(key) or "0" for key in ("initial_value", "arg1n", "freq")}
    for key, number in numbers.items():
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"a number for {key}=")
    oid = values.get("oid", "")
    if oid and not _OID.fullmatch(oid):
        raise ValueError("numbers with dots between them for oid=")
    children = tuple(each for each in values.get("children", "").split(";") if each)
    alias, file = values.get("alias", ""), values.get("arg1", "")
    if collector in OF_CHILDREN and not children:
        raise ValueError(f"children=METRIC;METRIC for collector={collector}")
    if collector == "file" and not file:
        raise ValueError("arg1=FILE for collector=file")
    if (kind == "alias") != bool(alias):
        raise ValueError("alias=METRIC with type=alias, and with no other type")
    return Metric(
        name=name,
        kind=TYPES[kind],
        collector=collector,
        children=children,
        file=file if collector == "file" else "",
        number=int(numbers["arg1n"]),
        freq=max(1, int(numbers["freq"])),
        oid=oid,
        alias=alias,
        initial=int(numbers["initial_value"]),
        reset=values.get("reset_after_push", "0") not in ("", "0", "false"),
    )


def needs(metrics: tuple[Metric, ...]) -> list[tuple[str, str]]:
    """The metrics that others are made of: (whose, which), in their order."""
    return [
        (each.name, child)
        for each in metrics
        for child in (*each.children, *((each.alias,) if each.alias else ()))
    ]
