"""What the benchmark tells of its rounds."""

from bench import report
from bench.figures import Cpu, Load, Round
from bench.report import Row
from bench.scenarios import HELLO, SCENARIOS, Scenario

BY_NAME = {each.name: each for each in SCENARIOS}


def a_round(
    microseconds: int,
    *,
    nginx: int = 0,
    most: float = 0.0,
    broken: int = 0,
    p99: float = 12_500,
    **beside: Round,
) -> Round:
    """A thousand requests in a second, at this price each, three quarters of it the user's."""
    front = Cpu(nginx * 1_000_000, 1, 1) if nginx else None
    load = Load(1000, 1.0, 250, p99, broken, late_us=0.25)
    return Round(load, Cpu(microseconds * 1_000_000, 3, 1), front, most, beside)


def of(scenario: Scenario, *rows: Row) -> str:
    return report.table(scenario, report.summaries(rows))


def test_the_cheapest_comes_first_and_who_failed_is_named() -> None:
    text = of(
        BY_NAME["hello"],
        Row("broken", "1", problem="answers 500 b''"),
        Row("dear", "1", [a_round(40), a_round(80)], calls=4.25, pss=5 << 20),
        Row("quaich", "1", [a_round(10), a_round(40)], remark="says so"),
    )
    lines = text.splitlines()
    assert lines[0] == "### hello: hello world, keep-alive"
    mine, other = lines[4:6]
    assert mine.startswith("| quaich | 25.0 | 18.8 | 6.2 | 1.00 (1.00 to 1.00) | 1,000 |")
    assert mine.endswith("| 250 µs | 12.5 ms | - | 0.0 |")
    # 40 ÷ 10 and 80 ÷ 40, each within its round.
    assert other.startswith("| dear | 60.0 | 45.0 | 15.0 | 3.00 (2.00 to 4.00) | 1,000 |")
    assert other.endswith("| 4.2 | 5.0 |")
    assert "- quaich: says so" in lines
    assert lines[-1] == "- broken: answers 500 b''"


def test_broken_connections_are_told() -> None:
    row = Row("quaich", "1", [a_round(1, broken=2), a_round(1, broken=1)])
    assert report.summaries([row])[0]["remark"] == "3 connections broke"


def test_nginx_is_told_apart_and_in_sum() -> None:
    row = Row("quaich", "1", [a_round(10, nginx=30)])
    found = report.summaries([row])[0]
    assert found["server_us"]["median"] == 10
    assert found["nginx_us"]["median"] == 30
    assert found["total_us"]["median"] == 40
    assert "| nginx | sum |" in of(BY_NAME["nginx-http"], row)


def test_without_quaich_there_is_no_ratio() -> None:
    assert "| - |" in of(BY_NAME["hello"], Row("other", "1", [a_round(10)]))


def test_more_columns() -> None:
    assert "| 250% |" in of(BY_NAME["sleep"], Row("quaich", "1", [a_round(1)]))
    assert "| 2,000 |" in of(BY_NAME["paced"], Row("quaich", "1", [a_round(1, most=2000.0)]))


def test_quaich_and_the_floor_at_the_rate_of_each_server() -> None:
    other = [
        a_round(9, most=2e3, p99=300, quaich=a_round(4, p99=100), floor=a_round(2, p99=50)),
        a_round(9, most=2e3, p99=200, quaich=a_round(8, p99=400)),
        a_round(9, most=2e3, p99=400, quaich=a_round(6, p99=200), floor=a_round(4, p99=100)),
    ]
    mine = [a_round(5, most=4e3, floor=a_round(2, p99=60)) for _ in range(3)]
    alone = Row("alone", "1", [a_round(90, most=1e3)])
    rows = report.summaries([Row("other", "1", other), Row("quaich", "1", mine), alone])
    found = rows[1]
    assert found["beside"]["quaich"]["p99_us"] == {"median": 200, "least": 100, "most": 400}
    # 300 ÷ 100, 200 ÷ 400 and 400 ÷ 200, each within its round; the floor failed in one.
    assert found["beside"]["quaich"]["p99_ratio"] == {"median": 2.0, "least": 0.5, "most": 3.0}
    assert found["beside"]["floor"]["p99_ratio"] == {"median": 5.0, "least": 4.0, "most": 6.0}
    assert found["generator_late_us"]["median"] == 0.25
    lines = report.table(BY_NAME["paced"], rows).splitlines()
    at = lines.index("The same rates, asked of others in the same rounds:")
    assert lines[at + 2] == (
        "| server | requests/s | CPU µs | floor's CPU µs | quaich's CPU µs "
        "| p50 | floor's p50 | quaich's p50 | p99 | floor's p99 | quaich's p99 "
        "| p99 ÷ floor's (least to most) | p99 ÷ quaich's (least to most) | generator late, p99 |"
    )
    assert lines[at + 4] == (
        "| quaich | 1,000 | 5.0 | 2.0 | - | 250 µs | 250 µs | - | 12.5 ms | 60.0 µs | - "
        "| 208.33 (208.33 to 208.33) | - | 0.2 µs |"
    )
    assert len(lines) == at + 6
    assert lines[at + 5] == (
        "| other | 1,000 | 9.0 | 3.0 | 6.0 | 250 µs | 250 µs | 250 µs | 300 µs | 75.0 µs | 200 µs "
        "| 5.00 (4.00 to 6.00) | 2.00 (0.50 to 3.00) | 0.2 µs |"
    )
    assert lines[3].count("|") == lines[4].count("|")
    assert lines[at + 2].count("|") == lines[at + 3].count("|") == lines[at + 4].count("|")


def test_where_nobody_was_asked_at_the_same_rate_there_is_one_table() -> None:
    assert "The same rates" not in of(BY_NAME["paced"], Row("other", "1", [a_round(1, most=2.0)]))


def test_a_step_is_the_price_and_the_ratio_to_the_best_other() -> None:
    rows = [
        Row("quaich", "1", [a_round(10)]),
        Row("floor", "", [a_round(2)]),
        Row("floor-gather", "", [a_round(3)]),
        Row("other", "1", [a_round(8)]),
        Row("dear", "1", [a_round(80)]),
    ]
    found = {
        "hello": report.summaries(rows),
        "json": report.summaries(rows[:3]),
        "10k": report.summaries(rows[1:]),
    }
    # Without others there is no ratio, without quaich nothing to tell.
    assert report.step(found).startswith("| 10.0 (1.25) | 10.0 | - | - |")


def test_document() -> None:
    run = {
        "machine": "a machine",
        "versions": {"quaich": "1 compiled", "floor": ""},
        "rounds": 3,
        "seconds": 1,
        "nice": 0,
        "load_average": [0.1, 1.2],
        "took_seconds": 60,
        "left_out": {"other": "cannot be installed"},
        "notes": {"floor": "the price"},
    }
    scenario = BY_NAME["hello"]
    text = report.document(
        run, [scenario], {"hello": report.summaries([Row("quaich", "1", [a_round(1)])])}
    )
    assert (
        "Median of 3 rounds of 1 s, interleaved, nice 0; load average 0.1 before and 1.2 after"
        in text
    )
    assert "quaich 1 compiled, floor." in text
    assert "- other is left out: cannot be installed" in text
    assert scenario.title in text
    assert "| 1.0 | - | - |" in text
    assert HELLO.decode() not in text
