"""From rounds to rows, and from rows to a table.  Pure.

A ratio is taken within a round, between servers that had their turns one after the other, and the
median of these ratios is what is told, with the least and the most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import figures
from bench.figures import Middle, Round
from bench.scenarios import FLOORS, QUICK, Scenario

BASE = "quaich"


@dataclass
class Row:
    """One server in one scenario."""

    name: str
    version: str
    rounds: list[Round] = field(default_factory=list)
    calls: float | None = None  # system calls per request
    pss: int = 0
    remark: str = ""
    problem: str = ""


def summary(row: Row, base: Row | None) -> dict[str, Any]:
    """The figures of one server, ready for JSON."""
    done = row.rounds
    found: dict[str, Any] = {"name": row.name, "version": row.version}
    broken = sum(each.load.broken for each in done)
    remarks = [row.remark, f"{broken} connections broke" if broken else ""]
    if any(remarks):
        found["remark"] = "; ".join(filter(None, remarks))
    if row.problem:
        found["problem"] = row.problem
    if not done:
        return found
    parts: dict[str, Middle] = {
        "user_us": figures.middle(each.user_us for each in done),
        "system_us": figures.middle(each.system_us for each in done),
        "server_us": figures.middle(each.server_us for each in done),
        "requests_per_second": figures.middle(each.rate for each in done),
        "p50_us": figures.middle(each.load.p50_us for each in done),
        "p99_us": figures.middle(each.load.p99_us for each in done),
    }
    if done[0].front:
        parts["nginx_us"] = figures.middle(each.front_us for each in done)
        parts["total_us"] = figures.middle(each.total_us for each in done)
    if done[0].most:
        parts["saturating_rate"] = figures.middle(each.most for each in done)
    if base is not None and base.rounds:
        ratio = figures.ratios(
            [each.total_us for each in done], [each.total_us for each in base.rounds]
        )
        if ratio is not None:
            parts["cpu_ratio"] = ratio
        parts["generator_late_us"] = figures.middle(each.load.late_us for each in done)
    found |= _told(parts)
    beside = {name: _beside(name, done) for each in done for name in each.beside}
    if beside:
        found["beside"] = beside
    found["system_calls"] = None if row.calls is None else round(row.calls, 2)
    found["pss_mib"] = round(row.pss / (1 << 20), 1)
    return found


def _told(parts: Mapping[str, Middle]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(number, 3) for key, number in asdict(value).items()}
        for name, value in parts.items()
    }


def _beside(other: str, done: Sequence[Round]) -> dict[str, Any]:
    """Another server at the rates of these rounds, and what this one's p99 is of its."""
    pairs = [(each, each.beside[other]) for each in done if other in each.beside]
    parts = {
        "server_us": figures.middle(its.server_us for _, its in pairs),
        "p50_us": figures.middle(its.load.p50_us for _, its in pairs),
        "p99_us": figures.middle(its.load.p99_us for _, its in pairs),
    }
    ratio = figures.ratios(
        [mine.load.p99_us for mine, _ in pairs], [its.load.p99_us for _, its in pairs]
    )
    if ratio is not None:
        parts["p99_ratio"] = ratio
    return _told(parts)


def summaries(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All servers of a scenario: who costs least first, who could not be measured last."""
    base = next((each for each in rows if each.name == BASE), None)
    found = [summary(each, base) for each in rows]
    return sorted(found, key=lambda each: _cost(each))


def _cost(row: Mapping[str, Any]) -> float:
    cost = row.get("total_us", row.get("server_us"))
    return float(cost["median"]) if cost else float("inf")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _time(microseconds: float) -> str:
    return f"{_number(microseconds)} µs" if microseconds < 1e4 else f"{microseconds / 1e3:.1f} ms"


def _ratio(found: Mapping[str, float] | None) -> str:
    if not found:
        return "-"
    return f"{found['median']:.2f} ({found['least']:.2f} to {found['most']:.2f})"


def table(scenario: Scenario, rows: Sequence[Mapping[str, Any]]) -> str:
    """One scenario as Markdown."""
    front = any("nginx_us" in each for each in rows)
    paced = any("saturating_rate" in each for each in rows)
    heads = ["server", "CPU µs/request", "user", "system"]
    heads += ["nginx", "sum"] if front else []
    heads += ["÷ quaich (least to most)", "requests/s"]
    heads += ["saturating"] if paced else []
    heads += ["of ideal"] if scenario.ideal else []
    heads += ["p50", "p99", "calls/request", "PSS MiB"]
    lines = [
        f"### {scenario.name}: {scenario.title}",
        "",
        "| " + " | ".join(heads) + " |",
        "|---|" + "---:|" * (len(heads) - 1),
    ]
    for row in rows:
        if "server_us" not in row:
            continue

        def of(name: str, row: Mapping[str, Any] = row) -> float:
            return float(row[name]["median"])

        cells = [str(row["name"]), *(_number(of(n)) for n in ("server_us", "user_us", "system_us"))]
        cells += [_number(of("nginx_us")), _number(of("total_us"))] if front else []
        cells.append(_ratio(row.get("cpu_ratio")))
        cells.append(_number(of("requests_per_second")))
        cells += [_number(of("saturating_rate"))] if paced else []
        cells += [f"{of('requests_per_second') / scenario.ideal:.0%}"] if scenario.ideal else []
        cells += [_time(of("p50_us")), _time(of("p99_us"))]
        calls = row["system_calls"]
        cells += ["-" if calls is None else f"{calls:.1f}", f"{row['pss_mib']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    if any("beside" in each for each in rows):
        lines += ["", *_at_each_rate(rows)]
    remarks = [f"- {each['name']}: {each['remark']}" for each in rows if "remark" in each]
    if remarks:
        lines += ["", *remarks]
    left = [f"- {each['name']}: {each['problem']}" for each in rows if "problem" in each]
    if left:
        lines += ["", "Left out or incomplete:", "", *left]
    return "\n".join(lines)


def _at_each_rate(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each server at its own rate, and beside it those that were asked at the same rate."""
    others = list(dict.fromkeys(name for row in rows for name in row.get("beside", ())))
    heads = ["server", "requests/s"]
    for what in ("CPU µs", "p50", "p99"):
        heads += [what, *(f"{other}'s {what}" for other in others)]
    heads += [f"p99 ÷ {other}'s (least to most)" for other in others]
    lines = [
        "The same rates, asked of others in the same rounds:",
        "",
        "| " + " | ".join([*heads, "generator late, p99"]) + " |",
        "|---|" + "---:|" * len(heads),
    ]
    for row in rows:
        beside = row.get("beside")
        if not beside:
            continue
        cells = [str(row["name"]), _number(row["requests_per_second"]["median"])]
        for name, told in (("server_us", _number), ("p50_us", _time), ("p99_us", _time)):
            found = [row[name], *(beside.get(other, {}).get(name) for other in others)]
            cells += [told(each["median"]) if each else "-" for each in found]
        cells += [_ratio(beside.get(other, {}).get("p99_ratio")) for other in others]
        lines.append("| " + " | ".join([*cells, _time(row["generator_late_us"]["median"])]) + " |")
    return lines


def step(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A run as a row of the table of steps: quaich's price, and its ratio to the best other's."""
    cells = []
    for name in QUICK:
        rows = {str(each["name"]): each for each in found.get(name, ()) if "cpu_ratio" in each}
        mine = rows.pop(BASE, None)
        others = [row["cpu_ratio"]["median"] for other, row in rows.items() if other not in FLOORS]
        if mine is None:
            cells.append("-")
        else:
            best = f" ({1 / min(others):.2f})" if others else ""
            cells.append(_number(_cost(mine)) + best)
    return "| " + " | ".join(cells) + " |"


def document(
    run: Mapping[str, Any],
    scenarios: Sequence[Scenario],
    found: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """The whole run as Markdown."""
    versions = ", ".join(f"{name} {version}".strip() for name, version in run["versions"].items())
    before, after = run["load_average"]
    how = (
        f"Median of {run['rounds']} rounds of {run['seconds']} s, interleaved, "
        f"nice {run['nice']}; load average {before} before and {after} after; "
        f"took {run['took_seconds']} s."
    )
    lines = [
        "# quaich beside its peers",
        "",
        f"{run['machine']}.",
        "",
        how,
        "",
        f"{versions}.",
        "",
        *(f"- {name}: {text}" for name, text in run["notes"].items()),
        *(f"- {name} is left out: {reason}" for name, reason in run["left_out"].items()),
    ]
    for each in scenarios:
        lines += ["", table(each, found[each.name])]
    head = "| " + " | ".join(QUICK) + " |"
    lines += [
        "",
        "### step: for the table in bench/README.md",
        "",
        head,
        "|" + "---:|" * len(QUICK),
    ]
    lines.append(step(found))
    return "\n".join(lines) + "\n"
